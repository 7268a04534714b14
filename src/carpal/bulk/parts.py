"""The folder of results: ``readings/`` and ``failures/`` in Parquet parts, and ``run.json``, which a rerun must match.

A part is a fixed stretch of the sorted work. It is finished when both its files are there and hold every row: the
failures are written first, the readings last, each under a temporary name. Whatever a kill leaves is made again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from carpal.errors import InvalidArgument
from carpal.files import half_written, replacing

__all__ = ["PartsFolder", "claim"]

_TEXT, _NUMBER = pa.string(), pa.float64()
_TEXTS, _NUMBERS = pa.list_(_TEXT), pa.list_(_NUMBER)

_READING = {
    "id": _TEXT,
    "file": _TEXT,
    "bone_age_months": _NUMBER,
    "reported_months": pa.int64(),
    "interval_90_months": _NUMBERS,
    "bone_age_class": pa.int64(),
    "class_probabilities": _NUMBERS,
    "sex": _TEXT,
    "sex_origin": _TEXT,
    "hand_found": pa.bool_(),
    "refused_because": _TEXT,
    "corrections": _TEXTS,
    "hand_probability": _NUMBER,
    "embedding": _NUMBERS,
    "notes": _TEXTS,
    "model": _TEXT,
    "calibration": _TEXT,
    "model_sha256": _TEXT,
}
_FAILURE = {"id": _TEXT, "file": _TEXT, "sex": _TEXT, "refused_because": _TEXT, "error": _TEXT}


@dataclass(frozen=True)
class PartsFolder:
    """The parts below ``out``; ``extra`` are the names of the work's further columns, handed through as text."""

    out: Path
    extra: tuple[str, ...] = ()

    def path(self, table: str, index: int) -> Path:
        """The file of a part; ``table`` is ``readings`` or ``failures``."""
        return self.out / table / f"part-{index:06d}.parquet"

    def counts(self, index: int, rows: int) -> tuple[int, int] | None:
        """How many of a finished part's ``rows`` were read and how many failed; None for a part to be made."""
        try:
            read, failed = (pq.read_metadata(self.path(t, index)).num_rows for t in ("readings", "failures"))
        except (OSError, pa.ArrowException):
            return None
        return (read, failed) if read + failed == rows else None

    def write(self, index: int, readings: Sequence[dict[str, Any]], failures: Sequence[dict[str, Any]]) -> None:
        """Both files of a part, each whole or not at all."""
        for table, rows, fields in (("failures", failures, _FAILURE), ("readings", readings, _READING)):
            names = {self.column(name): name for name in self.extra}
            schema = pa.schema({**fields, **dict.fromkeys(names, _TEXT)})
            flat = [row | {column: row["extra"][name] for column, name in names.items()} for row in rows]
            with replacing(self.path(table, index)) as part:
                pq.write_table(pa.Table.from_pylist(flat, schema), part, compression="zstd")

    @staticmethod
    def column(name: str) -> str:
        """What a further column is called: one called like one of ours keeps its values under another name."""
        return f"table_{name}" if name in _READING | _FAILURE else name

    def sweep(self, indices: Sequence[int]) -> None:
        """Remove what killed runs have left half-written of these finished parts."""
        mine = {self.path("readings", index).name for index in indices}
        for table in ("readings", "failures"):
            for left, wanted in half_written(self.out / table):
                if wanted in mine:
                    left.unlink(missing_ok=True)


def claim(out: Path, facts: dict[str, Any]) -> None:
    """Write ``run.json`` into a new folder, or check that the run there was of the same ``facts``, so that two runs
    never mix in one. Raises InvalidArgument."""
    mark = out / "run.json"
    if not mark.exists():
        if (out / "readings").exists() or (out / "failures").exists():
            raise InvalidArgument(f"--out {out} holds tables but no run.json: choose another folder")
        with replacing(mark) as part:
            part.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    try:
        there = json.loads(mark.read_text(encoding="utf-8"))
        differing = sorted(name for name in facts.keys() | there.keys() if facts.get(name) != there.get(name))
    except (ValueError, AttributeError) as error:
        raise InvalidArgument(f"{mark} was not written by carpal bulk: choose another folder") from error
    if differing:
        raise InvalidArgument(f"--out {out} holds another run ({', '.join(differing)} differ): choose another folder")
