"""What every prediction of adult height has in common."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from carpal.growth.bone_age import BoneAge

__all__ = ["NINETY_IN_SDS", "AdultHeight", "AdultHeightMethod", "over_interval", "places_within"]

AdultHeightMethod = Literal["Bayley-Pinneau", "Roche-Wainer-Thissen", "Tanner 1975"]
NINETY_IN_SDS = 1.6448536269514722

_STEP_MONTHS = 0.25
_BELOW = "the interval begins below the present height: that part of it cannot be"


@dataclass(frozen=True)
class AdultHeight:
    """A predicted adult height in cm, or the ``reason`` why this method gives none.

    ``made_for`` is the bone age that the method was made for. ``group`` is the table used (average, accelerated,
    retarded; premenarche ...). ``error_sd_cm`` is the SD of the errors that the paper reports and ``interval_90_cm``
    the height -+ 1.645 of them, the reader's own error in bone age included as it was in the paper's sample.
    ``bone_age_range_cm`` is apart from that: the lowest and the highest height that a bone age within the 90 %
    interval of this reading would have given. ``notes`` must be seen with the number.
    """

    method: AdultHeightMethod
    made_for: str
    height_cm: float | None = None
    reason: str | None = None
    group: str | None = None
    percent_of_adult_height: float | None = None
    error_sd_cm: float | None = None
    interval_90_cm: tuple[float, float] | None = None
    bone_age_range_cm: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()

    def with_error(self, sd_cm: float | None, present_cm: float) -> AdultHeight:
        """The same with the published error about it; a note where that reaches below the height already there."""
        if sd_cm is None or self.height_cm is None:
            return self
        low, high = self.height_cm - NINETY_IN_SDS * sd_cm, self.height_cm + NINETY_IN_SDS * sd_cm
        below = (_BELOW,) if low < present_cm <= self.height_cm else ()
        return replace(self, error_sd_cm=sd_cm, interval_90_cm=(low, high), notes=self.notes + below)


def over_interval(bone_age: BoneAge, height_at: Callable[[float], float | None]) -> tuple[float, float] | None:
    """The lowest and highest of ``height_at(bone age in months)`` over the 90 % interval, quarter months apart.

    Bone ages for which there is no height are passed over. None where there is no interval.
    """
    heights = [height for height in map(height_at, places_within(bone_age)) if height is not None]
    return (min(heights), max(heights)) if heights else None


def places_within(bone_age: BoneAge) -> tuple[float, ...]:
    """Bone ages in months over the 90 % interval, quarter months apart, its ends and the bone age among them; none
    where there is no interval."""
    if bone_age.interval_90_months is None:
        return ()
    low, high = bone_age.interval_90_months
    steps = math.ceil((high - low) / _STEP_MONTHS)
    return bone_age.months, high, *(low + _STEP_MONTHS * step for step in range(steps))
