from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpal.growth import BoneAge, Child
from carpal.growth.bayley_pinneau import (
    bayley_pinneau,
    group_of,
    percent_of_adult_height,
    published_error_sd_cm,
)
from carpal.growth.lookup import column, rows_of
from carpal.plain import Sex

INCH = 2.54


@pytest.mark.parametrize(
    ("sex", "age", "bone_age", "inches", "group", "percent", "adult_inches"),
    [
        ("M", 13 * 12, 13 * 12 + 3, 60.0, "average", 89.0, 67.4),
        ("M", 13 * 12, 13 * 12 + 3, 51.5, "average", 89.0, 57.9),
        ("M", 14 * 12, 15 * 12 + 6, 67.5, "accelerated", 97.1, 69.5),
        ("F", 12 * 12, 10 * 12 + 3, 55.0, "retarded", 88.4, 62.2),
    ],
)
def test_the_papers_four_examples(
    sex: Sex, age: int, bone_age: int, inches: float, group: str, percent: float, adult_inches: float
) -> None:
    found = bayley_pinneau(Child(sex, age, inches * INCH), BoneAge(bone_age))
    assert found.group == group
    assert found.percent_of_adult_height == percent
    assert round(found.height_cm / INCH, 1) == adult_inches


@pytest.mark.parametrize(
    ("ahead", "group"),
    [
        (0, "average"),
        (11.99, "average"),
        (12, "accelerated"),
        (-11.99, "average"),
        (-12, "retarded"),
    ],
)
def test_a_year_apart_is_no_longer_average(ahead: float, group: str) -> None:
    assert group_of(120 + ahead, 120) == group


@pytest.mark.parametrize(
    ("sex", "group", "first", "last"),
    [
        ("M", "average", 84, 222),
        ("M", "accelerated", 84, 204),
        ("M", "retarded", 72, 156),
        ("F", "average", 72, 216),
        ("F", "accelerated", 84, 210),
        ("F", "retarded", 72, 204),
    ],
)
def test_a_table_holds_at_its_ends_and_not_beyond(sex: Sex, group: str, first: int, last: int) -> None:
    rows = rows_of("bayley_pinneau_percent", sex=sex, group=group)
    ends = column(rows, "percent_of_adult_height")[0], column(rows, "percent_of_adult_height")[-1]
    assert (percent_of_adult_height(sex, group, first), percent_of_adult_height(sex, group, last)) == ends
    assert percent_of_adult_height(sex, group, first - 0.01) is None
    assert percent_of_adult_height(sex, group, last + 0.01) is None


def test_there_is_no_table_for_retarded_boys_beyond_thirteen() -> None:
    found = bayley_pinneau(Child("M", 180, 155), BoneAge(160))
    assert found.height_cm is None
    assert found.reason == "the table for retarded boys ends at a bone age of 13 y 0 mo"


def test_too_young_bones_get_a_reason() -> None:
    found = bayley_pinneau(Child("F", 60, 108), BoneAge(60))
    assert found.reason == "the table for average girls begins at a bone age of 6 y 0 mo"


@pytest.mark.parametrize(
    ("child", "bone_age", "message"),
    [
        (Child("F", None, 131), BoneAge(112), "age is not known"),
        (Child("F", 112), BoneAge(112), "height is not known"),
        (Child("F", 112, 131), BoneAge(112, method="TW3 RUS"), "this is a TW3 RUS one"),
    ],
)
def test_without_what_it_needs_there_is_a_reason(child: Child, bone_age: BoneAge, message: str) -> None:
    found = bayley_pinneau(child, bone_age)
    assert found.height_cm is None and found.bone_age_range_cm is None
    assert message in str(found.reason)


def test_the_error_is_that_of_the_validating_sample() -> None:
    assert published_error_sd_cm("F", 120) == pytest.approx(1.37 * INCH)
    assert published_error_sd_cm("M", 123) == pytest.approx((1.33 + 1.11) / 2 * INCH)
    assert published_error_sd_cm("M", 102) == pytest.approx((1.47 + 1.27) / 2 * INCH)  # no row at 8-6
    assert published_error_sd_cm("F", 95.9) is None
    assert published_error_sd_cm("F", 210.1) is None
    found = bayley_pinneau(Child("F", 120, 138), BoneAge(120))
    assert found.height_cm == pytest.approx(138 / 0.862)  # the mean error is not applied
    low, high = found.interval_90_cm
    assert high - low == pytest.approx(2 * 1.6448536 * 1.37 * INCH)
    # the README of the numbers: two SD at ten years are about 6.9 cm for both sexes
    assert 2 * found.error_sd_cm == pytest.approx(6.9, abs=0.1)


def test_no_error_is_published_for_the_youngest() -> None:
    found = bayley_pinneau(Child("F", 84, 120), BoneAge(84))
    assert found.height_cm is not None and found.interval_90_cm is None
    assert any("no published prediction error" in note for note in found.notes)


def test_a_retarded_child_has_the_error_of_its_bones() -> None:
    late = bayley_pinneau(Child("M", 210, 160), BoneAge(150))
    assert late.error_sd_cm == pytest.approx(1.09 * INCH)
    assert any("larger of those published" in note for note in late.notes)
    assert bayley_pinneau(Child("M", 120, 140), BoneAge(140)).error_sd_cm == pytest.approx(1.33 * INCH)


def test_the_bone_ages_interval_is_carried_on() -> None:
    found = bayley_pinneau(Child("F", 144, 150), BoneAge(144, (138, 150)))
    assert found.bone_age_range_cm == pytest.approx((150 / 0.941, 150 / 0.914))
    assert not [note for note in found.notes if "interval" in note]


def test_where_the_interval_reaches_another_table_it_counts_too() -> None:
    found = bayley_pinneau(Child("M", 120, 140), BoneAge(128, (118, 138)))
    assert found.group == "average"
    assert found.bone_age_range_cm[1] > 140 / (percent_of_adult_height("M", "average", 118) / 100)  # accelerated, 132
    assert found.notes == ("the bone age's interval reaches into another table (accelerated; used here: average)",)


def test_an_interval_below_the_present_height_is_told() -> None:
    nearly_grown = bayley_pinneau(Child("F", 192, 160), BoneAge(192, (186, 196)))
    assert nearly_grown.interval_90_cm[0] < 160 < nearly_grown.height_cm
    assert nearly_grown.notes == ("the interval begins below the present height: that part of it cannot be",)
    assert bayley_pinneau(Child("F", 144, 150), BoneAge(144, (138, 150))).notes == ()


def test_every_table_within_the_interval_is_named() -> None:
    found = bayley_pinneau(Child("F", 112, 131), BoneAge(128, (96, 140)))
    assert found.notes[-1] == (
        "the bone age's interval reaches into another table (average, retarded; used here: accelerated)"
    )


def test_a_gap_between_the_tables_is_told_too() -> None:
    late = bayley_pinneau(Child("M", 180, 160), BoneAge(170, (150, 185)))  # retarded boys end at 156, average is 168 on
    assert late.height_cm is not None
    assert any("beyond the tables" in note for note in late.notes)


def test_where_the_interval_leaves_the_tables_the_rest_counts() -> None:
    found = bayley_pinneau(Child("F", 80, 118), BoneAge(78, (68, 86)))
    assert found.bone_age_range_cm[1] == pytest.approx(118 / 0.72, rel=1e-3)
    assert any("beyond the tables" in note for note in found.notes)


SEXES = st.sampled_from(["F", "M"])


@given(SEXES, st.floats(100, 190), st.floats(-8, 8), st.floats(0, 10), st.floats(0, 3))
def test_prediction_rises_with_height_and_falls_with_bone_age(
    sex: Sex, age: float, ahead: float, taller: float, older: float
) -> None:
    height = 130 + (age - 100) / 3
    first = bayley_pinneau(Child(sex, age, height), BoneAge(age + ahead)).height_cm
    assert bayley_pinneau(Child(sex, age, height + taller), BoneAge(age + ahead)).height_cm >= first >= height
    assert bayley_pinneau(Child(sex, age, height), BoneAge(age + ahead + older)).height_cm <= first + 1e-9


@given(SEXES, st.floats(96, 190), st.floats(-24, 24), st.floats(0, 15), st.floats(0, 15))
def test_the_range_holds_the_prediction(sex: Sex, age: float, ahead: float, down: float, up: float) -> None:
    months = age + ahead
    found = bayley_pinneau(Child(sex, age, 140), BoneAge(months, (max(0, months - down), months + up)))
    if found.height_cm is not None:
        assert found.bone_age_range_cm[0] <= found.height_cm <= found.bone_age_range_cm[1]
