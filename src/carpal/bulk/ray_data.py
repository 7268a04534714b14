"""Parts over a Ray cluster, or a Ray of this machine: each actor has a network and writes where all can see it."""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from carpal.bulk.pool import Job
from carpal.bulk.reading import PartReader, Plan
from carpal.bulk.work import Item
from carpal.errors import CarpalError, MissingDependency

__all__ = ["make_with_ray"]


_CONNECT_SECONDS = 10


class _Actor:
    def __init__(self, plan: Plan) -> None:
        import cv2

        cv2.setNumThreads(1)
        self._reader = PartReader(plan)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        items = [Item(**item) for item in json.loads(row["items"])]
        self._reader.make(int(row["index"]), items)
        return {"rows": len(items)}


def make_with_ray(plan: Plan, jobs: Sequence[Job], address: str, tell: Callable[[int], None]) -> None:
    """Make the parts of ``jobs``; ``address`` is a cluster's, or ``local``. ``tell`` hears how many radiographs are
    done. Raises MissingDependency, CarpalError."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        from ray.data import ActorPoolStrategy, DataContext, from_items
    except ImportError as error:
        raise MissingDependency("--ray needs Ray: pip install 'carpal[ray]'") from error
    _check_answers(address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise CarpalError(f"--ray {address}: no Ray cluster answers there ({type(error).__name__})") from error
    try:
        DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        # A core stays free: where the actors hold all of them, the tasks that feed them wait for ever.
        cores = int(ray.cluster_resources().get("CPU", 1))
        actors = ActorPoolStrategy(size=max(1, min(cores - 1, len(jobs))))
        rows = [{"index": job.index, "items": json.dumps([asdict(item) for item in job.items])} for job in jobs]
        made = from_items(rows, override_num_blocks=len(rows)).map(
            _Actor, fn_constructor_args=(plan,), compute=actors, num_cpus=1 if cores > 1 else 0.5
        )
        done = 0
        for row in made.iter_rows():
            done += row["rows"]
            tell(done)
    except ray.exceptions.RayError as error:
        raise CarpalError(f"--ray {address}: an actor failed ({type(error).__name__})") from None
    finally:
        ray.shutdown()


def _check_answers(address: str) -> None:
    """Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "://" in host:
        return
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise CarpalError(f"--ray {address}: nothing answers there") from error
