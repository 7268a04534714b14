"""CSV and XLSX tables that name a radiograph, an age and a sex in each row; values stay text."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from carpal.errors import DatasetError

__all__ = ["Columns", "Table", "read_table"]

_ID_COLUMNS = ("id", "image id", "case id")
_PATH_COLUMNS = ("path", "file", "filename", "image")
_AGE_COLUMNS = ("boneage", "bone_age_months", "bone age (months)", "ground truth bone age (months)", "age_months",
                "bone_age", "bone age", "age")  # fmt: skip
_SEX_COLUMNS = ("sex", "male", "gender")


@dataclass(frozen=True)
class Columns:
    """The lower-case names of a table's columns; an id or a path, or both."""

    id: str | None
    path: str | None
    age: str
    sex: str


@dataclass(frozen=True, eq=False)
class Table:
    """A table found on disk: its path, which columns it has, and its header as written, in lower case."""

    path: Path
    columns: Columns
    header: list[str]  # lower case
    lines: list[list[str]]  # without the header


def read_table(path: Path) -> Table | None:
    """The table in a file, None where it has not the columns of a data set. Raises DatasetError."""
    lines = _xlsx_lines(path) if path.suffix.lower() == ".xlsx" else _csv_lines(path)
    header = [name.strip().lower() for name in lines[0]] if lines else []
    found = [
        next((name for name in wanted if name in header), None)
        for wanted in (_ID_COLUMNS, _PATH_COLUMNS, _AGE_COLUMNS, _SEX_COLUMNS)
    ]
    id_column, path_column, age, sex = found
    if (id_column is None and path_column is None) or age is None or sex is None:
        return None
    for name in (id_column, path_column, age, sex):
        if name is not None and header.count(name) > 1:
            raise DatasetError(f"{path}: two columns are called {name}: keep one of them")
    for wanted in (_AGE_COLUMNS[:-1], _SEX_COLUMNS):  # "age" beside a bone age is the child's
        if len(both := [name for name in wanted if name in header]) > 1:
            raise DatasetError(f"{path}: which of the columns {' and '.join(both)} counts is not guessed: keep one")
    return Table(path, Columns(id_column, path_column, age, sex), header, lines[1:])


def _csv_lines(path: Path) -> list[list[str]]:
    lines, end = [], 0
    try:
        text = path.read_text(encoding="utf-8-sig")
        first = text.partition("\n")[0]
        delimiter = max(",;\t", key=first.count)  # spreadsheets of half of Europe write semicolons
        # Strict, or a quotation mark left open would take the rows below it for text.
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        for cells in reader:
            lines.append(cells)
            end = reader.line_num
        return lines
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: the table is not UTF-8 text; save it as 'CSV UTF-8'") from error
    except csv.Error as error:
        where = f"{path}, line {end + 1}"  # where the row begins
        raise DatasetError(f"{where}: not a readable CSV table ({error}): is a quotation mark left open?") from error
    except OSError as error:
        raise DatasetError(f"{path}: not a readable CSV table ({error})") from error


def _xlsx_lines(path: Path) -> list[list[str]]:
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise DatasetError(f"{path}: reading XLSX needs openpyxl: pip install 'carpal[train]'") from error
    try:
        book = load_workbook(path, read_only=True, data_only=True)
        try:
            rows = book.worksheets[0].iter_rows(values_only=True)
            return [["" if cell is None else str(cell) for cell in row] for row in rows]
        finally:
            book.close()
    except Exception as error:
        raise DatasetError(f"{path}: not a readable XLSX table") from error
