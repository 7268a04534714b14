"""What travels between the parts of the service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from carpal.plain import Sex

__all__ = ["Claim", "Order", "Outcome", "Page", "Query", "State", "StoredReading"]

State = Literal["queued", "done", "refused", "failed"]


@dataclass(frozen=True)
class Order:
    """How a radiograph is to be read, and who wants it. ``age_months`` is kept beside the reading and never enters
    it."""

    who: str
    sex: Sex | None = None
    age_months: float | None = None
    accept_anything: bool = False


@dataclass(frozen=True)
class Claim:
    """One worker's right to read one radiograph; ``ticket`` is unlike that of any other claim."""

    reading_id: str
    ticket: str
    file_sha256: str
    sex: Sex | None
    accept_anything: bool


@dataclass(frozen=True)
class Outcome:
    """What came of a radiograph: ``result`` is ``Reading.to_dict()`` and the distribution, ``problem`` RFC 9457's."""

    state: Literal["done", "refused", "failed"]
    result: dict[str, Any] | None
    problem: dict[str, Any] | None
    model_digest: str


@dataclass(frozen=True)
class StoredReading:
    """A reading as the store has it. Times are seconds since 1970; ``seq`` orders readings by when they came."""

    seq: int
    id: str
    state: State
    file_sha256: str
    sex: Sex | None
    age_months: float | None
    accept_anything: bool
    created_s: float
    finished_s: float | None
    result: dict[str, Any] | None
    problem: dict[str, Any] | None

    @property
    def model_digest(self) -> str | None:
        """SHA-256 of the model that read it; None where there is no reading."""
        return None if self.result is None else self.result["model_sha256"]


@dataclass(frozen=True)
class Query:
    """Which readings: those before ``before_seq``, of one state, accepted from ``since_s`` until before ``until_s``."""

    limit: int = 50
    before_seq: int | None = None
    state: State | None = None
    since_s: float | None = None
    until_s: float | None = None


@dataclass(frozen=True)
class Page:
    """Some readings, newest first; ``next_seq`` is None on the last page."""

    readings: tuple[StoredReading, ...]
    next_seq: int | None
