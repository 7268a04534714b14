"""Whether an outline has the shape of a hand.

One that takes in a plaster, the edge of a plate or a border has not, and what is then cropped and scaled by it is read
wrongly and often with confidence. Hands are compared by how much of them lies in strips from fingertips to wrist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carpal.hand import Hand

__all__ = ["Outlines", "ends_above_wrist", "outline_shape", "outlines_from_dict"]

# Palm radii below the palm's centre (above it: negative): the first strip holds the fingertips, the last the wrist.
_STRIPS = (-np.inf, -2.6, -2.0, -1.4, -0.8, -0.2, 0.4, 0.9, 1.4, 1.9)
_MEASURES = len(_STRIPS) - 1 + 2
_WRIST = 1.2  # palm radii: of 986 radiographs as they come one ends above it


def outline_shape(hand: Hand) -> NDArray[np.float64]:
    """(11,): the area of the upright silhouette in nine strips from fingertips to wrist, in squares of the palm's
    radius, and how far it reaches to the left and to the right of the palm's centre, in radii."""
    x, y = hand.upright_points().T / hand.palm_radius
    above_wrist = y < _STRIPS[-1]
    x, y = x[above_wrist], y[above_wrist]
    areas, _ = np.histogram(y, _STRIPS)
    return np.array([*(areas * (hand.scale / hand.palm_radius) ** 2), -x.min(), x.max()])


def ends_above_wrist(hand: Hand) -> bool:
    """Whether the silhouette ends where the wrist should come."""
    return bool(hand.upright_points()[:, 1].max() < _WRIST * hand.palm_radius)


@dataclass(frozen=True, eq=False)
class Outlines:
    """The shapes that hands have: their ``mean`` (11,) and the inverse of their covariance, ``precision`` (11, 11).
    A hand is not to be taken for one if its Mahalanobis distance from the mean is beyond ``limit``."""

    mean: NDArray[np.float64]
    precision: NDArray[np.float64]
    limit: float

    def distance(self, hand: Hand) -> float:
        """Mahalanobis distance of a hand's outline from the mean."""
        away = outline_shape(hand) - self.mean
        return float(np.sqrt(away @ self.precision @ away))

    def accepts(self, hand: Hand) -> bool:
        """Whether it has the shape of a hand."""
        return self.distance(hand) <= self.limit

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"mean": self.mean.tolist(), "precision": self.precision.tolist(), "limit": self.limit}


def outlines_from_dict(values: dict[str, Any]) -> Outlines:
    """What ``to_dict`` gave. Raises KeyError, TypeError, ValueError."""
    mean, precision = np.array(values["mean"], np.float64), np.array(values["precision"], np.float64)
    if mean.shape != (_MEASURES,) or precision.shape != (_MEASURES, _MEASURES):
        raise ValueError("outlines are described by other measures in this version of carpal")
    return Outlines(mean, precision, float(values["limit"]))
