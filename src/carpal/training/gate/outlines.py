"""The shapes of hands' outlines, for the gate to know others by (``carpal.outline``)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from carpal.hand import Hand
from carpal.outline import Outlines, outline_shape

__all__ = ["fit_outlines"]

_FARTHEST = 0.01  # of the hands: outlines that are wrong are among them, and are not to say what is right
_ROUNDS = 3


def fit_outlines(hands: Iterable[Hand], limit: float) -> Outlines:
    """Mean and covariance of the shapes of ``hands`` but for the hundredth that is farthest from them."""
    shapes = np.array([outline_shape(hand) for hand in hands])
    kept = shapes
    for _ in range(_ROUNDS):
        mean, precision = kept.mean(0), np.linalg.pinv(np.cov(kept.T), hermitian=True)
        away = shapes - mean
        squares = np.einsum("ij,jk,ik->i", away, precision, away)
        kept = shapes[squares <= np.quantile(squares, 1 - _FARTHEST)]
    return Outlines(mean.round(4), precision.round(3), limit)
