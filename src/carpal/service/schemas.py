"""The REST interface's objects, as its OpenAPI document shows them."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Literal

from pydantic import BaseModel, Field

from carpal.service.records import Page, StoredReading
from carpal.service.worker import ModelCard

__all__ = [
    "BoneAge",
    "Health",
    "Model",
    "Models",
    "Problem",
    "Reading",
    "Readings",
    "model_json",
    "page_json",
    "reading_json",
]


class Problem(BaseModel):
    """RFC 9457."""

    type: str = Field(description="urn:carpal: and the kind of problem")
    title: str
    status: int
    detail: str = Field(description="one sentence for a person: what was wrong and what to do")
    instance: str | None = Field(None, description="the reading that it is about")
    reason: str | None = Field(None, description="of a refused radiograph: the quality gate's reason")


class BoneAge(BaseModel):
    """What ``carpal read --json`` prints."""

    bone_age_months: float
    interval_90_months: tuple[float, float]
    bone_age_class: int = Field(ge=0, le=4)
    class_probabilities: list[float]
    sex: Literal["F", "M"]
    sex_origin: Literal["given", "header"]
    hand_found: bool | None
    refused_because: str | None
    corrections: list[str]
    hand_probability: float
    embedding: list[float]
    notes: list[str]
    model: str
    calibration: str | None
    model_sha256: str


class Reading(BaseModel):
    """A radiograph that was accepted, and what came of it."""

    id: str
    state: Literal["queued", "done", "refused", "failed"]
    created_at: datetime
    finished_at: datetime | None
    file_sha256: str
    sex: Literal["F", "M"] | None = Field(description="as it was given; null: the header was to say it")
    age_months: float | None
    accept_anything: bool
    reading: BoneAge | None
    problem: Problem | None


class Readings(BaseModel):
    """The newest first."""

    readings: list[Reading]
    next: str | None = Field(description="cursor of the next page, null on the last")


class Model(BaseModel):
    """A model at work."""

    name: str
    sha256: str
    rows: int
    columns: int
    calibration: str | None
    card: dict[str, Any]


class Models(BaseModel):
    """The models at work."""

    models: list[Model]


class Health(BaseModel):
    """``ready``: a radiograph that is sent now will be read."""

    live: bool
    ready: bool
    workers_ready: int
    waiting: int


def reading_json(stored: StoredReading) -> dict[str, Any]:
    """A ``Reading`` in plain values."""
    result = stored.result and {name: value for name, value in stored.result.items() if name != "distribution"}
    return {
        "id": stored.id,
        "state": stored.state,
        "created_at": _time(stored.created_s),
        "finished_at": None if stored.finished_s is None else _time(stored.finished_s),
        "file_sha256": stored.file_sha256,
        "sex": stored.sex,
        "age_months": stored.age_months,
        "accept_anything": stored.accept_anything,
        "reading": result,
        "problem": stored.problem and stored.problem | {"instance": f"/readings/{stored.id}"},
    }


def page_json(page: Page) -> dict[str, Any]:
    """A ``Readings`` in plain values."""
    cursor = None if page.next_seq is None else str(page.next_seq)
    return {"readings": [reading_json(stored) for stored in page.readings], "next": cursor}


def model_json(model: ModelCard) -> dict[str, Any]:
    """A ``Model`` in plain values."""
    return {name: getattr(model, name) for name in Model.model_fields}


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds")
