"""From a radiograph to what a network sees: named recipes, the same for training and for reading.

A recipe is a frozen dataclass and travels inside every model file: a network is never fed what it was not trained on.

``hand``     find the hand, straighten it, crop it, blacken what is not hand, scale the intensities (the default)
``narrow``   the same on an upright rectangle: a hand is longer than wide, and black pixels cost as much as grey ones
``plain``    the whole radiograph, aspect kept, padded to a square
``classic``  256 x 256 bicubic, contrast x 1.5, CLAHE, bilateral filter: what the notebooks of the field do
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from carpal.errors import InvalidArgument
from carpal.hand import Found, Hand, find_hand, find_on_smaller, made_smaller
from carpal.radiograph import Radiograph

__all__ = [
    "PREPARATION",
    "RECIPES",
    "Classic",
    "HandCrop",
    "Plain",
    "Prepared",
    "Recipe",
    "prepare",
    "recipe_from_dict",
    "recipe_named",
]

Matrix = NDArray[np.float64]

_METAL, _RIM = 0.88, 0.9
_LAYERS = 6  # of metal: a plate, then its thin screws, whose grey is between metal and bone, then their rims
_DARKEST = 12  # of 255: what is darker is beside the hand
_DARK, _USUAL = 0.34, 0.43  # median of the hand: 0.35 is the 5th percentile of radiographs as they come, 0.43 the 50th

_SOFT = 0.4  # pixels' SD of smoothing before there are fewer pixels: fine detail would turn into a coarse pattern

PREPARATION = 10  # raised with any change of what is prepared for training, so that no cache outlives the code


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a network sees of a radiograph.

    ``pixels`` is uint8 of the recipe's ``shape``, bone bright; ``to_source`` (3, 3) takes a point (x, y, 1) of it,
    pixel centres at whole numbers, to the radiograph. ``hand_found`` is None where the recipe does not look for one;
    ``palm`` (x, y, radius) is the largest disc inside the palm, in pixels of what is prepared.
    """

    pixels: NDArray[np.uint8]
    to_source: Matrix
    hand_found: bool | None = None
    palm: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class _Sized:
    """What all recipes have: ``size`` is the number of rows that the network sees."""

    size: int

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of what the network sees."""
        return self.size, self.size


@dataclass(frozen=True)
class Classic(_Sized):
    """The preparation of the notebook this work re-imagines; squeezes every radiograph to a square."""

    size: int = 256
    contrast: float = 1.5
    clahe_clip: float = 3.0
    clahe_tiles: int = 16
    bilateral_diameter: int = 3
    bilateral_sigma: float = 10.0

    name = "classic"
    rgb = True  # written as three equal channels; networks repeat the grey channel themselves


@dataclass(frozen=True)
class Plain(_Sized):
    """The whole radiograph, its long side made ``size``, padded with black to a square."""

    size: int = 288
    low_percentile: float = 0.1
    high_percentile: float = 99.9

    name = "plain"
    rgb = False


@dataclass(frozen=True)
class HandCrop(_Sized):
    """The hand alone, upright. Lengths are in radii of the largest disc inside the palm.

    ``wrist`` is how far below the palm's centre the crop ends (distal radius and ulna stay in), ``margin`` the space
    around the hand as a share of the crop, ``halo`` the rim of background kept around the silhouette.
    """

    size: int = 288
    wrist: float = 2.3
    margin: float = 0.04
    halo: float = 0.22
    high_percentile: float = 99.7

    name = "hand"
    rgb = False


@dataclass(frozen=True)
class NarrowHand(HandCrop):
    """``hand`` with ``width`` times as many columns as rows, in whole strides of a network (32 px, 8 in small ones).

    Of 493 hands of the RSNA training set 90 % were at most 0.79 times as wide as long; wider ones are made smaller.
    """

    width: float = 0.78

    name = "narrow"

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of what the network sees."""
        stride = 32 if self.size >= 128 else 8
        return self.size, max(stride, round(self.width * self.size / stride) * stride)


Recipe = Classic | Plain | HandCrop | NarrowHand
RECIPES: dict[str, type[Recipe]] = {kind.name: kind for kind in (HandCrop, NarrowHand, Plain, Classic)}


def recipe_named(name: str, size: int | None = None) -> Recipe:
    """The recipe of that name, optionally at another size. Raises InvalidArgument."""
    if name not in RECIPES:
        raise InvalidArgument(f"there is no recipe {name!r}: choose one of {', '.join(RECIPES)}")
    recipe = RECIPES[name]()
    if size is None:
        return recipe
    if not 32 <= size <= 2048:
        raise InvalidArgument(f"a prepared radiograph of {size} px makes no sense: choose 32 to 2048")
    return replace(recipe, size=size)


def recipe_to_dict(recipe: Recipe) -> dict[str, Any]:
    """Name and fields, as stored in a model file."""
    return {"name": recipe.name, **asdict(recipe)}


def recipe_from_dict(fields: dict[str, Any]) -> Recipe:
    """The recipe that a model file names. Raises InvalidArgument where this carpal does not know it."""
    values = dict(fields)
    name = values.pop("name", None)
    if name not in RECIPES:
        raise InvalidArgument(f"the recipe {name!r} is unknown to this version of carpal")
    try:
        return replace(RECIPES[name](**values), size=recipe_named(name, int(values["size"])).size)
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidArgument(f"the recipe {name!r} has fields this version of carpal does not know") from error


def prepare(radiograph: Radiograph, recipe: Recipe, found: Found | None = None) -> Prepared:
    """The radiograph as ``recipe`` wants it; deterministic. ``found`` is what ``find_on_smaller`` found on this very
    radiograph before: it spares time and changes nothing."""
    if isinstance(recipe, Classic):
        return _classic(radiograph.pixels, recipe)
    if isinstance(recipe, Plain):
        return _plain(radiograph.pixels, recipe, recipe.shape)
    return _hand_crop(radiograph.pixels, recipe, found)


def _classic(pixels: NDArray[np.float32], recipe: Classic) -> Prepared:
    height, width = pixels.shape
    size = recipe.size
    small = pixels
    if min(height, width) > 2 * size:  # bicubic alone aliases beyond a factor of two
        small = cv2.resize(pixels, (2 * size, 2 * size), interpolation=cv2.INTER_AREA)
    small = cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC)
    mean = float(small.mean())
    grey = _to_uint8(mean + recipe.contrast * (small - mean))
    clahe = cv2.createCLAHE(clipLimit=recipe.clahe_clip, tileGridSize=(recipe.clahe_tiles, recipe.clahe_tiles))
    sigma = recipe.bilateral_sigma
    grey = cv2.bilateralFilter(clahe.apply(grey), recipe.bilateral_diameter, sigma, sigma)
    return Prepared(grey, _scaling(width / size, height / size))


def _plain(
    pixels: NDArray[np.float32], recipe: Plain, shape: tuple[int, int], hand_found: bool | None = None
) -> Prepared:
    height, width = pixels.shape
    scale = max(height / shape[0], width / shape[1])
    inner = (max(1, round(width / scale)), max(1, round(height / scale)))
    small = cv2.resize(pixels, inner, interpolation=cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR)
    low, high = np.percentile(small, (recipe.low_percentile, recipe.high_percentile))
    canvas = np.zeros(shape, np.uint8)
    left, top = (shape[1] - inner[0]) // 2, (shape[0] - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = _to_uint8((small - low) / max(high - low, 1e-6))
    to_source = _scaling(width / inner[0], height / inner[1]) @ _shift(-left, -top)
    return Prepared(canvas, to_source, hand_found)


def _hand_crop(pixels: NDArray[np.float32], recipe: HandCrop, found: Found | None) -> Prepared:
    found = _on_working_copy(pixels, recipe, found or find_on_smaller(pixels))
    reduced = found.smaller
    seen = _seen_hand(reduced, found.hand, recipe) if found.hand else None
    if seen is not None and (lighter := _lighter(reduced, seen.pixels)) is not None:
        hand = find_hand(lighter)
        seen = _seen_hand(lighter, hand, recipe) if hand else seen
    if seen is None:
        return _plain(pixels, Plain(size=recipe.size), recipe.shape, hand_found=False)
    return replace(seen, to_source=_scaling(found.factor, found.factor) @ seen.to_source)


def _on_working_copy(pixels: NDArray[np.float32], recipe: HandCrop, found: Found) -> Found:
    """What was found, on a copy of one to two times the final size, on which everything else works: reducing is the
    costly step, is done once, and is some twenty times cheaper by a whole factor."""
    height, width = pixels.shape
    factor = max(1, min(int(max(height, width) / (1.5 * recipe.size)), min(height, width) // 8))
    if factor >= found.factor:
        times = round(factor / found.factor)
        factor, smaller = times * found.factor, made_smaller(found.smaller, times)
    else:
        smaller = made_smaller(pixels, factor)
    return Found(smaller, factor, found.hand and found.hand.on_copy(found.factor / factor))


def _seen_hand(reduced: NDArray[np.float32], hand: Hand, recipe: HandCrop) -> Prepared:
    """The hand of a radiograph of about the final size; ``to_source`` leads to that."""
    to_reduced = _crop_matrix(hand, recipe)
    inverse = cv2.WARP_INVERSE_MAP
    size = recipe.shape[::-1]
    coarser = float(np.linalg.norm(to_reduced[:2, 0]))
    if coarser > 1:
        reduced = cv2.GaussianBlur(reduced, (0, 0), _SOFT * float(np.sqrt(coarser**2 - 1)))
    crop = cv2.warpAffine(reduced, to_reduced[:2], size, flags=cv2.INTER_LINEAR | inverse)
    to_mask = _scaling(1 / hand.scale, 1 / hand.scale) @ to_reduced
    # Silhouette and field in one warp: two channels of one small picture.
    outlines = np.dstack([hand.mask, hand.field]).astype(np.float32)
    outlines = cv2.warpAffine(outlines, to_mask[:2], size, flags=cv2.INTER_LINEAR | inverse)
    halo = recipe.halo * hand.palm_radius / np.linalg.norm(to_reduced[:2, 0])
    isolated = _isolate(crop, outlines[..., 0], outlines[..., 1], float(halo), recipe)
    x, y, _ = np.linalg.inv(to_reduced) @ (hand.palm[0] - 0.5, hand.palm[1] - 0.5, 1)
    palm = (float(x), float(y), float(hand.palm_radius / np.linalg.norm(to_reduced[:2, 0])))
    return Prepared(isolated, to_reduced, hand_found=True, palm=palm)


def _lighter(reduced: NDArray[np.float32], seen: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """The radiograph with another gamma where the hand in it is dark; None for most."""
    shown = seen[seen > _DARKEST]
    median = float(np.median(shown)) / 255 if shown.size else _USUAL
    if median >= _DARK:
        return None
    low, high = float(reduced.min()), float(reduced.max())
    exponent = np.log(_USUAL) / np.log(max(median, 0.1))
    return np.power((reduced - low) / max(high - low, 1e-6), np.float32(exponent))


def _crop_matrix(hand: Hand, recipe: HandCrop) -> Matrix:
    """(3, 3) from the prepared picture to the searched image: the hand upright, its forearm cut at the wrist."""
    to_upright, upright = hand.to_upright, hand.upright_points()
    kept = upright[upright[:, 1] < recipe.wrist * hand.palm_radius]
    low, high = kept.min(0), kept.max(0)
    frame = np.array(recipe.shape[::-1], np.float64)  # columns, rows
    scale = float(((high - low) / frame).max()) / (1 - 2 * recipe.margin)
    middle = (frame - 1) / 2
    matrix = np.eye(3)
    matrix[:2, :2] = scale * to_upright.T
    matrix[:2, 2] = np.asarray(hand.palm) - 0.5 + to_upright.T @ ((low + high) / 2 - scale * middle)
    return matrix


def _isolate(
    crop: NDArray[np.float32], mask: NDArray[np.float32], field: NDArray[np.float32], halo_px: float, recipe: HandCrop
) -> NDArray[np.uint8]:
    """Intensities scaled between the background beside the hand and its densest bone; black beyond the halo."""
    inside = (mask > 0.5).astype(np.uint8)
    distance = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3)
    soft = np.clip(2 - 2 * distance / max(halo_px, 1.0), 0, 1) * (field > 0.5)
    sample = (slice(None, None, 3), slice(None, None, 3))
    values, hand = crop[sample], inside[sample] > 0
    beside = values[(soft[sample] > 0) & ~hand]
    low = np.percentile(beside, 25) if beside.size > 30 else values[hand].min()
    high = _densest_bone(crop, inside, float(low), recipe.high_percentile)
    return _to_uint8((crop - low) * (soft / np.float32(max(high - low, 1e-6))))


def _densest_bone(crop: NDArray[np.float32], inside: NDArray[np.uint8], low: float, percentile: float) -> float:
    """The grey of the densest bone, which is not that of a plate, a ring or a letter on the hand."""
    kept = inside > 0
    size = np.count_nonzero(kept)
    high, least = np.percentile(crop[kept], percentile), _METAL
    for _ in range(_LAYERS):
        top = np.percentile(crop[kept], 99.97)
        brightest = ((crop > low + 0.95 * (top - low)) & kept).astype(np.uint8)
        other = kept & (cv2.dilate(brightest, np.ones((5, 5), np.uint8)) == 0)
        if np.count_nonzero(other) < 0.5 * size:  # burnt out: white is not metal here
            break
        # Without its brightest pixels and what is next to them a hand is 0.91 to 0.98 as bright (1st to 100th
        # percentile of 196 radiographs), one with metal in it 0.1 to 0.88.
        without = np.percentile(crop[other], percentile)
        if without - low >= least * (high - low):
            break
        high, kept, least = without, other, _RIM
    return float(high)


def _to_uint8(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.clip(values * 255 + 0.5, 0, 255).astype(np.uint8)


def _scaling(sx: float, sy: float) -> Matrix:
    """Pixel centres at whole numbers: the outer edge of both pictures coincides."""
    return np.array([[sx, 0, (sx - 1) / 2], [0, sy, (sy - 1) / 2], [0, 0, 1]])


def _shift(dx: float, dy: float) -> Matrix:
    return np.array([[1, 0, dx], [0, 1, dy], [0, 0, 1.0]])
