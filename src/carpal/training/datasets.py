"""Data sets of radiographs with bone age and sex: what is there, what is wrong with it.

Known layouts: the RSNA 2017 challenge's training, validation and test sets as downloaded, a folder with ``labels.csv``
beside ``highres/`` and ``lowres/``, and any CSV with columns for path, age in months and sex.

Kinds of problems, none of which stops the reading:
``no-id``, ``no-sex``, ``impossible-age``  a row that cannot be used
``no-image``, ``no-row``                   a row without image, an image without row
``duplicate-row``                          a second row for one image; the first one counts
``duplicate-file``                         a second file of one name; the first one counts
``duplicate-image``                        the same content under two ids (``check_content``)
``ages-in-years``                          all ages are so low that they are hardly months
``unreadable``                             a file that cannot be opened (``check_content``)
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol, cast

import cv2
import numpy as np

from carpal.errors import DatasetError
from carpal.files import RADIOGRAPH_SUFFIXES
from carpal.plain import number_in
from carpal.radiograph import Radiograph, Sex, read_radiograph
from carpal.training.tables import Columns, Table, read_table

__all__ = ["Dataset", "Problem", "Sample", "load_radiograph", "parse_sex", "read_dataset"]

TABLE_SUFFIXES = frozenset({".csv", ".xlsx"})
OLDEST_MONTHS = 240.0
_OLDEST_YEARS = 20.0

# The thumbnails in ``lowres/`` were squeezed to squares. Their own shape is lost; the median height over width of the
# 986 radiographs whose shape is known (``highres/``) is 1.26.
SQUEEZED_ASPECT = 1.26


@dataclass(frozen=True)
class Sample:
    """One radiograph of a data set.

    ``group`` names the folder it lies in, ``aspect`` is height over width before it was squeezed.
    """

    id: str
    path: Path
    age_months: float
    sex: Sex
    group: str = ""
    aspect: float | None = None


@dataclass(frozen=True)
class Problem:
    """Something wrong with a data set: ``kind`` is a short slug, ``where`` the row or file."""

    kind: str
    where: str
    message: str


@dataclass(frozen=True)
class Dataset:
    """The usable radiographs of a data set, and the list of the unusable."""

    root: Path
    samples: tuple[Sample, ...]
    problems: tuple[Problem, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def ids(self) -> list[str]:
        """The distinct ids, in order of appearance."""
        return list(dict.fromkeys(sample.id for sample in self.samples))

    def only(self, ids: Iterable[str], groups: Iterable[str] = ()) -> Dataset:
        """The samples with one of these ids (and in one of these groups, where any is named)."""
        wanted, folders = set(ids), set(groups)
        kept = tuple(s for s in self.samples if s.id in wanted and (not folders or s.group in folders))
        return replace(self, samples=kept)

    def digest(self) -> str:
        """SHA-256 over ids, groups, ages, sexes and file sizes: changes when the data does."""
        lines = (f"{s.id},{s.group},{s.age_months:g},{s.sex},{s.path.stat().st_size}" for s in self.samples)
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def parse_sex(text: str, column: str = "sex") -> Sex | None:
    """F or M from the ways a table writes it; a column called ``male`` holds True/False. None where it says neither."""
    word = text.strip().lower()
    if column == "male":  # 1.0 and 0.0 are what pandas makes of True and False where a cell is empty
        word = {"true": "m", "1": "m", "1.0": "m", "false": "f", "0": "f", "0.0": "f"}.get(word, word)
        return cast("Sex | None", {"m": "M", "f": "F"}.get(word))
    return cast("Sex | None", {"m": "M", "male": "M", "boy": "M", "f": "F", "female": "F", "girl": "F"}.get(word))


def load_radiograph(sample: Sample) -> Radiograph:
    """The sample's radiograph, a squeezed thumbnail given a plausible shape again. Raises UnreadableRadiograph."""
    radiograph = read_radiograph(sample.path)
    height, width = radiograph.pixels.shape
    if sample.aspect is None or height != width:  # what is no square was never squeezed to one
        return radiograph
    shape = (width, max(1, round(width * sample.aspect)))
    pixels = cv2.resize(radiograph.pixels, shape, interpolation=cv2.INTER_CUBIC)
    return replace(radiograph, pixels=np.clip(pixels, 0, 1, dtype=np.float32))  # bicubic overshoots


def read_dataset(root: str | Path, *, groups: Iterable[str] = (), check_content: bool = False) -> Dataset:
    """The data set at ``root``, a folder of a known layout or a CSV or XLSX table.

    ``groups`` keeps only these folders (``highres``, ``lowres``); ``check_content`` also reads every file to find
    copies of the same picture under several ids. Raises DatasetError where there is nothing to use.
    """
    root = Path(root)
    table = _find_table(root)
    rows, problems = _read_rows(table)
    folders = _image_folders(table.path.parent, by_path=table.columns.path is not None)
    wanted = set(groups)
    if unknown := sorted(wanted - set(folders)):
        there = ", ".join(name for name in folders if name) or "none"
        raise DatasetError(f"{root}: there is no group {', '.join(unknown)}; groups here: {there}")
    samples, used, twice = _join(rows, {name: f for name, f in folders.items() if not wanted or name in wanted})
    problems += twice
    if not wanted:  # a group may well be a part of the table's radiographs
        found = {sample.where for sample in samples} | {problem.where for problem in twice}
        problems += [Problem("no-image", r.where, f"no image for {r.key!r}") for r in rows if r.where not in found]
    for name, images in folders.items():
        if not wanted or name in wanted:
            problems += _problems_of(images, name, used)
    if not samples:
        first = f"; the first problem is: {problems[0].message} ({problems[0].where})" if problems else ""
        raise DatasetError(
            f"{root}: the table {table.path.name} and the images beside it have no usable radiograph in common{first}"
        )
    usable = tuple(found.sample for found in samples)
    if check_content:
        problems += _find_copies(usable)
    return Dataset(root, usable, tuple(problems))


@dataclass(frozen=True)
class _Row:
    key: str  # what the image is found by
    id: str
    age_months: float
    sex: Sex
    where: str


@dataclass(frozen=True)
class _Found:
    sample: Sample
    where: str  # the row it comes from


class _Images(Protocol):
    """The images of one folder, or of one table."""

    def find(self, key: str) -> Path | None: ...

    def files(self) -> Iterable[Path]: ...

    def clashes(self) -> Iterable[tuple[Path, Path]]: ...


def _join(rows: list[_Row], folders: dict[str, _Images]) -> tuple[list[_Found], set[Path], list[Problem]]:
    samples, problems = [], []
    used: dict[Path, _Row] = {}
    for row in rows:
        for name, images in folders.items():
            path = images.find(row.key)
            if path is None:
                continue
            if (first := used.setdefault(path, row)) is not row:  # named by its path here, by its bare name there
                problems.append(_duplicate(row, first))
                continue
            aspect = SQUEEZED_ASPECT if name == "lowres" else None
            samples.append(_Found(Sample(row.id, path, row.age_months, row.sex, name, aspect), row.where))
    return samples, set(used), problems


def _problems_of(images: _Images, group: str, used: set[Path]) -> list[Problem]:
    problems = [
        Problem("no-row", path.name, f"{group or 'image'} {path.name} has no row in the table")
        for path in sorted(set(images.files()) - used)
    ]
    for other, kept in images.clashes():
        message = f"{other.parent.name}/{other.name} is left out: {kept.parent.name}/{kept.name} has the same name"
        problems.append(Problem("duplicate-file", other.name, message))
    return problems


# --------------------------------------------------------------------------- images


class _StemIndex:
    """Finds images by their file name without its ending, in the given folders; in a clash the first folder wins."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._paths: dict[str, Path] = {}
        self._clashes: list[tuple[Path, Path]] = []
        for folder in folders:
            for path in folder.iterdir():
                if path.suffix.lower() in RADIOGRAPH_SUFFIXES and not path.name.startswith("."):
                    self._add(path)

    def _add(self, path: Path) -> None:
        other = self._paths.setdefault(path.stem, path)
        if other is path:
            return
        if other.parent == path.parent and path.name < other.name:  # a folder has no order of its own
            self._paths[path.stem], other, path = path, path, other
        self._clashes.append((path, other))

    def find(self, key: str) -> Path | None:
        return self._paths.get(key)

    def files(self) -> Iterable[Path]:
        return self._paths.values()

    def clashes(self) -> Iterable[tuple[Path, Path]]:
        return sorted(self._clashes)


class _PathIndex:
    """Finds images by the path that the table gives, relative to it; by a bare name also in the folders beside it."""

    def __init__(self, base: Path) -> None:
        self._base = base

    @cached_property
    def _elsewhere(self) -> _StemIndex:
        return _StemIndex(_folders_below(self._base))

    def find(self, key: str) -> Path | None:
        for candidate in (self._base / key, *(self._base / f"{key}{suffix}" for suffix in sorted(RADIOGRAPH_SUFFIXES))):
            try:
                if candidate.is_file():
                    return candidate
            except OSError:  # a cell too long to be a name
                return None
        if "/" in key:
            return None
        found = self._elsewhere.find(_without_suffix(key))
        return found if found and key in (found.name, found.stem) else None

    def files(self) -> Iterable[Path]:
        return ()  # such a table may name a few images out of many

    def clashes(self) -> Iterable[tuple[Path, Path]]:
        return ()


def _image_folders(base: Path, *, by_path: bool) -> dict[str, _Images]:
    if by_path:
        return {"": _PathIndex(base)}
    known = {name: base / name for name in ("highres", "lowres") if (base / name).is_dir()}
    if known:
        return {name: _StemIndex([folder]) for name, folder in known.items()}
    # The validation set comes as two folders, the training set sometimes as a folder within a folder of the same name.
    return {"": _StemIndex([base, *_folders_below(base)])}


def _folders_below(base: Path) -> list[Path]:
    hidden = (".", "__")  # __MACOSX and the like
    return sorted(
        p for p in base.rglob("*") if p.is_dir() and not any(n.startswith(hidden) for n in p.relative_to(base).parts)
    )


def _without_suffix(name: str) -> str:
    """The name without the ending of an image file; a DICOM UID keeps all its numbers."""
    return name[: -len(Path(name).suffix)] if Path(name).suffix.lower() in RADIOGRAPH_SUFFIXES else name


# --------------------------------------------------------------------------- tables


def _find_table(root: Path) -> Table:
    if root.is_file():
        table = read_table(root)
        if table is None:
            raise DatasetError(f"{root}: a table needs columns for id or path, age in months, and sex")
        return table
    if not root.is_dir():
        raise DatasetError(f"{root}: no such folder or table")
    tables, refusals = [], []
    for path in sorted(root.iterdir()):
        if path.suffix.lower() in TABLE_SUFFIXES and not path.name.startswith((".", "~$")):
            try:
                tables.append(read_table(path))
            except DatasetError as error:  # not every table in a folder need be the one with the ages
                refusals.append(error)
    usable = [table for table in tables if table]
    if not usable and refusals:
        raise refusals[0]
    if not usable:
        raise DatasetError(f"{root}: no CSV or XLSX table with columns for id or path, age and sex")
    if len(usable) > 1:
        names = ", ".join(table.path.name for table in usable)
        raise DatasetError(f"{root}: several tables ({names}); give the folder of one set, or the table itself")
    return usable[0]


# --------------------------------------------------------------------------- rows


def _read_rows(table: Table) -> tuple[list[_Row], list[Problem]]:
    rows: dict[str, _Row] = {}
    problems: list[Problem] = []
    for number, cells in enumerate(table.lines, start=2):
        if not any(cell.strip() for cell in cells):
            continue
        where = f"{table.path.name} line {number}"
        if any(cell.strip() for cell in cells[len(table.header) :]):
            raise DatasetError(f"{where}: more cells than the header: put quotes around commas")
        row = _read_row(dict(zip(table.header, cells, strict=False)), table.columns, where)
        if isinstance(row, Problem):
            problems.append(row)
        elif row.key in rows:
            problems.append(_duplicate(row, rows[row.key]))
        else:
            rows[row.key] = row
    if years := _years(rows.values(), table):
        problems.append(years)
    kept = list(rows.values())
    return (kept if table.columns.id else _tell_apart(kept)), problems


def _read_row(cells: dict[str, str], columns: Columns, where: str) -> _Row | Problem:
    name, path = (cells.get(column, "").strip() if column else "" for column in (columns.id, columns.path))
    if (columns.path and not path) or (columns.id and not name):
        return Problem("no-id", where, "the row names no image")
    age_text, sex_text = cells.get(columns.age, "").strip(), cells.get(columns.sex, "").strip()
    try:
        age = number_in(re.sub(r"^(\d+),(\d{1,2})$", r"\1.\2", age_text))
    except ValueError:
        return Problem("impossible-age", where, f"{age_text!r} is no age in months")
    if not 0 <= age <= OLDEST_MONTHS:
        return Problem("impossible-age", where, f"a bone age of {age:g} months is impossible")
    sex = parse_sex(sex_text, columns.sex)
    if sex is None:
        return Problem("no-sex", where, f"{sex_text!r} in column {columns.sex!r} is no sex")
    name = _without_suffix(re.sub(r"^(\d+)\.0$", r"\1", name))  # 1377.0 is what pandas and Excel make of 1377
    path = Path(path.replace("\\", "/")).as_posix() if path else ""
    return _Row(path or name, name or _without_suffix(Path(path).name), age, sex, where)


def _duplicate(row: _Row, first: _Row) -> Problem:
    same = (row.age_months, row.sex) == (first.age_months, first.sex)
    differs = "" if same else f", first as {first.age_months:g} months {first.sex}, here {row.age_months:g} {row.sex}"
    return Problem("duplicate-row", row.where, f"{row.key!r} stands in the table more than once{differs}")


def _years(rows: Iterable[_Row], table: Table) -> Problem | None:
    ages = [row.age_months for row in rows]
    if len(ages) < 5 or max(ages) > _OLDEST_YEARS or "month" in table.columns.age:
        return None
    message = (
        f"no age in column {table.columns.age!r} is above {max(ages):g}, and they count as months: are they years?"
    )
    return Problem("ages-in-years", table.path.name, message)


def _tell_apart(rows: list[_Row]) -> list[_Row]:
    """Files of one name in several folders are one radiograph, unless the table gives them another age or sex."""
    facts: dict[str, set[tuple[float, Sex]]] = defaultdict(set)
    for row in rows:
        facts[row.id].add((row.age_months, row.sex))
    return [row if len(facts[row.id]) == 1 else replace(row, id=_without_suffix(row.key)) for row in rows]


def _find_copies(samples: Iterable[Sample]) -> list[Problem]:
    first: dict[tuple[str, str], Sample] = {}
    problems = []
    for sample in samples:
        try:
            content = hashlib.sha256(sample.path.read_bytes()).hexdigest()
        except OSError as error:
            problems.append(Problem("unreadable", sample.path.name, error.strerror or "cannot be opened"))
            continue
        other = first.setdefault((sample.group, content), sample)
        if other.id != sample.id:
            same = (sample.age_months, sample.sex) == (other.age_months, other.sex)
            message = f"the same picture as {other.path.name}{'' if same else ', with another age or sex'}"
            problems.append(Problem("duplicate-image", sample.path.name, message))
    return problems
