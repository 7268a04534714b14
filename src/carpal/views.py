"""The same prepared radiograph seen a little differently: a network's answers to several views are averaged."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["VIEWS", "VIEW_SETS", "seen_as"]

# Name: zoom about the centre, whether the hand is mirrored, and how many degrees it is turned counter-clockwise before.
VIEWS: dict[str, tuple[float, bool, float]] = {
    "": (1.0, False, 0.0),
    "mirror": (1.0, True, 0.0),
    "smaller-mirror": (0.94, True, 0.0),
    "larger": (1.06, False, 0.0),
    "turned": (0.97, False, -8.0),
    "turned-mirror": (0.97, True, 8.0),
    "largest-mirror": (1.12, True, 0.0),
}
_THREE = ("", "smaller-mirror", "larger")
VIEW_SETS: dict[int, tuple[str, ...]] = {
    1: ("",),
    2: ("", "mirror"),
    3: _THREE,
    6: (*_THREE, "turned", "turned-mirror", "largest-mirror"),
}


def seen_as(images: NDArray[np.uint8], view: str) -> NDArray[np.uint8]:
    """(N, rows, columns) uint8 prepared radiographs in the view of that name."""
    zoom, mirrored, turn = VIEWS[view]
    if zoom != 1.0 or turn:
        rows, columns = images.shape[1:]
        matrix = cv2.getRotationMatrix2D(((columns - 1) / 2, (rows - 1) / 2), turn, zoom)
        images = np.stack([cv2.warpAffine(image, matrix, (columns, rows), flags=cv2.INTER_LINEAR) for image in images])
    return np.ascontiguousarray(images[:, :, ::-1] if mirrored else images)
