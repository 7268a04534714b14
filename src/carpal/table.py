"""A table of radiographs to read: columns ``path`` and ``sex``, and any further ones, which are handed through."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from carpal.errors import InvalidArgument

__all__ = ["TableRow", "csv_rows", "row_parser"]


@dataclass(frozen=True)
class TableRow:
    """``place`` is the path as written, ``sex`` None where the cell is empty, ``extra`` the further columns by their
    names in lower case."""

    place: str
    sex: str | None
    extra: dict[str, str] = field(default_factory=dict)


def row_parser(header: Sequence[str], table: object) -> Callable[[Mapping[str, Any]], TableRow]:
    """What makes a TableRow of a row of the table with that header. Raises InvalidArgument, naming ``table``, where
    columns are missing, or two have one name: which of two sexes is meant is not guessed."""
    given = [name.strip().lower() for name in header]
    names = dict(zip(given, header, strict=True))
    if not {"path", "sex"} <= set(names):
        raise InvalidArgument(f"{table}: the table needs columns path and sex, separated by commas")
    twice = sorted({name for name in given if name and given.count(name) > 1})
    if twice:
        raise InvalidArgument(f"{table}: two columns are called {twice[0]}: keep one of them")
    further = {key: name for key, name in names.items() if key not in {"path", "sex"}}

    def parse(row: Mapping[str, Any]) -> TableRow:
        extra = {key: _text(row[name]) for key, name in further.items()}
        return TableRow(_text(row[names["path"]]).strip(), _text(row[names["sex"]]).strip() or None, extra)

    return parse


def _text(cell: object) -> str:
    return "" if cell is None else str(cell)


def csv_rows(lines: Iterable[str], table: object) -> Iterator[TableRow]:
    """The rows of a CSV text, one after the other. Raises InvalidArgument, naming ``table``."""
    rows = csv.DictReader(lines, strict=True)  # or a quotation mark left open would take the rows below it for text
    try:
        parse = row_parser(rows.fieldnames or (), table)
        for number, row in enumerate(rows, start=1):
            if any(cell.strip() for cell in row.get(None, ())):  # an empty one is a comma too many at the end
                raise InvalidArgument(f"{table}: row {number} has more cells than the header: put quotes around commas")
            yield parse(row)
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"{table}: not a readable CSV table: save it as CSV in UTF-8") from error
    except csv.Error as error:
        where = f"{table}, line {rows.line_num + 1}"  # where the row begins
        raise InvalidArgument(f"{where}: not a readable CSV table ({error}): is a quotation mark left open?") from error
    except OSError as error:
        raise InvalidArgument(f"{table}: not a readable CSV table") from error
