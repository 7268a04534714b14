"""A look at a data set before anything is trained: one HTML page with figures, and the same numbers as JSON.

``findings`` counts and measures, ``figures`` draws, ``page`` writes the HTML; ``explore`` puts them on disk.
"""

from __future__ import annotations

import csv
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from carpal.errors import InvalidArgument
from carpal.explore.figures import draw_figures
from carpal.explore.findings import Findings, examine, pick_gallery, summary_of
from carpal.explore.page import page_of
from carpal.training.datasets import Dataset, Problem

__all__ = ["Explored", "explore"]


class Explored(NamedTuple):
    """Where the page is, and all problems: the data set's and those of the files that were opened."""

    page: Path
    problems: tuple[Problem, ...]


def explore(
    dataset: Dataset,
    out: str | Path,
    *,
    files: int = 600,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Explored:
    """Write ``index.html`` with its figures, ``problems.csv`` and ``summary.json`` to ``out``.

    Sizes, brightness and contrast are measured on at most ``files`` files, drawn by ``seed``. ``progress`` is told
    (done, total) of the radiographs looked at. The data set is only read. Files of an older page of the same name are
    replaced, the page itself last. Raises InvalidArgument where ``out`` lies within the data set.
    """
    out = Path(out)
    _check_out(dataset, out)
    slots = pick_gallery(dataset, seed)
    findings = examine(dataset, slots, files=files, seed=seed, progress=progress)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as part:
        folder = Path(part)
        _write_problems(findings, folder / "problems.csv")
        (folder / "summary.json").write_text(json.dumps(summary_of(findings), indent=1) + "\n", encoding="utf-8")
        figures = draw_figures(findings, folder)
        (folder / "index.html").write_text(page_of(findings, figures), encoding="utf-8")
        out.mkdir(exist_ok=True)
        for path in sorted(folder.iterdir(), key=lambda p: p.name == "index.html"):
            os.replace(path, out / path.name)
    return Explored(out / "index.html", findings.problems)


def _check_out(dataset: Dataset, out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise InvalidArgument(f"{out} is a file: give a folder for the page")
    place = out.resolve()
    root = dataset.root.resolve()
    own = {root.parent if root.is_file() else root, *(folder.resolve() for folder in dataset_folders(dataset))}
    for folder in own & {place, *place.parents}:
        # A figure among the radiographs would be taken for one of them the next time.
        raise InvalidArgument(f"{out} lies within the data set ({folder}): give a folder elsewhere")


def dataset_folders(dataset: Dataset) -> set[Path]:
    """The folders that the radiographs lie in."""
    return {sample.path.parent for sample in dataset.samples}


def _write_problems(findings: Findings, path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as handle:
        table = csv.writer(handle)
        table.writerow(["kind", "where", "message"])
        table.writerows((p.kind, p.where, p.message) for p in findings.problems)
