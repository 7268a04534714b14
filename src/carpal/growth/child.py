"""The child: what is known of it, refused where it cannot be meant."""

from __future__ import annotations

import calendar
import math
import re
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from carpal.errors import InvalidArgument, MissingSex
from carpal.growth.lookup import interpolate
from carpal.plain import Sex, check_sex, years_and_months

__all__ = ["MAX_AGE_MONTHS", "Child", "age_between", "parse_age", "require_number"]

MAX_AGE_MONTHS = 240.0

# Middle heights of children by age, to a few centimetres: no growth chart, only what tells 131 cm from 51.6 inches.
_MIDDLE_AGES_MONTHS = (0.0, 6.0, 12.0, 24.0, 60.0, 120.0, 168.0, 240.0)
_MIDDLE_HEIGHTS_CM = (50.0, 67.0, 75.0, 87.0, 109.0, 138.0, 160.0, 170.0)
_HEIGHT_SHARES = (0.55, 1.4)  # of the middle height; the shortest and tallest children known of lie within
_PARENT_HEIGHTS_CM = (110.0, 230.0)
_ANY_HEIGHTS_CM = (35.0, 238.0)
_WEIGHTS_KG = (1.0, 250.0)
_BODY_MASS_INDICES = (7.0, 80.0)

_AGE = re.compile(r"(?:(?P<y>\d+(?:\.\d+)?)y(?:ears?|rs?)?)?(?:(?P<m>\d+(?:\.\d+)?)m(?:o|onths?)?)?")


@dataclass(frozen=True)
class Child:
    """A child on the day of its radiograph. All but ``sex`` may be unknown.

    Heights in cm, taken standing from 24 months on and lying before; ``weight_kg`` in kg; ``menarche`` whether a girl
    has had it. Raises MissingSex, InvalidArgument with one sentence for what cannot be meant.
    """

    sex: Sex
    age_months: float | None = None
    height_cm: float | None = None
    weight_kg: float | None = None
    mother_height_cm: float | None = None
    father_height_cm: float | None = None
    menarche: bool | None = None

    def __post_init__(self) -> None:
        sex = check_sex(self.sex)
        if sex is None:
            raise MissingSex("the child's sex is needed: give F or M")
        object.__setattr__(self, "sex", sex)
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.endswith(("_months", "_cm", "_kg")) and value is not None:
                object.__setattr__(self, field.name, require_number(value, field.name))
        _check_age(self.age_months)
        _check_height(self.height_cm, self.age_months)
        _check_weight(self.weight_kg, self.height_cm)
        _check_parent(self.mother_height_cm, "mother")
        _check_parent(self.father_height_cm, "father")
        if self.menarche not in (None, True, False):
            raise InvalidArgument(f"menarche {self.menarche!r}: say True, False or nothing")
        if self.menarche is not None and sex == "M":
            raise InvalidArgument("menarche is asked of girls only")

    @property
    def midparent_height_cm(self) -> float | None:
        """The plain mean of both parents' heights, not moved for the child's sex; None unless both are known."""
        if self.mother_height_cm is None or self.father_height_cm is None:
            return None
        return (self.mother_height_cm + self.father_height_cm) / 2


def parse_age(text: str) -> float:
    """Months of ``9y4m``, ``9y``, ``9.5y``, ``112m``, ``9 years 4 months``.

    A bare number is refused: 112 may be months, 12 may be either. Raises InvalidArgument.
    """
    plain = "".join(text.lower().split())
    found = _AGE.fullmatch(plain)
    if not plain or found is None:
        unit = ": say the unit" if re.fullmatch(r"\d+(\.\d+)?", plain) else " is no age"
        raise InvalidArgument(f"age {text!r}{unit}, as in 9y4m, 9.5y or 112m")
    years, months = found["y"], found["m"]
    if years and months and ("." in years or float(months) >= 12):
        raise InvalidArgument(f"age {text!r}: whole years and fewer than 12 months, as in 9y4m")
    age = 12 * float(years or 0) + float(months or 0)
    _check_age(age)
    return age


def age_between(birth: date, study: date) -> float:
    """Months from birth to study: whole ones by the calendar, the rest as a share of the month it falls in.

    Raises InvalidArgument where the birth is the later one, or the study in the last year that there is.
    """
    if study.year == date.max.year:
        raise InvalidArgument(f"the study of {study} is still to come")
    if birth > study:
        raise InvalidArgument(f"the date of birth {birth} lies after the study of {study}")
    whole = 12 * (study.year - birth.year) + study.month - birth.month
    if _months_after(birth, whole) > study:
        whole -= 1
    last, following = _months_after(birth, whole), _months_after(birth, whole + 1)
    return whole + (study - last).days / (following - last).days


def require_number(value: Any, name: str) -> float:
    """``value`` as a float, if it is a finite number. Raises InvalidArgument."""
    try:
        number = math.nan if isinstance(value, bool | str | bytes) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise InvalidArgument(f"{name.replace('_', ' ')}: {value!r} is no number")
    return number


def _months_after(birth: date, months: int) -> date:
    year, month = divmod(birth.year * 12 + birth.month - 1 + months, 12)
    return date(year, month + 1, min(birth.day, calendar.monthrange(year, month + 1)[1]))


def _check_age(age: float | None) -> None:
    if age is not None and not 0 <= age <= MAX_AGE_MONTHS:
        raise InvalidArgument(f"an age of {age:g} months is no child's: 0 to {MAX_AGE_MONTHS:g} months (20 years)")


def _check_height(height: float | None, age: float | None) -> None:
    if height is None:
        return
    low, high = _ANY_HEIGHTS_CM
    if age is not None:
        middle = interpolate(_MIDDLE_AGES_MONTHS, _MIDDLE_HEIGHTS_CM, age) or 0.0
        low, high = (share * middle for share in _HEIGHT_SHARES)
    if not low <= height <= high:
        of_age = f" at {years_and_months(age)}" if age is not None else ""
        hint = _other_unit(height, low, high)
        raise InvalidArgument(f"a height of {height:g} cm{of_age} cannot be meant{hint}: give centimetres")


def _other_unit(height: float, low: float, high: float) -> str:
    for factor, unit in ((2.54, "inches"), (100.0, "metres"), (30.48, "feet"), (0.1, "millimetres")):
        if low <= factor * height <= high:
            return f", it looks like {unit}"
    return ""


def _check_parent(height: float | None, who: str) -> None:
    low, high = _PARENT_HEIGHTS_CM
    if height is not None and not low <= height <= high:
        hint = _other_unit(height, low, high)
        raise InvalidArgument(f"a {who}'s height of {height:g} cm cannot be meant{hint}: give centimetres")


def _check_weight(weight: float | None, height: float | None) -> None:
    if weight is None:
        return
    if not _WEIGHTS_KG[0] <= weight <= _WEIGHTS_KG[1]:
        hint = ", it looks like grams" if _WEIGHTS_KG[0] <= weight / 1000 <= _WEIGHTS_KG[1] else ""
        raise InvalidArgument(f"a weight of {weight:g} kg cannot be meant{hint}: give kilograms")
    if height is not None:
        index = weight / (height / 100) ** 2
        if not _BODY_MASS_INDICES[0] <= index <= _BODY_MASS_INDICES[1]:
            raise InvalidArgument(f"{weight:g} kg at {height:g} cm cannot be meant: give kilograms and centimetres")
