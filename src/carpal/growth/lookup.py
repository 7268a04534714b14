"""The tables that lie beside this code, and straight lines between their rows."""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections.abc import Sequence
from functools import cache
from importlib import resources

__all__ = ["column", "interpolate", "read_table", "rows_of"]


@cache
def read_table(name: str) -> tuple[dict[str, str], ...]:
    """The rows of ``tables/NAME.csv`` as texts; the first line of each file says where it comes from."""
    text = (resources.files("carpal.growth") / "tables" / f"{name}.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


@cache
def rows_of(name: str, **wanted: str) -> tuple[dict[str, str], ...]:
    """The rows of a table whose columns hold these texts."""
    return tuple(row for row in read_table(name) if all(row[key] == value for key, value in wanted.items()))


def column(rows: Sequence[dict[str, str]], name: str) -> tuple[float, ...]:
    """One column as numbers."""
    return tuple(float(row[name]) for row in rows)


def interpolate(places: Sequence[float], values: Sequence[float], at: float) -> float | None:
    """The value on the straight line between the two rows about ``at``; None outside ``places``, which rise."""
    if not places[0] <= at <= places[-1]:
        return None
    above = min(bisect_right(places, at), len(places) - 1)
    share = (at - places[above - 1]) / (places[above] - places[above - 1])
    return values[above] if share == 1 else values[above - 1] + share * (values[above] - values[above - 1])
