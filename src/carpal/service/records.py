"""What travels between the parts of the service."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from carpal.growth.child import MAX_AGE_MONTHS
from carpal.plain import Sex
from carpal.service.facts import Facts

__all__ = ["LAST_SEQ", "Claim", "Header", "Order", "Outcome", "Page", "Query", "Source", "State", "StoredReading"]

State = Literal["queued", "done", "refused", "failed"]
Source = Literal["rest", "web", "dicom", "stow"]
LAST_SEQ = 2**31 - 1  # of PostgreSQL's integers


@dataclass(frozen=True)
class Order:
    """How a radiograph is to be read, who wants it, by which way it came, and what is told of the child.
    ``age_months`` is kept beside the reading and never enters it."""

    who: str
    sex: Sex | None = None
    age_months: float | None = None
    accept_anything: bool = False
    facts: Facts = field(default_factory=Facts)
    source: Source = "rest"


@dataclass(frozen=True)
class Claim:
    """One worker's right to read one radiograph; ``ticket`` is unlike that of any other claim."""

    reading_id: str
    ticket: str
    file_sha256: str
    sex: Sex | None
    age_months: float | None
    accept_anything: bool
    facts: Facts


@dataclass(frozen=True)
class Header:
    """What the radiograph's own header says; all None where it has none."""

    sex: Sex | None = None
    age_months: float | None = None
    study_date: date | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of a radiograph: ``result`` is ``Reading.to_dict()`` and the distribution, ``problem`` RFC 9457's.
    ``passing``: it failed for want of room or memory or the like, and may go well another time."""

    state: Literal["done", "refused", "failed"]
    result: dict[str, Any] | None
    problem: dict[str, Any] | None
    model_digest: str
    header: Header = field(default_factory=Header)
    passing: bool = False


@dataclass(frozen=True)
class StoredReading:
    """A reading as the store has it. Times are seconds since 1970; ``seq`` orders readings by when they came.

    ``sex`` and ``age_months`` are as given; ``header`` is known once a worker has looked at the file. ``child_id`` is
    the child's whose code stands in ``facts``."""

    seq: int
    id: str
    state: State
    source: Source
    file_sha256: str
    is_dicom: bool
    sex: Sex | None
    age_months: float | None
    accept_anything: bool
    created_s: float
    finished_s: float | None
    result: dict[str, Any] | None
    problem: dict[str, Any] | None
    facts: Facts
    child_id: str | None
    header: Header

    @property
    def model_digest(self) -> str | None:
        """SHA-256 of the model that read it; None where there is no reading."""
        return None if self.result is None else self.result["model_sha256"]

    @property
    def known_sex(self) -> Sex | None:
        """As given, else as the header says."""
        return self.sex or self.header.sex

    @property
    def known_age_months(self) -> float | None:
        """As given, else as the header says it of a child."""
        stated = self.header.age_months
        if self.age_months is None and stated is not None and stated <= MAX_AGE_MONTHS:
            return stated
        return self.age_months

    @property
    def age_origin(self) -> Literal["given", "header"] | None:
        """Where ``known_age_months`` comes from."""
        if self.known_age_months is None:
            return None
        return "header" if self.age_months is None else "given"

    @property
    def study_date(self) -> date | None:
        """Of the exposure, as given, else as the header says."""
        return self.facts.study_date or self.header.study_date


@dataclass(frozen=True)
class Query:
    """Which readings: those before ``before_seq``, of one state, sex, source or child (``child_id``, or the beginning
    of its code), accepted from ``since_s`` until before ``until_s``."""

    limit: int = 50
    before_seq: int | None = None
    state: State | None = None
    since_s: float | None = None
    until_s: float | None = None
    sex: Sex | None = None
    source: Source | None = None
    child_id: str | None = None
    code_begins: str | None = None


@dataclass(frozen=True)
class Page:
    """Some readings, newest first; ``next_seq`` is None on the last page."""

    readings: tuple[StoredReading, ...]
    next_seq: int | None
