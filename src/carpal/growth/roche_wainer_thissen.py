"""Roche, Wainer & Thissen 1975: adult stature from length, weight, parents and skeletal age.

    adult stature (cm) = b_length * recumbent length (cm) + b_weight * weight (kg)
                         + b_parents * mean of the parents' statures (cm) + b_age * skeletal age (years) + b_0

Coefficients are printed by age in quarter years; between them they lie on straight lines. Recumbent length is standing
height + 1.25 cm. Three printed coefficients break the run of their neighbours (``tables/rwt_1975_suspect.csv``): where
one takes part, a note says so and gives the height with the other value.
"""

from __future__ import annotations

from dataclasses import replace

from carpal.growth.adult_height import AdultHeight, over_interval
from carpal.growth.bone_age import BoneAge
from carpal.growth.child import Child
from carpal.growth.lookup import column, interpolate, read_table, rows_of
from carpal.plain import MATURE_MONTHS, Sex

__all__ = ["Measures", "recumbent_length_cm", "roche_wainer_thissen", "rwt_stature_cm"]

Measures = tuple[float, float, float, float]
"""Recumbent length in cm, weight in kg, mean of the parents' statures in cm, skeletal age in years."""

_COEFFICIENTS = (
    "beta_recumbent_length_cm",
    "beta_weight_kg",
    "beta_midparent_stature_cm",
    "beta_skeletal_age_y",
    "beta0",
)
_LYING_CM = 1.25
_LYING_UNTIL_MONTHS = 24
_ROW_MONTHS = 3


def rwt_stature_cm(sex: Sex, age_months: float, measures: Measures) -> float | None:
    """The equation alone, in cm; None outside the ages of the table (1 year to 14 for girls, to 16 for boys)."""
    rows = rows_of("rwt_1975_coefficients", sex=sex)
    ages = column(rows, "age_months")
    betas = [interpolate(ages, column(rows, name), age_months) for name in _COEFFICIENTS]
    known = [beta for beta in betas if beta is not None]
    if len(known) < len(betas):
        return None
    return sum(beta * value for beta, value in zip(known, (*measures, 1.0), strict=True))


def recumbent_length_cm(height_cm: float, age_months: float) -> float:
    """Standing height as a recumbent length; before 24 months children are measured lying anyway."""
    return height_cm if age_months < _LYING_UNTIL_MONTHS else height_cm + _LYING_CM


def roche_wainer_thissen(child: Child, bone_age: BoneAge) -> AdultHeight:
    """The predicted adult height, or why there is none."""
    nothing = AdultHeight("Roche-Wainer-Thissen", "median of the bones' own Greulich-Pyle ages")
    reason = _obstacle(child, bone_age)
    if reason is not None:
        return replace(nothing, reason=reason)
    sex, age, measures = child.sex, child.age_months or 0.0, _measures(child, bone_age)

    def height_at(months: float) -> float | None:
        return rwt_stature_cm(sex, age, (*measures[:3], months / 12)) if months < MATURE_MONTHS[sex] else None

    height = height_at(bone_age.months)
    if height is None:
        ages = column(rows_of("rwt_1975_coefficients", sex=sex), "age_months")
        years = f"{ages[0] / 12:g} to {ages[-1] / 12:g} years"
        return replace(nothing, reason=f"the table runs from {years} for {'girls' if sex == 'F' else 'boys'}")
    notes = ["a bone age of the whole hand stands for the median of its bones", "no published prediction error at hand"]
    if child.height_cm is not None and height < child.height_cm:
        notes.append("the prediction lies below the present height")
    if bone_age.interval_90_months is not None and bone_age.interval_90_months[1] >= MATURE_MONTHS[sex]:
        notes.append("the bone age's interval reaches mature skeletons: the range is of the part before")
    return replace(
        nothing,
        height_cm=height,
        bone_age_range_cm=over_interval(bone_age, height_at),
        notes=(*notes, *_suspect_notes(sex, age, measures, height)),
    )


def _measures(child: Child, bone_age: BoneAge) -> Measures:
    length = recumbent_length_cm(child.height_cm or 0.0, child.age_months or 0.0)
    return length, child.weight_kg or 0.0, child.midparent_height_cm or 0.0, bone_age.months / 12


def _obstacle(child: Child, bone_age: BoneAge) -> str | None:
    if bone_age.method != "Greulich-Pyle":
        return f"made for Greulich-Pyle bone ages, and this is a {bone_age.method} one"
    for value, name in (
        (child.age_months, "the child's age is"),
        (child.height_cm, "the child's height is"),
        (child.weight_kg, "the child's weight is"),
        (child.midparent_height_cm, "both parents' heights are"),
    ):
        if value is None:
            return f"{name} needed" if name.startswith("both") else f"{name} not known"
    if bone_age.months >= MATURE_MONTHS[child.sex]:
        return "the skeleton counts as mature: not for hands in which most bones are adult"
    return None


def _suspect_notes(sex: Sex, age: float, measures: Measures, height: float) -> tuple[str, ...]:
    notes = []
    for row in read_table("rwt_1975_suspect"):
        share = 1 - abs(age - float(row["age_months"])) / _ROW_MONTHS
        if row["sex"] != sex or share <= 0:
            continue
        value = (*measures, 1.0)[_COEFFICIENTS.index(row["coefficient"])]
        other = height + share * (float(row["other"]) - float(row["used"])) * value
        notes.append(f"suspect in print ({row['why']}): used {row['used']}; with {row['other']} it is {other:.1f} cm")
    return tuple(notes)
