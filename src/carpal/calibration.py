"""Intervals that hold what they promise: how much wider or narrower than the network's own they must be.

A network's distribution has the right shape and the wrong width. ``Calibration`` stretches its central interval about
the bone age by a factor that depends on the child's sex, the bone age read and the coverage wanted. The factors come
from radiographs that the network was not trained on (``carpal.evaluation.calibrate``) and travel in the model file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carpal.distribution import MONTHS, expected_months, interval_months
from carpal.errors import InvalidArgument
from carpal.radiograph import SEXES, Sex

__all__ = ["COVERAGES", "UNSURE_MONTHS", "Calibration", "calibration_from_dict", "uncalibrated"]

COVERAGES = (0.8, 0.9, 0.95)
# Of the radiographs that the shipped networks had not seen less than 1 % have a wider 90 % interval; carpal coverage
# counts them and says how far off they are read (results/oof/*/coverage.md).
UNSURE_MONTHS = 50.0


@dataclass(frozen=True)
class Calibration:
    """``factors[sex][coverage]`` holds one factor per knot of ``ages_months`` (ages read, rising); between two knots
    it is interpolated, beyond the ends it stays. ``source`` says in words where the factors come from.
    """

    ages_months: tuple[float, ...]
    factors: dict[Sex, dict[float, tuple[float, ...]]]
    source: str = ""

    def __post_init__(self) -> None:
        if not self.ages_months or list(self.ages_months) != sorted(set(self.ages_months)):
            raise InvalidArgument("the ages of a calibration must rise")
        if set(self.factors) != set(SEXES) or any(set(of_sex) != set(COVERAGES) for of_sex in self.factors.values()):
            raise InvalidArgument(f"a calibration needs factors for {', '.join(SEXES)} at {COVERAGES}")
        rows = [row for of_sex in self.factors.values() for row in of_sex.values()]
        if any(len(row) != len(self.ages_months) or not all(0 < f < math.inf for f in row) for row in rows):
            raise InvalidArgument("a calibration needs one factor above 0 per age")

    @property
    def is_none(self) -> bool:
        """Whether the intervals are the network's own."""
        return self == uncalibrated()

    def interval(self, distribution: NDArray[np.floating], sex: Sex, coverage: float = 0.9) -> tuple[float, float]:
        """The interval in months that holds ``coverage`` of such children; kept within the scale of ages."""
        age = float(expected_months(distribution))
        low, high = interval_months(distribution, coverage)
        factor = float(np.interp(age, self.ages_months, self.factors[sex][coverage]))
        return max(0.0, age + factor * (float(low) - age)), min(MONTHS[-1], age + factor * (float(high) - age))

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        factors = {sex: {f"{c:g}": list(row) for c, row in of_sex.items()} for sex, of_sex in self.factors.items()}
        return {"ages_months": list(self.ages_months), "factors": factors, "source": self.source}


def uncalibrated() -> Calibration:
    """The network's own intervals."""
    return Calibration((0.0,), {sex: {c: (1.0,) for c in COVERAGES} for sex in SEXES}, "none: the network's own widths")


def calibration_from_dict(values: dict[str, Any]) -> Calibration:
    """What ``to_dict`` wrote. Raises InvalidArgument."""
    try:
        factors = {
            sex: {float(c): tuple(map(float, row)) for c, row in of_sex.items()}
            for sex, of_sex in values["factors"].items()
        }
        return Calibration(tuple(map(float, values["ages_months"])), factors, str(values["source"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidArgument(f"not a calibration of this version of carpal ({error})") from error
