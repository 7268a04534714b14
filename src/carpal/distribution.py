"""The predicted distribution over months of bone age and the views of it: age, interval, class, age as reported.

A distribution is (..., 240) non-negative, summing to one; entry k is the probability of a bone age of k months.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carpal.plain import SEXES, Sex

__all__ = [
    "CLASS_EDGES",
    "CLASS_NAMES",
    "MONTHS",
    "REPORTED_COUNTS",
    "age_class",
    "class_masses",
    "expected_months",
    "interval_months",
    "reported",
    "reported_months",
]

MONTHS: NDArray[np.float64] = np.arange(240, dtype=np.float64)

# Quantiles of the bone ages of the full RSNA 2017 training set (12,611 radiographs): five classes of about equal size.
CLASS_EDGES: tuple[float, ...] = (1, 94, 120, 144, 162, 228)
CLASS_NAMES: tuple[str, ...] = ("1-94", "95-120", "121-144", "145-162", "163-228")

# How often each month 0 to 239 was reported as bone age in the RSNA 2017 training set (5,177 radiographs of girls and
# 6,148 of boys, without the 986 on the test side of recipes/folds/thumbnails.json). Readers report whole and half years
# and the plates of an atlas, which differ between girls and boys.
# fmt: off
REPORTED_COUNTS: dict[Sex, tuple[int, ...]] = {
    "F": (
        0, 0, 0, 0, 1, 0, 2, 0, 0, 2, 2, 0, 5, 1, 0, 5, 1, 0, 11, 0, 0, 5, 0, 0, 25, 0, 0, 4, 0, 1, 32, 0, 2,
        10, 0, 0, 59, 0, 0, 6, 0, 0, 37, 1, 0, 2, 4, 0, 8, 1, 85, 0, 0, 0, 2, 11, 0, 0, 0, 0, 121, 0, 0, 0, 5,
        1, 0, 2, 0, 173, 2, 0, 29, 0, 1, 9, 21, 1, 2, 0, 0, 1, 327, 0, 43, 0, 0, 2, 49, 0, 5, 2, 0, 0, 438, 0,
        48, 0, 0, 0, 55, 1, 1, 1, 2, 0, 428, 1, 2, 1, 1, 2, 6, 42, 5, 4, 0, 0, 1, 0, 578, 1, 0, 2, 0, 4, 109, 0,
        1, 0, 1, 0, 630, 0, 0, 1, 2, 3, 88, 1, 3, 0, 0, 0, 495, 0, 0, 2, 1, 0, 73, 0, 1, 1, 0, 0, 348, 0, 0, 25,
        1, 0, 170, 0, 1, 15, 2, 1, 144, 1, 0, 1, 0, 0, 22, 0, 0, 0, 0, 0, 181, 0, 0, 0, 0, 0, 10, 0, 1, 0, 0, 0,
        53, 0, 0, 0, 0, 1, 3, 0, 0, 0, 0, 0, 24, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 14, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ),
    "M": (
        0, 1, 0, 0, 0, 0, 0, 0, 0, 3, 2, 0, 5, 1, 1, 9, 2, 2, 13, 0, 1, 10, 0, 0, 40, 0, 0, 3, 8, 0, 1, 0, 20,
        1, 3, 0, 34, 1, 1, 5, 2, 0, 42, 0, 0, 6, 0, 0, 56, 0, 0, 10, 0, 0, 78, 0, 2, 13, 4, 0, 127, 0, 2, 1, 1,
        0, 37, 1, 0, 3, 0, 0, 200, 0, 0, 3, 1, 0, 48, 0, 1, 1, 5, 0, 208, 0, 0, 1, 2, 0, 41, 0, 0, 1, 1, 0, 227,
        0, 0, 0, 2, 2, 40, 0, 1, 1, 3, 0, 283, 0, 0, 0, 1, 0, 51, 0, 1, 0, 1, 0, 312, 1, 0, 0, 4, 2, 62, 0, 1,
        1, 0, 0, 350, 1, 3, 23, 1, 1, 383, 2, 0, 2, 1, 1, 103, 0, 2, 4, 0, 2, 540, 1, 1, 37, 2, 0, 672, 0, 3,
        36, 1, 1, 436, 1, 4, 42, 0, 0, 661, 1, 2, 0, 1, 1, 63, 0, 3, 1, 0, 1, 199, 0, 1, 3, 3, 0, 108, 0, 0, 14,
        0, 0, 103, 0, 1, 0, 2, 0, 25, 0, 2, 0, 0, 0, 155, 0, 1, 0, 0, 0, 10, 0, 1, 0, 1, 0, 50, 0, 0, 0, 0, 0,
        2, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ),
}
# fmt: on
_HABIT_MONTHS = 6.0


def _reading_habit(counts: tuple[int, ...]) -> NDArray[np.float64]:
    """(240,) how much more often a month is reported than the months about it (a Gaussian of 6 months SD)."""
    reported = np.array(counts) + 0.5  # a month that nobody reported may still be reported
    near = np.exp(-0.5 * ((MONTHS[:, None] - MONTHS) / _HABIT_MONTHS) ** 2)
    return reported / (near @ reported / near.sum(axis=1))


_READING_HABITS = np.stack([_reading_habit(REPORTED_COUNTS[sex]) for sex in SEXES])


def age_class(age_months: ArrayLike) -> NDArray[np.int64]:
    """The quantile class 0..4 of an age: class k holds the ages above edge k up to and including edge k + 1."""
    return np.searchsorted(CLASS_EDGES[1:-1], np.asarray(age_months, np.float64), side="left").astype(np.int64)


def expected_months(distribution: NDArray[np.floating]) -> NDArray[np.float64]:
    """(...,) the mean of the distribution, which is the bone age."""
    return np.asarray(distribution, np.float64) @ MONTHS


def reported(distribution: NDArray[np.floating], sex: Sex | Sequence[Sex]) -> NDArray[np.float64]:
    """(..., 240) the probability of each month as the bone age that a reader reports; ``sex`` is one or (...,).

    Reports are heaped on a few months, the plates of an atlas above all: each month counts as often as readers choose
    it among its neighbours.
    """
    habits = _READING_HABITS[SEXES.index(sex) if isinstance(sex, str) else [SEXES.index(one) for one in sex]]
    likely = np.asarray(distribution, np.float64) * habits
    return np.asarray(likely / likely.sum(axis=-1, keepdims=True), np.float64)


def reported_months(distribution: NDArray[np.floating], sex: Sex | Sequence[Sex]) -> NDArray[np.int64]:
    """(...,) the age that a reader would report: the median of ``reported``, a whole number of months.

    Beside what one reader wrote it has the least mean absolute error. It is no better a bone age: it jumps from plate
    to plate, as readers do.
    """
    return (np.cumsum(reported(distribution, sex), axis=-1) < 0.5).sum(axis=-1)


def class_masses(distribution: NDArray[np.floating], sex: Sex | Sequence[Sex]) -> NDArray[np.float64]:
    """(..., 5) the probability of each quantile class; the largest is the class, not the class of the mean.

    A class is one of ages as readers report them, some of which are heaped on the very edges.
    """
    membership = age_class(MONTHS)[:, None] == np.arange(len(CLASS_NAMES))
    return reported(distribution, sex) @ membership


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
