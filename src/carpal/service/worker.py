"""A process that reads: one network, one thread, one radiograph after the other, whatever its decoder does to it."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from carpal.errors import CarpalError, RefusedRadiograph, UnreadableRadiograph
from carpal.plain import Sex
from carpal.reader import Reader
from carpal.service.problems import problem_of
from carpal.service.records import Outcome

__all__ = ["Job", "ModelCard", "Started", "read_for_ever"]


@dataclass(frozen=True)
class ModelCard:
    """What the model that is at work says of itself."""

    name: str
    sha256: str
    rows: int
    columns: int
    calibration: str | None
    card: dict[str, Any]


@dataclass(frozen=True)
class Started:
    """A worker's first word: its model, or the sentence that says why it cannot start."""

    model: ModelCard | None
    error: str | None


@dataclass(frozen=True)
class Job:
    """A radiograph to read; with ``picture`` to draw it there, evidence and all, instead."""

    path: Path
    sex: Sex | None
    accept_anything: bool
    picture: Path | None = None


def read_for_ever(connection: Connection, model: str, calibration: Path | None) -> None:
    """Answer each Job with an Outcome, until the other end of the pipe is closed."""
    # A Ctrl-C or a service manager's SIGTERM reaches the whole group; it is the server that says when to stop.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    import cv2

    cv2.setNumThreads(1)
    try:
        reader = Reader(model, calibration=calibration)
    except CarpalError as error:
        connection.send(Started(None, str(error)))
        return
    connection.send(Started(_card_of(reader), None))
    try:
        while True:
            connection.send(_answer(reader, connection.recv()))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _card_of(reader: Reader) -> ModelCard:
    rows, columns = reader.facts.recipe.shape
    site = reader.site.name if reader.site else None
    return ModelCard(reader.facts.name, reader.digest, rows, columns, site, reader.facts.card)


def _answer(reader: Reader, job: Job) -> Outcome:
    try:
        return _draw(reader, job) if job.picture else _read(reader, job)
    except RefusedRadiograph as refusal:
        return Outcome("refused", None, problem_of(refusal), reader.digest)
    except CarpalError as error:
        return Outcome("failed", None, problem_of(error), reader.digest)
    except MemoryError:
        return _failed("there was not enough memory to read it", reader)
    except Exception as error:
        # No file may end the worker, and only the kind of failure is told: its text may quote a header.
        return _failed(f"reading it failed ({type(error).__name__})", reader)


def _failed(why: str, reader: Reader) -> Outcome:
    return Outcome("failed", None, problem_of(UnreadableRadiograph(why)), reader.digest)


def _read(reader: Reader, job: Job) -> Outcome:
    # Its bytes, not its path: where the store lies is no client's business.
    reading = reader.read(job.path.read_bytes(), job.sex, accept_anything=job.accept_anything)
    result = reading.to_dict() | {"distribution": [float(mass) for mass in reading.distribution]}
    return Outcome("done", result, None, reader.digest)


def _draw(reader: Reader, job: Job) -> Outcome:
    from carpal.annotate import write_annotated
    from carpal.explain import explain
    from carpal.radiograph import read_radiograph

    assert job.picture is not None
    radiograph = read_radiograph(job.path.read_bytes())
    reading = reader.read(radiograph, job.sex, accept_anything=job.accept_anything)
    evidence = explain(reader, radiograph, reading.sex, accept_anything=job.accept_anything)
    write_annotated(radiograph, reading, job.picture, evidence)
    return Outcome("done", None, None, reader.digest)
