"""The predicted distribution over months of bone age, and the three views of it: age, interval, class.

A distribution is (..., 240) non-negative, summing to one; entry k is the probability of a bone age of k months.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "CLASS_EDGES",
    "CLASS_NAMES",
    "MONTHS",
    "REPORTED_COUNTS",
    "age_class",
    "class_masses",
    "expected_months",
    "interval_months",
]

MONTHS: NDArray[np.float64] = np.arange(240, dtype=np.float64)

# Quantiles of the bone ages of the full RSNA 2017 training set (12,611 radiographs): five classes of about equal size.
CLASS_EDGES: tuple[float, ...] = (1, 94, 120, 144, 162, 228)
CLASS_NAMES: tuple[str, ...] = ("1-94", "95-120", "121-144", "145-162", "163-228")

# How often each month 0 to 239 was reported as bone age in the RSNA 2017 training set (11,325 radiographs, without the
# ids held back in recipes/folds/thumbnails.json). Readers report whole and half years and the plates of an atlas.
# fmt: off
REPORTED_COUNTS: tuple[int, ...] = (
    0, 1, 0, 0, 1, 0, 2, 0, 0, 5, 4, 0, 10, 2, 1, 14, 3, 2, 24, 0, 1, 15, 0, 0, 65, 0, 0, 7, 8, 1, 33, 0, 22,
    11, 3, 0, 93, 1, 1, 11, 2, 0, 79, 1, 0, 8, 4, 0, 64, 1, 85, 10, 0, 0, 80, 11, 2, 13, 4, 0, 248, 0, 2, 1, 6,
    1, 37, 3, 0, 176, 2, 0, 229, 0, 1, 12, 22, 1, 50, 0, 1, 2, 332, 0, 251, 0, 0, 3, 51, 0, 46, 2, 0, 1, 439, 0,
    275, 0, 0, 0, 57, 3, 41, 1, 3, 1, 431, 1, 285, 1, 1, 2, 7, 42, 56, 4, 1, 0, 2, 0, 890, 2, 0, 2, 4, 6, 171,
    0, 2, 1, 1, 0, 980, 1, 3, 24, 3, 4, 471, 3, 3, 2, 1, 1, 598, 0, 2, 6, 1, 2, 613, 1, 2, 38, 2, 0, 1020, 0, 3,
    61, 2, 1, 606, 1, 5, 57, 2, 1, 805, 2, 2, 1, 1, 1, 85, 0, 3, 1, 0, 1, 380, 0, 1, 3, 3, 0, 118, 0, 1, 14, 0,
    0, 156, 0, 1, 0, 2, 1, 28, 0, 2, 0, 0, 0, 179, 0, 1, 0, 0, 0, 12, 0, 1, 0, 1, 0, 64, 0, 0, 0, 0, 0, 2, 0, 0,
    0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
)
# fmt: on
_HABIT_MONTHS = 6.0


def _reading_habit() -> NDArray[np.float64]:
    """(240,) how much more often a month is reported than the months about it (a Gaussian of 6 months SD)."""
    counts = np.array(REPORTED_COUNTS) + 0.5  # a month that nobody reported may still be reported
    near = np.exp(-0.5 * ((MONTHS[:, None] - MONTHS) / _HABIT_MONTHS) ** 2)
    return counts / (near @ counts / near.sum(axis=1))


_READING_HABIT = _reading_habit()


def age_class(age_months: ArrayLike) -> NDArray[np.int64]:
    """The quantile class 0..4 of an age: class k holds the ages above edge k up to and including edge k + 1."""
    return np.searchsorted(CLASS_EDGES[1:-1], np.asarray(age_months, np.float64), side="left").astype(np.int64)


def expected_months(distribution: NDArray[np.floating]) -> NDArray[np.float64]:
    """(...,) the mean of the distribution, which is the bone age."""
    return np.asarray(distribution, np.float64) @ MONTHS


def class_masses(distribution: NDArray[np.floating]) -> NDArray[np.float64]:
    """(..., 5) the probability of each quantile class; the largest is the class, not the class of the mean.

    A class is one of ages as readers report them, and these are heaped on a few months, some of them the very edges:
    each month counts as often as readers choose it among its neighbours.
    """
    membership = age_class(MONTHS)[:, None] == np.arange(len(CLASS_NAMES))
    reported = np.asarray(distribution, np.float64) * _READING_HABIT
    return reported @ membership / reported.sum(axis=-1, keepdims=True)


def interval_months(distribution: NDArray[np.floating], coverage: float = 0.9) -> NDArray[np.float64]:
    """(..., 2) the central interval of that coverage, interpolated between months."""
    cumulative = np.cumsum(np.asarray(distribution, np.float64), axis=-1)
    tail = (1 - coverage) / 2
    return np.stack([_quantile(cumulative, tail), _quantile(cumulative, 1 - tail)], axis=-1)


def _quantile(cumulative: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    index = np.minimum((cumulative < level).sum(-1), len(MONTHS) - 1)
    above = np.take_along_axis(cumulative, index[..., None], -1)[..., 0]
    below = np.where(index > 0, np.take_along_axis(cumulative, np.maximum(index - 1, 0)[..., None], -1)[..., 0], 0.0)
    share = np.clip((level - below) / np.maximum(above - below, 1e-12), 0, 1)
    return np.clip(index - 0.5 + share, 0.0, MONTHS[-1])  # month k stands for k - 0.5 to k + 0.5
