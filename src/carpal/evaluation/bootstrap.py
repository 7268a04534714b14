"""Bootstrap over children: how much a figure would vary had other children been in the set.

Children are drawn with replacement, and all radiographs of a child come and go together. A resample is not a copy of
the rows but a weight per row (how often it was drawn), so that sums over all resamples are one matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carpal.errors import InvalidArgument

__all__ = ["Estimate", "estimate", "row_weights"]

# The errors of five children lie all on one side of zero by chance in more than one set of twenty: a bootstrap of fewer
# than six would call that sure.
MIN_CHILDREN = 6
_WEIGHTS_AT_ONCE = 4_000_000  # 32 MB of float64

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % percentile interval; None where it is undefined."""

    value: float | None
    low: float | None = None
    high: float | None = None

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies wholly on one side of zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    def __neg__(self) -> Estimate:
        turned = [None if v is None else 0.0 - v for v in (self.value, self.high, self.low)]
        return Estimate(*turned)

    def to_dict(self) -> dict[str, float | None]:
        """For JSON, to 6 decimals."""
        names = ("value", "ci_95_low", "ci_95_high")
        figures = (self.value, self.low, self.high)
        return {name: None if v is None else round(v, 6) for name, v in zip(names, figures, strict=True)}


def row_weights(ids: Sequence[str], resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """(R, N) blocks of how often each row is drawn, ``resamples`` rows in all; the same seed and ids draw the same."""
    if resamples < 1:
        raise InvalidArgument(f"a bootstrap takes 1 resample or more, not {resamples}")
    code = {name: k for k, name in enumerate(dict.fromkeys(ids))}
    child = np.array([code[name] for name in ids])
    children = len(code)
    generator = np.random.default_rng(seed)
    block = max(1, _WEIGHTS_AT_ONCE // max(len(ids), 1))
    for start in range(0, resamples, block):
        count = min(block, resamples - start)
        drawn = generator.integers(0, children, size=(count, children))
        drawn += np.arange(count)[:, None] * children
        weights = np.bincount(drawn.ravel(), minlength=count * children).reshape(count, children)
        yield weights[:, child].astype(np.float64)


def estimate(ids: Sequence[str], statistic: Statistic, resamples: int, seed: int) -> list[Estimate]:
    """Value and interval of each of K figures. ``statistic`` turns (R, N) weights into (R, K), NaN where undefined.

    The interval is taken over the resamples in which the figure is defined, and is None for fewer than six children.
    """
    values = statistic(np.ones((1, len(ids))))[0]
    if len(set(ids)) < MIN_CHILDREN:
        return [Estimate(_number(v)) for v in values]
    drawn = np.concatenate([statistic(weights) for weights in row_weights(ids, resamples, seed)])
    return [_with_interval(value, column) for value, column in zip(values, drawn.T, strict=True)]


def _with_interval(value: float, drawn: NDArray[np.float64]) -> Estimate:
    defined = drawn[np.isfinite(drawn)]
    if not np.isfinite(value) or not len(defined):
        return Estimate(_number(value))
    low, high = np.percentile(defined, (2.5, 97.5))
    return Estimate(float(value), float(low), float(high))


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
