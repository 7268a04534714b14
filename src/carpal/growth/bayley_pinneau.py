"""Bayley & Pinneau 1952: the share of the adult height that a child has reached, by Greulich-Pyle bone age.

    adult height = height / (percent / 100)

Three tables a sex: average, where bone age and age are less than a year apart; accelerated and retarded (the paper's
words), where they are a year or more apart. Rows lie three months apart (a girl's 6-10, 7-10 and 8-10 are printed so);
between rows the percentage lies on a straight line. There is no table for retarded boys beyond a bone age of 13 years.

Errors are those of the validating sample, tables IV and V, by age in half years, straight lines between. Their means
are not applied: the paper leaves their sign open. For a retarded child the SD at its bone age is taken where that is
the larger: an age of 17 with the bones of 12 leaves as much growth open as an age of 12.
"""

from __future__ import annotations

from typing import Literal

from carpal.growth.adult_height import AdultHeight, over_interval, places_within
from carpal.growth.bone_age import BoneAge
from carpal.growth.child import Child
from carpal.growth.lookup import column, interpolate, read_table, rows_of
from carpal.plain import Sex, years_and_months

__all__ = ["Group", "bayley_pinneau", "group_of", "percent_of_adult_height", "published_error_sd_cm"]

Group = Literal["average", "accelerated", "retarded"]

_BORDER_MONTHS = 12.0
_CM_PER_INCH = 2.54


def group_of(bone_age_months: float, age_months: float) -> Group:
    """Which table: a difference of exactly a year is no longer average."""
    ahead = bone_age_months - age_months
    if abs(ahead) < _BORDER_MONTHS:
        return "average"
    return "accelerated" if ahead > 0 else "retarded"


def percent_of_adult_height(sex: Sex, group: Group, bone_age_months: float) -> float | None:
    """Percent of the adult height reached at that bone age; None outside the table."""
    rows = rows_of("bayley_pinneau_percent", sex=sex, group=group)
    return interpolate(column(rows, "skeletal_age_months"), column(rows, "percent_of_adult_height"), bone_age_months)


def published_error_sd_cm(sex: Sex, age_months: float) -> float | None:
    """SD in cm of the errors in the validating sample, 8 to 17.5 years of age; None outside."""
    rows = [row for row in read_table("bayley_pinneau_errors_inches") if row["sex"] == sex and row["val_sd"]]
    years_months = [row["chronological_age"].split("-") for row in rows]
    ages = [12.0 * int(years) + int(months) for years, months in years_months]
    sd = interpolate(ages, column(rows, "val_sd"), age_months)
    return None if sd is None else sd * _CM_PER_INCH


def bayley_pinneau(child: Child, bone_age: BoneAge) -> AdultHeight:
    """The predicted adult height, or why there is none."""
    nothing = AdultHeight("Bayley-Pinneau", "Greulich-Pyle bone age of the whole hand")
    age, height = child.age_months, child.height_cm
    reason = _obstacle(child, bone_age)
    if reason is not None or age is None or height is None:
        return _refused(nothing, reason or "")

    def height_at(months: float) -> float | None:
        percent = percent_of_adult_height(child.sex, group_of(months, age), months)
        return None if percent is None else 100 * height / percent

    group = group_of(bone_age.months, age)
    percent = percent_of_adult_height(child.sex, group, bone_age.months)
    predicted = height_at(bone_age.months)
    if percent is None or predicted is None:
        return _refused(nothing, _outside(child.sex, group, bone_age.months), group)
    sd = _error_sd_cm(child.sex, group, age, bone_age.months)
    return AdultHeight(
        method=nothing.method,
        made_for=nothing.made_for,
        height_cm=predicted,
        group=group,
        percent_of_adult_height=percent,
        bone_age_range_cm=over_interval(bone_age, height_at),
        notes=_notes(child.sex, age, bone_age, sd),
    ).with_error(sd, height)


def _refused(nothing: AdultHeight, reason: str, group: str | None = None) -> AdultHeight:
    return AdultHeight(nothing.method, nothing.made_for, reason=reason, group=group)


def _obstacle(child: Child, bone_age: BoneAge) -> str | None:
    if bone_age.method != "Greulich-Pyle":
        return f"made for Greulich-Pyle bone ages, and this is a {bone_age.method} one"
    if child.age_months is None:
        return "the child's age is not known"
    return "the child's height is not known" if child.height_cm is None else None


def _outside(sex: Sex, group: Group, bone_age_months: float) -> str:
    rows = rows_of("bayley_pinneau_percent", sex=sex, group=group)
    first, last = (column(rows, "skeletal_age_months")[k] for k in (0, -1))
    who = f"{group} {'girls' if sex == 'F' else 'boys'}"
    if bone_age_months < first:
        return f"the table for {who} begins at a bone age of {years_and_months(first)}"
    return f"the table for {who} ends at a bone age of {years_and_months(last)}"


def _error_sd_cm(sex: Sex, group: Group, age_months: float, bone_age_months: float) -> float | None:
    at_age, at_bone_age = (published_error_sd_cm(sex, months) for months in (age_months, bone_age_months))
    if group != "retarded" or at_age is None or at_bone_age is None:
        return None if group == "retarded" else at_age
    return max(at_age, at_bone_age)


def _notes(sex: Sex, age: float, bone_age: BoneAge, sd: float | None) -> tuple[str, ...]:
    notes = []
    own = group_of(bone_age.months, age)
    if sd is None:
        notes.append("no published prediction error here: the paper gives them from 8 to 17.5 years")
    elif own == "retarded":
        notes.append("the error is the larger of those published at the age and at the bone age")
    places = places_within(bone_age)  # not its ends alone: a table, or the gap beyond one, may lie between them
    if others := sorted({group_of(months, age) for months in places} - {own}):
        notes.append(f"the bone age's interval reaches into another table ({', '.join(others)}; used here: {own})")
    if None in [percent_of_adult_height(sex, group_of(months, age), months) for months in places]:
        notes.append("the bone age's interval reaches beyond the tables: the range is of the part within")
    return tuple(notes)
