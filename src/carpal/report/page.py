"""A report in the words of one language: what the PDF and the HTML page both show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from carpal.growth import Assessment, BoneAgeSds, Velocity
from carpal.growth.adult_height import AdultHeight
from carpal.report import figures
from carpal.report.figures import Picture
from carpal.report.make import Report
from carpal.report.texts import Sentence, Texts

__all__ = [
    "Page",
    "Section",
    "Table",
    "capital",
    "heights_section",
    "page_of",
    "references_section",
    "sds_section",
    "velocity_told",
    "verdict_lines",
]


@dataclass(frozen=True)
class Table:
    """``heads`` may be empty; the first cell of each row is its heading. Lines within a cell are apart by newlines."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """A heading with sentences, a table, or both."""

    heading: str
    sentences: tuple[Sentence, ...] = ()
    table: Table | None = None


@dataclass(frozen=True)
class Page:
    """One report in one language. ``result`` is the bone age in large, in its other unit, its interval, its method and
    if there is one the verdict, or else the heading of a refusal; ``refusal`` says why and what to do. Pictures that a
    report does not have are None."""

    language: str
    title: str
    disclaimer: str
    child: tuple[tuple[str, str], ...]
    bone_age: str
    result: tuple[str, ...]
    refusal: Section | None
    radiograph: Picture
    evidence: Picture | None
    evidence_told: str
    distribution: Picture | None
    chart: Picture | None
    sds: Section | None
    heights: Section | None
    history: Section | None
    remarks: Section | None
    made: Section
    references: Section | None


def page_of(report: Report, texts: Texts) -> Page:
    """The report in the language of ``texts``."""
    assessment = report.assessment
    return Page(
        language=texts.language,
        title=texts.say("document_title"),
        disclaimer=texts.say("disclaimer"),
        child=tuple(_child(report, texts)),
        bone_age=texts.say("title"),
        result=_result(report, texts),
        refusal=_refusal(report, texts),
        radiograph=figures.radiograph(report, texts),
        evidence=figures.evidence(report, texts),
        evidence_told=figures.evidence_told(report, texts),
        distribution=figures.distribution(report, texts),
        chart=figures.chart(report, texts),
        sds=sds_section(assessment, texts) if assessment.sds else None,
        heights=heights_section(assessment, texts),
        history=_history(assessment, texts) if assessment.history else None,
        remarks=_remarks(report, texts),
        made=_made(report, texts),
        references=references_section(assessment, texts),
    )


def _child(report: Report, texts: Texts) -> Iterator[tuple[str, str]]:
    child = report.assessment.child
    yield texts.say("sex"), f"{texts.say(f'sex.{child.sex}')} ({texts.say(f'origin.{report.sex_origin}')})"
    if child.age_months is None:
        yield texts.say("age"), texts.say("unknown")
    else:
        months = texts.say("unit.months", x=texts.number(child.age_months, 1))
        origin = texts.say(f"origin.{report.age_origin}")
        yield texts.say("age"), f"{texts.age(child.age_months)} = {months} ({origin})"
    for key, value, unit in (
        ("height", child.height_cm, "unit.cm"),
        ("weight", child.weight_kg, "unit.kg"),
        ("mother", child.mother_height_cm, "unit.cm"),
        ("father", child.father_height_cm, "unit.cm"),
    ):
        if value is not None:
            yield texts.say(key), texts.say(unit, x=texts.number(value, 1))
    if child.menarche is not None:
        yield texts.say("menarche"), texts.say("menarche.yes" if child.menarche else "menarche.no")


def _result(report: Report, texts: Texts) -> tuple[str, ...]:
    reading = report.reading
    if reading is None:
        return (texts.say("refused"),)
    low, high = reading.interval_90_months
    months = texts.range(texts.number(low), texts.say("unit.months", x=texts.number(high)))
    years = texts.range(texts.age(low), texts.age(high))
    return (
        texts.say("unit.months", x=texts.number(reading.bone_age_months, 1)),
        texts.age(reading.bone_age_months),
        texts.say("interval_90_is", range=f"{months} ({years})"),
        texts.say("method"),
        *verdict_lines(report.assessment, texts),
    )


def verdict_lines(assessment: Assessment, texts: Texts) -> Iterator[str]:
    """The first reference that has one, in a line; the table has all of them."""
    score = next((score for score in assessment.sds if score.verdict), None)
    if score is None or score.verdict is None:
        return
    said = texts.say(f"verdict.{score.verdict}")
    if score.probabilities is not None:
        share = texts.percent(getattr(score.probabilities, score.verdict))
        said = texts.say("verdict.probable", verdict=said, share=share)
    if score.sds is not None:
        said = texts.say("verdict.sds", verdict=said, sds=_score(score, texts))
    yield _capital_text(texts.say("verdict.by", verdict=said, reference=score.reference))


def _refusal(report: Report, texts: Texts) -> Section | None:
    if report.refusal is None:
        return None
    why = capital(texts.sentence(report.refusal.advice))
    return Section(texts.say("refused.why"), (why, Sentence(texts.say("refused.then"), texts.language)))


def sds_section(assessment: Assessment, texts: Texts) -> Section:
    """Bone age for age: a column a reference; where there is no SDS the reason stands below the table."""
    scores = assessment.sds
    rows = [
        (texts.say("sds"), *(_score(score, texts) for score in scores)),
        (texts.say("interval_90"), *(_score_interval(score, texts) for score in scores)),
        (texts.say("sds.mean"), *(_months(score.mean_months, texts) for score in scores)),
        (texts.say("sds.normal_range"), *(_normal_range(score, texts) for score in scores)),
        (texts.say("sds.verdict"), *(texts.say(f"verdict.{s.verdict}") if s.verdict else "–" for s in scores)),
    ]
    for verdict in ("delayed", "normal", "advanced"):
        shares = [texts.percent(getattr(s.probabilities, verdict)) if s.probabilities else "–" for s in scores]
        rows.append((texts.say("sds.probability", verdict=texts.say(f"verdict.{verdict}")), *shares))
    told = [row for row in rows if any(cell != "–" for cell in row[1:])]
    reasons = tuple(
        _named(score.reference, texts.sentence(score.reason)) for score in scores if score.reason is not None
    )
    heads = ("", *(score.reference for score in scores))
    return Section(texts.say("sds.heading"), reasons, Table(heads, tuple(told)) if told else None)


def _score(score: BoneAgeSds, texts: Texts) -> str:
    return "–" if score.sds is None else texts.number(score.sds, 2, signed=True)


def _score_interval(score: BoneAgeSds, texts: Texts) -> str:
    if score.sds_interval_90 is None:
        return "–"
    return texts.range(*(texts.number(edge, 2, signed=True) for edge in score.sds_interval_90))


def _months(months: float | None, texts: Texts) -> str:
    return "–" if months is None else texts.say("unit.mo", x=texts.number(months, 1))


def _normal_range(score: BoneAgeSds, texts: Texts) -> str:
    if score.normal_range_months is None:
        return "–"
    low, high = score.normal_range_months
    return texts.range(texts.number(low), texts.say("unit.mo", x=texts.number(high)))


def heights_section(assessment: Assessment, texts: Texts) -> Section | None:
    """Adult height by each method and by the parents; None where there is nothing to say."""
    rows = [_height(height, texts) for height in assessment.adult_heights]
    target = assessment.target_height
    if not rows and target.height_cm is None:
        return None
    name = texts.say("target")
    if target.height_cm is None or target.range_cm is None:
        why = capital(texts.sentence(target.reason or "")).text
        rows.append((name, texts.say("none"), "–", "–", why))
    else:
        # How many of 100 children the paper's range holds is not said: it is no 90 % interval.
        reach = texts.say("target.range", range=_centimetres(target.range_cm, texts, 1))
        rows.append((name, _cm(target.height_cm, texts), "–", "–", _capital_text(reach)))
    heads = tuple(texts.say(f"heights.{key}") for key in ("method", "height", "error", "over", "notes"))
    return Section(texts.say("heights.heading"), (), Table(heads, tuple(rows)))


def _height(height: AdultHeight, texts: Texts) -> tuple[str, ...]:
    notes = [texts.say("heights.made_for", made_for=texts.word(height.made_for))]
    if height.height_cm is None:
        why = capital(texts.sentence(height.reason or "")).text
        return height.method, texts.say("none"), "–", "–", why
    if height.group is not None:
        notes.append(texts.say("heights.group", group=texts.word(height.group)))
    if height.percent_of_adult_height is not None:
        notes.append(texts.say("heights.percent", x=texts.number(height.percent_of_adult_height, 1)))
    notes += [texts.sentence(note).text for note in height.notes]
    error = "–" if height.interval_90_cm is None else _centimetres(height.interval_90_cm, texts)
    over = "–" if height.bone_age_range_cm is None else _centimetres(height.bone_age_range_cm, texts, 1)
    return height.method, _cm(height.height_cm, texts), error, over, _capital_text("; ".join(notes))


def _cm(value: float, texts: Texts, digits: int = 1) -> str:
    return texts.say("unit.cm", x=texts.number(value, digits))


def _centimetres(edges: tuple[float, float], texts: Texts, digits: int = 0) -> str:
    return texts.range(texts.number(edges[0], digits), _cm(edges[1], texts, digits))


def _history(assessment: Assessment, texts: Texts) -> Section:
    steps: tuple[Velocity | None, ...] = (None, *assessment.velocities)
    names = [score.reference for score in assessment.history[0].sds]
    method = assessment.history[0].adult_height.method
    rows = []
    for entry, step in zip(assessment.history, steps, strict=True):
        height = entry.adult_height.height_cm
        rows.append(
            (
                texts.age(entry.age_months),
                f"{texts.number(entry.bone_age.months, 1)} ({texts.age(entry.bone_age.months)})",
                *(_score(score, texts) for score in entry.sds),
                "–" if step is None else velocity_told(step, texts),
                "–" if height is None else _cm(height, texts),
            )
        )
    heads = (
        texts.say("history.age"),
        texts.say("history.bone_age"),
        *(f"{texts.say('sds')}, {name}" for name in names),
        texts.say("history.velocity"),
        texts.say("history.adult_height", method=method),
    )
    overall = assessment.velocity_overall
    told = () if overall is None else (texts.say("history.overall", velocity=velocity_told(overall, texts)),)
    sentences = tuple(Sentence(text, texts.language) for text in told)
    heading = "history.heading" if assessment.bone_age is not None else "history.past"
    return Section(texts.say(heading), sentences, Table(heads, tuple(rows)))


def velocity_told(step: Velocity, texts: Texts) -> str:
    """Months of bone age a year, with the interval where there is one."""
    text = texts.number(step.bone_age_months_per_year, 1)
    if step.interval_90_months_per_year is not None:
        text += f" ({texts.range(*(texts.number(edge, 1) for edge in step.interval_90_months_per_year))})"
    return text


def _remarks(report: Report, texts: Texts) -> Section | None:
    told = tuple(capital(texts.sentence(note)) for note in report.all_notes)
    if not told and report.refusal is None:
        told = (Sentence(texts.say("remarks.none"), texts.language),)
    return Section(texts.say("remarks.heading"), told) if told else None


def _made(report: Report, texts: Texts) -> Section:
    said = [
        texts.say("made.model", model=report.model, digest=report.model_digest, version=report.carpal_version),
        *([texts.say("made.calibration", calibration=report.calibration)] if report.calibration else []),
        texts.say("made.radiograph", digest=report.radiograph.digest),
        texts.say("made.blind"),
    ]
    return Section(texts.say("made.heading"), tuple(Sentence(text, texts.language) for text in said))


def references_section(assessment: Assessment, texts: Texts) -> Section | None:
    """Citations stay in the language of the publication."""
    if not assessment.references:
        return None
    said = [f"{texts.word(r.name)}: {r.citation}. {texts.sentence(r.limits).text}" for r in assessment.references]
    return Section(texts.say("references.heading"), tuple(Sentence(text, texts.language) for text in said))


def _named(name: str, sentence: Sentence) -> Sentence:
    return Sentence(f"{name}: {_capital_text(sentence.text)}", sentence.language)


def capital(sentence: Sentence) -> Sentence:
    """The sentence as a sentence by itself begins."""
    return Sentence(_capital_text(sentence.text), sentence.language)


def _capital_text(text: str) -> str:
    return text[:1].upper() + text[1:]
