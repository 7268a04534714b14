"""Whether a radiograph shows enough to be read: plain measures of light, of noise and of the blocks of strong JPEG.

What the picture shows is judged elsewhere (``carpal.quality``); noise and blocks are measured against the contrast of
the hand, because a hand that fills twenty of 256 grey levels is spoilt by what another would hardly show.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from carpal.hand import Found, Hand, find_on_smaller
from carpal.radiograph import Radiograph
from carpal.straighten import straightened

__all__ = ["Cleared", "as_admitted", "cleared", "light_problem"]

Grey = NDArray[np.float32]
Matrix = NDArray[np.float64]

_LEAST_CONTRAST = 0.02  # of full scale, between the darkest and the brightest hundredth
_LEAST_GREY = 0.02  # share of a picture that is neither black nor white
# Shares of the hand's contrast. Of 197 radiographs as they come noise is at most 0.024 and the jump at the edges of
# blocks 0.018.
_NOISY, _MOST_NOISE = 0.025, 0.3
_MOST_BLOCKS = 0.05
_SMOOTH_NOISE = 25.0  # pixels' SD of smoothing per unit of noise
# The SD in pixels for blocks, which noise hides a little: it sets in by degrees, as it moves the bone age of some.
_BLOCKS, _SMOOTH_BLOCKS = (0.006, 0.010, 0.024, 0.034), (0.0, 2.0, 2.0, 4.0)
_WIDEST = 0.005  # of the long side
_SMALL = 200  # px, long side: what differs from pixel to pixel on a thumbnail is bone
_BLOCK = 8  # px: JPEG's
_BONES_ALONE = 0.3  # slenderness: 0.303 at least where skin is seen
_MOST_RAGGED, _RAGGED_BONES = 0.15, 0.08
_MOST_BLACK = 0.005  # of the hand: 986 radiographs as they come have 0.0015 at most
_MOST_WHITE = 0.15  # of the hand
_LEVEL = 1 / 255
_LINES = 64  # rows and columns that are enough to measure noise and blocks
_TRANSPOSED = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1.0]])
_FINEST = 0.5  # px: smoothing in steps, so that rounding errors do not change it


@dataclass(frozen=True, eq=False)
class Cleared:
    """A radiograph from which noise and the blocks of JPEG are taken where they are strong. ``problem`` is why the
    hand cannot be read even so: ``outline``, ``coarse``, ``soft tissue`` or ``exposure``."""

    pixels: Grey
    smoothed: bool
    problem: str | None
    found: Found  # on these pixels


def light_problem(pixels: Grey) -> str | None:
    """``blank`` or ``exposure`` where there is nothing to see on (H, W) ``pixels``, whatever they show."""
    step = max(1, int(np.sqrt(pixels.size / 40_000)))
    sample = pixels[::step, ::step]
    low, high = np.percentile(sample, (1, 99))
    if high - low < _LEAST_CONTRAST:
        return "blank"
    grey = (sample > low + 0.02 * (high - low)) & (sample < high - 0.02 * (high - low))
    return "exposure" if grey.mean() < _LEAST_GREY else None


def cleared(upright: Grey, given: Grey, to_given: Matrix) -> Cleared:
    """``upright`` (H, W), bone bright, cleared. ``to_given`` (3, 3) takes a point (x, y, 1) of it to the picture
    ``given``, on which noise and blocks are measured: a picture that was turned by odd degrees hides them."""
    found = find_on_smaller(upright)
    if found.hand is None:
        return Cleared(upright, smoothed=False, problem="outline", found=found)
    from_mask = to_given @ np.diag([*[found.hand.scale * found.factor] * 2, 1.0])
    noise, blocks = _grain(found.hand, found.at_mask_size, given, from_mask)
    if noise > _MOST_NOISE or blocks > _MOST_BLOCKS:
        return Cleared(upright, smoothed=False, problem="coarse", found=found)
    smoothing = _smoothing(noise, blocks, max(given.shape))
    if smoothing:
        upright = cv2.GaussianBlur(upright, (0, 0), smoothing)
        found = find_on_smaller(upright)
    problem = _exposed(found, found.hand) if found.hand else "outline"
    return Cleared(upright, smoothing > 0, problem, found)


def as_admitted(radiograph: Radiograph) -> Radiograph:
    """A radiograph that is known to show an upright left hand with bright bones, such as one to learn from, as the
    quality gate would hand it on: straightened and smoothed where need be."""
    straight = straightened(radiograph)
    upright, to_given = (straight[0], straight[2]) if straight else (radiograph, np.eye(3))
    clear = cleared(upright.pixels, radiograph.pixels, to_given)
    return replace(upright, pixels=clear.pixels) if clear.smoothed else upright


def _smoothing(noise: float, blocks: float, long_side: int) -> float:
    """The SD in pixels of the smoothing that noise and blocks ask for; 0 for most radiographs."""
    if long_side < _SMALL:
        return 0.0
    wanted = max(_SMOOTH_NOISE * noise * (noise > _NOISY), float(np.interp(blocks, _BLOCKS, _SMOOTH_BLOCKS)))
    return round(min(wanted, _WIDEST * long_side, _BLOCK / 2) / _FINEST) * _FINEST


def _exposed(found: Found, hand: Hand) -> str | None:
    black = _plain_black(found.at_mask_size)
    ragged = _raggedness(hand, black) > (_MOST_RAGGED if hand.slenderness > _BONES_ALONE else _RAGGED_BONES)
    if ragged or black[hand.mask > 0].mean() > _MOST_BLACK:
        return "soft tissue"
    white = found.at_mask_size[hand.mask > 0] >= found.smaller.max() - _LEVEL
    return "exposure" if white.mean() > _MOST_WHITE else None


def _plain_black(small: Grey) -> NDArray[np.uint8]:
    """1 where nothing is left of what was there."""
    small = cv2.medianBlur(small, 3)
    return (small <= small.min() + 0.7 * _LEVEL).astype(np.uint8)


def _raggedness(hand: Hand, black: NDArray[np.uint8]) -> float:
    """Border of what is not plain ``black`` in and near the hand, over its area, in pixels of the mask: a hand whose
    thin parts are lost is in pieces."""
    away = cv2.distanceTransform(1 - hand.mask, cv2.DIST_L2, 3)
    near = (away < 0.5 * hand.palm_radius / hand.scale) & (hand.field > 0)
    border = (cv2.dilate(black, np.ones((3, 3), np.uint8)) > 0) & (black == 0) & near
    return float(border.sum() / hand.mask.sum())


def _grain(hand: Hand, small: Grey, given: Grey, from_mask: Matrix) -> tuple[float, float]:
    """Noise (SD) and the jump at the edges of blocks, as shares of the hand's contrast."""
    away = cv2.distanceTransform(1 - hand.mask, cv2.DIST_L2, 3)
    beside = small[(away > 0) & (away < 0.22 * hand.palm_radius / hand.scale) & (hand.field > 0)]
    own = small[hand.mask > 0]
    low = np.percentile(beside, 25) if beside.size > 30 else own.min()
    contrast = max(float(np.percentile(own, 99) - low), 1e-6)
    lines = [_lines(given, hand.mask, from_mask), _lines(given.T, hand.mask, _TRANSPOSED @ from_mask)]
    noise = np.concatenate([_diagonals(*of) for of in lines])
    jumps = np.mean([_jumps(upper, inside) for upper, _, inside in lines])
    return float(np.median(noise)) / 1.349 / contrast if noise.size else 0.0, float(jumps) / contrast


def _lines(pixels: Grey, mask: NDArray[np.uint8], from_mask: Matrix) -> tuple[Grey, Grey, NDArray[np.bool_]]:
    """Some rows of a picture, (N, W), those next to them, and where the hand is on them."""
    height, width = pixels.shape
    step = _BLOCK * max(1, height // (_BLOCK * _LINES))
    first = _BLOCK // 2  # far from the edges of blocks
    # Copied side by side: columns of a film are far apart in memory, and each is looked at several times.
    starts = np.arange(first, height - 1, step)
    upper, lower = np.ascontiguousarray(pixels[np.concatenate([starts, starts + 1])]).reshape(2, len(starts), width)
    to_lines = np.array([[1, 0, 0], [0, 1 / step, -first / step], [0, 0, 1]])
    size = (width, max(1, len(upper)))
    inside = cv2.warpAffine(mask, (to_lines @ from_mask)[:2], size, flags=cv2.INTER_NEAREST)[: len(upper)] > 0
    return upper, lower, inside


def _diagonals(upper: Grey, lower: Grey, inside: NDArray[np.bool_]) -> Grey:
    """What differs from pixel to pixel, whatever the slope: noise of SD 1 gives a median of 2 x 0.6745."""
    across = upper - lower
    return np.abs(np.diff(across, axis=1))[inside[:, 1:]]


def _jumps(lines: Grey, inside: NDArray[np.bool_]) -> float:
    """By how much grey values jump more at every eighth place of the lines than elsewhere."""
    there = inside[:, 1:]
    steps = (np.abs(np.diff(lines, axis=1)) * there).sum(axis=0, dtype=np.float64)
    counts = np.count_nonzero(there, axis=0)
    by_place = [steps[k::_BLOCK].sum() / max(counts[k::_BLOCK].sum(), 1) for k in range(_BLOCK)]
    return float(np.max(by_place) - np.median(by_place))
