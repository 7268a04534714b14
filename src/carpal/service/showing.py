"""Readings and children in the words of one language: what the pages show of what the store has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from markupsafe import Markup

from carpal.errors import InvalidArgument
from carpal.growth import Assessment, BoneAgeSds, Child, PastReading, Velocity, assess
from carpal.report.page import Section, capital, heights_section, references_section, sds_section, velocity_told
from carpal.report.page import verdict_lines as verdicts_of
from carpal.report.texts import Sentence, Texts
from carpal.service.children import StoredChild, bone_age_of, sds_of
from carpal.service.plots import Point, age_plot, distribution_plot
from carpal.service.records import StoredReading

__all__ = ["ChildShown", "Row", "Shown", "Visit", "child_shown", "row_of", "shown"]


@dataclass(frozen=True)
class Row:
    """One reading in a line; what is not known is empty. ``said`` is why there is no bone age, ``notes`` what must be
    seen with one."""

    id: str
    state: str
    when: str
    moment: str
    sex: str
    age: str
    bone_age: str
    bone_age_years: str
    interval: str
    sds: str
    verdict: str
    child_id: str | None
    child_code: str | None
    source: str
    said: Sentence | None
    notes: tuple[Sentence, ...]


@dataclass(frozen=True)
class Shown:
    """One reading on a page of its own. ``can_be_forced``: the gate refused it and could be passed by; ``needs_sex``:
    nobody said it."""

    row: Row
    facts: tuple[tuple[str, str], ...]
    verdicts: tuple[str, ...]
    distribution: Markup | None
    chart: Markup | None
    sds: Section | None
    heights: Section | None
    references: Section | None
    made: tuple[str, ...]
    is_dicom: bool
    can_be_forced: bool
    needs_sex: bool


@dataclass(frozen=True)
class Visit:
    """One reading in a child's history. ``sds`` has a score for each reference."""

    row: Row
    exposed: str
    height: str
    velocity: str
    velocity_interval: str
    sds: tuple[str, ...]
    adult_height: str


@dataclass(frozen=True)
class ChildShown:
    """A child's readings, youngest age first."""

    id: str
    code: str
    visits: tuple[Visit, ...]
    references: tuple[str, ...]
    overall: str
    method: str
    predicted: bool
    notes: tuple[Sentence, ...]
    chart: Markup | None


def row_of(reading: StoredReading, texts: Texts) -> Row:
    """A reading in a line."""
    bone_age, age, sex = bone_age_of(reading), reading.known_age_months, reading.known_sex
    low, high = (0.0, 0.0) if bone_age is None else bone_age.interval_90_months or (0.0, 0.0)
    score = next((score for score in sds_of(reading) if score.verdict), None)
    notes = () if reading.result is None else tuple(reading.result["notes"])
    accepted = datetime.fromtimestamp(reading.created_s).astimezone()
    return Row(
        id=reading.id,
        state=reading.state,
        when=accepted.strftime("%Y-%m-%d %H:%M %Z"),  # a container's zone is another than theirs who look
        moment=accepted.isoformat(timespec="seconds"),
        sex="" if sex is None else texts.say(f"sex.{sex}"),
        age="" if age is None else texts.age(age),
        bone_age="" if bone_age is None else texts.say("unit.months", x=texts.number(bone_age.months, 1)),
        bone_age_years="" if bone_age is None else texts.age(bone_age.months),
        interval="" if bone_age is None else texts.say("interval_90_is", range=_months(low, high, texts)),
        sds=_score(score, texts),
        verdict="" if score is None or score.verdict is None else texts.say(f"verdict.{score.verdict}"),
        child_id=reading.child_id,
        child_code=reading.facts.child,
        source=texts.say(f"source.{reading.source}"),
        said=_why_not(reading, texts),
        notes=tuple(capital(texts.sentence(note)) for note in notes),
    )


def shown(reading: StoredReading, past: tuple[PastReading, ...], texts: Texts) -> Shown:
    """A reading with what it means for the child; ``past`` are the same child's readings at lower ages."""
    assessment, refused = _assessment(reading, past)
    row, problem = row_of(reading, texts), reading.problem or {}
    said = (*(assessment.notes if assessment else ()), *refused)
    notes = (*row.notes, *(capital(texts.sentence(note)) for note in said))
    return Shown(
        row=replace(row, notes=notes),
        facts=_facts(reading, texts),
        verdicts=tuple(verdicts_of(assessment, texts)) if assessment else (),
        distribution=_distribution(reading, texts),
        chart=_chart(reading, past, texts),
        sds=sds_section(assessment, texts) if assessment and assessment.child.age_months is not None else None,
        heights=heights_section(assessment, texts) if assessment and reading.facts.height_cm is not None else None,
        references=references_section(assessment, texts) if assessment else None,
        made=_made(reading, texts),
        is_dicom=reading.is_dicom,
        can_be_forced=reading.state == "refused" and not reading.accept_anything,
        needs_sex=problem.get("type") == "urn:carpal:missing-sex",
    )


def child_shown(child: StoredChild, texts: Texts) -> ChildShown:
    """The history of a child."""
    assessment = child.assessment
    counted = [r for r in child.readings if r.state == "done" and r.known_age_months is not None]
    alike = [r for r in counted if r.known_sex == counted[-1].known_sex]
    points = [point for point in map(_point, alike) if point is not None]
    references = tuple(score.reference for score in sds_of(counted[-1])) if counted else ()
    overall, history = (assessment.velocity_overall, assessment.history) if assessment else (None, ())
    return ChildShown(
        id=child.id,
        code=child.code,
        visits=tuple(_visit(reading, assessment, texts) for reading in child.readings),
        references=references,
        overall="" if overall is None else texts.say("history.overall", velocity=velocity_told(overall, texts)),
        method=history[0].adult_height.method if history else "",
        predicted=any(entry.adult_height.height_cm is not None for entry in history),
        notes=tuple(capital(texts.sentence(note)) for note in child.notes),
        chart=age_plot(_sex(alike[-1]), points, texts) if points else None,
    )


def _visit(reading: StoredReading, assessment: Assessment | None, texts: Texts) -> Visit:
    age, height = reading.known_age_months, reading.facts.height_cm
    steps = assessment.velocities if assessment else ()
    step = next((step for step in steps if step.to_age_months == age), None)
    entry = next((e for e in (assessment.history if assessment else ()) if e.age_months == age), None)
    adult = entry.adult_height.height_cm if entry else None
    row = row_of(reading, texts)
    return Visit(
        row=row,
        exposed=reading.study_date.isoformat() if reading.study_date else row.when,
        height="" if height is None else texts.say("unit.cm", x=texts.number(height, 1)),
        velocity=texts.number(step.bone_age_months_per_year, 1) if step and reading.state == "done" else "",
        velocity_interval=_velocity_interval(step, texts),
        sds=tuple(_score(score, texts) for score in sds_of(reading)),
        adult_height="" if adult is None else texts.say("unit.cm", x=texts.number(adult, 1)),
    )


def _velocity_interval(step: Velocity | None, texts: Texts) -> str:
    if step is None or step.interval_90_months_per_year is None:
        return ""
    return texts.range(*(texts.number(edge, 1) for edge in step.interval_90_months_per_year))


def _assessment(reading: StoredReading, past: tuple[PastReading, ...]) -> tuple[Assessment | None, tuple[str, ...]]:
    """None without a bone age; also, with the reason, where the header's age contradicts what was told."""
    bone_age, facts = bone_age_of(reading), reading.facts
    if bone_age is None:
        return None, ()
    measures = (facts.height_cm, facts.weight_kg, facts.mother_height_cm, facts.father_height_cm, facts.menarche)
    try:
        return assess(Child(_sex(reading), reading.known_age_months, *measures), bone_age, past), ()
    except InvalidArgument as error:
        return None, (str(error),)


def _sex(reading: StoredReading) -> Any:
    assert reading.result is not None
    return reading.result["sex"]


def _distribution(reading: StoredReading, texts: Texts) -> Markup | None:
    bone_age = bone_age_of(reading)
    if bone_age is None or bone_age.distribution is None or bone_age.interval_90_months is None:
        return None
    return distribution_plot(bone_age.distribution, bone_age.months, bone_age.interval_90_months, texts)


def _chart(reading: StoredReading, past: tuple[PastReading, ...], texts: Texts) -> Markup | None:
    now = _point(reading)
    if now is None:
        return None
    points = [
        Point(entry.age_months, entry.bone_age.months, entry.bone_age.interval_90_months)
        for entry in past
        if entry.bone_age.interval_90_months is not None
    ]
    return age_plot(_sex(reading), [*points, now], texts)


def _point(reading: StoredReading) -> Point | None:
    bone_age, age = bone_age_of(reading), reading.known_age_months
    if bone_age is None or age is None or bone_age.interval_90_months is None:
        return None
    return Point(age, bone_age.months, bone_age.interval_90_months)


def _facts(reading: StoredReading, texts: Texts) -> tuple[tuple[str, str], ...]:
    """Only what is known, but for sex and age, which are missed."""
    sex, age, facts = reading.known_sex, reading.known_age_months, reading.facts
    origin = texts.say("origin.given" if reading.sex else "origin.header")
    told = [(texts.say("sex"), texts.say("unknown") if sex is None else f"{texts.say(f'sex.{sex}')} ({origin})")]
    if age is None:
        told.append((texts.say("age"), texts.say("unknown")))
    else:
        origin = texts.say(f"origin.{reading.age_origin}")
        told.append((texts.say("age"), f"{texts.age(age)} ({origin})"))
    if reading.study_date is not None:
        told.append((texts.say("web.exposed"), reading.study_date.isoformat()))
    for key, value, unit in (
        ("height", facts.height_cm, "unit.cm"),
        ("weight", facts.weight_kg, "unit.kg"),
        ("mother", facts.mother_height_cm, "unit.cm"),
        ("father", facts.father_height_cm, "unit.cm"),
    ):
        if value is not None:
            told.append((texts.say(key), texts.say(unit, x=texts.number(value, 1))))
    if facts.menarche is not None:
        told.append((texts.say("menarche"), texts.say("menarche.yes" if facts.menarche else "menarche.no")))
    return tuple(told)


def _made(reading: StoredReading, texts: Texts) -> tuple[str, ...]:
    result = reading.result
    said = [texts.say("web.radiograph", digest=reading.file_sha256[:12])]
    if result is not None:
        said.insert(0, texts.say("web.model", name=result["model"], digest=result["model_sha256"][:12]))
        if result["calibration"]:
            said.append(texts.say("made.calibration", calibration=result["calibration"]))
        said.append(texts.say("made.blind"))
    return tuple(said)


def _why_not(reading: StoredReading, texts: Texts) -> Sentence | None:
    if reading.problem is None:
        return None
    return capital(texts.sentence(reading.problem["detail"].removeprefix("refused: ")))


def _months(low: float, high: float, texts: Texts) -> str:
    return texts.range(texts.number(low), texts.say("unit.months", x=texts.number(high)))


def _score(score: BoneAgeSds | None, texts: Texts) -> str:
    return "" if score is None or score.sds is None else texts.number(score.sds, 1, signed=True)
