"""A whole run: find the work, claim the folder, skip the finished parts, make the others, count.

run_bulk("hands.csv", Path("out"), Settings(), Workers(count=2)).read
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from carpal import __version__
from carpal.bulk.parts import PartsFolder, claim
from carpal.bulk.pool import Job, make_in_processes
from carpal.bulk.reading import PartReader, Plan
from carpal.bulk.work import Work, find_work
from carpal.errors import InvalidArgument
from carpal.modelfile import file_digest, find_model, gate_file
from carpal.plain import check_sex
from carpal.prepare import PREPARATION
from carpal.reader import Reader

__all__ = ["Settings", "Shard", "Summary", "Workers", "run_bulk"]

_LEAST_ROWS, _MOST_ROWS, _USUAL_PARTS = 16, 1000, 64


@dataclass(frozen=True)
class Settings:
    """What the readings depend on. ``sex`` is that of every radiograph of a folder; ``part_rows`` None means a 64th of
    the work, at least 16 and at most 1000; ``reduced`` decodes JPEG 2000 no larger than the network needs. Raises
    InvalidArgument."""

    model: str = "default"
    sex: str | None = None
    accept_anything: bool = False
    part_rows: int | None = None
    reduced: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "sex", check_sex(self.sex))
        if self.part_rows is not None and self.part_rows < 1:
            raise InvalidArgument(f"--part-rows {self.part_rows}: a part has one row or more")


@dataclass(frozen=True)
class Shard:
    """The ``number``-th of ``count`` disjoint shares of the parts, counted from 1. Raises InvalidArgument."""

    number: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise InvalidArgument(
                f"--shard {self.number}/{self.count} is no share of a whole: of four they are 1/4, 2/4, 3/4 and 4/4"
            )

    def share(self, parts: int) -> range:
        """The parts of this shard among so many."""
        return range(self.number - 1, parts, self.count)


@dataclass(frozen=True)
class Workers:
    """Who reads: ``count`` processes (None: one per core, 0: this very process), or the Ray at ``ray``, an address or
    ``local``. Raises InvalidArgument."""

    count: int | None = None
    ray: str | None = None

    def __post_init__(self) -> None:
        if self.count is not None and self.count < 0:
            raise InvalidArgument(f"--workers {self.count}: give 0 or more")
        if self.count is not None and self.ray is not None:
            raise InvalidArgument("--ray decides by itself how many work: leave --workers out")


@dataclass(frozen=True)
class Summary:
    """How many radiographs of the shard were ``read`` and how many ``failed`` or were refused, earlier runs included;
    ``kept`` is how many were there already."""

    read: int
    failed: int
    kept: int


def run_bulk(
    source: str,
    out: Path,
    settings: Settings,
    workers: Workers,
    *,
    shard: Shard | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Summary:
    """Read the radiographs of ``source`` (``carpal.bulk.work.find_work``) into Parquet parts in ``out``.

    What is there already is kept, so a run that was killed goes on. ``progress`` hears how many radiographs of the
    shard are done, and of how many. Raises InvalidArgument, where ``out`` holds another run too, ModelError,
    MissingDependency, CarpalError.
    """
    model = find_model(settings.model)
    if out.exists() and not out.is_dir():
        raise InvalidArgument(f"--out {out}: that is a file; name a folder for the parts")
    if source.startswith("memory://") and workers.count != 0:
        raise InvalidArgument(f"{source}: only the process that holds it can read it: give --workers 0")
    work = find_work(source, settings.sex)
    part_rows = settings.part_rows or min(_MOST_ROWS, max(_LEAST_ROWS, -(-len(work) // _USUAL_PARTS)))
    mine = (shard or Shard()).share(-(-len(work) // part_rows))
    if not (out / "run.json").exists():
        Reader(model)  # no folder is claimed for a model that cannot be loaded
    claim(out, _facts(settings, model, work, part_rows))
    folder = PartsFolder(out, work.extra)
    rows = {index: min(part_rows, len(work) - index * part_rows) for index in mine}
    todo = [index for index in mine if folder.counts(index, rows[index]) is None]
    total = sum(rows.values())
    kept = total - sum(rows[index] for index in todo)
    progress(kept, total)
    plan = Plan(folder, str(model), settings.accept_anything, settings.reduced)
    if todo:
        jobs = (Job(index, work.items(index * part_rows, part_rows)) for index in todo)
        _make(plan, jobs, workers, lambda done: progress(kept + done, total))
    counts = [counted for index in mine if (counted := folder.counts(index, rows[index])) is not None]
    if len(counts) < len(mine):
        raise InvalidArgument(
            f"--out {out}: {len(mine) - len(counts)} parts that were made cannot be seen from here: does every machine "
            "write into this same folder? If so, give the same command again"
        )
    folder.sweep(
        mine
    )  # now: a worker that outlives its killed run for a moment may have left something since the start
    return Summary(sum(read for read, _ in counts), sum(failed for _, failed in counts), kept)


def _facts(settings: Settings, model: Path, work: Work, part_rows: int) -> dict[str, Any]:
    """What a run that goes on must share with the one that began."""
    return {
        "carpal": __version__,
        "model": model.stem,
        "model_sha256": file_digest(model),
        "gate_sha256": file_digest(gate_file()),
        "preparation": PREPARATION,
        "sex": settings.sex,
        "accept_anything": settings.accept_anything,
        "reduced": settings.reduced,
        "rows": len(work),
        "part_rows": part_rows,
        "work_sha256": work.digest(),
    }


def _make(plan: Plan, jobs: Iterable[Job], workers: Workers, tell: Callable[[int], None]) -> None:
    if workers.ray is not None:
        from carpal.bulk.ray_data import make_with_ray

        make_with_ray(plan, list(jobs), workers.ray, tell)
        return
    count = _cores() if workers.count is None else workers.count
    if count:
        make_in_processes(plan, jobs, count, tell)
        return
    reader, done = PartReader(plan), 0
    for job in jobs:
        reader.make(job.index, job.items, lambda position, before=done: tell(before + position))  # type: ignore[misc]
        done += len(job.items)


def _cores() -> int:
    """Those that this process may use: a job of Slurm's rarely has all."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
