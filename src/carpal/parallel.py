"""The same function over many things, on all cores, in order."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

__all__ = ["parallel_map"]

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
    with ProcessPoolExecutor(count, mp_context=context, initializer=_one_thread) as pool:
        yield pool.map(function, jobs, chunksize=max(1, min(8, len(jobs) // (4 * count))))


def _one_thread() -> None:
    import cv2

    cv2.setNumThreads(1)
