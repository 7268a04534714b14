"""What a model said about radiographs whose bone age is known, in memory and as CSV."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carpal.distribution import (
    CLASS_NAMES,
    MONTHS,
    age_class,
    class_masses,
    expected_months,
    interval_months,
    reported_months,
)
from carpal.errors import DatasetError, InvalidArgument
from carpal.files import replacing
from carpal.plain import SEXES, Sex, number_in

__all__ = ["Predictions", "read_facts", "read_further_columns", "read_predictions", "write_predictions"]

OLDEST_MONTHS = 240.0
# A foreign regression may leave the scale of ages a little; ages in days leave it by far.
PREDICTED_RANGE_MONTHS = (-60.0, 300.0)
MASS_TOLERANCE = 0.01

_MONTH_DECIMALS = 3
_MASS_DECIMALS = 4
_REQUIRED = ("id", "sex", "reference_months", "predicted_months")
_REPORTED = "reported_months"
_INTERVAL = ("interval_90_low_months", "interval_90_high_months")
_MASSES = tuple(f"p_class_{k}" for k in range(len(CLASS_NAMES)))
_SEXES = {"f": "F", "female": "F", "m": "M", "male": "M"}

ClassOrigin = Literal["most probable class", "predicted age"]


@dataclass(frozen=True, eq=False)
class Predictions:
    """N predictions beside their references; ages in months, arrays read-only.

    ``sexes`` (N,) 'F' or 'M'; ``interval_90_months`` (N, 2) low and high, NaN where a model gives none;
    ``reported_months`` (N,) the ages as a reader would report them, ``class_masses`` (N, 5), either None where a model
    gives none; ``groups`` the folder of each radiograph, or None. An id is unique in its group.
    Months are kept to 3 decimals and masses to 4, as the CSV has them, so that the file gives the very same metrics.
    Raises InvalidArgument for lengths that differ and for values that cannot be meant.
    """

    ids: tuple[str, ...]
    sexes: NDArray[np.str_]
    reference_months: NDArray[np.float64]
    predicted_months: NDArray[np.float64]
    interval_90_months: NDArray[np.float64] | None = None
    class_masses: NDArray[np.float64] | None = None
    groups: tuple[str, ...] | None = None
    reported_months: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        n = len(self.ids)
        interval = np.full((n, 2), np.nan) if self.interval_90_months is None else self.interval_90_months
        values: dict[str, Any] = {
            "ids": tuple(str(i) for i in self.ids),
            "sexes": np.array(self.sexes, dtype=np.str_),
            "reference_months": _rounded(self.reference_months, _MONTH_DECIMALS),
            "predicted_months": _rounded(self.predicted_months, _MONTH_DECIMALS),
            "interval_90_months": _rounded(interval, _MONTH_DECIMALS),
            "class_masses": None if self.class_masses is None else _rounded(self.class_masses, _MASS_DECIMALS),
            "reported_months": None
            if self.reported_months is None
            else _rounded(self.reported_months, _MONTH_DECIMALS),
            "groups": None if self.groups is None else tuple(str(g) for g in self.groups),
        }
        for name, value in values.items():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
            object.__setattr__(self, name, value)
        self._check_shapes(n)
        fault = _first_fault(values)
        if fault is not None:
            raise InvalidArgument(f"prediction {fault[0]} (id {self.ids[fault[0]]!r}): {fault[1]}")

    def _check_shapes(self, n: int) -> None:
        wanted: dict[str, tuple[int, ...]] = {"sexes": (n,), "reference_months": (n,), "predicted_months": (n,)}
        wanted |= {"reported_months": (n,), "interval_90_months": (n, 2), "class_masses": (n, len(CLASS_NAMES))}
        for name, shape in wanted.items():
            value = getattr(self, name)
            if value is not None and value.shape != shape:
                raise InvalidArgument(f"{name} of {n} predictions is {shape}, not {value.shape}")
        if self.groups is not None and len(self.groups) != n:
            raise InvalidArgument(f"{n} predictions need {n} groups, not {len(self.groups)}")
        if n == 0:
            raise InvalidArgument("there are no predictions")

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def from_distributions(
        cls,
        ids: Sequence[str],
        sexes: Sequence[str],
        reference_months: ArrayLike,
        distributions: ArrayLike,
        groups: Sequence[str] | None = None,
    ) -> Predictions:
        """From (N, 240) distributions over months: the mean, the central 90 % interval, the class masses and the age as
        reported of each.

        Raises InvalidArgument for anything that is no distribution.
        """
        found = np.asarray(distributions, np.float64)
        if found.shape != (len(ids), len(MONTHS)):
            raise InvalidArgument(f"distributions of {len(ids)} radiographs are ({len(ids)}, 240), not {found.shape}")
        bad = np.flatnonzero(~((found >= 0).all(axis=1) & (np.abs(found.sum(axis=1) - 1) < 1e-3)))
        if len(bad):
            raise InvalidArgument(
                f"what is given for id {ids[bad[0]]!r} is no distribution: it must be >= 0, with sum 1"
            )
        for sex in sexes:
            if sex not in SEXES:
                raise InvalidArgument(f"sex {str(sex)!r} is neither F nor M")
        known = cast("list[Sex]", [str(sex) for sex in sexes])
        return cls(
            ids=tuple(ids),
            sexes=np.array(sexes, dtype=np.str_),
            reference_months=np.asarray(reference_months, np.float64),
            predicted_months=expected_months(found),
            interval_90_months=interval_months(found, 0.9),
            class_masses=class_masses(found, known),
            reported_months=reported_months(found, known).astype(np.float64),
            groups=None if groups is None else tuple(groups),
        )

    @property
    def errors_months(self) -> NDArray[np.float64]:
        """(N,) predicted minus reference."""
        return self.predicted_months - self.reference_months

    @property
    def reference_classes(self) -> NDArray[np.int64]:
        """(N,) the class 0..4 of the reference."""
        return age_class(self.reference_months)

    @property
    def predicted_classes(self) -> NDArray[np.int64]:
        """(N,) the most probable class; the class of the predicted age where the model gives no probabilities."""
        if self.class_masses is None:
            return age_class(self.predicted_months)
        return np.argmax(self.class_masses, axis=1).astype(np.int64)

    @property
    def class_origin(self) -> ClassOrigin:
        """Where ``predicted_classes`` come from."""
        return "predicted age" if self.class_masses is None else "most probable class"

    def subset(self, rows: ArrayLike) -> Predictions:
        """The predictions at these indices, or where this (N,) mask holds. Raises InvalidArgument if none."""
        index = np.arange(len(self))[np.asarray(rows)]
        return Predictions(
            ids=tuple(self.ids[i] for i in index),
            sexes=self.sexes[index],
            reference_months=self.reference_months[index],
            predicted_months=self.predicted_months[index],
            interval_90_months=self.intervals[index],
            class_masses=None if self.class_masses is None else self.class_masses[index],
            groups=None if self.groups is None else tuple(self.groups[i] for i in index),
            reported_months=None if self.reported_months is None else self.reported_months[index],
        )

    def with_intervals(self, intervals: NDArray[np.float64]) -> Predictions:
        """The same with other 90 % intervals, (N, 2) months."""
        return replace(self, interval_90_months=intervals)

    @property
    def intervals(self) -> NDArray[np.float64]:
        """(N, 2) the 90 % intervals, NaN where there is none; never None once constructed."""
        return cast("NDArray[np.float64]", self.interval_90_months)


def _rounded(values: ArrayLike, decimals: int) -> NDArray[np.float64]:
    try:
        numbers: NDArray[np.float64] = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidArgument("ages, intervals and class probabilities are arrays of numbers") from None
    return np.asarray(numbers.round(decimals), np.float64) + 0.0  # turns -0.0 into 0.0


def _first_fault(values: Mapping[str, Any]) -> tuple[int, str] | None:
    """The first prediction with something wrong, and what; None when all is well."""
    faults = [*_id_faults(values), *_age_faults(values), *_extra_faults(values)]
    return min(faults, default=None, key=lambda fault: fault[0])


def _id_faults(values: Mapping[str, Any]) -> list[tuple[int, str]]:
    ids, groups = values["ids"], values["groups"]
    keys = list(zip(ids, groups, strict=True)) if groups is not None else list(ids)
    faults: list[tuple[int, str]] = []
    first: dict[Any, int] = {}
    for i, key in enumerate(keys):
        for text in (ids[i],) if groups is None else (ids[i], groups[i]):
            if text != text.strip() or not text.isprintable():
                faults.append((i, f"{text!r} has spaces around it or characters that cannot be printed"))
        if not ids[i]:
            faults.append((i, "the id is empty"))
        if first.setdefault(key, i) != i:
            where = f" in group {groups[i]!r}" if groups is not None and groups[i] else ""
            faults.append((i, f"id {ids[i]!r} stands there a second time{where}"))
    return faults


def _age_faults(values: Mapping[str, Any]) -> list[tuple[int, str]]:
    sexes, reference, predicted = values["sexes"], values["reference_months"], values["predicted_months"]
    low, high = PREDICTED_RANGE_MONTHS
    return [
        *_where(~np.isin(sexes, ("F", "M")), lambda i: f"sex {str(sexes[i])!r} is neither F nor M"),
        *_where(
            ~((reference >= 0) & (reference <= OLDEST_MONTHS)),
            lambda i: f"reference_months {reference[i]:g} is no bone age (0 to {OLDEST_MONTHS:g} months)",
        ),
        *_where(
            ~((predicted >= low) & (predicted <= high)),
            lambda i: f"predicted_months {predicted[i]:g} is not within {low:g} to {high:g} months",
        ),
    ]


def _extra_faults(values: Mapping[str, Any]) -> list[tuple[int, str]]:
    interval, masses, reported = values["interval_90_months"], values["class_masses"], values["reported_months"]
    absent = np.isnan(interval).all(axis=1)
    proper = np.isfinite(interval).all(axis=1) & (interval[:, 0] <= interval[:, 1])
    faults = _where(
        ~(absent | proper),
        lambda i: f"the 90 % interval {interval[i, 0]:g} to {interval[i, 1]:g} months is none (both ends, low first)",
    )
    if masses is not None:
        good = ((masses >= 0) & (masses <= 1)).all(axis=1) & (np.abs(masses.sum(axis=1) - 1) <= MASS_TOLERANCE)
        faults += _where(~good, lambda i: f"the class probabilities {masses[i].tolist()} are not 0 to 1 with sum 1")
    if reported is not None:
        low, high = PREDICTED_RANGE_MONTHS
        faults += _where(
            ~((reported >= low) & (reported <= high)),
            lambda i: f"reported_months {reported[i]:g} is not within {low:g} to {high:g} months",
        )
    return faults


def _where(mask: NDArray[np.bool_], message: Any) -> list[tuple[int, str]]:
    index = np.flatnonzero(mask)
    return [(int(index[0]), message(index[0]))] if len(index) else []


# --------------------------------------------------------------------------- as CSV


def write_predictions(predictions: Predictions, path: str | Path) -> None:
    """One line per radiograph; the file appears whole or not at all."""
    header = [*_REQUIRED, *_INTERVAL]
    columns: list[list[str]] = [list(predictions.ids), predictions.sexes.tolist()]
    ages = [predictions.reference_months, predictions.predicted_months, *predictions.intervals.T]
    columns += [["" if np.isnan(v) else f"{v:.{_MONTH_DECIMALS}f}" for v in values] for values in ages]
    if predictions.reported_months is not None:
        header.append(_REPORTED)
        columns.append([f"{v:g}" for v in predictions.reported_months])
    if predictions.class_masses is not None:
        header += _MASSES
        columns += [[f"{v:.{_MASS_DECIMALS}f}" for v in values] for values in predictions.class_masses.T]
    if predictions.groups is not None:
        header.append("group")
        columns.append(list(predictions.groups))
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as handle:
        table = csv.writer(handle, lineterminator="\n")
        table.writerow(header)
        table.writerows(zip(*columns, strict=True))


def read_predictions(path: str | Path) -> Predictions:
    """The predictions in a CSV that carpal or someone else wrote; further columns are passed over.

    Needed are id, sex, reference_months and predicted_months. Raises DatasetError, with the line where there is one.
    """
    path = Path(path)
    header, rows, lines = _read_cells(path)
    _check_header(header, path)
    if not rows:
        raise DatasetError(f"{path} holds no predictions, only a header")
    table = _Table(path, header, rows, lines)
    values: dict[str, Any] = {
        "ids": tuple(table.texts("id")),
        "sexes": np.array([_SEXES.get(text.lower(), text) for text in table.texts("sex")], dtype=np.str_),
        "reference_months": table.numbers("reference_months"),
        "predicted_months": table.numbers("predicted_months"),
        "interval_90_months": np.full((len(rows), 2), np.nan),
        "class_masses": None,
        "reported_months": table.numbers(_REPORTED) if _REPORTED in header else None,
        "groups": tuple(table.texts("group")) if "group" in header else None,
    }
    if _INTERVAL[0] in header:
        values["interval_90_months"] = np.stack([table.numbers(name, may_be_empty=True) for name in _INTERVAL], axis=1)
    if _MASSES[0] in header:
        values["class_masses"] = np.stack([table.numbers(name) for name in _MASSES], axis=1)
    fault = _first_fault(values)
    if fault is not None:
        raise DatasetError(f"{path} line {lines[fault[0]]}: {fault[1]}")
    return Predictions(**values)


def read_further_columns(path: str | Path) -> dict[str, list[str]]:
    """What a table of predictions says beyond them, such as site or device: texts by column. Raises DatasetError."""
    path = Path(path)
    header, rows, lines = _read_cells(path)
    table = _Table(path, header, rows, lines)
    known = {*_REQUIRED, _REPORTED, *_INTERVAL, *_MASSES}
    return {name: table.texts(name) for name in header if name and name not in known and header.count(name) == 1}


def read_facts(path: str | Path, ids: Sequence[str]) -> dict[str, list[str]]:
    """What another table says of the radiographs ``ids``, by its column id: texts by column, in their order. Raises
    DatasetError where it has no such column, an id twice, or not all of them."""
    path = Path(path)
    header, rows, lines = _read_cells(path)
    if header.count("id") != 1:
        raise DatasetError(f"{path} needs one column id, as the predictions have; it has {', '.join(header)}")
    table = _Table(path, header, rows, lines)
    place: dict[str, int] = {}
    for row, name in enumerate(table.texts("id")):
        if place.setdefault(name, row) != row:
            raise DatasetError(f"{path} line {lines[row]}: the id {name!r} is there twice")
    missing = [name for name in ids if name not in place]
    if missing:
        raise DatasetError(f"{path} does not have {len(missing)} of {len(ids)} predictions, such as id {missing[0]!r}")
    wanted = [name for name in header if name and name not in _REQUIRED and header.count(name) == 1]
    columns = {name: table.texts(name) for name in wanted}
    return {name: [texts[place[i]] for i in ids] for name, texts in columns.items()}


def _read_cells(path: Path) -> tuple[list[str], list[list[str]], list[int]]:
    """Header, rows and the line each row ends on."""
    rows: list[list[str]] = []
    lines: list[int] = []
    end = 0
    try:
        with path.open(newline="", encoding="utf-8-sig") as handle:
            reader = csv.reader(handle, strict=True)  # or a quotation mark left open would take rows for text
            header = [name.strip() for name in next(reader, [])]
            end = reader.line_num
            for cells in reader:
                end = reader.line_num
                if any(cell.strip() for cell in cells):
                    rows.append([cell.strip() for cell in cells])
                    lines.append(end)
    except OSError as error:
        raise DatasetError(f"{path}: {(error.strerror or 'it cannot be read').lower()}") from None
    except UnicodeDecodeError:
        raise DatasetError(f"{path} is no CSV table in UTF-8") from None
    except csv.Error as error:
        where = f"{path}, line {end + 1}"  # where the row begins
        raise DatasetError(f"{where}: not a readable CSV table ({error}): is a quotation mark left open?") from None
    if not header:
        raise DatasetError(f"{path} is empty; a table of predictions has the columns {', '.join(_REQUIRED)}")
    return header, rows, lines


def _check_header(header: list[str], path: Path) -> None:
    wanted = list(_REQUIRED)
    for family in (_INTERVAL, _MASSES):  # all of a family or none of it
        wanted += family if set(family) & set(header) else ()
    missing = [name for name in wanted if name not in header]
    if missing:
        raise DatasetError(f"{path} has no column {', '.join(missing)}; it has {', '.join(header)}")
    twice = [name for name in (*wanted, _REPORTED, "group") if header.count(name) > 1]
    if twice:
        raise DatasetError(f"{path} has the column {twice[0]} more than once")


@dataclass(frozen=True)
class _Table:
    path: Path
    header: list[str]
    rows: list[list[str]]
    lines: list[int]

    def texts(self, column: str) -> list[str]:
        position = self.header.index(column)
        for row, line in zip(self.rows, self.lines, strict=True):
            if len(row) != len(self.header):
                raise DatasetError(
                    f"{self.path} line {line}: {len(row)} cells, where the header has {len(self.header)}"
                )
        return [row[position] for row in self.rows]

    def numbers(self, column: str, *, may_be_empty: bool = False) -> NDArray[np.float64]:
        values = []
        for text, line in zip(self.texts(column), self.lines, strict=True):
            try:
                values.append(np.nan if may_be_empty and not text else number_in(text))
            except ValueError:
                what = f"{text!r} is no number" if text else "it is empty"
                raise DatasetError(f"{self.path} line {line}: {column}: {what}") from None
        return np.array(values, np.float64)
