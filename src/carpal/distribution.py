"""The predicted distribution over months of bone age, and the three views of it: age, interval, class.

A distribution is (..., 240) non-negative, summing to one; entry k is the probability of a bone age of k months.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["CLASS_EDGES", "CLASS_NAMES", "MONTHS", "age_class", "class_masses", "expected_months", "interval_months"]

MONTHS: NDArray[np.float64] = np.arange(240, dtype=np.float64)

# Quantiles of the bone ages of the full RSNA 2017 training set (12,611 radiographs): five classes of about equal size.
CLASS_EDGES: tuple[float, ...] = (1, 94, 120, 144, 162, 228)
CLASS_NAMES: tuple[str, ...] = ("1-94", "95-120", "121-144", "145-162", "163-228")


def age_class(age_months: ArrayLike) -> NDArray[np.int64]:
    """The quantile class 0..4 of an age: class k holds the ages above edge k up to and including edge k + 1."""
    return np.searchsorted(CLASS_EDGES[1:-1], np.asarray(age_months, np.float64), side="left").astype(np.int64)


def expected_months(distribution: NDArray[np.floating]) -> NDArray[np.float64]:
    """(...,) the mean of the distribution, which is the bone age."""
    return np.asarray(distribution, np.float64) @ MONTHS


def class_masses(distribution: NDArray[np.floating]) -> NDArray[np.float64]:
    """(..., 5) the probability of each quantile class; the largest is the class, not the class of the mean."""
    membership = age_class(MONTHS)[:, None] == np.arange(len(CLASS_NAMES))
    return np.asarray(distribution, np.float64) @ membership


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
