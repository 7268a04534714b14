from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpal.growth import BoneAge, Child
from carpal.growth.tanner import parents_share_cm, tanner, tanner_height_cm

BOY = Child("M", 12.5 * 12, 136.0)
GIRL = Child("F", 12 * 12, 165.2, menarche=False)


def rus(years: float, interval: tuple[float, float] | None = None) -> BoneAge:
    return BoneAge(12 * years, interval, method="TW2 RUS")


def test_the_papers_examples() -> None:
    boy, girl = tanner(BOY, rus(11.0)), tanner(GIRL, rus(14.0))
    assert boy.height_cm == pytest.approx(165.38)  # the paper says 165.3: it rounds on the way
    assert boy.height_cm == pytest.approx(165.3, abs=0.1)
    assert round(girl.height_cm, 1) == 171.7
    assert girl.group == "premenarche"


def test_a_third_of_what_the_parents_differ_from_168_cm() -> None:
    assert parents_share_cm("F", 144, 171) == pytest.approx(1.0)
    assert parents_share_cm("F", 60, 171) == pytest.approx(1.0)
    assert parents_share_cm("M", 150, 165) == pytest.approx(-1.0)
    assert parents_share_cm("M", 95.9, 170) == pytest.approx(1.0)  # a half, at 4 to 7 years
    assert parents_share_cm("M", 96, 171) == pytest.approx(1.0)
    tall = replace(BOY, mother_height_cm=174, father_height_cm=180)
    assert tanner(tall, rus(11.0)).height_cm == pytest.approx(165.38 + 3)
    assert "+3.0 cm for the parents" in tanner(tall, rus(11.0)).notes
    assert "without the parents' heights" in tanner(BOY, rus(11.0)).notes


def test_a_greulich_pyle_age_is_not_put_into_it() -> None:
    for method in ("Greulich-Pyle", "TW3 RUS"):
        found = tanner(BOY, BoneAge(132, method=method))  # type: ignore[arg-type]
        assert found.height_cm is None
        assert found.reason == f"made for TW2 RUS bone ages, and this is a {method} one"


@pytest.mark.parametrize(
    ("child", "message"),
    [
        (Child("F", 144, 165.2), "menarche"),
        (Child("F", 144, menarche=True), "height is not known"),
        (Child("M", None, 140), "age is not known"),
        (Child("M", 216, 175), "below 18 years for boys"),
        (Child("F", 192, 165), "below 16 years for girls"),
        (Child("F", 47.9, 100), "from 4"),
    ],
)
def test_without_what_it_needs_there_is_a_reason(child: Child, message: str) -> None:
    found = tanner(child, rus(10.0))
    assert found.height_cm is None
    assert message in str(found.reason)


def test_each_band_begins_with_its_first_month() -> None:
    # girls of 11 and more are asked for menarche, from 15 on no more
    assert tanner(Child("F", 131.9, 150), rus(11)).group == "childhood"
    assert tanner(Child("F", 132, 150), rus(11)).height_cm is None
    assert tanner(Child("F", 179.9, 160, menarche=True), rus(14)).group == "postmenarche"
    assert tanner(Child("F", 180, 160), rus(14)).group == "late"
    assert tanner_height_cm("M", "all", 215.9, 175, 200) is not None
    assert tanner_height_cm("M", "all", 48, 100, 48) == pytest.approx(1.2 * 100 - 7.3 * 4 + 82)


def test_the_residual_sd_makes_the_interval() -> None:
    found = tanner(GIRL, rus(14.0, (162, 174)))
    assert found.error_sd_cm == 2.7
    assert found.interval_90_cm == pytest.approx((found.height_cm - 1.6448536 * 2.7, found.height_cm + 1.6448536 * 2.7))
    assert found.bone_age_range_cm == pytest.approx((found.height_cm - 1.7, found.height_cm + 1.7))


def test_a_prediction_below_the_present_height_is_told() -> None:
    found = tanner(Child("M", 210, 195), rus(18))
    assert found.height_cm == pytest.approx(19 + 0.98 * 195 - 1.75 - 0.7 * 18)
    assert found.height_cm > 190
    assert ("the prediction lies below the present height" in found.notes) == (found.height_cm < 195)


@given(st.floats(48, 191), st.floats(0, 10), st.floats(0, 12), st.booleans())
def test_it_rises_with_height_and_never_with_bone_age(age: float, taller: float, older: float, menarche: bool) -> None:
    height = 100 + (age - 48) / 2.4
    child = Child("F", age, height, menarche=menarche)
    first = tanner(child, rus(age / 12)).height_cm
    assert tanner(replace(child, height_cm=height + taller), rus(age / 12)).height_cm >= first
    assert tanner(child, BoneAge(age + older, method="TW2 RUS")).height_cm <= first
