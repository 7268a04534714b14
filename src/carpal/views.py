"""The same prepared radiograph seen a little differently: a network's answers to several views are averaged."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["VIEWS", "VIEW_SETS", "seen_as"]

# Name: zoom about the centre, and whether the hand is mirrored.
VIEWS: dict[str, tuple[float, bool]] = {
    "": (1.0, False),
    "mirror": (1.0, True),
    "smaller-mirror": (0.94, True),
    "larger": (1.06, False),
}
VIEW_SETS: dict[int, tuple[str, ...]] = {1: ("",), 2: ("", "mirror"), 3: ("", "smaller-mirror", "larger")}


def seen_as(images: NDArray[np.uint8], view: str) -> NDArray[np.uint8]:
    """(N, rows, columns) uint8 prepared radiographs in the view of that name."""
    zoom, mirrored = VIEWS[view]
    if zoom != 1.0:
        rows, columns = images.shape[1:]
        matrix = cv2.getRotationMatrix2D(((columns - 1) / 2, (rows - 1) / 2), 0, zoom)
        images = np.stack([cv2.warpAffine(image, matrix, (columns, rows), flags=cv2.INTER_LINEAR) for image in images])
    return np.ascontiguousarray(images[:, :, ::-1] if mirrored else images)
