"""When the phantom's bones appear, grow and fuse: a drawing's timetable, not a reference for children."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import numpy as np

from carpal.errors import InvalidArgument
from carpal.radiograph import Sex

__all__ = [
    "CARPALS",
    "EPIPHYSES",
    "MAX_AGE_MONTHS",
    "Epiphysis",
    "carpal_size",
    "check_child",
    "chubbiness",
    "epiphysis",
    "growth",
    "open_growth_plates",
    "ossified_carpals",
    "ossified_epiphyses",
]

MAX_AGE_MONTHS = 240

# Months at which a centre appears, (boys, girls). Source: eorif.com, "Pediatric wrist ossification", as copied into
# the project's reference/ossification_appearance_months.csv (source "eorif"); text books disagree by up to a year.
_CARPAL_ONSET = {
    "capitate": (3, 2),
    "hamate": (4, 3),
    "triquetrum": (24, 18),
    "lunate": (48, 30),
    "scaphoid": (66, 48),
    "trapezium": (72, 48),
    "trapezoid": (72, 48),
    "pisiform": (132, 114),
}
CARPALS: tuple[str, ...] = tuple(_CARPAL_ONSET)

# (boys, girls) months of: appearance, as wide as its metaphysis, fused. Radius 12, ulna 60-72 months: fpnotebook.com.
# The others are round numbers chosen to keep the order of Gilsanz & Ratib, "Hand Bone Age" (proximal phalanges,
# metacarpals, middle, distal phalanges, the little finger's middle phalanx last; distal phalanges fuse first and the
# radius last). They are good enough to draw with and for nothing else.
_EPIPHYSIS_MONTHS: dict[str, tuple[tuple[int, int], tuple[int, int], tuple[int, int]]] = {
    "distal_radius": ((12, 11), (132, 108), (214, 192)),
    "distal_ulna": ((72, 60), (174, 144), (210, 188)),
    "metacarpal_1": ((32, 19), (120, 94), (196, 172)),
    **{
        f"metacarpal_{f}": ((boy, girl), (138, 112), (204, 180))
        for f, boy, girl in ((2, 19, 13), (3, 20, 14), (4, 23, 16), (5, 26, 17))
    },
    "proximal_phalanx_1": ((33, 20), (126, 98), (198, 174)),
    **{
        f"proximal_phalanx_{f}": ((boy, girl), (114, 90), (200, 176))
        for f, boy, girl in ((2, 17, 11), (3, 16, 10), (4, 18, 11), (5, 22, 14))
    },
    **{
        f"middle_phalanx_{f}": ((boy, girl), (126, 98), (202, 177))
        for f, boy, girl in ((2, 27, 17), (3, 25, 15), (4, 25, 16), (5, 40, 24))
    },
    "distal_phalanx_1": ((18, 13), (120, 96), (192, 166)),
    **{
        f"distal_phalanx_{f}": ((boy, girl), (128, 102), (194, 168))
        for f, boy, girl in ((2, 38, 23), (3, 29, 18), (4, 29, 19), (5, 39, 24))
    },
}
EPIPHYSES: tuple[str, ...] = tuple(_EPIPHYSIS_MONTHS)

_FUSION_LASTS_MONTHS = 18
_CARPALS_COMPLETE = {"M": 174, "F": 150}

# Length of the hand relative to a grown man's, by age: read off by eye from growth charts of stature.
_GROWTH_MONTHS = (0, 6, 12, 24, 60, 96, 132, 156, 180, 204)
_GROWTH = {
    "M": (0.38, 0.46, 0.51, 0.58, 0.69, 0.78, 0.86, 0.92, 0.98, 1.0),
    "F": (0.37, 0.45, 0.50, 0.57, 0.68, 0.77, 0.87, 0.91, 0.92, 0.92),
}


@dataclass(frozen=True)
class Epiphysis:
    """How far one epiphysis has come: ``size`` 0..1 of its final form, ``plate`` 1 (young, wide) to 0 (about to close),
    ``fusion`` 0 (open) to 1 (one bone)."""

    size: float
    plate: float
    fusion: float


def check_child(age_months: float, sex: str) -> Sex:
    """The sex as a literal; raises InvalidArgument for an age outside 0..240 months or a sex other than F and M."""
    if isinstance(age_months, bool) or not isinstance(age_months, int | float | np.integer | np.floating):
        raise InvalidArgument(f"age_months must be a number of months, not {age_months!r}.")
    if not (math.isfinite(age_months) and 0 <= age_months <= MAX_AGE_MONTHS):
        raise InvalidArgument(f"age_months must lie between 0 and {MAX_AGE_MONTHS}, not {age_months}.")
    if sex not in ("F", "M"):
        raise InvalidArgument(f"sex must be 'F' or 'M', not {sex!r}.")
    return cast(Sex, sex)


def _of_sex(boys_girls: tuple[int, int], sex: str) -> int:
    return boys_girls[0] if sex == "M" else boys_girls[1]


def ossified_carpals(age_months: float, sex: str) -> tuple[str, ...]:
    """Names of the carpal bones that are visible at this age, in their order of appearance."""
    check_child(age_months, sex)
    return tuple(name for name in CARPALS if age_months >= _of_sex(_CARPAL_ONSET[name], sex))


def ossified_epiphyses(age_months: float, sex: str) -> tuple[str, ...]:
    """Names of the bones whose epiphysis has appeared (open or fused), from the wrist to the finger tips."""
    check_child(age_months, sex)
    return tuple(name for name in EPIPHYSES if age_months >= _of_sex(_EPIPHYSIS_MONTHS[name][0], sex))


def open_growth_plates(age_months: float, sex: str) -> tuple[str, ...]:
    """Names of the bones whose visible epiphysis is not yet completely fused."""
    check_child(age_months, sex)
    states = {name: epiphysis(name, age_months, sex) for name in EPIPHYSES}
    return tuple(name for name, state in states.items() if state is not None and state.fusion < 1)


def carpal_size(name: str, age_months: float, sex: str) -> float:
    """0 before the centre appears, then its diameter relative to the full bone of a hand of this size, 0.2..1."""
    since = age_months - _of_sex(_CARPAL_ONSET[name], sex)
    if since < 0:
        return 0.0
    # Most of the cartilage is filled within two or three years; the rest waits until neighbours meet at adolescence.
    early = 1 - math.exp(-since / 22)
    late = min(1.0, age_months / _CARPALS_COMPLETE[sex])
    return 0.22 + 0.78 * (0.75 * early + 0.25 * late)


def epiphysis(name: str, age_months: float, sex: str) -> Epiphysis | None:
    """The state of one epiphysis, None before it appears."""
    onset, wide, fused = (_of_sex(months, sex) for months in _EPIPHYSIS_MONTHS[name])
    if age_months < onset:
        return None
    size = 0.22 + 0.78 * min(1.0, (age_months - onset) / (wide - onset)) ** 0.5
    starts_fusing = fused - _FUSION_LASTS_MONTHS
    fusion = float(np.clip((age_months - starts_fusing) / _FUSION_LASTS_MONTHS, 0, 1))
    plate = float(np.clip((starts_fusing - age_months) / (starts_fusing - onset), 0, 1))
    return Epiphysis(size, plate, fusion)


def growth(age_months: float, sex: str) -> float:
    """Length of the hand relative to a grown man's."""
    return float(np.interp(age_months, _GROWTH_MONTHS, _GROWTH[sex]))


def chubbiness(age_months: float) -> float:
    """How much thicker bones and flesh are for their length than in an adult: 1 for a newborn, towards 0 with age."""
    return math.exp(-age_months / 40)
