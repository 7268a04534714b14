"""The workers: a thread of the server for each process, which hands it work, watches the clock and replaces it."""

from __future__ import annotations

import logging
import multiprocessing
import os
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Protocol

from carpal.errors import Busy, ModelError, UnreadableRadiograph
from carpal.service.making import Chart, Job, given_of
from carpal.service.problems import problem_of
from carpal.service.readings import ReadingStore
from carpal.service.records import Claim, Outcome
from carpal.service.worker import ModelCard, Started, read_for_ever

__all__ = ["Pool", "Watcher"]

_LOG = logging.getLogger("carpal.service")
_START_SECONDS = 120
_IDLE_SECONDS = 2.0  # how long at most until an idle thread looks whether there is work that nobody told it of
_MORE_LEASE = 60.0
_DOCUMENTS = 20  # that may wait to be made


class Watcher(Protocol):
    """Who is told what the pool does; called from its threads."""

    def finished(self, reading_id: str, outcome: Outcome, seconds: float) -> None:
        """A reading's outcome is in the store."""

    def worker_lost(self) -> None:
        """A worker died or was ended."""


class _Lost(Exception):
    """The worker died, or took too long and was ended."""


@dataclass
class _Slot:
    """A place for one process after the other."""

    process: BaseProcess | None = None
    pipe: Connection | None = None
    ready: bool = False
    thread: threading.Thread = field(default_factory=threading.Thread)


class Pool:
    """``workers`` processes, each with one network, that read what waits in ``store``."""

    def __init__(
        self,
        store: ReadingStore,
        watcher: Watcher,
        *,
        workers: int,
        seconds_per_file: float,
        model: str,
        calibration: Path | None,
    ) -> None:
        self._store = store
        self._watcher = watcher
        self._limit_s = seconds_per_file
        self._spawn = _spawner(model, calibration)
        self._slots = [_Slot() for _ in range(workers)]
        self._documents: queue.Queue[tuple[Job | Chart, Future[Outcome]]] = queue.Queue(_DOCUMENTS)
        self._news = threading.Condition()
        self._news_count = 0
        self._stopping = threading.Event()
        self.model: ModelCard | None = None

    def start(self) -> ModelCard:
        """Start every worker; what the model says of itself. Raises ModelError, InvalidArgument."""
        for slot in self._slots:
            slot.process, slot.pipe = self._spawn()
        for slot in self._slots:
            started = _first_word(slot)
            if started.model is None:
                self.stop(0)
                raise ModelError(started.error or "a worker could not start")
            self.model, slot.ready = started.model, True
        for number, slot in enumerate(self._slots):
            slot.thread = threading.Thread(target=self._serve, args=(slot,), name=f"worker-{number}", daemon=True)
            slot.thread.start()
        assert self.model is not None
        return self.model

    def wake(self) -> None:
        """There is something new to do."""
        with self._news:
            self._news_count += 1
            self._news.notify_all()

    def make(self, job: Job | Chart) -> Future[Outcome]:
        """Have a document made before the next radiograph is read. Raises Busy."""
        future: Future[Outcome] = Future()
        try:
            self._documents.put_nowait((job, future))
        except queue.Full:
            raise Busy(f"{_DOCUMENTS} documents are waiting to be made: try again a little later", 2) from None
        self.wake()
        return future

    @property
    def ready(self) -> int:
        """How many workers can take work."""
        return sum(slot.ready for slot in self._slots)

    def stop(self, patience_s: float) -> None:
        """Let what is in work be finished for ``patience_s`` seconds, then end the workers; what is not finished goes
        back to the queue."""
        self._stopping.set()
        self.wake()
        until = time.monotonic() + patience_s
        for slot in self._slots:
            if slot.thread.ident is not None:
                slot.thread.join(max(0.0, until - time.monotonic()))
        for slot in self._slots:
            _end(slot)
        for slot in self._slots:
            if slot.thread.ident is not None:
                slot.thread.join(10)
        while not self._documents.empty():
            self._documents.get_nowait()[1].set_exception(Busy("the service is being stopped: try again later", 10))

    # ----------------------------------------------------------------- one thread per worker

    def _serve(self, slot: _Slot) -> None:
        while not self._stopping.is_set():
            known = self._news_count
            try:
                if not slot.ready and not self._replace(slot):
                    self._stopping.wait(_IDLE_SECONDS)
                elif not (self._make_one(slot) or self._read_one(slot)):
                    self._wait_for_news(known)
            except Exception as error:
                # Such as a full disk or a database that is away: what was in work is taken up when its lease has ended.
                _LOG.error("a worker's thread met %s and goes on", type(error).__name__)
                self._stopping.wait(_IDLE_SECONDS)

    def _wait_for_news(self, known: int) -> None:
        """Until there is news that came after ``known`` was looked at, or for a moment."""
        with self._news:
            self._news.wait_for(lambda: self._news_count != known, _IDLE_SECONDS)

    def _replace(self, slot: _Slot) -> bool:
        slot.process, slot.pipe = self._spawn()
        slot.ready = _first_word(slot).model is not None
        return slot.ready

    def _make_one(self, slot: _Slot) -> bool:
        try:
            job, future = self._documents.get_nowait()
        except queue.Empty:
            return False
        if not future.set_running_or_notify_cancel():  # nobody waits for it any more
            return True
        try:
            future.set_result(self._ask(slot, job))
        except _Lost:
            future.set_result(_lost_outcome(f"making it {self._lost_how}", self._digest))
        return True

    def _read_one(self, slot: _Slot) -> bool:
        claim = self._store.claim(f"{os.getpid()}", self._limit_s + _MORE_LEASE)
        if claim is None:
            return False
        job = self._job(claim)
        begun = time.monotonic()
        try:
            outcome = self._ask(slot, job)
        except _Lost:
            if self._stopping.is_set():
                self._store.give_back(claim)
                return True
            outcome = _lost_outcome(f"reading it {self._lost_how}, twice", self._digest)
            kept = self._store.try_once_more(claim, outcome)
        else:
            if outcome.passing:
                self._stopping.wait(_IDLE_SECONDS)
            kept = (self._store.try_once_more if outcome.passing else self._store.finish)(claim, outcome)
        if kept:
            self._watcher.finished(claim.reading_id, outcome, time.monotonic() - begun)
        return True

    def _job(self, claim: Claim) -> Job:
        given = given_of(claim.sex, claim.age_months, claim.facts)
        return Job(self._store.blobs.path(claim.file_sha256), given, claim.accept_anything)

    def _ask(self, slot: _Slot, job: Job | Chart) -> Outcome:
        """The worker's answer. Raises _Lost, and the slot is empty then."""
        assert slot.pipe is not None
        try:
            slot.pipe.send(job)
            if slot.pipe.poll(self._limit_s):
                return slot.pipe.recv()
        except (OSError, EOFError):
            pass
        _end(slot)
        if not self._stopping.is_set():
            self._watcher.worker_lost()
        raise _Lost

    @property
    def _lost_how(self) -> str:
        return f"ended the process or took more than {self._limit_s:g} seconds"

    @property
    def _digest(self) -> str:
        return self.model.sha256 if self.model else ""


def _spawner(model: str, calibration: Path | None) -> Callable[[], tuple[BaseProcess, Connection]]:
    context = multiprocessing.get_context("spawn")  # a fork of a process with threads can hang for ever

    def spawn() -> tuple[BaseProcess, Connection]:
        here, there = context.Pipe()
        process = context.Process(target=read_for_ever, args=(there, model, calibration), daemon=True)
        process.start()
        there.close()  # or its end would never be noticed here
        return process, here

    return spawn


def _first_word(slot: _Slot) -> Started:
    assert slot.pipe is not None
    try:
        if slot.pipe.poll(_START_SECONDS):
            return slot.pipe.recv()
    except (OSError, EOFError):
        pass
    _end(slot)
    return Started(None, "a worker died before it could start, perhaps for want of memory: try fewer --workers")


def _end(slot: _Slot) -> None:
    slot.ready = False
    if slot.process is not None:
        slot.process.kill()
        slot.process.join(10)


def _lost_outcome(why: str, digest: str) -> Outcome:
    return Outcome("failed", None, problem_of(UnreadableRadiograph(why)), digest)
