from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpal.distribution import interval_months
from carpal.errors import InvalidArgument
from carpal.growth import BoneAge
from carpal.growth.bone_age import _quantile


def bell(age: float, spread: float = 8.0) -> tuple[float, ...]:
    values = [math.exp(-0.5 * ((month - age) / spread) ** 2) for month in range(240)]
    return tuple(value / sum(values) for value in values)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"months": 300}, "cannot be meant"),
        ({"months": math.inf}, "is no number"),
        ({"months": 100, "interval_90_months": (101, 120)}, "does not hold"),
        ({"months": 100, "interval_90_months": (90,)}, "two numbers"),
        ({"months": 100, "method": "GP"}, "no bone-age method"),
        ({"months": 100, "distribution": (1.0,)}, "240 probabilities"),
        ({"months": 100, "distribution": (0.5,) * 240}, "sum to 1"),
        ({"months": 120, "distribution": bell(100)}, "mean is 100.0"),
    ],
)
def test_what_cannot_be_meant_gets_one_sentence(facts: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        BoneAge(**facts)


def test_an_array_of_the_reader_becomes_plain_numbers() -> None:
    bone_age = BoneAge(np.float64(100.0), np.array([90.0, 110.0]), np.array(bell(100)))  # type: ignore[arg-type]
    assert bone_age == BoneAge(100.0, (90.0, 110.0), bell(100))
    assert {type(value) for value in (*bone_age.distribution, *bone_age.interval_90_months)} == {float}


def test_without_any_uncertainty_there_is_no_probability() -> None:
    assert BoneAge(100).probability_below(90) is None


def test_an_interval_is_taken_as_normal() -> None:
    bone_age = BoneAge(100, (90, 110))
    assert bone_age.probability_below(90) == pytest.approx(0.05)
    assert bone_age.probability_below(100) == pytest.approx(0.5)
    assert bone_age.probability_below(110) == pytest.approx(0.95)
    assert bone_age.probability_below(100 + 10 / 1.6448536 * 1.959964) == pytest.approx(0.975, abs=1e-6)


def test_an_uneven_interval_keeps_its_ends() -> None:
    bone_age = BoneAge(100, (95, 120))
    assert bone_age.probability_below(95) == pytest.approx(0.05)
    assert bone_age.probability_below(120) == pytest.approx(0.95)
    assert BoneAge(100, (100, 100)).probability_below(99) == 0
    assert BoneAge(100, (100, 100)).probability_below(101) == 1


def test_a_month_stands_for_half_a_month_either_way() -> None:
    sure = BoneAge(100, distribution=tuple(float(month == 100) for month in range(240)))
    assert sure.probability_below(99.5) == 0
    assert sure.probability_below(99.75) == pytest.approx(0.25)
    assert sure.probability_below(100.5) == 1
    assert sure.probability_below(-5) == 0
    assert sure.probability_below(260) == 1


def test_the_distribution_is_stretched_to_the_interval_that_was_calibrated() -> None:
    bone_age = BoneAge(100, (80, 115), bell(100, 5))
    assert bone_age.probability_below(80) == pytest.approx(0.05, abs=1e-6)
    assert bone_age.probability_below(115) == pytest.approx(0.95, abs=1e-6)
    assert bone_age.probability_below(100) == pytest.approx(0.5, abs=1e-6)


@given(st.floats(10, 230), st.floats(1, 30))
def test_quantiles_are_those_of_the_reader(age: float, spread: float) -> None:
    values = bell(age, spread)
    low, high = interval_months(np.array(values))
    assert max(0.0, _quantile(values, 0.05)) == pytest.approx(low, abs=1e-6)
    assert min(239.0, _quantile(values, 0.95)) == pytest.approx(high, abs=1e-6)


@given(st.floats(20, 220), st.floats(0, 20), st.floats(0, 20), st.booleans(), st.floats(0, 240), st.floats(0, 20))
def test_probability_never_falls(age: float, down: float, up: float, whole: bool, at: float, further: float) -> None:
    distribution = bell(age, 6.0)
    months = sum(month * value for month, value in enumerate(distribution))
    interval = (max(0.0, months - down), min(240.0, months + up))
    bone_age = BoneAge(months, interval, distribution if whole else None)
    first, second = bone_age.probability_below(at), bone_age.probability_below(at + further)
    assert first is not None and second is not None
    assert 0 <= first <= second + 1e-12 <= 1 + 1e-9
