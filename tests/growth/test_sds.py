from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpal.errors import InvalidArgument
from carpal.growth import BoneAge, Child, band
from carpal.growth.sds import SDS_REFERENCES, SdsReference, bone_age_sds
from carpal.plain import Sex

SEXES = st.sampled_from(["F", "M"])
REFERENCES = st.sampled_from(SDS_REFERENCES)


def score(sex: Sex, age: float | None, months: float, reference: SdsReference, interval: tuple | None = None):
    return bone_age_sds(Child(sex, age), BoneAge(months, interval), reference)


def test_the_same_child_is_advanced_or_not_by_choice_of_table() -> None:
    # a girl of 12 years whose bone age is 24 months ahead: SDs of 10.24 and 14.0 months, +2.3 or +1.7 of them
    brush, stanford = band("F", "Brush Foundation"), band("F", "Stanford")
    sd = {row.age_months: (row.high_months - row.mean_months) / 2 for row in brush}[144]
    assert 24 / sd == pytest.approx(2.34, abs=0.005)
    assert {row.age_months: row.high_months - 144 for row in stanford}[144] == 2 * 14.0
    by_stanford = score("F", 144, 168, "Stanford")
    assert by_stanford.sds == pytest.approx(24 / 14)
    assert by_stanford.verdict == "normal"


def test_brush_compares_with_the_mean_bone_age_of_the_age() -> None:
    found = score("F", 144, 168, "Brush Foundation")
    assert found.sds == pytest.approx((168 - 149.62) / 10.24)
    assert found.mean_months == 149.62
    assert found.normal_range_months == pytest.approx((149.62 - 20.48, 149.62 + 20.48))


def test_between_rows_mean_and_sd_lie_on_straight_lines() -> None:
    found = score("M", 126, 126, "Brush Foundation")
    assert found.mean_months == pytest.approx((125.68 + 137.32) / 2)
    assert found.sd_months == pytest.approx((9.79 + 10.09) / 2)


@pytest.mark.parametrize(
    ("sex", "reference", "first", "last"),
    [
        ("F", "Brush Foundation", 3, 192),
        ("M", "Brush Foundation", 3, 204),
        ("F", "Stanford", 12, 180),
        ("M", "Stanford", 12, 204),
    ],
)
def test_a_table_holds_at_its_ends_and_not_beyond(sex: Sex, reference: SdsReference, first: int, last: int) -> None:
    assert score(sex, first, first, reference).status == "given"
    assert score(sex, last, last - 5, reference).status == "given"
    below = score(sex, first - 0.01, first, reference)
    assert (below.status, below.sds, below.verdict) == ("below the table", None, None)
    assert f"begins at {first} months" in str(below.reason)
    beyond = score(sex, last + 0.01, last - 5, reference)
    assert (beyond.status, beyond.sds, beyond.verdict) == ("beyond the table", None, None)
    assert f"ends at {last} months" in str(beyond.reason)


def test_a_mature_skeleton_has_no_sds() -> None:
    for sex, mature in (("F", 192), ("M", 216)):
        for reference in SDS_REFERENCES:
            grown = score(sex, 239, mature, reference)  # type: ignore[arg-type]
            assert (grown.status, grown.sds, grown.verdict) == ("mature", None, None)


def test_a_mature_skeleton_in_a_young_child_is_advanced_by_nobody_knows_how_much() -> None:
    found = score("F", 144, 200, "Brush Foundation", (190, 210))
    assert (found.status, found.sds, found.sds_interval_90, found.verdict) == ("mature", None, None, "advanced")
    assert found.probabilities is not None and found.probabilities.advanced > 0.99
    older = score("F", 190, 200, "Brush Foundation", (190, 210))
    assert (older.status, older.verdict, older.probabilities) == ("mature", None, None)


def test_a_late_boy_beyond_the_table_is_not_called_mature() -> None:
    assert "below -2 SD (180 months)" in str(score("M", 210, 150, "Brush Foundation").reason)
    assert "as good as mature" in str(score("M", 210, 200, "Brush Foundation").reason)


def test_other_bone_ages_and_unknown_ages_get_a_reason() -> None:
    found = bone_age_sds(Child("F", 100), BoneAge(100, method="TW3 RUS"), "Stanford")
    assert found.status == "other method" and "TW3 RUS" in str(found.reason)
    assert score("F", None, 100, "Stanford").status == "no age"
    with pytest.raises(InvalidArgument, match="no reference"):
        score("F", 100, 100, "Gilsanz")  # type: ignore[arg-type]


def test_exactly_two_sd_is_still_normal() -> None:
    limits = score("M", 120, 120, "Stanford").normal_range_months
    assert limits == pytest.approx((120 - 22.8, 120 + 22.8))
    assert [score("M", 120, edge, "Stanford").verdict for edge in limits] == ["normal", "normal"]
    assert score("M", 120, limits[0] - 0.01, "Stanford").verdict == "delayed"
    assert score("M", 120, limits[1] + 0.01, "Stanford").verdict == "advanced"


def test_on_the_border_the_verdict_is_a_coin_toss() -> None:
    chances = score("M", 120, 142.8, "Stanford", (130, 155.6)).probabilities
    assert chances.advanced == pytest.approx(0.5)
    assert chances.normal == pytest.approx(0.5, abs=1e-3)


@given(SEXES, REFERENCES, st.floats(12, 180), st.floats(10, 180), st.floats(0.1, 11), st.floats(1, 10))
def test_sds_and_probabilities_move_with_the_bone_age(
    sex: Sex, reference: SdsReference, age: float, months: float, more: float, reach: float
) -> None:
    a = score(sex, age, months, reference, (months - reach, months + reach))
    b = score(sex, age, months + more, reference, (months + more - reach, months + more + reach))
    assert a.sds < b.sds
    assert a.sds_interval_90[0] < a.sds < a.sds_interval_90[1]
    for chances in (a.probabilities, b.probabilities):
        assert chances.delayed + chances.normal + chances.advanced == pytest.approx(1)
        assert min(chances.delayed, chances.normal, chances.advanced) >= 0
    assert a.probabilities.delayed >= b.probabilities.delayed
    assert a.probabilities.advanced <= b.probabilities.advanced


@given(SEXES, REFERENCES, st.floats(12, 180), st.floats(0, 240))
def test_verdict_and_sds_agree(sex: Sex, reference: SdsReference, age: float, months: float) -> None:
    found = score(sex, age, months, reference)
    if found.sds is not None and abs(abs(found.sds) - 2) > 1e-9:
        expected = "delayed" if found.sds < -2 else "advanced" if found.sds > 2 else "normal"
        assert found.verdict == expected


def test_the_band_is_the_printed_table() -> None:
    rows = band("F", "Brush Foundation")
    assert len(rows) == 23
    assert (rows[0].age_months, rows[0].mean_months) == (3, 3.02)
    assert all(row.low_months < row.mean_months < row.high_months for row in rows)
    assert all(row.mean_months == row.age_months for row in band("M", "Stanford"))
