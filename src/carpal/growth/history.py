"""Several readings of one child: how fast the bone age runs, and what each of them would have predicted."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice, pairwise
from pathlib import Path

from carpal.errors import InvalidArgument
from carpal.growth.adult_height import AdultHeight
from carpal.growth.bayley_pinneau import bayley_pinneau
from carpal.growth.bone_age import BoneAge, Method
from carpal.growth.child import Child, age_between, parse_age
from carpal.growth.sds import SDS_REFERENCES, BoneAgeSds, bone_age_sds
from carpal.plain import number_in

__all__ = ["HistoryEntry", "PastReading", "Velocity", "parse_date", "read_history", "trace", "velocities"]

SHORT_SPAN_MONTHS = 6.0
_MOST_READINGS = 200
_NAMES = ("date", "age", "bone_age_months", "interval_90_low_months", "interval_90_high_months", "height_cm")
_COLUMNS = "date or age, bone_age_months, and if known interval_90_low_months, interval_90_high_months, height_cm"


@dataclass(frozen=True)
class PastReading:
    """A bone age read at an earlier age of the same child, and its height then."""

    age_months: float
    bone_age: BoneAge
    height_cm: float | None = None


@dataclass(frozen=True)
class HistoryEntry:
    """One reading in the light of today's references; ``adult_height`` is Bayley-Pinneau's."""

    age_months: float
    bone_age: BoneAge
    height_cm: float | None
    sds: tuple[BoneAgeSds, ...]
    adult_height: AdultHeight


@dataclass(frozen=True)
class Velocity:
    """Months of bone age per year of life between two readings; 12 is even pace.

    The interval takes the two errors as independent. Those of one model on one child are partly the same, so that it is
    rather too wide. None where a reading has no interval.
    """

    from_age_months: float
    to_age_months: float
    bone_age_months_per_year: float
    interval_90_months_per_year: tuple[float, float] | None


def trace(child: Child, past: Iterable[PastReading], now: BoneAge | None) -> tuple[HistoryEntry, ...]:
    """All readings by age, today's last. Raises InvalidArgument where the past lies after today or twice at one age,
    and where not all are of one method: what two methods differ by is no growth."""
    past = sorted(past, key=lambda reading: reading.age_months)
    if not past:
        return ()
    if child.age_months is None:
        raise InvalidArgument("a history needs the child's age today")
    readings = past if now is None else [*past, PastReading(child.age_months, now, child.height_cm)]
    if len(methods := sorted({reading.bone_age.method for reading in readings})) > 1:
        raise InvalidArgument(f"bone ages by {' and '.join(methods)}: a history is of one method")
    for earlier, later in pairwise(readings):
        if earlier.age_months == later.age_months:
            raise InvalidArgument(f"the history has two readings at an age of {later.age_months:g} months")
    if past[-1].age_months > child.age_months:
        late = past[-1].age_months
        raise InvalidArgument(f"the history holds an age of {late:g} months, later than today's {child.age_months:g}")
    return tuple(_entry(child, reading) for reading in readings)


def velocities(entries: Sequence[HistoryEntry]) -> tuple[Velocity, ...]:
    """From each reading to the next."""
    return tuple(_velocity(a, b) for a, b in pairwise(entries))


def read_history(path: str | Path, birth: date | None = None, method: Method = "Greulich-Pyle") -> list[PastReading]:
    """The readings of a CSV table, in its order.

    Columns: ``date`` (2024-05-31; needs ``birth``) or ``age`` (9y4m, 9.5y, 112m), ``bone_age_months``, and if known
    ``interval_90_low_months``, ``interval_90_high_months`` and ``height_cm``. Raises InvalidArgument, naming the line.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as handle:
            table = csv.DictReader(handle)
            _check_columns(path, [name.strip() for name in table.fieldnames or ()])
            rows = [(table.line_num, row) for row in islice(table, _MOST_READINGS + 1)]
    except OSError as error:
        raise InvalidArgument(f"{path}: {(error.strerror or 'it cannot be read').lower()}") from None
    except (UnicodeDecodeError, csv.Error):
        raise InvalidArgument(f"{path}: not a CSV table; columns: {_COLUMNS}") from None
    if not rows:
        raise InvalidArgument(f"{path}: no readings; columns: {_COLUMNS}")
    if len(rows) > _MOST_READINGS:
        raise InvalidArgument(f"{path}: more than {_MOST_READINGS} readings are not one child's")
    readings = []
    for line, row in rows:  # the table passes over empty lines, an editor counts them
        try:
            readings.append(_past_reading(_cells(row), birth, method))
        except InvalidArgument as error:
            raise InvalidArgument(f"{path}, line {line}: {error}") from None
    return readings


def _check_columns(path: str | Path, names: list[str]) -> None:
    """A misspelt column must not be a silent one."""
    unknown = [name for name in names if name not in _NAMES]
    if unknown or len(set(names)) < len(names):
        what = f"there is no column {unknown[0]!r}" if unknown else "a column stands there twice"
        raise InvalidArgument(f"{path}, line 1: {what}; columns: {_COLUMNS}")


def _cells(row: dict[str | None, str | list[str] | None]) -> dict[str, str]:
    if None in row:
        raise InvalidArgument("more fields than columns")
    return {str(name).strip(): str(value or "").strip() for name, value in row.items()}


def parse_date(text: str) -> date:
    """A date written 2024-05-31. Raises InvalidArgument."""
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text.strip(), re.ASCII):  # Python 3.11 on takes more forms than 3.10
            raise ValueError
        return date.fromisoformat(text.strip())
    except ValueError:
        raise InvalidArgument(f"{text!r} is no date: write it as 2024-05-31") from None


def _entry(child: Child, reading: PastReading) -> HistoryEntry:
    then = Child(
        child.sex,
        reading.age_months,
        reading.height_cm,
        mother_height_cm=child.mother_height_cm,
        father_height_cm=child.father_height_cm,
    )
    return HistoryEntry(
        age_months=reading.age_months,
        bone_age=reading.bone_age,
        height_cm=reading.height_cm,
        sds=tuple(bone_age_sds(then, reading.bone_age, reference) for reference in SDS_REFERENCES),
        adult_height=bayley_pinneau(then, reading.bone_age),
    )


def _velocity(earlier: HistoryEntry, later: HistoryEntry) -> Velocity:
    years = (later.age_months - earlier.age_months) / 12
    gain = later.bone_age.months - earlier.bone_age.months
    first, second = earlier.bone_age.interval_90_months, later.bone_age.interval_90_months
    interval = None
    if first is not None and second is not None:
        down = math.hypot(first[1] - earlier.bone_age.months, later.bone_age.months - second[0])
        up = math.hypot(earlier.bone_age.months - first[0], second[1] - later.bone_age.months)
        interval = ((gain - down) / years, (gain + up) / years)
    return Velocity(earlier.age_months, later.age_months, gain / years, interval)


def _past_reading(row: dict[str, str], birth: date | None, method: Method) -> PastReading:
    when, age_text = row.get("date", ""), row.get("age", "")
    if bool(when) == bool(age_text):
        raise InvalidArgument(f"give a date or an age, and one of them; columns: {_COLUMNS}")
    if when and birth is None:
        raise InvalidArgument("a date needs the date of birth too (--birth 2015-01-31), or give ages")
    age = age_between(birth, parse_date(when)) if when and birth is not None else parse_age(age_text)
    months = _cell(row, "bone_age_months")
    if months is None:
        raise InvalidArgument(f"no bone_age_months; columns: {_COLUMNS}")
    low, high = _cell(row, "interval_90_low_months"), _cell(row, "interval_90_high_months")
    if (low is None) != (high is None):
        raise InvalidArgument("an interval has two ends: interval_90_low_months and interval_90_high_months")
    interval = None if low is None or high is None else (low, high)
    height = _cell(row, "height_cm")
    Child("F", age, height)  # refuses what cannot be meant, while the line is still known
    return PastReading(age, BoneAge(months, interval, method=method), height)


def _cell(row: dict[str, str], name: str) -> float | None:
    text = row.get(name, "")
    if not text:
        return None
    try:
        return number_in(text)
    except ValueError:
        raise InvalidArgument(f"{name}: {text!r} is no number") from None
