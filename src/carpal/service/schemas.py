"""The REST interface's objects, as its OpenAPI document shows them."""

from __future__ import annotations

from datetime import date, datetime, timezone
from typing import Any, Literal

from pydantic import BaseModel, Field

from carpal.service.children import StoredChild, sds_of
from carpal.service.records import Page, StoredReading
from carpal.service.worker import ModelCard

__all__ = [
    "BoneAge",
    "Child",
    "ChildReading",
    "ChildRef",
    "Health",
    "Model",
    "Models",
    "Problem",
    "Reading",
    "Readings",
    "Sds",
    "Session",
    "Velocity",
    "child_json",
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
    reported_months: int | None = Field(
        None, description="as a reader of an atlas would report it; null in old readings"
    )
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


class ChildRef(BaseModel):
    """The child that a reading is of."""

    id: str
    code: str = Field(description="its sender's")


class Reading(BaseModel):
    """A radiograph that was accepted, and what came of it."""

    id: str
    state: Literal["queued", "done", "refused", "failed"]
    created_at: datetime
    finished_at: datetime | None
    file_sha256: str
    source: Literal["rest", "web", "dicom", "stow"] = Field(description="the way by which it came")
    is_dicom: bool
    sex: Literal["F", "M"] | None = Field(description="as it was given; null: the header was to say it")
    age_months: float | None = Field(description="as it was given, else as the header says; never used for reading")
    age_origin: Literal["given", "header"] | None
    study_date: date | None = Field(description="as it was given, else as the header says")
    height_cm: float | None
    weight_kg: float | None
    mother_height_cm: float | None
    father_height_cm: float | None
    menarche: bool | None
    child: ChildRef | None
    accept_anything: bool
    reading: BoneAge | None
    problem: Problem | None


class Readings(BaseModel):
    """The newest first."""

    readings: list[Reading]
    next: str | None = Field(description="cursor of the next page, null on the last")


class Sds(BaseModel):
    """How far a bone age lies from those of the same age and sex, by one reference."""

    reference: str
    status: str
    reason: str | None
    sds: float | None
    sds_interval_90: tuple[float, float] | None
    verdict: Literal["delayed", "normal", "advanced"] | None


class ChildReading(BaseModel):
    """One reading of a child, in short."""

    id: str
    state: Literal["queued", "done", "refused", "failed"]
    created_at: datetime
    study_date: date | None
    sex: Literal["F", "M"] | None
    age_months: float | None
    age_origin: Literal["given", "header"] | None
    height_cm: float | None
    bone_age_months: float | None
    interval_90_months: tuple[float, float] | None
    sds: list[Sds]


class Velocity(BaseModel):
    """Months of bone age per year of life between two readings."""

    from_age_months: float
    to_age_months: float
    bone_age_months_per_year: float
    interval_90_months_per_year: tuple[float, float] | None


class Child(BaseModel):
    """All readings of one child, oldest first; between those that have an age and a bone age, how fast it ran."""

    id: str
    code: str
    readings: list[ChildReading]
    velocities: list[Velocity]
    velocity_overall: Velocity | None = Field(description="from the first to the last, where there are three or more")
    notes: list[str] = Field(description="sentences that must be seen")


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


class Session(BaseModel):
    """Whoever asks."""

    name: str
    role: Literal["reader", "admin"]
    csrf: str | None = Field(description="X-CSRF-Token of requests by cookie that change something; null by token")


class Health(BaseModel):
    """``ready``: a radiograph that is sent now will be read."""

    live: bool
    ready: bool
    workers_ready: int
    waiting: int


def reading_json(stored: StoredReading) -> dict[str, Any]:
    """A ``Reading`` in plain values."""
    facts = stored.facts
    result = stored.result and {name: value for name, value in stored.result.items() if name != "distribution"}
    return {
        "id": stored.id,
        "state": stored.state,
        "created_at": _time(stored.created_s),
        "finished_at": None if stored.finished_s is None else _time(stored.finished_s),
        "file_sha256": stored.file_sha256,
        "source": stored.source,
        "is_dicom": stored.is_dicom,
        "sex": stored.sex,
        "age_months": stored.known_age_months,
        "age_origin": stored.age_origin,
        "study_date": _day(stored),
        "height_cm": facts.height_cm,
        "weight_kg": facts.weight_kg,
        "mother_height_cm": facts.mother_height_cm,
        "father_height_cm": facts.father_height_cm,
        "menarche": facts.menarche,
        "child": stored.child_id and {"id": stored.child_id, "code": facts.child},
        "accept_anything": stored.accept_anything,
        "reading": result,
        "problem": _problem(stored),
    }


def _problem(stored: StoredReading) -> dict[str, Any] | None:
    if stored.problem is None:
        return None
    problem = stored.problem | {"instance": f"/readings/{stored.id}"}
    if problem.get("type") == "urn:carpal:missing-sex" and stored.source in ("rest", "web"):
        problem["detail"] += " in the form field 'sex'"  # an archive has none
    return problem


def page_json(page: Page) -> dict[str, Any]:
    """A ``Readings`` in plain values."""
    cursor = None if page.next_seq is None else str(page.next_seq)
    return {"readings": [reading_json(stored) for stored in page.readings], "next": cursor}


def child_json(child: StoredChild) -> dict[str, Any]:
    """A ``Child`` in plain values."""
    assessment = child.assessment
    overall = None if assessment is None else assessment.velocity_overall
    return {
        "id": child.id,
        "code": child.code,
        "readings": [_child_reading(stored) for stored in child.readings],
        "velocities": [] if assessment is None else [_plain(Velocity, step) for step in assessment.velocities],
        "velocity_overall": None if overall is None else _plain(Velocity, overall),
        "notes": list(child.notes),
    }


def _child_reading(stored: StoredReading) -> dict[str, Any]:
    result = stored.result or {}
    return {
        "id": stored.id,
        "state": stored.state,
        "created_at": _time(stored.created_s),
        "study_date": _day(stored),
        "sex": stored.known_sex,
        "age_months": stored.known_age_months,
        "age_origin": stored.age_origin,
        "height_cm": stored.facts.height_cm,
        "bone_age_months": result.get("bone_age_months"),
        "interval_90_months": result.get("interval_90_months"),
        "sds": [_plain(Sds, score) for score in sds_of(stored)],
    }


def _plain(kind: type[BaseModel], value: object) -> dict[str, Any]:
    return {name: getattr(value, name) for name in kind.model_fields}


def _day(stored: StoredReading) -> str | None:
    return None if stored.study_date is None else stored.study_date.isoformat()


def model_json(model: ModelCard) -> dict[str, Any]:
    """A ``Model`` in plain values."""
    return {name: getattr(model, name) for name in Model.model_fields}


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds")
