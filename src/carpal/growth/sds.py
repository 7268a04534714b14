"""How far a bone age lies from those of children of the same age and sex: SDS, verdict, and how sure the verdict is.

Two references, both printed in Greulich & Pyle 1959. Between their rows mean and SD lie on straight lines.

Brush Foundation   SDS = (bone age - mean bone age of that age) / SD
Stanford           SDS = (bone age - chronological age) / SD, because it has no means
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from carpal.errors import InvalidArgument
from carpal.growth.bone_age import BoneAge
from carpal.growth.child import Child
from carpal.growth.lookup import column, interpolate, rows_of
from carpal.plain import MATURE_MONTHS, Sex

__all__ = ["SDS_REFERENCES", "BandRow", "BoneAgeSds", "SdsReference", "VerdictProbabilities", "band", "bone_age_sds"]

SdsReference = Literal["Brush Foundation", "Stanford"]
SDS_REFERENCES: tuple[SdsReference, ...] = get_args(SdsReference)
Verdict = Literal["delayed", "normal", "advanced"]
Status = Literal["given", "mature", "no age", "other method", "below the table", "beyond the table"]

_LIMIT_SDS = 2.0
_MATURE = "the skeleton counts as mature: later ages look alike"


@dataclass(frozen=True)
class VerdictProbabilities:
    """How probable each verdict is, given how sure the bone age is; they sum to 1."""

    delayed: float
    normal: float
    advanced: float


@dataclass(frozen=True)
class BoneAgeSds:
    """One bone age by one reference. Where ``status`` is not "given" there is no SDS and ``reason`` says why.

    ``normal_range_months`` is mean -2 SD to mean +2 SD, ends included. A mature skeleton has a verdict, but no SDS,
    where even +2 SD is not mature yet.
    """

    reference: SdsReference
    status: Status
    reason: str | None = None
    mean_months: float | None = None
    sd_months: float | None = None
    normal_range_months: tuple[float, float] | None = None
    sds: float | None = None
    sds_interval_90: tuple[float, float] | None = None
    verdict: Verdict | None = None
    probabilities: VerdictProbabilities | None = None


@dataclass(frozen=True)
class BandRow:
    """One row of a reference: the bone ages of mean -2 SD, mean and mean +2 SD at a chronological age, in months."""

    age_months: float
    low_months: float
    mean_months: float
    high_months: float


def band(sex: Sex, reference: SdsReference) -> tuple[BandRow, ...]:
    """The rows of a reference as printed, for drawing; straight lines between them."""
    ages, means, sds = _columns(sex, reference)
    return tuple(
        BandRow(age, mean - _LIMIT_SDS * sd, mean, mean + _LIMIT_SDS * sd)
        for age, mean, sd in zip(ages, means, sds, strict=True)
    )


def bone_age_sds(child: Child, bone_age: BoneAge, reference: SdsReference) -> BoneAgeSds:
    """The SDS of ``bone_age`` at the child's age, or the reason why there is none."""
    age = child.age_months
    if age is None:
        return BoneAgeSds(reference, "no age", "the child's age is not known")
    if bone_age.method != "Greulich-Pyle":
        reason = f"made of Greulich-Pyle bone ages, and this is a {bone_age.method} one"
        return BoneAgeSds(reference, "other method", reason)
    ages, means, sds = _columns(child.sex, reference)
    if age < ages[0]:
        return BoneAgeSds(reference, "below the table", f"the table begins at {ages[0]:g} months of age")
    mean, sd = interpolate(ages, means, age), interpolate(ages, sds, age)
    if mean is None or sd is None:
        return _beyond(child.sex, reference, bone_age)
    limits = (mean - _LIMIT_SDS * sd, mean + _LIMIT_SDS * sd)
    mature = bone_age.months >= MATURE_MONTHS[child.sex]
    if mature and limits[1] >= MATURE_MONTHS[child.sex]:
        return BoneAgeSds(reference, "mature", _MATURE, mean, sd, limits)
    return BoneAgeSds(
        reference=reference,
        status="mature" if mature else "given",
        reason="the skeleton counts as mature: it is advanced, but by how much cannot be told" if mature else None,
        mean_months=mean,
        sd_months=sd,
        normal_range_months=limits,
        sds=None if mature else (bone_age.months - mean) / sd,
        sds_interval_90=None if mature else _interval(bone_age, mean, sd),
        verdict=_verdict(bone_age.months, limits),
        probabilities=_probabilities(bone_age, limits),
    )


def _columns(sex: Sex, reference: SdsReference) -> tuple[tuple[float, ...], ...]:
    """Chronological ages, mean bone ages and SDs, in months."""
    if reference not in SDS_REFERENCES:
        raise InvalidArgument(f"{reference!r} is no reference for bone age: {', '.join(SDS_REFERENCES)}")
    rows = rows_of("brush_foundation" if reference == "Brush Foundation" else "stanford_sd", sex=sex)
    ages = column(rows, "chronological_age_months")
    means = column(rows, "skeletal_age_mean_months") if reference == "Brush Foundation" else ages
    return ages, means, column(rows, "skeletal_age_sd_months")


def _beyond(sex: Sex, reference: SdsReference, bone_age: BoneAge) -> BoneAgeSds:
    if bone_age.months >= MATURE_MONTHS[sex]:
        return BoneAgeSds(reference, "mature", _MATURE)
    last = band(sex, reference)[-1]
    end = f"the table ends at {last.age_months:g} months of age"
    if bone_age.months >= last.low_months:
        return BoneAgeSds(reference, "beyond the table", f"{end}; a skeleton like this is then as good as mature")
    late = f"{end}; at that age already this bone age was below -2 SD ({last.low_months:.0f} months)"
    return BoneAgeSds(reference, "beyond the table", late)


def _verdict(months: float, limits: tuple[float, float]) -> Verdict:
    return "delayed" if months < limits[0] else "advanced" if months > limits[1] else "normal"


def _interval(bone_age: BoneAge, mean: float, sd: float) -> tuple[float, float] | None:
    if bone_age.interval_90_months is None:
        return None
    low, high = bone_age.interval_90_months
    return (low - mean) / sd, (high - mean) / sd


def _probabilities(bone_age: BoneAge, limits: tuple[float, float]) -> VerdictProbabilities | None:
    below, not_above = (bone_age.probability_below(limit) for limit in limits)
    if below is None or not_above is None:
        return None
    return VerdictProbabilities(below, not_above - below, 1 - not_above)
