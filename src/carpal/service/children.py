"""The readings of one child seen together: what came before a reading, and how fast the bone age runs."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlalchemy import Connection, delete, insert, select

from carpal.errors import NotFound
from carpal.growth import Assessment, BoneAge, BoneAgeSds, Child, PastReading, assess
from carpal.growth.sds import SDS_REFERENCES, bone_age_sds
from carpal.plain import Sex
from carpal.service import tables
from carpal.service.database import Database
from carpal.service.facts import Facts
from carpal.service.records import StoredReading
from carpal.service.rows import select_readings, stored

__all__ = ["Children", "StoredChild", "bone_age_of", "child_for", "drop_childless", "sds_of"]

_T, _C = tables.readings, tables.children


@dataclass(frozen=True)
class StoredChild:
    """A child and its readings, the youngest age first, those without an age last."""

    id: str
    code: str
    readings: tuple[StoredReading, ...]

    @property
    def sexes(self) -> tuple[Sex, ...]:
        """As which its radiographs were read, the last one's first."""
        read = [r.known_sex for r in reversed(self.readings) if _counts(r)]
        return tuple(dict.fromkeys(sex for sex in read if sex is not None))

    @property
    def assessment(self) -> Assessment | None:
        """Of the reading at the highest age, with those before it as its history; None without any with an age."""
        counted = [reading for reading in self.readings if _counts(reading)]
        if not counted:
            return None
        last = counted[-1]
        return assess(_child(last, last.facts), bone_age_of(last), _before(last, counted))

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be seen."""
        said = self.assessment.notes if self.assessment is not None else ()
        if len(self.sexes) > 1:
            said = (f"read as different sexes: only those as {self.sexes[0]} count, as the last", *said)
        return said


class Children:
    """The children of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, child_id: str) -> StoredChild:
        """Raises NotFound."""
        with self._database.reading() as connection:
            code = connection.execute(select(_C.c.code).where(_C.c.id == child_id)).scalar()
            found = _readings(connection, child_id)
        if code is None:
            raise NotFound("there is no such child")
        ages = [reading.known_age_months for reading in found]
        last = max((age for age in ages if age is not None), default=0.0) + 1
        in_order = sorted(found, key=lambda r: (last if r.known_age_months is None else r.known_age_months, r.seq))
        return StoredChild(child_id, code, tuple(in_order))

    def before(self, reading: StoredReading) -> tuple[PastReading, ...]:
        """What was read of the same child at lower ages and as the same sex; of several at one age the last."""
        if reading.child_id is None or reading.known_age_months is None:
            return ()
        with self._database.reading() as connection:
            found = _readings(connection, reading.child_id)
        return _before(reading, [other for other in found if _counts(other)])


def child_for(connection: Connection, code: str) -> str:
    """The id of the child with that code; made if it is new."""
    known = connection.execute(select(_C.c.id).where(_C.c.code == code)).scalar()
    if known is not None:
        return known
    child_id = uuid.uuid4().hex
    connection.execute(insert(_C).values(id=child_id, code=code, created_s=time.time()))
    return child_id


def drop_childless(connection: Connection, child_ids: Iterable[str]) -> None:
    """Forget those of the children of whom no reading is left."""
    for child_id in child_ids:
        if connection.execute(select(_T.c.seq).where(_T.c.child_id == child_id).limit(1)).first() is None:
            connection.execute(delete(_C).where(_C.c.id == child_id))


def bone_age_of(reading: StoredReading) -> BoneAge | None:
    """The bone age as it is stored; None where there is none."""
    result = reading.result
    if result is None:
        return None
    low, high = result["interval_90_months"]
    distribution = tuple(result["distribution"])
    return BoneAge(result["bone_age_months"], (low, high), distribution, read_by=f"carpal, model {result['model']}")


def sds_of(reading: StoredReading) -> tuple[BoneAgeSds, ...]:
    """By each reference; empty where there is no bone age."""
    bone_age = bone_age_of(reading)
    if bone_age is None:
        return ()
    child = _child(reading, Facts())
    return tuple(bone_age_sds(child, bone_age, reference) for reference in SDS_REFERENCES)


def _readings(connection: Connection, child_id: str) -> list[StoredReading]:
    wanted = select_readings().where(_T.c.child_id == child_id).order_by(_T.c.seq)
    return [stored(row) for row in connection.execute(wanted).mappings()]


def _counts(reading: StoredReading) -> bool:
    return reading.state == "done" and reading.known_age_months is not None


def _child(reading: StoredReading, facts: Facts) -> Child:
    assert reading.result is not None
    measures = (facts.height_cm, facts.weight_kg, facts.mother_height_cm, facts.father_height_cm, facts.menarche)
    return Child(reading.result["sex"], reading.known_age_months, *measures)


def _before(reading: StoredReading, others: Iterable[StoredReading]) -> tuple[PastReading, ...]:
    now, found = reading.known_age_months, dict[float, PastReading]()
    for other in sorted(others, key=lambda entry: entry.seq):
        age, bone_age = other.known_age_months, bone_age_of(other)
        if now is None or age is None or bone_age is None or age >= now or other.known_sex != reading.known_sex:
            continue
        found[age] = PastReading(age, replace(bone_age, distribution=None), other.facts.height_cm)
    return tuple(found[age] for age in sorted(found))
