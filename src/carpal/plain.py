"""What every part of carpal shares: the child's sex, what depends on it alone, and ages in words."""

from __future__ import annotations

from typing import Literal

from carpal.errors import InvalidArgument

__all__ = ["MATURE_MONTHS", "SEXES", "Sex", "check_sex", "years_and_months"]

Sex = Literal["F", "M"]
SEXES: tuple[Sex, ...] = ("F", "M")  # their positions are what a network is told
MATURE_MONTHS: dict[Sex, int] = {"F": 192, "M": 216}  # from here on a skeleton is called mature


def check_sex(sex: str | None) -> Sex | None:
    """F or M in either case; anything else is refused, "False" and "0" too. Raises InvalidArgument."""
    if sex is None:
        return None
    for known in SEXES:
        if isinstance(sex, str) and sex.strip().upper() == known:
            return known
    raise InvalidArgument(f"{sex!r} is no sex: give F or M")


def years_and_months(months: float) -> str:
    """``11 y 4 mo`` for 136.2."""
    whole = round(months)
    return f"{whole // 12} y {whole % 12} mo"
