"""What is to be read: a table, a folder, or a folder or table at an fsspec URL, as one sorted list of work.

The list is an Arrow table, so that a million rows take some hundred megabytes and no object each. Its order rests on
what is written in the table or below the folder, not on where that lies: the same list on every machine.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from carpal.errors import InvalidArgument, MissingDependency
from carpal.files import RADIOGRAPH_SUFFIXES, find_radiographs
from carpal.plain import check_sex
from carpal.table import TableRow, csv_rows, row_parser

__all__ = ["Item", "Work", "find_work", "is_url"]

_TABLES = (".csv", ".parquet")
_CHUNK_ROWS = 10_000


@dataclass(frozen=True)
class Item:
    """One radiograph to read. ``location`` is a path or a URL, ``extra`` the table's further columns."""

    id: str
    location: str
    sex: str | None
    extra: dict[str, str]


@dataclass(frozen=True, eq=False)
class Work:
    """``rows`` has the columns ``id``, ``place`` (a path or URL, or relative to ``base``), ``sex`` and the table's
    further ones, sorted by place and id; no id is there twice."""

    base: str
    rows: pa.Table

    def __len__(self) -> int:
        return int(self.rows.num_rows)

    @property
    def extra(self) -> tuple[str, ...]:
        """The names of the table's further columns."""
        return tuple(self.rows.column_names[3:])

    def items(self, start: int, count: int) -> list[Item]:
        """``count`` radiographs from position ``start`` on; fewer at the end."""
        rows = self.rows.slice(start, count).to_pylist()
        return [Item(row.pop("id"), _location(self.base, row.pop("place")), row.pop("sex"), row) for row in rows]

    def digest(self) -> str:
        """SHA-256 of the list: of ids, places as written, sexes and further columns."""
        sha = hashlib.sha256()
        for start in range(0, len(self), _CHUNK_ROWS):
            sha.update(json.dumps(self.rows.slice(start, _CHUNK_ROWS).to_pylist()).encode())
        return sha.hexdigest()


def is_url(text: str) -> bool:
    """Whether it names a place for fsspec: ``s3://bucket/hands``."""
    return "://" in text


def find_work(source: str, sex: str | None = None) -> Work:
    """The work in a table (.csv, .parquet; columns path, sex, id if known), a folder, or either at an fsspec URL.

    ``sex`` is that of every radiograph in a folder; a table brings its own. Raises InvalidArgument.
    """
    sex = check_sex(sex)
    if "::" in source:
        raise InvalidArgument(f"{source}: a URL of one protocol is needed, not a chain of them")
    if PurePosixPath(source).suffix.lower() in _TABLES:
        if sex is not None:
            raise InvalidArgument("the table brings each radiograph's own sex: leave --sex out")
        base = source.rsplit("/", 1)[0] if is_url(source) else str(Path(source).parent)
        return _work(base, _rows_of_table(source), source)
    places = _listed(source) if is_url(source) else _in_folder(Path(source))
    return _work(source, (TableRow(place, sex) for place in places), source)


def _location(base: str, place: str) -> str:
    if is_url(place):
        return place
    return f"{base.rstrip('/')}/{place}" if is_url(base) else os.path.join(base, place)


# --------------------------------------------------------------------------- rows as they come


def _rows_of_table(source: str) -> Iterator[TableRow]:
    try:
        with _opened(source) as file:
            if source.lower().endswith(".csv"):
                yield from csv_rows(io.TextIOWrapper(file, encoding="utf-8-sig", newline=""), source)
                return
            table = pq.ParquetFile(file)
            parse = row_parser(table.schema_arrow.names, source)
            for batch in table.iter_batches(_CHUNK_ROWS):
                yield from map(parse, batch.to_pylist())
    except (OSError, ImportError, ValueError, pa.ArrowException) as error:
        if isinstance(error, InvalidArgument):
            raise
        why = (getattr(error, "strerror", None) or "it is damaged, or no table of that kind").lower()
        raise InvalidArgument(f"{source}: not a readable table: {why}") from error


def _opened(source: str) -> Any:
    if not is_url(source):
        return open(source, "rb")
    import fsspec

    return fsspec.open(source, "rb").open()


def _in_folder(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise InvalidArgument(f"{folder}: neither a folder nor a table (.csv, .parquet)")
    return [path.relative_to(folder).as_posix() for path in find_radiographs(folder)]


def _listed(url: str) -> list[str]:
    import fsspec

    _check_protocols(url)
    try:
        system, root = fsspec.url_to_fs(url)
        found = system.find(root)
    except Exception as error:  # each protocol has errors of its own
        raise InvalidArgument(f"{url}: it cannot be listed ({type(error).__name__})") from error
    paths = [PurePosixPath(path[len(root) :].lstrip("/")) for path in found]
    return [
        str(path)
        for path in paths
        if path.suffix.lower() in RADIOGRAPH_SUFFIXES and not any(part.startswith(".") for part in path.parts)
    ]


# --------------------------------------------------------------------------- the list


def _work(base: str, rows: Iterable[TableRow], source: str) -> Work:
    rows, chunks = iter(rows), []
    try:
        while chunk := list(islice(rows, _CHUNK_ROWS)):
            chunks.append(_columns(chunk))
    except UnicodeEncodeError as error:
        raise InvalidArgument(f"{source}: the name of a file in it is not UTF-8: rename it") from error
    if not chunks:
        raise InvalidArgument(f"{source}: no radiographs in it")
    table = pa.concat_tables(chunks)
    _check_ids(table["id"], source)
    _check_protocols(base, table["place"])
    return Work(base, table.sort_by([("place", "ascending"), ("id", "ascending")]).combine_chunks())


def _columns(chunk: list[TableRow]) -> pa.Table:
    names = [name for name in chunk[0].extra if name != "id"]
    columns: dict[str, list[str | None]] = {
        "id": [row.extra["id"].strip() if "id" in row.extra else row.place for row in chunk],
        "place": [row.place for row in chunk],
        "sex": [row.sex for row in chunk],
    }
    columns |= {name: [row.extra[name] for row in chunk] for name in names}
    return pa.table({name: pa.array(values, pa.large_string()) for name, values in columns.items()})


def _check_ids(ids: pa.ChunkedArray, source: str) -> None:
    """Rows are named by their number: an id may be a name."""
    if pc.count_distinct(ids).as_py() == len(ids) and not pc.any(pc.equal(ids, "")).as_py():
        return
    seen: dict[str, int] = {}
    for number, id_ in enumerate(ids.to_pylist(), start=1):
        if not id_:
            raise InvalidArgument(f"{source}: row {number} has no id and no path to be told by")
        if id_ in seen:
            raise InvalidArgument(f"{source}: rows {seen[id_]} and {number} have the same id: give each its own")
        seen[id_] = number


def _check_protocols(base: str, places: pa.ChunkedArray | None = None) -> None:
    """Without the package that speaks it, each and every radiograph at a URL would be a failure."""
    import fsspec

    protocols = {base.partition("://")[0]} if is_url(base) else set()
    if places is not None:
        found = pc.extract_regex(places, r"^(?P<protocol>[^/]+)://")
        protocols |= set(pc.unique(pc.struct_field(found, "protocol")).drop_null().to_pylist())
    for protocol in sorted(protocols):
        try:
            fsspec.get_filesystem_class(protocol)
        except (ImportError, ValueError) as error:
            raise MissingDependency(f"{protocol}:// cannot be read here: {' '.join(str(error).split())}") from error
