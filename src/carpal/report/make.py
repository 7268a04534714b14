"""Everything that a report is made of: the reading, where it comes from, and what it means for the child."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from carpal import __version__
from carpal.errors import InvalidArgument, MissingSex, RefusedRadiograph
from carpal.explain import Evidence, explain
from carpal.growth import Assessment, BoneAge, Child, PastReading, assess
from carpal.growth.child import MAX_AGE_MONTHS
from carpal.plain import Sex, check_sex, years_and_months
from carpal.quality import Refusal
from carpal.radiograph import Radiograph
from carpal.reader import Reader, Reading

__all__ = ["Described", "Given", "Origin", "Report", "assess_reading", "describe", "make_report"]

Origin = Literal["given", "header"]

_OTHER_AGE_MONTHS = 12.0  # a header that says whole years may lie that much below
_IN_YEARS = (
    "the header says the age in whole years: the child may be nearly a year older, "
    "and SDS and adult height are so much less sure"
)


@dataclass(frozen=True)
class Given:
    """What is told of the child beside its radiograph; ``sex`` and ``age_months`` go before what the header says.

    Heights in cm, ``weight_kg`` in kg, ``study_date`` of the exposure. Nothing of it enters the reading but ``sex``.
    """

    sex: str | None = None
    age_months: float | None = None
    height_cm: float | None = None
    weight_kg: float | None = None
    mother_height_cm: float | None = None
    father_height_cm: float | None = None
    menarche: bool | None = None
    history: tuple[PastReading, ...] = ()
    study_date: date | None = None

    @property
    def of_one_child(self) -> bool:
        """Whether anything but the sex is told, which cannot be true of several radiographs at once."""
        return self != Given(sex=self.sex)


@dataclass(frozen=True, eq=False)
class Report:
    """One radiograph, read or refused: ``reading`` and ``evidence`` are None where it was refused, ``refusal`` is None
    where it was not. ``age_origin`` is None where nobody said an age. ``notes`` must be seen."""

    radiograph: Radiograph
    reading: Reading | None
    evidence: Evidence | None
    refusal: Refusal | None
    assessment: Assessment
    sex_origin: Origin
    age_origin: Origin | None
    model: str
    model_digest: str
    calibration: str | None
    study_date: date | None = None
    notes: tuple[str, ...] = ()
    carpal_version: str = __version__

    @property
    def all_notes(self) -> tuple[str, ...]:
        """What must be seen: of the reading, of the assessment, of the making."""
        read = self.reading.notes if self.reading is not None else ()
        return (*read, *self.assessment.notes, *self.notes)

    def __str__(self) -> str:
        return f"REFUSED: {self.refusal.advice}" if self.refusal is not None else str(self.reading)


def make_report(reader: Reader, radiograph: Radiograph, given: Given, *, accept_anything: bool = False) -> Report:
    """Read ``radiograph`` and say what the bone age means for the child that ``given`` and the header describe.

    A refused radiograph gets a report without an age. The child's age never enters the reading. About a second.
    Raises MissingSex, InvalidArgument.
    """
    described = describe(radiograph, given)
    child = described.child
    reading, evidence, refusal = None, None, None
    try:
        reading = reader.read(
            radiograph, child.sex if described.sex_origin == "given" else None, accept_anything=accept_anything
        )
        evidence = explain(reader, radiograph, reading.sex, accept_anything=accept_anything)
    except RefusedRadiograph as refused:
        refusal = Refusal(refused.reason, str(refused).removeprefix("refused: "))
    return Report(
        radiograph=radiograph,
        reading=reading,
        evidence=evidence,
        refusal=refusal,
        assessment=assess_reading(child, reading, refusal, given.history),
        sex_origin=described.sex_origin,
        age_origin=described.age_origin,
        model=reader.facts.name,
        model_digest=reader.digest,
        calibration=reader.site.name if reader.site else None,
        study_date=given.study_date,
        notes=described.notes,
    )


def assess_reading(
    child: Child, reading: Reading | None, refusal: Refusal | None, history: tuple[PastReading, ...] = ()
) -> Assessment:
    """What a reading, or a refusal, means for the child. Raises InvalidArgument."""
    bone_age = None
    if reading is not None:
        bone_age = BoneAge(
            reading.bone_age_months,
            reading.interval_90_months,
            tuple(float(p) for p in reading.distribution),
            method="Greulich-Pyle",
            read_by=f"carpal {__version__}, model {reading.model}",
        )
    return assess(child, bone_age, history, refused_because=refusal.advice if refusal else None)


@dataclass(frozen=True)
class Described:
    """The child, where its sex and age were learnt (``age_origin`` None: nobody said an age), and what must be seen."""

    child: Child
    sex_origin: Origin
    age_origin: Origin | None
    notes: tuple[str, ...]


def describe(radiograph: Radiograph, given: Given) -> Described:
    """The child as ``given`` and the header describe it. Raises MissingSex, InvalidArgument."""
    sex: Sex | None = check_sex(given.sex) or radiograph.sex
    if sex is None:
        raise MissingSex("the child's sex is needed and the file does not say it: give F or M")
    age, age_origin, notes = _age(radiograph, given.age_months)
    if given.history and age is None:
        raise InvalidArgument("a history needs the child's age today (--age 9y4m)")
    child = Child(
        sex,
        age,
        given.height_cm,
        given.weight_kg,
        given.mother_height_cm,
        given.father_height_cm,
        given.menarche,
    )
    return Described(
        child, "given" if given.sex is not None else "header", age_origin, notes + _other_age(radiograph, age)
    )


def _age(radiograph: Radiograph, given: float | None) -> tuple[float | None, Origin | None, tuple[str, ...]]:
    """The age in months, where it was learnt, and what must be seen of it."""
    header = radiograph.age_months
    if given is not None or header is None:
        return given, None if given is None else "given", ()
    if header > MAX_AGE_MONTHS:
        return None, None, (f"the header's age of {years_and_months(header)} is no child's and was left out",)
    return header, "header", (_IN_YEARS,) if radiograph.age_in_years else ()


def _other_age(radiograph: Radiograph, age: float | None) -> tuple[str, ...]:
    header = radiograph.age_months
    if age is None or header is None or abs(age - header) <= _OTHER_AGE_MONTHS:
        return ()
    told, said = years_and_months(age), years_and_months(header)
    return (f"the age given is {told}, although the header says {said}: check which is right",)
