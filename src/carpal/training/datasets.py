"""Data sets of radiographs with bone age and sex: what is there, what is wrong with it.

Known layouts: the RSNA 2017 challenge's training, validation and test sets as downloaded, a folder with ``labels.csv``
beside ``highres/`` and ``lowres/``, and any CSV with columns for path, age in months and sex.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import cv2

from carpal.errors import DatasetError
from carpal.radiograph import Radiograph, Sex, read_radiograph

__all__ = ["Dataset", "Problem", "Sample", "load_radiograph", "parse_sex", "read_dataset"]

IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".dcm", ".dicom"}
OLDEST_MONTHS = 240.0

# The thumbnails in ``lowres/`` were squeezed to squares. Their own shape is lost; the median height over width of the
# 986 radiographs whose shape is known (``highres/``) is 1.26.
SQUEEZED_ASPECT = 1.26

_ID_COLUMNS = ("id", "image id", "case id", "path", "file", "filename", "image")
_AGE_COLUMNS = ("boneage", "bone_age_months", "bone age (months)", "ground truth bone age (months)", "age_months",
                "bone_age", "bone age", "age")  # fmt: skip
_SEX_COLUMNS = ("sex", "male", "gender")


@dataclass(frozen=True)
class Sample:
    """One radiograph of a data set. ``group`` names the folder it lies in, ``aspect`` is height over width before squeezing."""

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
    if column == "male":
        return cast("Sex | None", {"true": "M", "1": "M", "m": "M", "false": "F", "0": "F", "f": "F"}.get(word))
    return cast("Sex | None", {"m": "M", "male": "M", "boy": "M", "f": "F", "female": "F", "girl": "F"}.get(word))


def load_radiograph(sample: Sample) -> Radiograph:
    """The sample's radiograph, a squeezed thumbnail given a plausible shape again. Raises UnreadableRadiograph."""
    radiograph = read_radiograph(sample.path)
    if sample.aspect is None:
        return radiograph
    width = radiograph.pixels.shape[1]
    shape = (width, max(1, round(width * sample.aspect)))
    return replace(radiograph, pixels=cv2.resize(radiograph.pixels, shape, interpolation=cv2.INTER_CUBIC))


def read_dataset(root: str | Path, *, groups: Iterable[str] = (), check_content: bool = False) -> Dataset:
    """The data set at ``root``, a folder of a known layout or a CSV table.

    ``groups`` keeps only these folders (``highres``, ``lowres``); ``check_content`` also reads every file to find
    copies of the same picture under several ids. Raises DatasetError where there is nothing to use.
    """
    root = Path(root)
    table, folders = _find_table(root)
    rows, problems = _read_rows(table)
    wanted = set(groups)
    samples: list[Sample] = []
    used: set[Path] = set()
    for row in rows:
        found = [(g, p) for g, files in folders.items() if (p := files.get(row.key)) and (not wanted or g in wanted)]
        used.update(path for _, path in found)
        if not found and not wanted:
            problems.append(Problem("no-image", row.where, f"no image for {row.key!r}"))
        samples += [
            Sample(row.id, path, row.age_months, row.sex, group, SQUEEZED_ASPECT if group == "lowres" else None)
            for group, path in found
        ]
    problems += [
        Problem("no-row", path.name, f"{group or 'image'} {path.name} has no row in the table")
        for group, files in folders.items()
        if not wanted or group in wanted
        for path in sorted(set(files.values()) - used)
    ]
    if not samples:
        raise DatasetError(
            f"{root}: the table {table.name} and the images beside it have no usable radiograph in common"
        )
    if check_content:
        problems += _find_copies(samples)
    return Dataset(root, tuple(samples), tuple(problems))


@dataclass(frozen=True)
class _Row:
    key: str  # what the image is found by
    id: str
    age_months: float
    sex: Sex
    where: str


def _find_table(root: Path) -> tuple[Path, dict[str, dict[str, Path]]]:
    """The table of a data set and its image folders: group -> (key -> path)."""
    if root.is_file():
        return root, {"": _PathIndex(root.parent)}
    if not root.is_dir():
        raise DatasetError(f"{root}: no such folder or table")
    tables = sorted(p for p in root.iterdir() if p.suffix.lower() in {".csv", ".xlsx"} and not p.name.startswith("."))
    tables = [p for p in tables if _columns(p)]
    if not tables:
        raise DatasetError(f"{root}: no CSV or XLSX table with columns for id or path, age and sex")
    if len(tables) > 1:
        names = ", ".join(p.name for p in tables)
        raise DatasetError(f"{root}: several tables ({names}); give the folder of one set, or the table itself")
    return tables[0], _image_folders(root, tables[0])


def _image_folders(root: Path, table: Path) -> dict[str, dict[str, Path]]:
    known = {name: root / name for name in ("highres", "lowres") if (root / name).is_dir()}
    if known:
        return {name: _index(folder) for name, folder in known.items()}
    if set(_columns(table) or ()) and (_columns(table) or ("",))[0] in {"path", "file", "filename", "image"}:
        return {"": _PathIndex(root)}
    merged: dict[str, Path] = {}
    # The validation set comes as two folders, the training set sometimes as a folder within a folder of the same name.
    for folder in sorted(p for p in root.rglob("*") if p.is_dir() and not p.name.startswith("__")):
        merged |= _index(folder)
    return {"": merged | _index(root)}


def _index(folder: Path) -> dict[str, Path]:
    return {p.stem: p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith(".")}


class _PathIndex(dict[str, Path]):
    """Finds images by the path that the table gives, relative to the table."""

    def __init__(self, base: Path) -> None:
        super().__init__()
        self.base = base

    def get(self, key: str, default: Any = None) -> Any:
        for candidate in (self.base / key, *(self.base / f"{key}{suffix}" for suffix in sorted(IMAGE_SUFFIXES))):
            if candidate.is_file():
                return candidate
        return default


def _columns(table: Path) -> tuple[str, str, str] | None:
    """The names of a table's id, age and sex columns, None where one is missing."""
    try:
        header = next(_table_rows(table), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        return None
    names = {name.strip().lower(): name for name in header}
    found = [next((n for n in wanted if n in names), None) for wanted in (_ID_COLUMNS, _AGE_COLUMNS, _SEX_COLUMNS)]
    return None if None in found else cast("tuple[str, str, str]", tuple(found))


def _table_rows(table: Path) -> Iterator[list[str]]:
    if table.suffix.lower() == ".xlsx":
        yield from _xlsx_rows(table)
        return
    with table.open(newline="", encoding="utf-8-sig") as handle:
        yield from csv.reader(handle)


def _xlsx_rows(table: Path) -> Iterator[list[str]]:
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise DatasetError(f"{table.name}: reading XLSX needs openpyxl: pip install 'carpal[train]'") from error
    try:
        sheet = load_workbook(table, read_only=True, data_only=True).worksheets[0]
    except Exception as error:
        raise DatasetError(f"{table.name} is not a readable XLSX table") from error
    for row in sheet.iter_rows(values_only=True):
        yield ["" if cell is None else str(cell) for cell in row]


def _read_rows(table: Path) -> tuple[list[_Row], list[Problem]]:
    columns = _columns(table)
    if columns is None:
        raise DatasetError(f"{table}: a table needs a column for id or path, one for age in months and one for sex")
    lines = _table_rows(table)
    header = [name.strip().lower() for name in next(lines)]
    positions = [header.index(name) for name in columns]
    rows: list[_Row] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    for number, cells in enumerate(lines, start=2):
        where = f"{table.name} line {number}"
        if not any(cell.strip() for cell in cells):
            continue
        row = _read_row([cells[i] if i < len(cells) else "" for i in positions], columns, where)
        if isinstance(row, _Row) and row.key in seen:
            row = Problem("duplicate-row", where, f"{row.key!r} stands in the table more than once")
        if isinstance(row, Problem):
            problems.append(row)
        else:
            seen.add(row.key)
            rows.append(row)
    return rows, problems


def _read_row(cells: list[str], columns: tuple[str, str, str], where: str) -> _Row | Problem:
    key, age_text, sex_text = (cell.strip() for cell in cells)
    if not key:
        return Problem("no-id", where, "the row names no image")
    try:
        age = float(age_text)
    except ValueError:
        return Problem("impossible-age", where, f"{age_text!r} is no age in months")
    if not 0 <= age <= OLDEST_MONTHS:
        return Problem("impossible-age", where, f"a bone age of {age:g} months is impossible")
    sex = parse_sex(sex_text, columns[2])
    if sex is None:
        return Problem("no-sex", where, f"{sex_text!r} in column {columns[2]!r} is no sex")
    if columns[0] in {"id", "image id", "case id"}:
        key = key.removesuffix(".0") if key.endswith(".0") else Path(key).stem if "." in key else key
        return _Row(key, key, age, sex, where)
    return _Row(key, Path(key).stem, age, sex, where)


def _find_copies(samples: list[Sample]) -> list[Problem]:
    first: dict[tuple[str, str], Sample] = {}
    problems = []
    for sample in samples:
        content = hashlib.sha256(sample.path.read_bytes()).hexdigest()
        other = first.setdefault((sample.group, content), sample)
        if other.id != sample.id:
            message = f"the same picture as {other.path.name}"
            problems.append(Problem("duplicate-image", sample.path.name, message))
    return problems
