"""What every part of carpal shares: the child's sex, what depends on it alone, ages in words, and codes of children."""

from __future__ import annotations

import unicodedata
from typing import Literal

from carpal.errors import InvalidArgument

__all__ = ["LONGEST_CODE", "MATURE_MONTHS", "SEXES", "Sex", "child_code", "check_sex", "number_in", "years_and_months"]

Sex = Literal["F", "M"]
SEXES: tuple[Sex, ...] = ("F", "M")  # their positions are what a network is told
LONGEST_CODE = 64  # as DICOM's PatientID
MATURE_MONTHS: dict[Sex, int] = {"F": 192, "M": 216}  # from here on a skeleton is called mature


def check_sex(sex: str | None) -> Sex | None:
    """F or M in either case; anything else is refused, "False" and "0" too. Raises InvalidArgument."""
    if sex is None:
        return None
    for known in SEXES:
        if isinstance(sex, str) and sex.strip().upper() == known:
            return known
    raise InvalidArgument(f"{sex!r} is no sex: give F or M")


def number_in(text: str) -> float:
    """The number a text writes. Raises ValueError, also for ``1_12``, which Python would take for 112."""
    if "_" in text:
        raise ValueError(f"{text!r} is no number")
    return float(text)


def years_and_months(months: float) -> str:
    """``11 y 4 mo`` for 136.2."""
    whole = round(months)
    return f"{whole // 12} y {whole % 12} mo"


def child_code(text: str) -> str | None:
    """A child's code without spaces around it, the same letters always spelt alike; None for what is none: 1 to 64
    printable characters."""
    code = unicodedata.normalize("NFC", text).strip()
    # U+FFFD stands for bytes that could not be read: two children's codes may look alike then.
    return code if 1 <= len(code) <= LONGEST_CODE and code.isprintable() and "\ufffd" not in code else None
