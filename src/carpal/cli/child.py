"""Options that say what is known of the child, shared by every command that asks for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

if TYPE_CHECKING:
    from datetime import date

    from carpal.report import Given

__all__ = [
    "Age", "Birth", "FatherCm", "HeightCm", "History", "Language", "Menarche", "MotherCm", "PaperName", "Sex", "Study",
    "WeightKg", "age_and_birth", "given",
]  # fmt: skip

_ROUNDED_UP_MONTHS = 1.0

Sex = Annotated[Optional[str], typer.Option(metavar="F|M", help="The child's sex; goes before a DICOM header's.")]
Age = Annotated[Optional[str], typer.Option(metavar="9y4m", help="Age with its unit: 9y4m, 9.5y or 112m.")]
Birth = Annotated[Optional[str], typer.Option(metavar="DATE", help="Instead of --age: date of birth ...")]
Study = Annotated[Optional[str], typer.Option(metavar="DATE", help="... and of the study, 2024-05-31.")]
HeightCm = Annotated[Optional[float], typer.Option("--height-cm", help="Height in cm.")]
WeightKg = Annotated[Optional[float], typer.Option("--weight-kg", help="Weight in kg.")]
MotherCm = Annotated[Optional[float], typer.Option("--mother-cm", help="The mother's height in cm.")]
FatherCm = Annotated[Optional[float], typer.Option("--father-cm", help="The father's height in cm.")]
Menarche = Annotated[
    Optional[bool], typer.Option("--menarche/--no-menarche", help="Whether a girl has had it (Tanner 1975 only).")
]
History = Annotated[
    Optional[Path], typer.Option(metavar="FILE.csv", help="Earlier readings: age or date, bone_age_months ...")
]
Language = Annotated[str, typer.Option(metavar="en|de", help="Language of the page.")]
PaperName = Annotated[str, typer.Option("--paper", metavar="a4|letter", help="Paper of the page.")]


def age_and_birth(age: str | None, birth: str | None, study: str | None) -> tuple[float | None, date | None]:
    """Months of age, and the date of birth for a history by dates. Raises InvalidArgument."""
    from datetime import date as day

    from carpal.errors import InvalidArgument
    from carpal.growth import age_between, parse_age, parse_date

    if (birth is None) != (study is None) and age is None:
        raise InvalidArgument("--birth needs --study and --study needs --birth, or give --age")
    if age is not None and study is not None:
        raise InvalidArgument("give --age, or --birth and --study, not both")
    born = None if birth is None else parse_date(birth)
    for text in (birth, study):
        if text is not None and parse_date(text) > day.today():
            raise InvalidArgument(f"{text} is still to come: give the date of birth and that of the radiograph")
    if born is not None and study is not None:
        return age_between(born, parse_date(study)), born
    months = None if age is None else parse_age(age)
    # A history's dates are counted from the birth: one that does not fit the age would move them all, past today too.
    if months is not None and born is not None and months > age_between(born, day.today()) + _ROUNDED_UP_MONTHS:
        raise InvalidArgument(f"nobody born on {born} has reached an age of {age}: --age or --birth is wrong")
    return months, born


def given(
    sex: str | None,
    times: tuple[str | None, str | None, str | None],
    facts: tuple[float | None, float | None, float | None, float | None, bool | None],
    history: Path | None,
) -> Given:
    """What is told of a child: ``times`` are age, birth and study as typed, ``facts`` height and weight, the mother's
    and the father's height, menarche. Raises InvalidArgument."""
    from carpal.growth import parse_date, read_history
    from carpal.report import Given

    age_months, born = age_and_birth(*times)
    past = tuple(read_history(history, born)) if history is not None else ()
    study = times[2]
    return Given(sex, age_months, *facts, history=past, study_date=None if study is None else parse_date(study))
