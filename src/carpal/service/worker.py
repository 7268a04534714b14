"""A process that reads: one network, one thread, one radiograph after the other, whatever its decoder does to it."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from carpal.errors import CarpalError, InvalidArgument, RefusedRadiograph, UnreadableRadiograph
from carpal.radiograph import read_radiograph
from carpal.reader import Reader
from carpal.report.make import describe
from carpal.service.making import Chart, Job, make, make_chart
from carpal.service.problems import problem_of
from carpal.service.records import Header, Outcome

__all__ = ["ModelCard", "Started", "read_for_ever"]


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


def read_for_ever(connection: Connection, model: str, calibration: Path | None) -> None:
    """Answer each Job and Chart with an Outcome, until the other end of the pipe is closed."""
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


def _answer(reader: Reader, job: Job | Chart) -> Outcome:
    try:
        if isinstance(job, Chart):
            make_chart(job)
        elif job.documents:
            make(reader, job)
        else:
            return _read(reader, job)
        return Outcome("done", None, None, reader.digest)
    except CarpalError as error:
        return Outcome("failed", None, problem_of(error), reader.digest)
    except MemoryError:
        return _failed("there was not enough memory to read it", reader, passing=True)
    except OSError as error:  # of the machine, such as a full disk
        return _failed(f"reading it failed ({type(error).__name__})", reader, passing=True)
    except Exception as error:
        # No file may end the worker, and only the kind of failure is told: its text may quote a header.
        return _failed(f"reading it failed ({type(error).__name__})", reader)


def _failed(why: str, reader: Reader, *, passing: bool = False) -> Outcome:
    return Outcome("failed", None, problem_of(UnreadableRadiograph(why)), reader.digest, passing=passing)


def _read(reader: Reader, job: Job) -> Outcome:
    # Its bytes, not its path: where the store lies is no client's business.
    radiograph = read_radiograph(job.path.read_bytes())
    header = Header(radiograph.sex, radiograph.age_months, radiograph.study_date)
    try:
        described = describe(radiograph, job.given)  # refuses what is told that the header makes impossible
        reading = reader.read(radiograph, job.given.sex, accept_anything=job.accept_anything)
    except RefusedRadiograph as refusal:
        return Outcome("refused", None, problem_of(refusal), reader.digest, header)
    except InvalidArgument as error:
        return Outcome("failed", None, problem_of(error), reader.digest, header)
    result = reading.to_dict() | {
        "notes": [*reading.notes, *described.notes],  # also what must be seen of the child's age
        "distribution": [float(mass) for mass in reading.distribution],
    }
    return Outcome("done", result, None, reader.digest, header)
