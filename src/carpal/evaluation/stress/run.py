"""Reading the same radiographs as they are and transformed, by carpal or by any other system."""

from __future__ import annotations

import csv
import io
import math
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from carpal.errors import InvalidArgument, RefusedRadiograph
from carpal.evaluation.stress.transformations import TRANSFORMATIONS, Transformation
from carpal.radiograph import Radiograph, Sex
from carpal.reader import Reader

__all__ = ["AS_IS", "Answer", "Case", "Stressed", "command_answer", "reader_answer", "stress"]

AS_IS = "as it is"

Answer = Callable[[Sequence[Radiograph], Sequence[Sex]], list[float]]
"""Radiographs and sexes to bone ages in months, NaN for what is refused."""


@dataclass(frozen=True)
class Case:
    """A radiograph to be put under stress; ``load`` reads it when its turn comes."""

    id: str
    sex: Sex
    reference_months: float
    load: Callable[[], Radiograph]


@dataclass(frozen=True, eq=False)
class Stressed:
    """``predicted_months`` (T + 1, N): radiographs as they are, then under each transformation; NaN where refused."""

    ids: tuple[str, ...]
    sexes: tuple[Sex, ...]
    reference_months: NDArray[np.float64]
    transformations: tuple[Transformation, ...]
    predicted_months: NDArray[np.float64]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the rows of ``predicted_months``."""
        return (AS_IS, *(t.name for t in self.transformations))


def stress(
    cases: Sequence[Case],
    answer: Answer,
    transformations: Sequence[Transformation] = TRANSFORMATIONS,
    *,
    batch: int = 16,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Stressed:
    """Every radiograph as it is and under each transformation; ``progress`` is told (done, total) readings."""
    if not cases:
        raise InvalidArgument("there are no radiographs to put under stress")
    predicted = np.full((len(transformations) + 1, len(cases)), np.nan)
    total = predicted.size
    for start in range(0, len(cases), batch):
        part = cases[start : start + batch]
        radiographs = [case.load() for case in part]
        sexes = [case.sex for case in part]
        for row, transformation in enumerate([None, *transformations]):
            changed = radiographs if transformation is None else list(_changed(radiographs, part, transformation))
            predicted[row, start : start + len(part)] = answer(changed, sexes)
            progress(start * len(predicted) + (row + 1) * len(part), total)
    return Stressed(
        tuple(case.id for case in cases),
        tuple(case.sex for case in cases),
        np.array([case.reference_months for case in cases]),
        tuple(transformations),
        predicted,
    )


def _changed(radiographs: Sequence[Radiograph], cases: Sequence[Case], how: Transformation) -> Iterable[Radiograph]:
    for radiograph, case in zip(radiographs, cases, strict=True):
        rng = np.random.default_rng(list(f"{case.id}/{how.name}".encode()))
        yield replace(radiograph, pixels=how(radiograph.pixels, rng))


def reader_answer(reader: Reader, *, accept_anything: bool = False) -> Answer:
    """carpal's own reader."""

    def read(radiograph: Radiograph, sex: Sex) -> float:
        try:
            return reader.read(radiograph, sex, accept_anything=accept_anything).bone_age_months
        except RefusedRadiograph:
            return math.nan

    return lambda radiographs, sexes: [read(r, s) for r, s in zip(radiographs, sexes, strict=True)]


def command_answer(command: str, *, timeout_s: float = 3600) -> Answer:
    """Any system that is a command: it is given, as its last argument, a CSV with the columns ``path`` and ``sex``
    (8-bit PNG files, F or M), and prints one with the columns ``file`` or ``path`` and ``bone_age_months``; an age
    that is missing or empty counts as refused. ``carpal read --csv --table`` is such a command.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise InvalidArgument(f"--command {command!r}: {str(error).lower()}") from None
    if not words:
        raise InvalidArgument("--command is empty")

    def answer(radiographs: Sequence[Radiograph], sexes: Sequence[Sex]) -> list[float]:
        with tempfile.TemporaryDirectory() as folder:
            names = [f"{k:04d}.png" for k in range(len(radiographs))]
            for name, radiograph in zip(names, radiographs, strict=True):
                cv2.imwrite(str(Path(folder) / name), (radiograph.pixels * 255 + 0.5).astype(np.uint8))
            table = Path(folder) / "radiographs.csv"
            lines = [f"{Path(folder) / name},{sex}" for name, sex in zip(names, sexes, strict=True)]
            table.write_text("\n".join(["path,sex", *lines]) + "\n", encoding="utf-8")
            said = _run([*words, str(table)], timeout_s)
        return [said.get(name, math.nan) for name in names]

    return answer


def _run(words: list[str], timeout_s: float) -> dict[str, float]:
    """Ages by file name, from what the command prints."""
    try:
        # The command is the caller's own, and no shell reads it.
        done = subprocess.run(words, capture_output=True, text=True, timeout=timeout_s, check=False)  # nosec B603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InvalidArgument(f"{words[0]}: cannot be run ({type(error).__name__})") from None
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    key = next((name for name in ("file", "path") if rows and name in rows[0]), None)
    if key is None or "bone_age_months" not in rows[0]:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise InvalidArgument(f"{words[0]} printed no CSV with the columns file and bone_age_months: {last}")
    try:
        ages = {Path(row[key]).name: float(row["bone_age_months"]) for row in rows if row["bone_age_months"]}
    except ValueError as error:
        raise InvalidArgument(f"{words[0]}: an age that is no number ({error})") from None
    if wrong := [age for age in ages.values() if not math.isfinite(age)]:
        raise InvalidArgument(f"{words[0]}: an age that is no number ({wrong[0]}); a refusal is an empty age")
    return ages
