"""What the routes share: store, tokens, workers, figures, and who waits for which reading."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from carpal.service.demo import Demo
from carpal.service.metrics import Metrics
from carpal.service.outbox import Outbox
from carpal.service.pool import Pool
from carpal.service.readings import ReadingStore
from carpal.service.reception import Reception
from carpal.service.records import Outcome
from carpal.service.refusals import Refusals
from carpal.service.settings import Settings
from carpal.service.tokens import Tokens

__all__ = ["Arrivals", "Hub"]


class Arrivals:
    """Requests that wait for a reading, and the pool's word that it is there."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._loop: asyncio.AbstractEventLoop | None = None
        self._events: dict[str, list[asyncio.Event]] = {}

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """The loop in which the requests wait."""
        self._loop = loop

    def finished(self, reading_id: str, outcome: Outcome, seconds: float) -> None:
        """Called by the pool, from its threads."""
        self._metrics.reading(outcome, seconds)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell, reading_id)

    def worker_lost(self) -> None:
        """Called by the pool."""
        self._metrics.worker_lost()

    def expect(self, reading_id: str) -> asyncio.Event:
        """To be asked for before one looks whether the reading is there already."""
        event = asyncio.Event()
        self._events.setdefault(reading_id, []).append(event)
        return event

    def release(self) -> None:
        """Nobody shall wait any longer: the service is being stopped."""
        for reading_id in list(self._events):
            self._tell(reading_id)

    def forget(self, reading_id: str, event: asyncio.Event) -> None:
        """Nobody waits for it any more."""
        waiting = self._events.get(reading_id, [])
        if event in waiting:
            waiting.remove(event)
        if not waiting:
            self._events.pop(reading_id, None)

    def _tell(self, reading_id: str) -> None:
        for event in self._events.get(reading_id, ()):
            event.set()


@dataclass(frozen=True)
class Hub:
    """The parts of one running service."""

    settings: Settings
    store: ReadingStore
    tokens: Tokens
    refusals: Refusals
    pool: Pool
    metrics: Metrics
    arrivals: Arrivals = field(repr=False)
    reception: Reception
    outbox: Outbox
    demo: Demo | None = field(default=None, repr=False)
