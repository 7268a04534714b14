"""The pictures that the gate learns from, small and in memory: hands of a data set, and whatever is no hand."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from carpal.errors import CarpalError, DatasetError
from carpal.hand import find_hand
from carpal.parallel import parallel_map
from carpal.phantom import draw_phantom
from carpal.quality import KINDS
from carpal.radiograph import SEXES, Radiograph, read_radiograph
from carpal.training.datasets import Sample, load_radiograph

__all__ = ["Picture", "hand_pictures", "kept_pictures", "phantom_pictures"]

_WRIST = 1.15  # radii of the palm below its centre: the carpals end there
_LONG_SIDE = 192  # more than the gate sees, so that a part of a picture is still sharp


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture made small: ``pixels`` (h, w) uint8, bone bright, upright where it is a hand.

    ``hull`` (K, 2) is the convex hull (x, y) of a hand from its fingertips to its wrist, ``palm`` (x, y, radius) its
    palm, both in pixels; None where no hand was found.
    """

    name: str
    kind: str
    pixels: NDArray[np.uint8]
    hull: NDArray[np.float32] | None = None
    palm: tuple[float, float, float] | None = None


def hand_pictures(
    samples: Sequence[Sample], *, workers: int | None = None, progress: Callable[[int, int], None] = lambda *_: None
) -> list[Picture]:
    """Those of ``samples`` that can be read, with the place of the hand where it is found."""
    found: list[Picture] = []
    chunks = [samples[k : k + 64] for k in range(0, len(samples), 64)]
    with parallel_map(_hands_of, chunks, workers) as done:
        for k, pictures in enumerate(done, start=1):
            found += pictures
            progress(min(64 * k, len(samples)), len(samples))
    return found


def phantom_pictures(count: int, seed: int = 0) -> list[Picture]:
    """Drawn hands of all ages, so that the demonstration passes the gate."""
    rng = np.random.default_rng(seed)
    ages = rng.uniform(6, 216, count)
    return [
        _picture(f"phantom/{k}", "hand", draw_phantom(float(age), SEXES[k % 2], seed=seed + k))
        for k, age in enumerate(ages)
    ]


def kept_pictures(table: str | Path, folder: str | Path) -> list[Picture]:
    """The files that a CSV with the columns ``file,kind,group`` lists. Raises DatasetError, UnreadableRadiograph."""
    with Path(table).open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    if not rows or not {"file", "kind", "group"} <= set(rows[0]):
        raise DatasetError(f"{table}: it needs the columns file, kind and group")
    if unknown := {row["kind"] for row in rows} - set(KINDS):
        raise DatasetError(f"{table}: there is no kind {sorted(unknown)[0]!r}; kinds are {', '.join(KINDS)}")
    return [_picture(row["file"], row["kind"], read_radiograph(Path(folder) / row["file"])) for row in rows]


def _hands_of(samples: Sequence[Sample]) -> list[Picture]:
    found = []
    for sample in samples:
        try:
            found.append(_picture(f"{sample.group}/{sample.id}", "hand", load_radiograph(sample)))
        except CarpalError:  # the data set's own report names what cannot be read
            continue
    return found


def _picture(name: str, kind: str, radiograph: Radiograph) -> Picture:
    pixels = radiograph.pixels
    scale = min(1.0, _LONG_SIDE / max(pixels.shape))
    if scale < 1:
        size = (max(8, round(pixels.shape[1] * scale)), max(8, round(pixels.shape[0] * scale)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    low, high = np.percentile(pixels, (0.1, 99.9))
    grey = np.clip((pixels - low) * (255 / max(high - low, 1 / 255)) + 0.5, 0, 255).astype(np.uint8)
    hand = find_hand(pixels) if kind == "hand" else None
    if hand is None:
        return Picture(name, kind, grey)
    wrist = int((hand.palm[1] + _WRIST * hand.palm_radius) / hand.scale) + 1
    points = cv2.findNonZero(hand.mask[:wrist])
    hull = cv2.convexHull(points)[:, 0].astype(np.float32) * hand.scale
    return Picture(name, kind, grey, hull, (*hand.palm, hand.palm_radius))
