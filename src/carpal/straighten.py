"""A film that lies askew in its picture, as a viewer leaves it: found by the plain corners, turned upright."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from carpal.radiograph import Radiograph

__all__ = ["straightened"]

_WORKING_SIDE = 256
_PLAIN = 3 / 255  # how far the corners beyond the film may differ
_FULL = 0.9  # share of the film's rectangle that is not plain: a hand before a black background fills far less
_LEAST_DEGREES = 3.0
_RIM = 0.012  # of the film's long side: its blurred edge stays out


def straightened(radiograph: Radiograph) -> tuple[Radiograph, float, NDArray[np.float64]] | None:
    """The film alone and upright, by how many degrees clockwise it was turned, and the (3, 3) matrix that takes a
    point (x, y, 1) of it, pixel centres at whole numbers, to the picture given; None where no film lies askew."""
    height, width = radiograph.pixels.shape
    step = max(1, max(height, width) // _WORKING_SIDE)
    film = _film(radiograph.pixels[::step, ::step])
    if film is None:
        return None
    (x, y), (wide, tall), degrees = film
    rim = 2 * _RIM * max(wide, tall)
    size = (round((wide - rim) * step), round((tall - rim) * step))
    if min(size) < 32:
        return None
    turn = np.radians(degrees)
    to_source = np.eye(3)
    to_source[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    to_source[:2, 2] = np.array([x, y]) * step - to_source[:2, :2] @ ((np.array(size) - 1) / 2)
    pixels = cv2.warpAffine(radiograph.pixels, to_source[:2], size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return replace(radiograph, pixels=np.clip(pixels, 0, 1)), -degrees, to_source


def _film(small: NDArray[np.float32]) -> tuple[tuple[float, float], tuple[float, float], float] | None:
    """Centre, width and height, and degrees clockwise (at most 45 either way) of the rectangle that is not plain."""
    corners = small[[0, 0, -1, -1], [0, -1, 0, -1]]
    if np.ptp(corners) > _PLAIN:
        return None
    shown = (np.abs(small - np.median(corners)) > _PLAIN).astype(np.uint8)
    points = cv2.findNonZero(shown)
    if points is None:
        return None
    centre, (wide, tall), degrees = cv2.minAreaRect(points)
    quarters = round(degrees / 90)  # releases of OpenCV differ in which side they call the width
    degrees -= 90 * quarters
    if quarters % 2:
        wide, tall = tall, wide
    if abs(degrees) < _LEAST_DEGREES or len(points) < _FULL * wide * tall:
        return None
    return centre, (wide, tall), degrees
