from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpal.growth import BoneAge, Child
from carpal.growth.lookup import read_table, rows_of
from carpal.growth.roche_wainer_thissen import recumbent_length_cm, roche_wainer_thissen, rwt_stature_cm
from carpal.plain import Sex

GIRL = Child("F", 112, 131, 28, mother_height_cm=165, father_height_cm=180)


def test_the_papers_example() -> None:
    # boy of 6 y 3 mo: recumbent length 108.7 cm, 17.4 kg, parents 169.0 cm, skeletal age 5.4 years
    assert rwt_stature_cm("M", 75, (108.7, 17.4, 169.0, 5.4)) == pytest.approx(168.84, abs=0.005)
    standing = Child("M", 75, 108.7 - 1.25, 17.4, mother_height_cm=169, father_height_cm=169)
    assert roche_wainer_thissen(standing, BoneAge(5.4 * 12)).height_cm == pytest.approx(168.84, abs=0.005)


def test_who_stands_is_longer_lying() -> None:
    assert recumbent_length_cm(100, 24) == 101.25
    assert recumbent_length_cm(80, 23.9) == 80


@pytest.mark.parametrize(("sex", "last"), [("F", 168), ("M", 192)])
def test_the_table_holds_at_its_ends_and_not_beyond(sex: Sex, last: int) -> None:
    measures = (150.0, 40.0, 170.0, 12.0)
    assert rwt_stature_cm(sex, 12, measures) is not None
    assert rwt_stature_cm(sex, last, measures) is not None
    assert rwt_stature_cm(sex, 11.9, measures) is None
    assert rwt_stature_cm(sex, last + 0.1, measures) is None
    old = Child(sex, last + 6, 160, 50, 165, 180)
    assert f"to {last / 12:g} years" in str(roche_wainer_thissen(old, BoneAge(160)).reason)


@pytest.mark.parametrize(
    ("lacking", "message"),
    [
        ({"age_months": None}, "age is not known"),
        ({"height_cm": None}, "height is not known"),
        ({"weight_kg": None}, "weight is not known"),
        ({"mother_height_cm": None}, "both parents' heights are needed"),
        ({"father_height_cm": None}, "both parents' heights are needed"),
    ],
)
def test_nothing_that_it_needs_is_guessed(lacking: dict[str, None], message: str) -> None:
    found = roche_wainer_thissen(replace(GIRL, **lacking), BoneAge(112))
    assert found.height_cm is None
    assert message in str(found.reason)


def test_it_is_not_for_mature_hands_nor_other_bone_ages() -> None:
    assert "mature" in str(roche_wainer_thissen(GIRL, BoneAge(192)).reason)
    assert "TW2 RUS" in str(roche_wainer_thissen(GIRL, BoneAge(112, method="TW2 RUS")).reason)


def test_the_range_ends_where_the_skeleton_is_mature() -> None:
    girl = Child("F", 156.0, 152.0, 45.0, 165.0, 178.0)
    reaching = roche_wainer_thissen(girl, BoneAge(180.0, (170.0, 204.0)))
    short = roche_wainer_thissen(girl, BoneAge(180.0, (170.0, 191.99)))
    assert reaching.height_cm == short.height_cm
    assert reaching.bone_age_range_cm == pytest.approx(short.bone_age_range_cm, abs=0.1)
    assert "the range is of the part before" in reaching.notes[-1]
    assert not any("the part before" in note for note in short.notes)


def test_no_error_is_invented() -> None:
    found = roche_wainer_thissen(GIRL, BoneAge(112, (101, 124)))
    assert found.error_sd_cm is None and found.interval_90_cm is None
    assert "no published prediction error at hand" in found.notes
    # linear in skeletal age: -2.177 cm a year at 9 y 4 mo
    assert found.bone_age_range_cm[1] - found.bone_age_range_cm[0] == pytest.approx(23 / 12 * 2.203, abs=0.01)


@pytest.mark.parametrize(
    ("child", "effect_cm", "why"),
    [
        (Child("F", 135, 145, 38, 165, 180), 20.0, "printed 84.136"),
        (Child("M", 192, 172, 60, 165, 180), 1.68, "printed -0.014"),
        (Child("F", 165, 160, 50, 165, 180), -0.5, "printed -0.085"),
        (Child("M", 190.5, 172, 60, 165, 180), 0.84, "printed -0.014"),  # half way to the suspect row
    ],
)
def test_a_suspect_coefficient_is_told_with_the_other_value(child: Child, effect_cm: float, why: str) -> None:
    found = roche_wainer_thissen(child, BoneAge(160))
    (note,) = [note for note in found.notes if "suspect" in note]
    assert why in note
    assert f"it is {found.height_cm + effect_cm:.1f} cm" in note


def test_a_sound_coefficient_is_not_flagged() -> None:
    assert not [note for note in roche_wainer_thissen(GIRL, BoneAge(112)).notes if "suspect" in note]


def test_what_the_table_of_suspects_calls_used_is_what_is_used() -> None:
    for row in read_table("rwt_1975_suspect"):
        (used,) = rows_of("rwt_1975_coefficients", sex=row["sex"], age_months=row["age_months"])
        assert float(used[row["coefficient"]]) == float(row["used"])


def third_differences(sex: str, name: str, **mended: float) -> list[float]:
    rows = rows_of("rwt_1975_coefficients", sex=sex)
    v = [mended.get(row["age_label"].replace("-", "_"), float(row[name])) for row in rows]
    return [abs(v[k + 3] - 3 * v[k + 2] + 3 * v[k + 1] - v[k]) for k in range(len(v) - 3)]


@pytest.mark.parametrize(
    ("sex", "name", "label", "printed", "likely"),
    [
        ("F", "beta0", "11_3", 84.136, 64.136),
        ("M", "beta_weight_kg", "16_0", -0.014, 0.014),
        ("F", "beta_weight_kg", "13_9", -0.085, -0.095),
    ],
)
def test_a_suspect_breaks_the_run_of_its_neighbours(
    sex: str, name: str, label: str, printed: float, likely: float
) -> None:
    smooth = max(third_differences(sex, name, **{label: likely}))
    assert max(third_differences(sex, name, **{label: printed})) > 3 * smooth


@given(st.floats(24, 168), st.floats(0, 5), st.floats(0, 5), st.sampled_from(["F", "M"]))
def test_it_rises_with_height_and_parents(age: float, taller: float, parents: float, sex: Sex) -> None:
    height = 90 + (age - 24) / 2
    weight = height**2 * 16 / 10_000
    child = Child(sex, age, height, weight, 165, 180)
    first = roche_wainer_thissen(child, BoneAge(age)).height_cm
    assert roche_wainer_thissen(replace(child, height_cm=height + taller), BoneAge(age)).height_cm >= first
    assert roche_wainer_thissen(replace(child, father_height_cm=180 + parents), BoneAge(age)).height_cm >= first
