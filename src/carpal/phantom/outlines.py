"""Closed smooth outlines of bones and flesh, (N, 2) float arrays in millimetres with y upwards."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Frame", "Points", "blend_to_ellipse", "capsule", "smooth", "superellipse", "tube"]

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Frame:
    """Where a bone lies: ``origin`` in mm, ``turn`` in degrees from straight up towards the thumb (+x)."""

    origin: tuple[float, float]
    turn: float = 0.0

    def place(self, local: Points | Sequence[tuple[float, float]]) -> Points:
        """(N, 2) of (across, along) to (N, 2) of (x, y)."""
        points = np.asarray(local, np.float64).reshape(-1, 2)
        angle = math.radians(self.turn)
        cos, sin = math.cos(angle), math.sin(angle)
        return np.asarray(points @ np.array([[cos, -sin], [sin, cos]]) + self.origin)

    def ahead(self, along: float, turn: float | None = None) -> Frame:
        """The frame ``along`` mm further on this one's axis, turned to ``turn`` where given."""
        x, y = self.place([(0.0, along)])[0]
        return Frame((float(x), float(y)), self.turn if turn is None else turn)


def smooth(corners: Points | Sequence[tuple[float, float]], steps: int = 8) -> Points:
    """A closed Catmull-Rom curve through the corners: (N, 2) in, (N * steps, 2) out."""
    points = np.asarray(corners, np.float64)
    before, after, beyond = np.roll(points, 1, 0), np.roll(points, -1, 0), np.roll(points, -2, 0)
    t = np.arange(steps)[None, :, None] / steps
    a, b, c, d = (p[:, None, :] for p in (before, points, after, beyond))
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return np.asarray(curve.reshape(-1, 2))


def superellipse(width: float, height: float, squareness: float = 2.0) -> Points:
    """Centred on the origin; ``squareness`` 2 is an ellipse, more comes closer to a box."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    cos, sin = np.cos(angle), np.sin(angle)
    x = np.sign(cos) * np.abs(cos) ** (2 / squareness)
    y = np.sign(sin) * np.abs(sin) ** (2 / squareness)
    return np.stack([x * width / 2, y * height / 2], 1)


def blend_to_ellipse(outline: Points, roundness: float) -> Points:
    """The outline drawn towards the ellipse of its own bounding box; ``roundness`` 1 gives the ellipse itself."""
    low, high = outline.min(0), outline.max(0)
    half = (high - low) / 2
    unit = (outline - (low + high) / 2) / half
    # Matched by arc length, not by angle: a styloid process makes outlines that no single centre sees all of.
    following = np.roll(unit, -1, 0)
    way = np.cumsum(np.hypot(*(following - unit).T))
    sense = np.sign(np.sum(unit[:, 0] * following[:, 1] - unit[:, 1] * following[:, 0]))
    angle = sense * 2 * np.pi * np.concatenate([[0.0], way[:-1]]) / way[-1]
    polar = np.arctan2(unit[:, 1], unit[:, 0])
    angle += np.angle(np.mean(np.exp(1j * (polar - angle))))
    ellipse = np.stack([np.cos(angle), np.sin(angle)], 1)
    return np.asarray((low + high) / 2 + half * ((1 - roundness) * unit + roundness * ellipse))


def tube(profile: Sequence[tuple[float, float]], length: float, start: float = 0.0) -> Points:
    """A tubular bone standing on ``start``: ``profile`` gives (fraction of the length, half width in mm) upwards."""
    right = [(half, start + along * length) for along, half in profile]
    left = [(-half, along) for half, along in reversed(right)]
    return smooth(right + left)


def capsule(a: Points, b: Points, radius_a: float, radius_b: float) -> Points:
    """The convex hull of two circles, as the outline of flesh round a bone."""
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    axis = (b - a) / max(float(np.hypot(*(b - a))), 1e-6)
    # The straight flanks of the hull touch each circle where its normal leans by the taper of the cone.
    lean = (radius_a - radius_b) / max(float(np.hypot(*(b - a))), abs(radius_a - radius_b), 1e-6)
    near = circle[circle @ axis <= lean]
    far = circle[circle @ axis >= lean]
    points = np.concatenate([a + radius_a * near, b + radius_b * far])
    middle = points.mean(0)
    order = np.argsort(np.arctan2(points[:, 1] - middle[1], points[:, 0] - middle[0]))
    return np.asarray(points[order])
