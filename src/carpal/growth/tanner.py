"""Tanner et al. 1975: adult height from height, age and the RUS bone age of TW2, tables V (boys) and VI (girls).

    adult height (cm) = constant + b_height * height (cm) + b_age * age (years) + b_bone * RUS bone age (years)

Bands of half a year and more, without interpolation, as printed. Then a third of the parents' mean deviation from
168 cm is added (a half for boys under 8 years). TW3 gives another age for the same hand: it does not belong here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from carpal.growth.adult_height import AdultHeight, over_interval
from carpal.growth.bone_age import BoneAge
from carpal.growth.child import Child
from carpal.growth.lookup import rows_of
from carpal.plain import Sex

__all__ = ["Chart", "chart_for", "parents_share_cm", "tanner", "tanner_height_cm"]

Chart = Literal["all", "childhood", "premenarche", "postmenarche", "late"]

_MEAN_PARENT_CM = 168.0


def chart_for(child: Child) -> Chart | None:
    """The set of equations; None for a girl of 11 to 15 years of whom nobody said whether she has had menarche."""
    years = (child.age_months or 0.0) / 12
    if child.sex == "M":
        return "all"
    if years < 11:
        return "childhood"
    if years >= 15:
        return "late"
    return None if child.menarche is None else "postmenarche" if child.menarche else "premenarche"


def tanner_height_cm(sex: Sex, chart: Chart, age_months: float, height_cm: float, rus_months: float) -> float | None:
    """The equation alone, before the parents; None outside the table (4 to 16 years for girls, to 18 for boys)."""
    row = _row(sex, chart, age_months)
    if row is None:
        return None
    terms = ((height_cm, "height_coef"), (age_months / 12, "chron_age_coef"), (rus_months / 12, "rus_bone_age_coef"))
    return float(row["constant"]) + sum(float(row[name]) * value for value, name in terms)


def parents_share_cm(sex: Sex, age_months: float, midparent_height_cm: float) -> float:
    """What the parents' mean height adds."""
    share = 1 / 2 if sex == "M" and age_months < 96 else 1 / 3
    return share * (midparent_height_cm - _MEAN_PARENT_CM)


def tanner(child: Child, bone_age: BoneAge) -> AdultHeight:
    """The predicted adult height, or why there is none."""
    nothing = AdultHeight("Tanner 1975", "TW2 RUS bone age")
    age, height = child.age_months, child.height_cm
    if bone_age.method != "TW2 RUS":
        return replace(nothing, reason=f"made for TW2 RUS bone ages, and this is a {bone_age.method} one")
    if age is None or height is None:
        return replace(nothing, reason=f"the child's {'age' if age is None else 'height'} is not known")
    chart = chart_for(child)
    if chart is None:
        return replace(nothing, reason="for girls of 11 to 15 years it must be known whether they have had menarche")
    row = _row(child.sex, chart, age)
    if row is None:
        end = "18 years for boys" if child.sex == "M" else "16 years for girls"
        return replace(nothing, reason=f"the table runs from 4 to below {end}")
    midparent = child.midparent_height_cm
    parents = 0.0 if midparent is None else parents_share_cm(child.sex, age, midparent)

    def height_at(months: float) -> float | None:
        own = tanner_height_cm(child.sex, chart, age, height, months)
        return None if own is None else own + parents

    predicted = height_at(bone_age.months)
    notes = [f"{parents:+.1f} cm for the parents" if midparent is not None else "without the parents' heights"]
    if predicted is not None and predicted < height:
        notes.append("the prediction lies below the present height")
    return replace(
        nothing,
        height_cm=predicted,
        group=chart,
        bone_age_range_cm=over_interval(bone_age, height_at),
        notes=tuple(notes),
    ).with_error(float(row["residual_sd_cm"]), height)


def _row(sex: Sex, chart: Chart, age_months: float) -> dict[str, str] | None:
    for row in rows_of("tanner_1975_adult_height", sex=sex, chart=chart):
        if 12 * float(row["age_min_y"]) <= age_months < 12 * float(row["age_max_y"]):
            return row
    return None
