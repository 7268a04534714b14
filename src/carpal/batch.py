"""Many radiographs, one after the other: a bad one is reported and the rest is read."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from carpal.annotate import is_annotation, write_annotated
from carpal.errors import CarpalError, InvalidArgument, RefusedRadiograph, sentence_of
from carpal.explain import Evidence, explain
from carpal.files import RADIOGRAPH_SUFFIXES, find_radiographs, shown, stem_of
from carpal.radiograph import read_radiograph
from carpal.reader import Reader, Reading, check_sex
from carpal.table import csv_rows

__all__ = ["Result", "Task", "files_among", "format_results", "read_all", "tasks_from_paths", "tasks_from_table"]


@dataclass(frozen=True)
class Task:
    """One radiograph to read. ``extra`` holds a table's further columns, handed through to the result; ``sex_from``
    says where a sex that is missing would be given."""

    path: Path
    sex: str | None
    prefer_header: bool = False
    accept_anything: bool = False
    extra: dict[str, str] = field(default_factory=dict)
    sex_from: str = "--sex F"


@dataclass(frozen=True, eq=False)
class Result:
    """What came of a task: a reading, or the sentence that says why there is none; ``refused_because`` is the quality
    gate's reason where it was the gate; ``undrawn`` that no picture could be written, as a note of the reading says."""

    task: Task
    reading: Reading | None
    error: str | None
    refused_because: str | None = None
    evidence: Evidence | None = None
    undrawn: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Flat facts with the same keys whether or not the radiograph could be read."""
        values: dict[str, Any] = dict.fromkeys(_KEYS) | {"refused_because": self.refused_because}
        if self.reading is not None:
            values |= self.reading.to_dict()
        if self.evidence is not None and self.evidence.shares is not None:
            values["evidence_shares"] = {name: round(share, 3) for name, share in self.evidence.shares.items()}
        values = {"file": str(self.task.path), **values, "error": self.error}
        # A column of the table that is called like one of ours keeps its value under another name.
        ours = {*values, *_CSV_ONLY}
        return values | {f"table_{k}" if k in ours else k: v for k, v in self.task.extra.items()}


_KEYS = (
    "bone_age_months",
    "reported_months",
    "interval_90_months",
    "bone_age_class",
    "class_probabilities",
    "sex",
    "sex_origin",
    "hand_found",
    "refused_because",
    "corrections",
    "hand_probability",
    "embedding",
    "evidence_shares",
    "notes",
    "model",
    "calibration",
    "model_sha256",
)
_CSV_ONLY = ("interval_90_low_months", "interval_90_high_months")


def tasks_from_paths(
    paths: Sequence[Path], sex: str | None, prefer_header: bool = False, accept_anything: bool = False
) -> list[Task]:
    """A task per file; folders are searched for radiographs. Raises InvalidArgument."""
    check_sex(sex)
    return [Task(path, sex, prefer_header, accept_anything) for path in files_among(paths)]


def files_among(paths: Sequence[Path]) -> list[Path]:
    """The files, and the radiographs in the folders, in order; pictures that ``carpal read --annotate`` drew are passed
    over there. Raises InvalidArgument for a folder without any."""
    found: list[Path] = []
    for path in paths:
        if not _is_folder(path):
            found.append(path)
            continue
        inside = [file for file in find_radiographs(path) if not is_annotation(file)]
        if not inside:
            raise InvalidArgument(f"{path}: no radiographs in this folder")
        found += inside
    return found


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name too long, a folder closed to us: reading it says why, and the others are read
        return False


def tasks_from_table(table: Path, accept_anything: bool = False) -> list[Task]:
    """A task per row of a CSV with columns ``path`` (relative to the table) and ``sex``. Raises InvalidArgument."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as handle:
            rows = list(csv_rows(handle, table))
    except OSError as error:
        why = (error.strerror or "it cannot be opened").lower()
        raise InvalidArgument(f"{table}: not a readable CSV table: {why}") from error
    if not rows:
        raise InvalidArgument(f"{table}: the table has no rows")
    for number, row in enumerate(rows, start=1):
        if not row.place:
            raise InvalidArgument(f"{table}: row {number} has no path")
    base = table.parent
    return [
        Task(
            base / row.place, row.sex, accept_anything=accept_anything, extra=row.extra, sex_from=f"its row in {table}"
        )
        for row in rows
    ]


def read_all(
    tasks: Sequence[Task],
    model: str,
    *,
    calibration: Path | None = None,
    annotate: Path | None = None,
    with_evidence: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Result]:
    """A result per task, in order, ``with_evidence`` on where the age comes from.

    Raises ModelError, and InvalidArgument where a picture would overwrite an input.
    """
    targets = _annotation_targets(tasks, annotate)
    reader = Reader(model, calibration=calibration)
    results = []
    for number, (task, target) in enumerate(zip(tasks, targets, strict=True), start=1):
        results.append(_read_one(reader, task, target, with_evidence))
        progress(number, len(tasks))
    return results


def _read_one(reader: Reader, task: Task, target: Path | None, with_evidence: bool) -> Result:
    try:
        radiograph = read_radiograph(task.path)
        reading = reader.read(
            radiograph, task.sex, prefer_header=task.prefer_header, accept_anything=task.accept_anything
        )
    except RefusedRadiograph as refusal:
        return Result(task, None, sentence_of(refusal, task.path), refusal.reason)
    except (CarpalError, OSError, ValueError) as error:
        return Result(task, None, sentence_of(error, task.path, task.sex_from))
    evidence = None
    if with_evidence:
        evidence = explain(reader, radiograph, reading.sex, accept_anything=task.accept_anything)
    try:
        if target is not None:
            write_annotated(radiograph, reading, target, evidence)
    except (OSError, ValueError) as error:  # the age is known all the same
        reading = replace(reading, notes=(*reading.notes, f"no picture was written: {sentence_of(error, target)}"))
        return Result(task, reading, None, evidence=evidence, undrawn=True)
    return Result(task, reading, None, evidence=evidence)


# A name that ends like this was not meant for a folder.
_NO_FOLDER = RADIOGRAPH_SUFFIXES | {".pdf", ".svg", ".gif", ".webp"}


def _annotation_targets(tasks: Sequence[Task], annotate: Path | None) -> list[Path | None]:
    if annotate is None:
        return [None] * len(tasks)
    single = annotate.suffix.lower() == ".png"
    no_folder = annotate.suffix.lower() in _NO_FOLDER or annotate.exists()
    if not single and no_folder and not annotate.is_dir():
        raise InvalidArgument(f"--annotate {annotate}: give a name that ends in .png, or a folder")
    if single and len(tasks) > 1:
        raise InvalidArgument(f"--annotate {annotate}: one picture cannot show {len(tasks)} radiographs; give a folder")
    targets = [annotate if single else annotate / f"{stem_of(task.path)}-bone-age.png" for task in tasks]
    if len(set(targets)) < len(targets):
        raise InvalidArgument(
            "--annotate: several radiographs differ only in folder or suffix; annotate them folder by folder"
        )
    for target in targets:
        if target.exists() and not is_annotation(target):
            raise InvalidArgument(
                f"--annotate would overwrite {target}, which carpal did not draw: choose another name"
            )
    return list(targets)


def format_results(results: Sequence[Result], how: Literal["text", "json", "csv"]) -> str:
    """The results as text for people, a JSON list, or CSV."""
    if how == "json":
        return json.dumps([result.to_dict() for result in results], indent=1)
    if how == "csv":
        return _as_csv(results)
    return "\n".join(_as_lines(result) for result in results)


def _as_lines(result: Result) -> str:
    if result.reading is None:
        return f"{shown(result.task.path)}: NOT READ: {result.error}"
    reading = result.reading
    calibrated = f", calibrated for {reading.calibration}" if reading.calibration else ""
    told = f"sex {reading.sex}, {reading.sex_origin}; model {reading.model}{calibrated}"
    lines = [f"{shown(result.task.path)}: {reading} ({told})"]
    if result.evidence is not None and result.evidence.shares is not None:
        shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in result.evidence.shares.items())
        lines.append(f"  evidence: {shares}")
    return "\n".join(lines + [f"  note: {note}" for note in reading.notes])


def _as_csv(results: Sequence[Result]) -> str:
    rows = []
    for result in results:
        values = result.to_dict()
        values |= zip(_CSV_ONLY, values["interval_90_months"] or (None, None), strict=True)
        rows.append({k: json.dumps(v) if isinstance(v, list | dict) else v for k, v in values.items()})
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    table = csv.DictWriter(text, names, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue().rstrip("\n")
