"""The same function over many things, on all cores, in order."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection
from typing import TypeVar

from carpal.errors import CarpalError

__all__ = ["begin_worker", "parallel_map"]

Job = TypeVar("Job")
Outcome = TypeVar("Outcome")

_TOO_FEW_FOR_PROCESSES = 4


@contextmanager
def parallel_map(
    function: Callable[[Job], Outcome], jobs: Sequence[Job], workers: int | None = None
) -> Iterator[Iterator[Outcome]]:
    """The outcomes in the order of ``jobs``; ``workers`` None means a process per core, 1 means this very process."""
    count = min(workers or os.cpu_count() or 1, len(jobs))
    if count <= 1 or len(jobs) < _TOO_FEW_FOR_PROCESSES:
        yield map(function, jobs)
        return
    # Spawned, not forked: a fork of a process in which torch or OpenCV has started threads can hang for ever.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=begin_worker)
    try:
        yield pool.map(function, jobs, chunksize=max(1, min(8, len(jobs) // (4 * count))))
    except BrokenProcessPool as error:
        raise CarpalError("a worker process died, perhaps for want of memory: try fewer --workers") from error
    finally:
        pool.shutdown(cancel_futures=True)


def begin_worker() -> None:
    """Make this new process a worker: OpenCV keeps to one thread, and it ends when its parent does."""
    import cv2

    cv2.setNumThreads(1)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_leave_with, args=(parent.sentinel,), daemon=True).start()


def _leave_with(parent: int) -> None:
    """A worker whose parent was killed would wait for work for ever."""
    connection.wait([parent])
    os._exit(1)
