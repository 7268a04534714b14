"""All that is said of a child from its bone age, in one place: what a report shows and another system receives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from carpal.errors import InvalidArgument
from carpal.growth.adult_height import AdultHeight
from carpal.growth.bayley_pinneau import bayley_pinneau
from carpal.growth.bone_age import BoneAge
from carpal.growth.child import Child
from carpal.growth.codec import from_plain, to_plain
from carpal.growth.history import SHORT_SPAN_MONTHS, HistoryEntry, PastReading, Velocity, trace, velocities
from carpal.growth.references import REFERENCES, Reference
from carpal.growth.roche_wainer_thissen import roche_wainer_thissen
from carpal.growth.sds import SDS_REFERENCES, BoneAgeSds, bone_age_sds
from carpal.growth.tanner import tanner
from carpal.growth.target_height import TargetHeight, target_height
from carpal.plain import MATURE_MONTHS

__all__ = ["Assessment", "assess"]

_ODD_DIFFERENCE_MONTHS = 60.0


@dataclass(frozen=True)
class Assessment:
    """What a bone age means for a child.

    A refused radiograph has ``bone_age`` None and ``refused_because`` says why; ``sds``, ``adult_heights`` are empty
    then. ``history`` holds all readings by age, today's last, and is empty where there is only today's; ``velocities``
    lie between them, ``velocity_overall`` from the first to the last. ``notes`` must be seen. ``references`` are those
    of the numbers that are given.
    """

    child: Child
    bone_age: BoneAge | None
    refused_because: str | None
    sds: tuple[BoneAgeSds, ...]
    adult_heights: tuple[AdultHeight, ...]
    target_height: TargetHeight
    history: tuple[HistoryEntry, ...]
    velocities: tuple[Velocity, ...]
    velocity_overall: Velocity | None
    notes: tuple[str, ...]
    references: tuple[Reference, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, units in the names, nothing rounded; ``from_dict`` gives the same assessment back."""
        values: dict[str, Any] = to_plain(self)
        return values

    @staticmethod
    def from_dict(values: dict[str, Any]) -> Assessment:
        """What ``to_dict`` made. Raises InvalidArgument."""
        return from_plain(Assessment, values)


def assess(
    child: Child,
    bone_age: BoneAge | None,
    history: Iterable[PastReading] = (),
    *,
    refused_because: str | None = None,
) -> Assessment:
    """The assessment of a bone age, or of a radiograph that was refused (``bone_age`` None and the reason).

    Raises InvalidArgument.
    """
    if (bone_age is None) == (refused_because is None):
        raise InvalidArgument("give a bone age, or None and the reason why the radiograph was refused")
    entries = trace(child, history, bone_age)
    steps = velocities(entries)
    sds = tuple(bone_age_sds(child, bone_age, reference) for reference in SDS_REFERENCES) if bone_age else ()
    heights = (
        tuple(predict(child, bone_age) for predict in (bayley_pinneau, roche_wainer_thissen, tanner))
        if bone_age
        else ()
    )
    parents = target_height(child)
    return Assessment(
        child=child,
        bone_age=bone_age,
        refused_because=refused_because,
        sds=sds,
        adult_heights=heights,
        target_height=parents,
        history=entries,
        velocities=steps,
        velocity_overall=velocities((entries[0], entries[-1]))[0] if len(entries) > 2 else None,
        notes=_notes(child, bone_age, sds, steps),
        references=_used(sds, heights, parents, entries),
    )


def _notes(
    child: Child, bone_age: BoneAge | None, sds: tuple[BoneAgeSds, ...], steps: tuple[Velocity, ...]
) -> tuple[str, ...]:
    notes = []
    if bone_age is not None and child.age_months is not None:
        apart = abs(bone_age.months - child.age_months)
        if apart > _ODD_DIFFERENCE_MONTHS:
            notes.append(f"bone age and age are {apart:.0f} months apart: check that age, sex and units are right")
    if bone_age is not None and bone_age.interval_90_months is None and bone_age.distribution is None:
        notes.append("the bone age came without an interval: nothing says how sure the verdict is")
    verdicts = {entry.reference: entry.verdict for entry in sds if entry.verdict}
    if len(set(verdicts.values())) > 1:
        told = ", ".join(f"{verdict} by {reference}" for reference, verdict in verdicts.items())
        notes.append(f"the references disagree: {told}")
    if bone_age is not None and steps and bone_age.months >= MATURE_MONTHS[child.sex]:
        notes.append("a mature skeleton stands still: the last velocity is too low")
    if any(step.to_age_months - step.from_age_months < SHORT_SPAN_MONTHS for step in steps):
        notes.append("readings less than half a year apart say little about velocity")
    return tuple(notes)


def _used(
    sds: tuple[BoneAgeSds, ...],
    heights: tuple[AdultHeight, ...],
    parents: TargetHeight,
    entries: tuple[HistoryEntry, ...],
) -> tuple[Reference, ...]:
    scores = (*sds, *(score for entry in entries for score in entry.sds))
    predicted = (*heights, *(entry.adult_height for entry in entries))
    names: set[str] = {score.reference for score in scores if score.normal_range_months is not None}
    names |= {height.method for height in predicted if height.height_cm is not None}
    names |= {"Mid-parental height"} if parents.height_cm is not None else set()
    return tuple(reference for name, reference in REFERENCES.items() if name in names)
