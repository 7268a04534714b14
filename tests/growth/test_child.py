from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpal.errors import CarpalError, InvalidArgument, MissingSex
from carpal.growth import Child, age_between, parse_age


@pytest.mark.parametrize(
    ("text", "months"),
    [("9y4m", 112), ("9y", 108), ("9.5y", 114), ("112m", 112), ("9 years 4 months", 112), ("0m", 0), ("009Y", 108)],
)
def test_an_age_with_its_unit_is_understood(text: str, months: float) -> None:
    assert parse_age(text) == months


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("112", "say the unit"),
        ("9.5", "say the unit"),
        ("", "is no age"),
        ("nine", "is no age"),
        ("-3y", "is no age"),
        ("9y14m", "fewer than 12 months"),
        ("9.5y3m", "whole years"),
        ("150y", "no child's"),
        ("nan", "is no age"),
    ],
)
def test_an_age_that_may_be_two_things_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        parse_age(text)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"sex": None}, "sex is needed"),
        ({"sex": "False"}, "is no sex"),
        ({"sex": 0}, "is no sex"),
        ({"sex": "F", "age_months": 1800}, "no child's"),
        ({"sex": "F", "age_months": -1}, "no child's"),
        ({"sex": "F", "age_months": float("nan")}, "is no number"),
        ({"sex": "F", "age_months": "112"}, "is no number"),
        ({"sex": "F", "age_months": True}, "is no number"),
        ({"sex": "F", "age_months": 112, "height_cm": 51.6}, "looks like inches"),
        ({"sex": "F", "age_months": 112, "height_cm": 1.31}, "looks like metres"),
        ({"sex": "F", "age_months": 112, "height_cm": 1310}, "looks like millimetres"),
        ({"sex": "M", "age_months": 12, "height_cm": 131}, "at 1 y 0 mo cannot be meant"),
        ({"sex": "M", "height_cm": 500}, "cannot be meant"),
        ({"sex": "M", "mother_height_cm": 64}, "mother's height of 64 cm .* inches"),
        ({"sex": "M", "father_height_cm": 1.8}, "father's height of 1.8 cm .* metres"),
        ({"sex": "M", "father_height_cm": 300}, "father's height of 300 cm"),
        ({"sex": "M", "weight_kg": 28000}, "looks like grams"),
        ({"sex": "M", "weight_kg": 120, "height_cm": 100}, "120 kg at 100 cm"),
        ({"sex": "M", "menarche": True}, "girls only"),
        ({"sex": "F", "menarche": "no"}, "menarche 'no'"),
    ],
)
def test_what_cannot_be_meant_gets_one_sentence(facts: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message) as refused:
        Child(**facts)
    assert "\n" not in str(refused.value)


def test_a_missing_sex_is_its_own_error() -> None:
    with pytest.raises(MissingSex):
        Child(None)  # type: ignore[arg-type]


@given(st.floats(24, 216), st.floats(0.8, 1.2))
def test_ordinary_heights_pass_and_the_same_in_inches_do_not(age: float, share: float) -> None:
    # a rough line through the middle of any growth chart, 87 cm at 2 years to 170 cm at 18
    height = share * (87 + (170 - 87) * (age - 24) / 192)
    assert Child("M", age, height).height_cm == height
    with pytest.raises(CarpalError, match="inches"):
        Child("M", age, height / 2.54)


def test_the_sex_is_kept_as_one_letter() -> None:
    assert Child(" f ").sex == "F"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("birth", "study", "months"),
    [
        ("2015-01-31", "2015-01-31", 0),
        ("2015-01-31", "2024-05-31", 112),
        ("2016-02-29", "2017-02-28", 12),
        ("2015-01-15", "2015-03-01", 1 + 14 / 28),
        ("2015-06-30", "2024-06-29", 107 + 30 / 31),
    ],
)
def test_the_age_between_two_days(birth: str, study: str, months: float) -> None:
    assert age_between(date.fromisoformat(birth), date.fromisoformat(study)) == pytest.approx(months)


def test_nobody_is_examined_before_birth() -> None:
    with pytest.raises(InvalidArgument, match="birth 2024-02-01 lies after the study of 2024-01-31"):
        age_between(date(2024, 2, 1), date(2024, 1, 31))
    with pytest.raises(InvalidArgument, match="still to come"):
        age_between(date(2015, 12, 31), date(9999, 12, 31))


@given(st.dates(date(1990, 1, 1), date(2010, 1, 1)), st.integers(0, 7000))
def test_a_day_more_is_an_age_more(birth: date, days: int) -> None:
    study = date.fromordinal(birth.toordinal() + days)
    later = date.fromordinal(study.toordinal() + 1)
    assert 0 <= age_between(birth, study) < age_between(birth, later)
    assert age_between(birth, study) == pytest.approx(days / 30.4375, abs=0.1)
