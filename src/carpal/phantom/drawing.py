"""From outlines in millimetres to film: depths add up along the beam, the film answers with a curve and noise."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from carpal.errors import InvalidArgument
from carpal.phantom.anatomy import Bone, Flesh, HandPlan, build_hand
from carpal.phantom.maturity import EPIPHYSES, check_child
from carpal.phantom.outlines import Points
from carpal.radiograph import Radiograph

__all__ = ["Phantom", "draw_phantom", "make_phantom"]

Image = NDArray[np.float32]

# Attenuation per mm, chosen so that finger, palm and forearm come out as bright as on radiographs.
_FLESH_PER_MM = 0.0155
_COMPACT_PER_MM = 0.125
_SPONGY_PER_MM = 0.024

_FINE = 3  # bones are drawn this much finer than the film and averaged down
_SHIFT = 4  # fractional bits of polygon corners in OpenCV


@dataclass(frozen=True)
class Phantom:
    """A drawn radiograph and where its anatomy is.

    ``landmarks`` maps names such as "distal_radius_growth_plate", "capitate", "metacarpal_3" or
    "fingertip_3" to (row, column) in
    pixels of ``radiograph``; some may lie where nothing is ossified yet.
    """

    radiograph: Radiograph
    landmarks: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class _Pose:
    turn_degrees: float
    spread: float
    size: float
    aside: float
    exposure: float
    contrast: float
    heel: tuple[float, float]
    vary: Mapping[str, float]


@dataclass(frozen=True)
class _View:
    """The way from mm to pixels: ``matrix`` is (2, 3), ``per_mm`` its scale in pixels."""

    matrix: NDArray[np.float64]
    per_mm: float
    shape: tuple[int, int]

    def pixels(self, mm: Points) -> Points:
        return np.asarray(mm @ self.matrix[:, :2].T + self.matrix[:, 2])


def draw_phantom(
    age_months: float, sex: str, *, seed: int = 0, shape: tuple[int, int] = (1024, 800), collimated: bool = False
) -> Radiograph:
    """A drawn left hand: (H, W) float32 in 0..1, bone bright, fingers up, thumb to the right, SYNTHETIC burnt in.

    ``age_months`` 0..240, ``sex`` F or M; the same arguments give the same pixels, and one seed is one hand through all
    ages. ``collimated`` adds the border of a collimator. The digest is the SHA-256 of the pixels, there being no file.
    Raises InvalidArgument.
    """
    return make_phantom(age_months, sex, seed=seed, shape=shape, collimated=collimated).radiograph


def make_phantom(
    age_months: float, sex: str, *, seed: int = 0, shape: tuple[int, int] = (1024, 800), collimated: bool = False
) -> Phantom:
    """As ``draw_phantom``, with the landmarks. Raises InvalidArgument."""
    sex = check_child(age_months, sex)
    _check_canvas(seed, shape)
    rng = np.random.default_rng(seed)
    pose = _draw_pose(rng)
    hand = build_hand(age_months, sex, pose.spread, pose.vary)
    view = _aim(hand, pose, shape)
    depth = _flesh_depth(hand.flesh, view)
    attenuation = depth * np.float32(_FLESH_PER_MM)
    attenuation += _bones(hand.bones, view, rng)
    film = _expose(attenuation, pose, hand.scale, rng)
    if collimated:
        _collimate(film, rng)
    _label(film, depth)
    pixels = np.clip(film, 0, 1).astype(np.float32)
    digest = hashlib.sha256(pixels.tobytes()).hexdigest()
    spacing = (1 / view.per_mm, 1 / view.per_mm)
    radiograph = Radiograph(pixels, digest, spacing, "L", sex, float(age_months))
    points = {name: view.pixels(point[None])[0] for name, point in hand.landmarks.items()}
    return Phantom(radiograph, {name: (float(y), float(x)) for name, (x, y) in points.items()})


def _check_canvas(seed: int, shape: tuple[int, int]) -> None:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InvalidArgument(f"seed must be a whole number from 0 up, not {seed!r}.")
    if len(shape) != 2 or not all(128 <= side <= 4096 for side in shape):
        raise InvalidArgument(f"shape must be (height, width) between 128 and 4096 pixels, not {shape!r}.")


def _draw_pose(rng: np.random.Generator) -> _Pose:
    # Drawn in one fixed order, so that the seed alone decides and a hand stays the same hand as it grows.
    u = rng.uniform(-1, 1, 8)
    names = [name for name in EPIPHYSES if not name.startswith("distal_radius")]
    vary = dict(zip(names, (1 + 0.02 * rng.uniform(-1, 1, len(names))).tolist(), strict=True))
    return _Pose(
        turn_degrees=float(5 * u[0]),
        spread=float(0.5 + 0.4 * u[1]),
        size=float(1 + 0.04 * u[2]),
        aside=float(0.02 * u[3]),
        exposure=float(1 + 0.12 * u[4]),
        contrast=float(1 + 0.1 * u[5]),
        heel=(float(0.012 * u[6]), float(0.012 * u[7])),
        vary=vary,
    )


def _aim(hand: HandPlan, pose: _Pose, shape: tuple[int, int]) -> _View:
    """Fit the hand into the picture: finger tips below the upper edge, the forearm out of the lower one."""
    angle = math.radians(pose.turn_degrees)
    turn = np.array([[math.cos(angle), math.sin(angle)], [math.sin(angle), -math.cos(angle)]])  # y points down now
    tips = [point for name, point in hand.landmarks.items() if name.startswith("fingertip")]
    frame = np.array([*tips, hand.landmarks["wrist"]]) @ turn.T
    pulp = 10.0 * hand.scale
    low, high = frame.min(0) - pulp, frame.max(0) + pulp
    height, width = shape
    # Cassettes and cropping bring small hands nearer to filling the picture, yet not all the way.
    fill = (0.74 + 0.26 * hand.scale) * pose.size
    per_mm = fill * min(0.74 * height / (high[1] - low[1]), 0.86 * width / (high[0] - low[0]))
    left = width * (0.5 + pose.aside) - per_mm * (low[0] + high[0]) / 2
    top = 0.055 * height - per_mm * low[1] + 0.35 * height * (1 - fill) * (fill < 1)
    return _View(np.column_stack([turn * per_mm, [left, top]]), per_mm, shape)


def _fixed_point(points: Points) -> NDArray[np.int32]:
    return np.round(points * (1 << _SHIFT)).astype(np.int32)


def _flesh_depth(flesh: list[Flesh], view: _View) -> Image:
    """(H, W) millimetres of soft tissue along the beam."""
    height, width = (side // 2 for side in view.shape)  # depth has no fine detail: half size will do
    scale = 0.5 * view.per_mm * flesh[-1].depth_mm / 36.0
    deep: Image = np.zeros((height, width), np.float32)
    for part in flesh:  # fingers first, palm and forearm over them
        cv2.fillPoly(deep, [_fixed_point(view.pixels(part.outline) / 2)], part.depth_mm, cv2.LINE_8, _SHIFT)
    inside = (deep > 0).astype(np.float32)
    # Blurring and cutting at one half rounds the webs between the fingers; cut at full size, the skin has no steps.
    full = view.shape[::-1]
    soft = cv2.resize(cv2.GaussianBlur(inside, (0, 0), 2.2 * scale), full, interpolation=cv2.INTER_LINEAR)
    edge = cv2.distanceTransform((soft > 0.5).astype(np.uint8), cv2.DIST_L2, 5) / np.float32(view.per_mm)
    spread = cv2.GaussianBlur(deep, (0, 0), 5.0 * scale)
    share = cv2.GaussianBlur(inside, (0, 0), 5.0 * scale)
    deep = np.asarray(cv2.resize(spread / np.maximum(share, 1e-3), full, interpolation=cv2.INTER_LINEAR), np.float32)
    inward = np.clip(edge / np.maximum(0.42 * deep, 1e-3), 0, 1)
    return np.asarray(cv2.GaussianBlur(deep * np.sqrt(inward * (2 - inward)), (0, 0), 0.0011 * view.shape[0]))


def _bones(bones: list[Bone], view: _View, rng: np.random.Generator) -> Image:
    """(H, W) attenuation of all bones, each added to those it lies over."""
    film = np.zeros(view.shape, np.float32)
    for bone in bones:
        _add_bone(film, bone, view)
    grain = cv2.GaussianBlur(rng.standard_normal(view.shape, np.float32), (0, 0), 0.9, sigmaY=1.8)
    film *= 1 + np.float32(0.16) * grain  # trabeculae, mostly along the bones
    return film


def _add_bone(film: Image, bone: Bone, view: _View) -> None:
    outlines = [view.pixels(outline) for outline in bone.outlines]
    together = np.concatenate(outlines)
    limits = np.array(film.shape[::-1])
    low = np.clip(np.floor(together.min(0)) - 2, 0, limits).astype(int)
    high = np.clip(np.ceil(together.max(0)) + 3, 0, limits).astype(int)
    if (high <= low).any():
        return
    width, height = high - low
    mask = np.zeros((height * _FINE, width * _FINE), np.uint8)
    for outline in outlines:  # one by one: together, OpenCV would leave holes where they overlap
        cv2.fillPoly(mask, [_fixed_point((outline - low) * _FINE)], 1, cv2.LINE_8, _SHIFT)
    edge = cv2.distanceTransform(mask, cv2.DIST_L2, 5) / np.float32(_FINE * view.per_mm)
    shell = _shell(bone, view, low, edge.shape)
    outer = _chord(edge, bone.depth_mm)
    inner = _chord(edge - shell, np.maximum(bone.depth_mm - shell, 0.05))
    dense = _COMPACT_PER_MM * (outer - inner) + _SPONGY_PER_MM * inner
    small = cv2.resize(dense.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    film[low[1] : high[1], low[0] : high[0]] += np.float32(bone.weight) * small


def _shell(bone: Bone, view: _View, low: NDArray[np.int_], shape: tuple[int, ...]) -> Image | np.float32:
    """Thickness of compact bone in mm, for each fine pixel of a tubular bone, one number for the others."""
    if bone.axis is None:
        return np.float32(bone.rim_mm)
    start, end = (view.pixels(point[None])[0] for point in bone.axis)
    along = (end - start) / float(np.sum((end - start) ** 2))
    x = (np.arange(shape[1], dtype=np.float32) / _FINE + low[0] - start[0]) * along[0]
    y = (np.arange(shape[0], dtype=np.float32) / _FINE + low[1] - start[1]) * along[1]
    t = np.clip(np.add.outer(y, x), 0, 1).astype(np.float32)
    swell = (4 * t * (1 - t)) ** 2
    return np.asarray(bone.rim_mm + (bone.cortex_mm - bone.rim_mm) * swell, np.float32)


def _chord(inward: Image, radius: float | Image) -> Image:
    """Way of the beam in mm through a rod of this radius, ``inward`` mm inside its edge; flat past its middle."""
    x = np.clip(inward, 0, radius)
    return np.asarray(2 * np.sqrt(x * (2 * radius - x)), np.float32)


def _expose(attenuation: Image, pose: _Pose, scale: float, rng: np.random.Generator) -> Image:
    """Film brightness in 0..1: scatter, the response curve, uneven tube output, detector blur, quantum noise."""
    height, width = attenuation.shape
    coarse = cv2.resize(attenuation, (width // 8, height // 8), interpolation=cv2.INTER_AREA)
    coarse = cv2.GaussianBlur(coarse, (0, 0), height / 160)
    veil = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    total = cv2.GaussianBlur(attenuation + np.float32(0.05) * veil, (0, 0), 0.0008 * height)
    # A small hand is exposed more softly, so that it comes out nearly as bright as a grown one.
    bright = 1 - np.exp(-np.float32(pose.exposure * scale**-0.6) * total)
    film = np.float32(0.045) + np.float32(0.95) * bright ** np.float32(pose.contrast)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    film += np.float32(pose.heel[0]) * y + np.float32(pose.heel[1]) * x + np.float32(0.012) * (x * x + y * y)
    noise = cv2.GaussianBlur(rng.standard_normal((height, width), np.float32), (0, 0), 0.7)
    film += noise * (np.float32(0.006) + np.float32(0.012) * bright)
    return np.asarray(film, np.float32)


def _collimate(film: Image, rng: np.random.Generator) -> None:
    """Darken what the collimator's blades cover, leaving a thin bright rim; changes ``film``."""
    height, width = film.shape
    inset = rng.uniform(0.015, 0.04, 4) * min(height, width)
    box = np.array([[inset[0], inset[1]], [width - inset[2], inset[1]],
                    [width - inset[2], height - inset[3]], [inset[0], height - inset[3]]])  # fmt: skip
    open_ = np.zeros_like(film)
    cv2.fillPoly(open_, [_fixed_point(box)], 1.0, cv2.LINE_AA, _SHIFT)
    soft = cv2.GaussianBlur(open_, (0, 0), 0.003 * height)
    film *= 0.12 + 0.88 * soft
    film += 0.30 * 4 * soft * (1 - soft)


def _label(film: Image, depth: Image) -> None:
    """Burn in the word SYNTHETIC and the side marker, each in the emptiest corner left; changes ``film``."""
    height, width = film.shape
    unit = min(height / 1024, width / 800)
    taken = depth > 0
    for text, size, thick in (("SYNTHETIC", 1.0, 2), ("L", 2.2, 6)):
        size *= unit
        thick = max(1, round(thick * unit))
        (wide, tall), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, thick)
        pad = round(0.06 * width)
        right, low = width - pad - wide, height - pad
        middle = height * 3 // 4
        corners = [(right, low), (pad, low), (pad, middle), (right, middle), (pad, pad + tall), (right, pad + tall)]
        x, y = min(
            corners, key=lambda at: taken[at[1] - tall - pad // 4 : at[1] + pad // 4, at[0] : at[0] + wide].sum()
        )
        patch = np.zeros(film.shape, np.uint8)
        cv2.putText(patch, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, 255, thick, cv2.LINE_AA)
        opaque = patch.astype(np.float32) / np.float32(255)
        film += (np.float32(0.93) - film) * opaque
        taken = taken | (cv2.boxFilter(patch, -1, (pad, pad)) > 0)
