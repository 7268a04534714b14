"""A bone age as it comes out of a reading or a book: months, how sure, and by which method."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, get_args

from carpal.errors import InvalidArgument
from carpal.growth.child import MAX_AGE_MONTHS, require_number

__all__ = ["METHODS", "BoneAge", "Method"]

Method = Literal["Greulich-Pyle", "TW2 RUS", "TW3 RUS"]
METHODS: tuple[Method, ...] = get_args(Method)

_NINETY = 1.6448536269514722  # half the width of a normal's middle 90 %, in SDs


@dataclass(frozen=True)
class BoneAge:
    """``months`` with ``interval_90_months`` (low, high), where known.

    ``distribution`` is 240 probabilities, entry k that of k - 0.5 to k + 0.5 months, as ``carpal.distribution`` has it.
    ``method`` is whose standards it is measured by; carpal's networks learned Greulich-Pyle ages. ``read_by`` names the
    reader or the model. Raises InvalidArgument.
    """

    months: float
    interval_90_months: tuple[float, float] | None = None
    distribution: tuple[float, ...] | None = None
    method: Method = "Greulich-Pyle"
    read_by: str | None = None

    def __post_init__(self) -> None:
        months = require_number(self.months, "bone age")
        object.__setattr__(self, "months", months)
        if not 0 <= months <= MAX_AGE_MONTHS:
            raise InvalidArgument(f"a bone age of {months:g} months cannot be meant: 0 to {MAX_AGE_MONTHS:g} months")
        if self.method not in METHODS:
            raise InvalidArgument(f"{self.method!r} is no bone-age method: {', '.join(METHODS)}")
        if self.interval_90_months is not None:
            object.__setattr__(self, "interval_90_months", _checked_interval(self.interval_90_months, months))
        if self.distribution is not None:
            object.__setattr__(self, "distribution", _checked_distribution(self.distribution, months))

    def probability_below(self, months: float) -> float | None:
        """How probable it is that the true bone age is below ``months``; None without interval and distribution.

        From the distribution, stretched on either side of the bone age until its middle 90 % is the interval, because
        it is the interval that was calibrated. Without a distribution: a normal on either side of the bone age, half of
        it below; with an even interval that is the plain normal.
        """
        if self.distribution is not None:
            return _cumulative(self.distribution, self._unstretched(months, self.distribution))
        if self.interval_90_months is None:
            return None
        away = months - self.months
        edge = self.interval_90_months[0 if away < 0 else 1]
        half_width = abs(edge - self.months)
        if half_width == 0:
            return 0.5 if away == 0 else float(away > 0)
        return 0.5 * (1 + math.erf(_NINETY * away / half_width / math.sqrt(2)))

    def _unstretched(self, months: float, distribution: tuple[float, ...]) -> float:
        if self.interval_90_months is None:
            return months
        upper = months >= self.months
        own = abs(_quantile(distribution, 0.95 if upper else 0.05) - self.months)
        calibrated = abs(self.interval_90_months[upper] - self.months)
        return self.months + (months - self.months) * own / max(calibrated, 1e-9)


def _checked_interval(interval: tuple[float, float], months: float) -> tuple[float, float]:
    try:
        low, high = (require_number(edge, "interval") for edge in interval)
    except (TypeError, ValueError) as error:
        raise error if isinstance(error, InvalidArgument) else InvalidArgument("an interval is two numbers") from None
    if not 0 <= low <= months <= high <= MAX_AGE_MONTHS:
        raise InvalidArgument(f"the interval {low:g} to {high:g} does not hold the bone age of {months:g} months")
    return low, high


def _checked_distribution(values: tuple[float, ...], months: float) -> tuple[float, ...]:
    found = tuple(require_number(value, "distribution") for value in values)
    if len(found) != 240 or min(found) < 0 or abs(sum(found) - 1) > 1e-3:
        raise InvalidArgument("a distribution is 240 probabilities that sum to 1, one per month")
    mean = sum(month * value for month, value in enumerate(found))
    if abs(mean - months) > 1:
        raise InvalidArgument(f"the distribution's mean is {mean:.1f} and the bone age {months:g} months")
    return found


def _cumulative(distribution: tuple[float, ...], months: float) -> float:
    """The mass below ``months``; within a month it is spread evenly."""
    month = math.floor(months + 0.5)
    if month < 0:
        return 0.0
    total = math.fsum(distribution)
    below = math.fsum(distribution[:month])
    if month < len(distribution):
        below += distribution[month] * (months + 0.5 - month)
    return min(below / total, 1.0)


def _quantile(distribution: tuple[float, ...], level: float) -> float:
    sums = list(accumulate(distribution))
    month = min(bisect_left(sums, level * sums[-1]), len(sums) - 1)
    share = 1 - (sums[month] - level * sums[-1]) / max(distribution[month], 1e-12)
    return month - 0.5 + min(max(share, 0.0), 1.0)
