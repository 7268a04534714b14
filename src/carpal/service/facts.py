"""What a sender tells of a child beside the radiograph, refused where it cannot be meant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from carpal.errors import InvalidArgument
from carpal.growth import Child
from carpal.plain import LONGEST_CODE, Sex, child_code

__all__ = ["Facts", "check_code", "check_told"]


@dataclass(frozen=True)
class Facts:
    """All may be unknown. ``study_date`` is that of the exposure; heights in cm, ``weight_kg`` in kg; ``menarche``
    whether a girl has had it; ``child`` a code of the sender's by which readings of one child are found together, no
    name. Nothing of it enters the reading. Raises InvalidArgument for a code that is none."""

    study_date: date | None = None
    height_cm: float | None = None
    weight_kg: float | None = None
    mother_height_cm: float | None = None
    father_height_cm: float | None = None
    menarche: bool | None = None
    child: str | None = None

    def __post_init__(self) -> None:
        if self.child is not None:
            object.__setattr__(self, "child", check_code(self.child))


def check_code(text: str) -> str:
    """A code of a child as it is kept (``plain.child_code``). Raises InvalidArgument."""
    code = child_code(text)
    if code is None:
        raise InvalidArgument(f"a child's code has 1 to {LONGEST_CODE} printable characters; it is no name")
    return code


def check_told(sex: Sex | None, age_months: float | None, facts: Facts) -> Child:
    """The child that is told of. Where the sex is still to come from a header, whatever could be either's is let pass.
    Raises InvalidArgument."""
    return Child(
        sex or "F",
        age_months,
        facts.height_cm,
        facts.weight_kg,
        facts.mother_height_cm,
        facts.father_height_cm,
        facts.menarche,
    )
