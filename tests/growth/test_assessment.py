from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpal.errors import InvalidArgument
from carpal.growth import METHODS, REFERENCES, SDS_REFERENCES, Assessment, BoneAge, Child, PastReading, assess
from carpal.growth.text import format_assessment
from carpal.reader import Reader

GIRL = Child("F", 112, 131, 28, mother_height_cm=165, father_height_cm=180)
PAST = [PastReading(88, BoneAge(92, (83, 101)), 119), PastReading(100, BoneAge(104, (95, 113)), 125)]
FULL = assess(GIRL, BoneAge(112, (101, 124), read_by="default"), PAST)
REFUSED = assess(GIRL, None, PAST, refused_because="no hand is seen: cut out the left hand")

children = st.builds(
    Child,
    sex=st.sampled_from(["F", "M"]),
    age_months=st.none() | st.floats(60, 240),
    height_cm=st.none() | st.floats(100, 150),
    weight_kg=st.none() | st.floats(20, 60),
    mother_height_cm=st.none() | st.floats(140, 190),
    father_height_cm=st.none() | st.floats(150, 210),
)
bone_ages = st.builds(
    lambda months, reach, method: BoneAge(months, reach and (months - reach, months + reach), method=method),
    st.floats(20, 215),
    st.none() | st.floats(0.1, 20),
    st.sampled_from(METHODS),
)


def through_json(assessment: Assessment) -> Assessment:
    return Assessment.from_dict(json.loads(json.dumps(assessment.to_dict(), allow_nan=False)))


def test_it_comes_back_as_it_went() -> None:
    assert through_json(FULL) == FULL
    assert through_json(REFUSED) == REFUSED


def test_a_distribution_comes_back_to_the_last_digit(phantom_png: Path) -> None:
    reading = Reader().read(phantom_png, "F")
    bone_age = BoneAge(
        reading.bone_age_months, reading.interval_90_months, tuple(reading.distribution), read_by=reading.model
    )
    found = assess(replace(GIRL, age_months=140, height_cm=150), bone_age)
    assert through_json(found) == found
    chances = found.sds[0].probabilities
    assert chances.delayed + chances.normal + chances.advanced == pytest.approx(1)


@given(children, bone_ages)
def test_any_child_is_assessed_and_comes_back(child: Child, bone_age: BoneAge) -> None:
    found = assess(child, bone_age)
    assert through_json(found) == found
    assert all((height.height_cm is None) == (height.reason is not None) for height in found.adult_heights)
    assert all(score.sds is not None or score.reason for score in found.sds)
    assert format_assessment(found)


def test_units_stand_in_the_names() -> None:
    unitless = set()

    def look(values: Any) -> None:
        for key, value in values.items() if isinstance(values, dict) else enumerate(values):
            if isinstance(value, dict | list):
                look(value)
            elif isinstance(value, float) and not str(key).endswith(("months", "_cm", "_kg", "_per_year")):
                unitless.add(key)

    look(FULL.to_dict())
    # the rest has no unit: an SDS, probabilities, and a percentage that says so
    assert {key for key in unitless if isinstance(key, str)} == {
        "sds",
        "delayed",
        "normal",
        "advanced",
        "percent_of_adult_height",
    }


def test_a_refused_radiograph_has_no_numbers_but_the_parents() -> None:
    assert (REFUSED.bone_age, REFUSED.sds, REFUSED.adult_heights) == (None, (), ())
    assert REFUSED.refused_because == "no hand is seen: cut out the left hand"
    assert REFUSED.target_height.height_cm == 166
    assert [entry.age_months for entry in REFUSED.history] == [88, 100]
    assert "no bone age: no hand is seen" in format_assessment(REFUSED)


def test_a_bone_age_or_a_refusal_and_not_both() -> None:
    with pytest.raises(InvalidArgument, match="or None and the reason"):
        assess(GIRL, None)
    with pytest.raises(InvalidArgument, match="or None and the reason"):
        assess(GIRL, BoneAge(112), refused_because="no hand")


def test_every_number_names_its_reference() -> None:
    names = [reference.name for reference in FULL.references]
    assert names == [*SDS_REFERENCES, "Bayley-Pinneau", "Roche-Wainer-Thissen", "Mid-parental height"]
    assert {score.reference for score in FULL.sds} | {height.method for height in FULL.adult_heights} < set(REFERENCES)
    assert [reference.name for reference in assess(Child("F"), BoneAge(112)).references] == []
    tw2 = assess(Child("M", 150, 136), BoneAge(132, method="TW2 RUS"))
    assert [reference.name for reference in tw2.references] == ["Tanner 1975"]


def test_velocity_from_step_to_step_and_overall() -> None:
    assert [v.bone_age_months_per_year for v in FULL.velocities] == [12, 8]
    assert FULL.velocity_overall.bone_age_months_per_year == 10
    assert assess(GIRL, BoneAge(112), PAST[:1]).velocity_overall is None


@pytest.mark.parametrize(
    ("child", "bone_age", "past", "note"),
    [
        (GIRL, BoneAge(20), [], "92 months apart: check that age, sex and units"),
        (GIRL, BoneAge(112), [], "came without an interval"),
        (Child("F", 144), BoneAge(171, (160, 181)), [], "disagree: advanced by Brush Foundation, normal by Stanford"),
        (GIRL, BoneAge(112), [PastReading(107, BoneAge(108))], "half a year apart say little"),
        (Child("F", 170), BoneAge(196), [PastReading(150, BoneAge(180))], "a mature skeleton stands still"),
    ],
)
def test_what_must_be_seen_is_noted(child: Child, bone_age: BoneAge, past: list[PastReading], note: str) -> None:
    assert note in " | ".join(assess(child, bone_age, past).notes)


def test_nothing_is_noted_of_an_ordinary_child() -> None:
    assert FULL.notes == ()


@pytest.mark.parametrize(
    "change",
    [
        {"child": {"sex": "X"}},
        {"child": {"sex": "F", "shoe_size": 31}},
        {"child": None},
        {"sds": [{"reference": "Gilsanz", "status": "given"}]},
        {"bone_age": {"months": "112"}},
        {"bone_age": {"months": 112.0, "interval_90_months": [101.0]}},
        {"notes": [3]},
        {"surprise": 1},
    ],
)
def test_anything_else_is_refused_in_a_sentence(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument) as refused:
        Assessment.from_dict(FULL.to_dict() | change)
    assert "\n" not in str(refused.value)
    lacking = FULL.to_dict()
    del lacking["notes"]
    with pytest.raises(InvalidArgument, match="no Assessment that carpal wrote"):
        Assessment.from_dict(lacking)


def test_the_text_says_each_number_with_its_interval() -> None:
    text = format_assessment(FULL)
    for pattern in (
        r"^girl, 112.0 months \(9 y 4 mo\), height 131.0 cm",
        r"bone age 112.0 months \(9 y 4 mo\), 90 % interval 101-124, Greulich-Pyle",
        r"Brush Foundation +SDS -0.52, 90 % interval -1.52 to \+0.56",
        r"normal \(probability: delayed 1 %, normal 99 %, advanced < 1 %\)",
        r"Bayley-Pinneau +156.2 cm \(average\), 90 % interval 150-162 by the paper's errors",
        r"Tanner 1975 +none: made for TW2 RUS bone ages",
        r"velocity 8.0 months of bone age a year",
        r"Decision support, not a diagnosis.$",
    ):
        assert re.search(pattern, text, re.M), pattern
