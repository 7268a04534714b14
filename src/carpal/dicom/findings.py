"""What a DICOM object of carpal's says about one radiograph: plain values, wherever they came from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from carpal.errors import InvalidArgument

__all__ = ["DISCLAIMER", "Findings"]

DISCLAIMER = "Decision support for research use, not a diagnosis. A qualified reader must look at the radiograph."


@dataclass(frozen=True)
class Findings:
    """A bone age and what belongs to it, or why there is none.

    Either ``bone_age_months``, ``interval_90_months``, ``sex`` (as read) and ``sex_origin`` are there, or
    ``refused_because`` is, a sentence; ``refused_for_quality`` is False where not the radiograph's quality is to blame.
    ``age_months`` is the chronological age at the exposure. ``sds`` pairs the name of a reference with the standard
    deviation score by it. ``notes`` are sentences a reader must see, corrections among them. ``model_digest`` is the
    SHA-256 of the model file. Raises InvalidArgument for values that cannot be meant.
    """

    model: str
    model_digest: str
    carpal_version: str
    bone_age_months: float | None = None
    interval_90_months: tuple[float, float] | None = None
    sex: Literal["F", "M"] | None = None
    sex_origin: Literal["given", "header"] | None = None
    age_months: float | None = None
    sds: tuple[tuple[str, float], ...] = ()
    calibration: str | None = None
    notes: tuple[str, ...] = ()
    refused_because: str | None = None
    refused_for_quality: bool = True

    def __post_init__(self) -> None:
        values = (self.bone_age_months, self.interval_90_months, self.sex, self.sex_origin)
        if self.refused_because is not None and (any(value is not None for value in values) or self.sds):
            raise InvalidArgument("findings are a bone age or a refusal, not both")
        if self.refused_because is None and any(value is None for value in values):
            raise InvalidArgument("findings need the bone age, its interval, the sex and where the sex came from")
        if self.age_months is not None and not 0 <= self.age_months < math.inf:
            raise InvalidArgument(f"a chronological age is 0 months or more, not {self.age_months!r}")
        if self.bone_age_months is not None and self.interval_90_months is not None:
            low, high = self.interval_90_months
            if not 0 <= low <= high < math.inf or not 0 <= self.bone_age_months < math.inf:
                raise InvalidArgument(f"no bone age in months: {self.bone_age_months!r}, {self.interval_90_months!r}")
        names = [name for name, _ in self.sds]
        if len(set(names)) < len(names) or not all(name.strip() for name in names):
            raise InvalidArgument("each standard deviation score needs a reference of its own name")
        if not all(math.isfinite(score) for _, score in self.sds):
            raise InvalidArgument("a standard deviation score is a finite number")
