"""An assessment as text for a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from carpal.growth.adult_height import AdultHeight
from carpal.growth.assessment import Assessment
from carpal.growth.bone_age import BoneAge
from carpal.growth.child import Child
from carpal.growth.history import HistoryEntry, Velocity
from carpal.growth.sds import BoneAgeSds
from carpal.growth.target_height import TargetHeight
from carpal.plain import years_and_months

__all__ = ["format_assessment"]

_NAME_WIDTH = 22


def format_assessment(assessment: Assessment) -> str:
    """Several lines: the child, the bone age, each number with its reference or the reason why there is none."""
    return "\n".join(line.rstrip() for line in _lines(assessment))


def _lines(assessment: Assessment) -> Iterator[str]:
    yield _child(assessment.child)
    if assessment.bone_age is None:
        yield f"no bone age: {assessment.refused_because}"
    else:
        yield f"bone age {_bone_age(assessment.bone_age)}, {assessment.bone_age.method}"
        yield ""
        yield "bone age for age"
        for score in assessment.sds:
            yield from _named(score.reference, _sds(score))
        yield ""
        yield "adult height"
        for height in assessment.adult_heights:
            yield from _named(height.method, _height(height))
    yield from _named("Mid-parental height", _target(assessment.target_height))
    if assessment.history:
        yield ""
        yield "history"
        steps: tuple[Velocity | None, ...] = (None, *assessment.velocities)
        for entry, step in zip(assessment.history, steps, strict=True):
            yield f"  {_entry(entry, step)}"
        if assessment.velocity_overall is not None:
            yield f"  from first to last {_velocity(assessment.velocity_overall)}"
    yield ""
    yield from (f"note: {note}" for note in assessment.notes)
    for reference in assessment.references:
        yield f"{reference.name}: {reference.citation}"
    yield "Decision support, not a diagnosis."


def _named(name: str, sentences: list[str]) -> Iterator[str]:
    for label, sentence in zip([name] + [""] * len(sentences), sentences, strict=False):
        yield f"  {label:<{_NAME_WIDTH}}{sentence}"


def _child(child: Child) -> str:
    who = "girl" if child.sex == "F" else "boy"
    age = "age not known" if child.age_months is None else _months(child.age_months)
    facts = [f"{who}, {age}"]
    for value, form in (
        (child.height_cm, "height {:.1f} cm"),
        (child.weight_kg, "weight {:.1f} kg"),
        (child.mother_height_cm, "mother {:.0f} cm"),
        (child.father_height_cm, "father {:.0f} cm"),
    ):
        if value is not None:
            facts.append(form.format(value))
    return ", ".join(facts)


def _months(months: float) -> str:
    return f"{months:.1f} months ({years_and_months(months)})"


def _bone_age(bone_age: BoneAge) -> str:
    if bone_age.interval_90_months is None:
        return _months(bone_age.months)
    low, high = bone_age.interval_90_months
    return f"{_months(bone_age.months)}, 90 % interval {low:.0f}-{high:.0f}"


def _sds(score: BoneAgeSds) -> list[str]:
    lines = []
    if score.sds is not None:
        lines.append(f"SDS {score.sds:+.2f}")
        if score.sds_interval_90 is not None:
            low, high = score.sds_interval_90
            lines[0] += f", 90 % interval {low:+.2f} to {high:+.2f}"
    else:
        lines.append(f"no SDS: {score.reason}")
    if score.verdict is not None:
        told: str = score.verdict
        if (chance := score.probabilities) is not None:
            told += f" (probability: delayed {_percent(chance.delayed)}, normal {_percent(chance.normal)}, "
            told += f"advanced {_percent(chance.advanced)})"
        lines.append(told)
    if score.normal_range_months is not None:
        low, high = score.normal_range_months
        lines.append(f"-2 to +2 SD at this age: {low:.0f}-{high:.0f} months")
    return lines


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if 0.005 <= share <= 0.995 else "< 1 %" if share < 0.5 else "> 99 %"


def _height(height: AdultHeight) -> list[str]:
    if height.height_cm is None:
        return [f"none: {height.reason}"]
    lines = [f"{height.height_cm:.1f} cm" + (f" ({height.group})" if height.group else "")]
    if height.interval_90_cm is not None:
        low, high = height.interval_90_cm
        lines[0] += f", 90 % interval {low:.0f}-{high:.0f} by the paper's errors"
    if height.bone_age_range_cm is not None:
        low, high = height.bone_age_range_cm
        lines.append(f"{low:.1f}-{high:.1f} cm over the bone age's interval")
    return [*lines, f"made for: {height.made_for}", *height.notes]


def _target(target: TargetHeight) -> list[str]:
    if target.height_cm is None or target.range_cm is None:
        return [f"none: {target.reason}"]
    return [f"{target.height_cm:.1f} cm, range {target.range_cm[0]:.1f}-{target.range_cm[1]:.1f}"]


def _entry(entry: HistoryEntry, step: Velocity | None) -> str:
    scores = ", ".join(f"{s.reference} {s.sds:+.2f}" for s in entry.sds if s.sds is not None)
    parts = [f"{years_and_months(entry.age_months):>10}: bone age {_bone_age(entry.bone_age)}"]
    parts += [f"SDS {scores}"] if scores else []
    if entry.adult_height.height_cm is not None:
        parts.append(f"adult height {entry.adult_height.height_cm:.1f} cm ({entry.adult_height.method})")
    if step is not None:
        parts.append(f"velocity {_velocity(step)}")
    return "; ".join(parts)


def _velocity(step: Velocity) -> str:
    text = f"{step.bone_age_months_per_year:.1f} months of bone age a year"
    if step.interval_90_months_per_year is not None:
        low, high = step.interval_90_months_per_year
        text += f" (90 % interval {low:.1f} to {high:.1f})"
    return text
