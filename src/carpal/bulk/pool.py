"""Parts over processes of this machine: one network each, and one that is killed costs no more than its part.

A worker says over its pipe which radiograph it is about to read. Where the pipe ends, the worker has died: another
takes its place and makes the part again. A radiograph that has killed ``_PATIENCE`` workers is given up: it is written
among the failures.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING

from carpal.errors import CarpalError, sentence_of

if TYPE_CHECKING:
    from carpal.bulk.reading import Plan
    from carpal.bulk.work import Item

__all__ = ["Job", "make_in_processes"]

_PATIENCE = 3  # deaths at one radiograph
_PATIENCE_PART = 12  # deaths in one part, beside those of radiographs that were given up
_CONTEXT = multiprocessing.get_context("spawn")  # a fork of a process with threads can hang for ever


@dataclass(frozen=True, eq=False)
class Job:
    """A part to make. ``deaths`` counts where in it workers died; None stands for before its first radiograph."""

    index: int
    items: list[Item]
    deaths: Counter[int | None] = field(default_factory=Counter)

    @property
    def given_up(self) -> frozenset[int]:
        """Positions that are not tried again."""
        return frozenset(at for at, count in self.deaths.items() if at is not None and count >= _PATIENCE)

    def died_at(self, position: int | None) -> None:
        """Count a death. Raises CarpalError where another attempt would not help."""
        self.deaths[position] += 1
        helpless = position is None or position >= len(self.items)
        others = sum(count for at, count in self.deaths.items() if at not in self.given_up)
        if (helpless and self.deaths[position] >= _PATIENCE) or others >= _PATIENCE_PART:
            raise CarpalError(
                "worker processes die one after the other, perhaps for want of memory: try fewer --workers"
            )


class _Worker:
    """A process, our end of its pipe, its job, and where in it it is."""

    job: Job
    position: int | None

    def __init__(self, plan: Plan, job: Job) -> None:
        self.pipe, theirs = _CONTEXT.Pipe()
        self.process = _CONTEXT.Process(target=_work, args=(theirs, plan))
        self.process.start()
        theirs.close()  # or its end would never be seen
        self.job, self.position = job, None

    def begin(self, job: Job) -> None:
        self.job, self.position = job, None
        with suppress(OSError):  # whoever has died meanwhile is found out when listened to
            self.pipe.send((job.index, job.items, job.given_up))

    def dismiss(self) -> None:
        """Let it go in peace."""
        with suppress(OSError):
            self.pipe.send(None)
        self.process.join(10)
        self.end()

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def make_in_processes(plan: Plan, jobs: Iterable[Job], count: int, tell: Callable[[int], None]) -> None:
    """Make the parts of ``jobs`` with up to ``count`` processes; ``tell`` hears how many radiographs are done.

    Raises CarpalError where processes keep dying or a part cannot be written.
    """
    waiting, finished = iter(jobs), 0
    crew: dict[Connection, _Worker] = {}
    try:
        for job in islice(waiting, count):
            _enlist(crew, plan, job)
        while crew:
            for pipe in wait(list(crew)):
                assert isinstance(pipe, Connection)
                worker = crew[pipe]
                try:
                    said = pipe.recv()
                except (EOFError, OSError):
                    del crew[pipe]
                    worker.end()
                    worker.job.died_at(worker.position)
                    _enlist(crew, plan, worker.job)
                    continue
                if isinstance(said, str):
                    raise CarpalError(said)
                if said is not None:
                    worker.position = said
                elif worker.position is None:  # the network is loaded
                    worker.begin(worker.job)
                else:  # the part is written
                    finished += len(worker.job.items)
                    _next(crew, worker, next(waiting, None))
            tell(finished + sum(worker.position or 0 for worker in crew.values()))
    finally:
        for worker in crew.values():
            worker.end()


def _enlist(crew: dict[Connection, _Worker], plan: Plan, job: Job) -> None:
    worker = _Worker(plan, job)
    crew[worker.pipe] = worker


def _next(crew: dict[Connection, _Worker], worker: _Worker, job: Job | None) -> None:
    if job is None:
        del crew[worker.pipe]
        worker.dismiss()
    else:
        worker.begin(job)


# --------------------------------------------------------------------------- inside a worker


def _work(pipe: Connection, plan: Plan) -> None:
    """Says the position of each radiograph before it is read, None when it waits for a part, or why it has to stop."""
    os.environ["OMP_NUM_THREADS"] = "1"  # before anything is imported that starts threads
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to act on
    from carpal.bulk.reading import PartReader
    from carpal.parallel import begin_worker

    begin_worker()
    try:
        reader = PartReader(plan)
        pipe.send(None)
        while (job := pipe.recv()) is not None:
            index, items, given_up = job
            reader.make(index, items, pipe.send, given_up)
            pipe.send(None)
    except (CarpalError, OSError) as error:
        pipe.send(sentence_of(error, getattr(error, "filename", None) or plan.folder.out))
    except Exception as error:
        pipe.send(f"{plan.folder.out}: a part cannot be made ({type(error).__name__})")
