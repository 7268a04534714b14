"""Where the hand is on a radiograph: collimated field, silhouette, palm and axis.

Plain image measures on a copy reduced to 256 px, so that it costs about three milliseconds whatever the film's size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from carpal.errors import InvalidArgument

__all__ = ["Found", "Hand", "find_hand", "find_on_smaller", "made_smaller"]

Pair = tuple[float, float]  # x, y

_SEARCHED_SIDE = 512
_WORKING_SIDE = 208
_LEVELS = 11
_BRIGHT = 190  # of 255, after stretching: bone reaches it, skin does not
_BONES_ALONE = 0.31
_CLEAR = 120.0  # grey levels per pixel, as Sobel counts: an edge that is clearer counts for no more
_GAP = 7  # pixels from one of a straight edge to the next, at most
_WHOLE = 0.75  # share of a straight edge that is seen: what lies in a row by chance has more gaps
_RIDGE = 0.95  # of the palm's radius: discs that are nearly as large share in its centre
_BESIDE = 5.0  # pixels from an edge of the field, to compare its two sides
_SAME = 3.0  # grey levels
_PLAIN = 20.0  # grey levels of spread: less is a background
_ALIKE = 0.85  # correlation of the two sides
_SKIN = 0.88  # of what bones alone score, the skin around them scores at least so much: it may touch the frame
_AS_GOOD = 0.8  # a hand that includes a bright surround scores too high for its sharp edges


@dataclass(frozen=True, eq=False)
class Hand:
    """A hand found on a radiograph; lengths and positions in pixels of the image that was searched.

    ``mask`` (the silhouette) and ``field`` (the collimated field) are (h, w) uint8 0/1 on a reduced copy; ``scale``
    turns their coordinates into those of the image.
    ``palm`` is the centre of the largest disc inside the silhouette and ``palm_radius`` that disc's radius.
    ``tilt_degrees`` is the turn (counter-clockwise) that would bring the hand upright, fingers up.
    """

    mask: NDArray[np.uint8]
    field: NDArray[np.uint8]
    scale: float
    palm: Pair
    palm_radius: float
    tilt_degrees: float

    @property
    def slenderness(self) -> float:
        """Palm radius over the root of the silhouette's area: 0.30 to 0.37, less where only bones were seen."""
        return float(self.palm_radius / self.scale / np.sqrt(self.mask.sum()))

    @property
    def to_upright(self) -> NDArray[np.float64]:
        """(2, 2): the turn that brings points (x, y) of the hand upright, counter-clockwise with y pointing down."""
        turn = np.radians(self.tilt_degrees)
        return np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])

    def upright_points(self) -> NDArray[np.float64]:
        """(N, 2): where the silhouette's pixels lie once the hand is upright, x and y from the palm's centre."""
        ys, xs = np.nonzero(self.mask)
        points = (np.stack([xs, ys], 1) + 0.5) * self.scale - np.asarray(self.palm)
        return points @ self.to_upright.T

    def on_copy(self, times: float) -> Hand:
        """The same hand on a copy of the image that is ``times`` as large."""
        x, y = self.palm
        return replace(
            self, scale=self.scale * times, palm=(x * times, y * times), palm_radius=self.palm_radius * times
        )


@dataclass(frozen=True, eq=False)
class Found:
    """A radiograph made smaller by a whole ``factor``, (H // factor, W // factor), and the hand on it, if there is one.

    Whoever needs both for the same radiograph again is spared some ten milliseconds.
    """

    smaller: NDArray[np.float32]
    factor: int
    hand: Hand | None

    @cached_property
    def at_mask_size(self) -> NDArray[np.float32]:
        """The picture at the size of the hand's mask, (h, w)."""
        if self.hand is None:
            raise InvalidArgument("no hand was found, so there is no mask")
        return cv2.resize(self.smaller, self.hand.mask.shape[::-1], interpolation=cv2.INTER_AREA)


def find_on_smaller(pixels: NDArray[np.float32]) -> Found:
    """The hand on ``pixels`` (H, W) made smaller, to a long side of 512 to 1023 px if it has that many."""
    factor = max(1, min(max(pixels.shape) // _SEARCHED_SIDE, min(pixels.shape) // 8))
    smaller = made_smaller(pixels, factor)
    return Found(smaller, factor, find_hand(smaller))


def made_smaller(pixels: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """(H // factor, W // factor) averages; rows and columns that do not fill a whole pixel are left out."""
    if factor == 1:
        return pixels
    height, width = (side // factor for side in pixels.shape)
    # Rows first, as these are side by side in memory: a third of the time that OpenCV takes for odd factors.
    rows = pixels[: height * factor, : width * factor].reshape(height, factor, -1).sum(axis=1)
    total = rows[:, ::factor].copy()
    for k in range(1, factor):
        total += rows[:, k::factor]
    return total / np.float32(factor**2)


def find_hand(pixels: NDArray[np.float32]) -> Hand | None:
    """The hand on an upright radiograph, ``pixels`` (H, W) float32, bone bright; None where none is plausible."""
    height, width = pixels.shape
    scale = max(height, width) / _WORKING_SIDE
    size = (max(8, round(width / scale)), max(8, round(height / scale)))
    interpolation = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    small = cv2.resize(pixels, size, interpolation=interpolation)
    grey = _stretch(small)
    hand = _find(grey, scale)
    if hand is None or hand.slenderness < _BONES_ALONE:  # a dark film: its soft tissue is hardly above the background
        lighter = _find(np.sqrt(np.float32(255) * grey).astype(np.uint8), scale)
        if lighter is not None and (hand is None or lighter.slenderness > hand.slenderness):
            return lighter
    return hand


def _find(grey: NDArray[np.uint8], scale: float) -> Hand | None:
    field = _collimated_field(grey)
    mask, score = _silhouette(grey, field)
    surround = _bright_surround(grey)
    if surround.any():  # or a forearm that looks like one: the better hand says which
        without = field * (1 - surround)
        other, other_score = _silhouette(grey, without)
        if other_score > _AS_GOOD * score:
            mask, field = other, without
    if mask is None:
        return None
    distance = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    radius = float(distance.max())
    ridge = cv2.moments(np.maximum(distance - _RIDGE * radius, 0))  # its highest point lies here or there by chance
    x, y = ridge["m10"] / ridge["m00"], ridge["m01"] / ridge["m00"]
    return Hand(mask, field, scale, ((x + 0.5) * scale, (y + 0.5) * scale), radius * scale, _tilt(mask))


def _stretch(small: NDArray[np.float32]) -> NDArray[np.uint8]:
    low, high = np.percentile(small, (0.5, 99.5))
    stretched = (small - low) * (255.0 / max(high - low, 1 / 255))  # less than a grey level is no picture
    return cv2.GaussianBlur(np.clip(stretched, 0, 255).astype(np.uint8), (3, 3), 0)


def _collimated_field(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """1 inside the collimated field, 0 outside: everything beyond a long straight edge near the picture's border."""
    height, width = grey.shape
    field = np.ones_like(grey)
    edges = cv2.Canny(grey, 20, 50)
    level = _straight_edges(edges, 0.25 * width, 0.28 * height)
    # The forearm has upright, long edges too, near the middle: a side of the field is longer and further out.
    upright = _straight_edges(np.ascontiguousarray(edges.T), 0.42 * height, 0.22 * width)
    for point, normal in level + [(point[::-1], normal[::-1]) for point, normal in upright]:
        if not _goes_on(grey, point, normal):
            _cut_half_plane(field, point, normal, keep=2.5)
    margin = 2
    field[:margin] = field[-margin:] = 0
    field[:, :margin] = field[:, -margin:] = 0
    return field


def _straight_edges(edges: NDArray[np.uint8], least: float, away: float) -> list[tuple[Pair, Pair]]:
    """Lines along the rows of a picture, ``least`` pixels long and ``away`` from its middle or more: a point of each
    and its unit normal towards the middle.

    The lines with most pixels come first and take these with them: ``cv2.HoughLinesP``, which draws pixels at random,
    finds other lines as soon as there is one pixel more.
    """
    height, width = edges.shape
    fewest = int(0.2 * min(height, width))
    lines = cv2.HoughLines(edges, 1, np.pi / 180, fewest, min_theta=np.radians(76), max_theta=np.radians(104))
    left = cv2.copyMakeBorder(edges, 1, 1, 0, 0, cv2.BORDER_CONSTANT, value=0)
    columns = np.arange(width)
    found = []
    for distance, theta in [] if lines is None else lines.reshape(-1, 2).tolist():
        nx, ny = math.cos(theta), math.sin(theta)
        to_centre = nx * width / 2 + ny * height / 2 - distance
        if abs(to_centre) < away:
            continue
        rows = np.clip(np.rint((distance - nx * columns) / ny).astype(int), -1, height) + 1
        seen = np.flatnonzero(left[rows, columns])
        if seen.size < max(1, _WHOLE * least * ny):
            continue
        run = max(np.split(seen, np.flatnonzero(np.diff(seen) > _GAP) + 1), key=len)
        long = run[-1] - run[0]
        if long < least * ny or len(run) < _WHOLE * long:
            continue
        left[rows[run], run] = 0
        start = (float(run[0]), (distance - nx * float(run[0])) / ny)
        found.append((start, (nx, ny) if to_centre > 0 else (-nx, -ny)))
    return found


def _goes_on(grey: NDArray[np.uint8], point: Pair, normal: Pair) -> bool:
    """Whether what lies inside an edge goes on beyond it: a film exposed twice, or the edge of a plate."""
    height, width = grey.shape
    along = np.arange(-max(height, width), max(height, width))
    sides = []
    for away in (-_BESIDE, _BESIDE):
        x = np.rint(point[0] + away * normal[0] - along * normal[1]).astype(int)
        y = np.rint(point[1] + away * normal[1] + along * normal[0]).astype(int)
        sides.append((x, y, (x >= 0) & (x < width) & (y >= 0) & (y < height)))
    both = sides[0][2] & sides[1][2]
    outside, inside = (grey[y[both], x[both]].astype(np.float32) for x, y, _ in sides)
    differs = np.flatnonzero(abs(outside - inside) > _SAME)  # beyond its ends there is no edge
    if differs.size < 0.1 * min(height, width):
        return False
    edge = slice(differs[0], differs[-1] + 1)
    outside, inside = outside[edge], inside[edge]
    if min(outside.std(), inside.std()) < _PLAIN:
        return False
    return float(np.corrcoef(outside, inside)[0, 1]) > _ALIKE


def _bright_surround(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """1 where the film was exposed to nothing but shows bright: wide, bright, and at two sides of the picture or more.

    A hand or forearm is bright in its bones, which are too narrow to count, and leaves the picture at one side.
    """
    bright = (grey > _BRIGHT).astype(np.uint8)
    wide = cv2.morphologyEx(bright, cv2.MORPH_OPEN, np.ones((9, 9), np.uint8), borderValue=0)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(wide)
    surround = np.zeros_like(grey)
    height, width = grey.shape
    for k in range(1, count):
        x, y, w, h, area = (int(v) for v in boxes[k])
        sides = [x <= 1, y <= 1, x + w >= width - 1, y + h >= height - 1]
        if sum(sides) >= 2 and area > 0.03 * grey.size:
            surround[labels == k] = 1
    return cv2.dilate(surround, np.ones((9, 9), np.uint8))  # its blurred rim too


def _cut_half_plane(field: NDArray[np.uint8], point: Pair, normal: Pair, keep: float) -> None:
    y, x = np.ogrid[: field.shape[0], : field.shape[1]]
    field[(x - point[0]) * normal[0] + (y - point[1]) * normal[1] < keep] = 0


def _silhouette(grey: NDArray[np.uint8], field: NDArray[np.uint8]) -> tuple[NDArray[np.uint8] | None, float]:
    """The most hand-like bright component over a ladder of thresholds, holes filled, (h, w) uint8 0/1; and how much it
    is like a hand. Of bones alone and the skin around them it is the skin."""
    inside = grey[field > 0]
    if inside.size < 0.1 * grey.size:
        return None, 0.0
    gradient = cv2.magnitude(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    gradient = cv2.min(gradient, _CLEAR)
    low, high = np.percentile(inside, (5, 92))
    inner = cv2.erode(field, np.ones((5, 5), np.uint8), borderValue=0)  # what touches its rim touches the frame
    outlines: list[tuple[float, NDArray[np.int32]]] = []
    shown = grey * field
    for level in np.linspace(low + 0.06 * (high - low), low + 0.8 * (high - low), _LEVELS):
        _, mask = cv2.threshold(shown, int(level), 1, cv2.THRESH_BINARY)
        mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        outlines += [(_likeness(contour, gradient, inner), contour) for contour in contours]
    outlines.sort(key=lambda scored: -scored[0])
    if not outlines or outlines[0][0] == 0:
        return None, 0.0
    best_score, best = outlines[0]
    mask = _filled(best, grey)
    if _slenderness(mask) < _BONES_ALONE:
        for score, contour in outlines:
            if score > _SKIN * best_score and cv2.contourArea(contour) > 1.5 * cv2.contourArea(best):
                skin = _filled(contour, grey)
                if _slenderness(skin) >= _BONES_ALONE and np.count_nonzero(skin & mask) > 0.97 * np.count_nonzero(mask):
                    return skin, score
    return mask, best_score


def _filled(contour: NDArray[np.int32], grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return cv2.drawContours(np.zeros_like(grey), [contour], -1, 1, cv2.FILLED)


def _slenderness(mask: NDArray[np.uint8]) -> float:
    return float(cv2.distanceTransform(mask, cv2.DIST_L2, 5).max() / np.sqrt(mask.sum()))


def _likeness(contour: NDArray[np.int32], gradient: NDArray[np.float32], inner: NDArray[np.uint8]) -> float:
    """How much an outline looks like a hand: clear edge, fingers (low solidity), fair size, free of the rim."""
    area = cv2.contourArea(contour)
    share = area / inner.size
    if not 0.03 < share < 0.7:
        return 0.0
    # Squared perimeter over area: 38 to 141 on 329 real hands, some 200 to 650 for blobs of pure noise.
    if cv2.arcLength(contour, True) ** 2 > 170 * area:
        return 0.0
    x, y = contour[:, 0, 0], contour[:, 0, 1]
    free = inner[y, x] > 0
    share_free = np.count_nonzero(free) / free.size
    if share_free < 0.5:
        return 0.0
    solidity = area / max(cv2.contourArea(cv2.convexHull(contour)), 1.0)
    if not 0.3 < solidity < 0.93:
        return 0.0
    fingers = 1.0 - abs(solidity - 0.62)
    edge = float(gradient[y, x][free].mean())
    return edge * fingers * share_free**2 * share**0.35


def _tilt(mask: NDArray[np.uint8]) -> float:
    """Degrees to turn counter-clockwise so that the hand stands upright, from the silhouette's principal axis."""
    moments = cv2.moments(mask, binaryImage=True)
    mu20, mu02, mu11 = moments["mu20"], moments["mu02"], moments["mu11"]
    spread = np.hypot(2 * mu11, mu20 - mu02)
    anisotropy = spread / max(mu20 + mu02, 1e-9)
    angle = 0.5 * np.degrees(np.arctan2(2 * mu11, mu20 - mu02))  # of the long axis against the x axis
    lean = angle - 90 if angle > 0 else angle + 90  # 0 when the long axis is upright
    # A round silhouette (an infant's spread hand) has no axis worth following.
    trust = float(np.clip((anisotropy - 0.08) / 0.2, 0, 1))
    return float(np.clip(lean, -45, 45)) * trust
