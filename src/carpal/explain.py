"""Where in the radiograph the age comes from: each place is blurred away in turn, and the answer moves or does not.

    evidence = explain(Reader(), read_radiograph("hand.png"), "F")
    evidence.shares        # {"phalanges": 0.41, ...}
    evidence.on_source()   # a map over the radiograph as it was given

Occlusion asks the network itself, whatever it is made of (Zeiler & Fergus 2014); nothing needs torch. A place counts by
how many months the whole distribution moves (Wasserstein distance), so that it counts too where only the certainty
changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from carpal.prepare import Prepared, prepare
from carpal.radiograph import Radiograph, Sex
from carpal.reader import Reader

__all__ = ["REGIONS", "Evidence", "explain", "hide", "regions"]

REGIONS = ("phalanges", "metacarpals", "carpals", "radius and ulna")

_STEPS = 12  # places along the longer side
_BATCH = 32
_DARK = 8  # of 255: the black surroundings hold nothing to hide


@dataclass(frozen=True, eq=False)
class Evidence:
    """``months_moved`` (rows, columns) float32 lies over what the network saw: months by which the answer moves when
    that place is blurred away. ``shares`` is how much of it falls on each region (they sum to 1), None where no palm
    was found. ``to_source`` (3, 3) takes a point of the map to the radiograph, whose ``source_shape`` is (H, W)."""

    months_moved: NDArray[np.float32]
    prepared: NDArray[np.uint8]
    shares: dict[str, float] | None
    to_source: NDArray[np.float64]
    source_shape: tuple[int, int]

    def on_source(self) -> NDArray[np.float32]:
        """(H, W) the map over the radiograph as it was given; 0 where the network saw nothing."""
        size = (self.source_shape[1], self.source_shape[0])
        return cv2.warpAffine(self.months_moved, self.to_source[:2], size, flags=cv2.INTER_LINEAR)


def explain(reader: Reader, radiograph: Radiograph, sex: Sex, *, accept_anything: bool = False) -> Evidence:
    """The evidence for the bone age of ``radiograph``; about half a second. Raises RefusedRadiograph."""
    examined = reader.admit(radiograph, accept_anything=accept_anything)
    seen = prepare(examined.radiograph, reader.facts.recipe, examined.found)
    moved = _occlusion(reader, seen.pixels, sex)
    shares = None
    if seen.palm is not None:
        places = regions(seen)
        total = float(moved.sum()) or 1.0
        shares = {name: float(moved[places == k].sum()) / total for k, name in enumerate(REGIONS)}
    to_source = examined.to_source @ seen.to_source
    return Evidence(moved, seen.pixels, shares, to_source, radiograph.pixels.shape)


def regions(seen: Prepared) -> NDArray[np.uint8]:
    """(rows, columns) positions in REGIONS, by a template in radii of the palm's disc: on an upright hand the carpals
    begin 0.45 radii below its centre and end at 1.05, the knuckles lie 0.95 above it, the thumb beside it."""
    if seen.palm is None:
        raise ValueError("without a palm there are no regions")
    x, y, radius = seen.palm
    rows, columns = np.indices(seen.pixels.shape)
    down, aside = (rows - y) / radius, np.abs(columns - x) / radius
    return np.select([down > 1.05, down > 0.45, (down < -0.95) | (aside > 1.0)], [3, 2, 0], 1).astype(np.uint8)


def hide(image: NDArray[np.uint8], row: float, column: float) -> NDArray[np.uint8]:
    """What the network sees with the place about (row, column) blurred away: blurred, not blackened, because an edge
    that no hand has would be evidence of its own."""
    step = max(image.shape) / _STEPS
    return _hidden(image, _blurred(image, step), _weight(image.shape, row, column, step))


def _blurred(image: NDArray[np.uint8], step: float) -> NDArray[np.float32]:
    return cv2.GaussianBlur(image, (0, 0), step / 2).astype(np.float32)


def _weight(shape: tuple[int, ...], row: float, column: float, step: float) -> NDArray[np.float32]:
    """1 at the place, falling off like a bell whose SD is 0.6 steps."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    return np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * (0.6 * step) ** 2)).astype(np.float32)


def _hidden(image: NDArray[np.uint8], blurred: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.uint8]:
    return (image + (blurred - image) * weight + 0.5).astype(np.uint8)


def _occlusion(reader: Reader, image: NDArray[np.uint8], sex: Sex) -> NDArray[np.float32]:
    """(rows, columns) months moved: at places on a grid over the hand, between them an average of the near ones."""
    rows, columns = image.shape
    step = max(rows, columns) / _STEPS
    blurred = _blurred(image, step)
    grid = [
        (row, column)
        for row in np.arange(step / 2, rows, step)
        for column in np.arange(step / 2, columns, step)
        if blurred[int(row), int(column)] > _DARK
    ]
    whole = np.cumsum(reader.distributions(image[None], [sex], views=("",))[0])
    total, weights = np.zeros(image.shape, np.float32), np.full(image.shape, 1e-6, np.float32)
    for start in range(0, len(grid), _BATCH):
        bells = [_weight(image.shape, row, column, step) for row, column in grid[start : start + _BATCH]]
        hidden = np.array([_hidden(image, blurred, bell) for bell in bells])
        seen = reader.distributions(hidden, [sex] * len(bells), views=("",))
        for bell, moved in zip(bells, np.abs(np.cumsum(seen, axis=1) - whole).sum(1), strict=True):
            total += bell * np.float32(moved)
            weights += bell
    return total / weights * (image > 0)
