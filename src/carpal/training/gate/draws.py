"""One example for the gate at a time: a picture laid on a film of another shape, turned, mirrored, exposed anew.

A part of a hand is cut out of a whole one, two hands are two pictures on one film, and a hand in shuffled pieces is no
hand: so the gate must look at the shape, not at which hospital a picture comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from carpal.prepare import Plain, prepare
from carpal.quality import KINDS
from carpal.radiograph import Radiograph
from carpal.training.gate.pictures import Picture
from carpal.training.gate.scenes import SCENES, drawn_scene

__all__ = ["Drawer", "Example", "cut_hand", "paired_hands"]

# How often each kind is drawn.
_SHARES = {"hand": 0.42, "part": 0.19, "two hands": 0.06, "no hand": 0.27, "no radiograph": 0.06}
_IN_PIECES = 0.25  # of what is no hand


@dataclass(frozen=True, eq=False)
class Example:
    """``image`` (size, size) uint8 as the gate sees it; ``kind`` is a position in KINDS, ``turns`` the quarter turns
    counter-clockwise it was given, after it was mirrored or not; ``turns`` is -1 where no way is up."""

    image: NDArray[np.uint8]
    kind: int
    turns: int
    mirrored: bool
    inverted: bool


class Drawer:
    """Draws examples from ``hands`` (upright, bone bright) and ``others``, whose kind says what they are."""

    def __init__(
        self,
        hands: Sequence[Picture],
        others: Sequence[Picture],
        recipe: Plain,
        scenes: Sequence[str] = tuple(SCENES),
    ) -> None:
        self.hands, self.recipe, self.scenes = list(hands), recipe, list(scenes)
        self.placed = [hand for hand in self.hands if hand.palm is not None]
        self.others = {kind: [p for p in others if p.kind == kind] for kind in KINDS}

    def draw(self, rng: np.random.Generator) -> Example:
        """One example."""
        kind = str(rng.choice(list(_SHARES), p=list(_SHARES.values())))
        film, upright = self._film(kind, rng)
        turns, mirrored, inverted = int(rng.integers(4)), bool(rng.random() < 0.5), bool(rng.random() < 0.3)
        film = _exposed(film, rng)
        film = 255 - film if inverted else film
        film = _surrounded(film, rng)
        film = np.rot90(film[:, ::-1] if mirrored else film, turns)
        film = _degraded(film, rng)
        seen = prepare(Radiograph(np.ascontiguousarray(film, np.float32) / np.float32(255), ""), self.recipe)
        return Example(seen.pixels, KINDS.index(kind), turns if upright else -1, mirrored, inverted)

    def _film(self, kind: str, rng: np.random.Generator) -> tuple[NDArray[np.uint8], bool]:
        """A picture of that kind on a film, and whether it has a way up that can be told."""
        size = self.recipe.size
        own = self.others[kind]
        if kind == "hand":
            picture = _any(own, rng) if own and rng.random() < 0.08 else _any(self.hands, rng)
            return _laid(picture.pixels, rng, size, turn=40.0, hull=picture.hull), True
        if kind == "part":
            if own and rng.random() < 0.25:
                return _laid(_any(own, rng).pixels, rng, size, spill=0.1), False
            return _laid(cut_hand(_any(self.placed, rng), rng), rng, size, smallest=0.8), False
        if kind == "two hands":
            return _laid(
                paired_hands(_any(self.hands, rng), _any(self.hands, rng), rng), rng, size, smallest=0.75
            ), True
        if kind == "no hand":
            if not own or rng.random() < _IN_PIECES:
                return _laid(_shuffled(_any(self.hands, rng).pixels, rng), rng, size, spill=0.1), False
            return _laid(_window(_any(own, rng).pixels, rng), rng, size, spill=0.15, turn=180.0), False
        return drawn_scene(str(rng.choice(self.scenes)), size, rng), False


def _any(pictures: Sequence[Picture], rng: np.random.Generator) -> Picture:
    return pictures[int(rng.integers(len(pictures)))]


def _laid(
    picture: NDArray[np.uint8],
    rng: np.random.Generator,
    size: int,
    *,
    spill: float = 0.0,
    smallest: float = 0.5,
    turn: float = 20.0,
    hull: NDArray[np.float32] | None = None,
) -> NDArray[np.uint8]:
    """On a film whose long side is ``size``: made smaller, tilted by up to ``turn`` degrees, moved; ``spill`` is how
    far it may hang over the edge, as a share of the film. What lies inside ``hull`` stays on the film."""
    rows, columns = picture.shape
    aspect = np.exp(rng.uniform(-0.35, 0.35)) * rows / columns
    film = (size, max(16, round(size / aspect))) if aspect > 1 else (max(16, round(size * aspect)), size)
    angle = np.radians(np.clip(rng.normal(0, turn / 2), -turn, turn))
    cos, sin = np.cos(angle), np.sin(angle)
    stretch = np.exp(rng.uniform(-0.08, 0.08))
    corners = np.array([[abs(cos), abs(sin)], [abs(sin), abs(cos)]]) @ (columns * stretch, rows / stretch)
    fit = min(film[1] / corners[0], film[0] / corners[1])
    scale = fit * (1 if rng.random() < 0.3 else rng.uniform(smallest, 1.0)) * (1 + spill)
    # A little larger than what fits: the corners of a turned picture are background.
    scale *= 1 + 0.6 * abs(sin)
    turned = np.array([[cos, -sin], [sin, cos]]) @ np.diag([stretch, 1 / stretch])
    room = np.maximum(np.array(film[::-1]) - scale * corners, 0) / 2
    centre = (np.array(film[::-1]) - 1) / 2 + rng.uniform(-1, 1, 2) * (room + spill * np.array(film[::-1]) / 2)
    if hull is not None:
        centre, scale = _kept_on(film, (hull - ((columns - 1) / 2, (rows - 1) / 2)) @ turned.T, centre, scale)
    matrix = scale * turned
    affine = np.column_stack([matrix, centre - matrix @ ((columns - 1) / 2, (rows - 1) / 2)])
    if rng.random() < 0.5:
        edge = {"borderMode": cv2.BORDER_REPLICATE}
    else:
        edge = {"borderMode": cv2.BORDER_CONSTANT, "borderValue": float(rng.choice([0, np.percentile(picture, 5)]))}
    shrunk = cv2.GaussianBlur(picture, (0, 0), 0.45 / scale) if scale < 0.7 else picture  # or it would alias
    return cv2.warpAffine(shrunk, affine, film[::-1], flags=cv2.INTER_LINEAR, **edge)


def _kept_on(
    film: tuple[int, int], points: NDArray[np.float64], centre: NDArray[np.float64], scale: float
) -> tuple[NDArray[np.float64], float]:
    """Centre and scale so that ``scale * points + centre`` lies on the film: made smaller where needed, then moved."""
    last = np.array(film[::-1]) - 1.0
    extent = points.max(0) - points.min(0)
    scale = min(scale, float((last / np.maximum(extent, 1e-6)).min()))
    low, high = -scale * points.min(0), last - scale * points.max(0)
    return np.clip(centre, np.minimum(low, high), np.maximum(low, high)), scale


def paired_hands(first: Picture, second: Picture, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Two on one film, the left one mirrored."""
    left, right = (first if rng.random() < 0.5 else second).pixels, first.pixels  # a child's two hands are much alike
    rows = max(left.shape[0], right.shape[0])
    gap = np.full((rows, int(rng.integers(0, 12))), min(left[0, 0], right[0, 0]), np.uint8)
    return np.hstack([_padded(left[:, ::-1], rows), gap, _padded(right, rows)])


def cut_hand(hand: Picture, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A hand without its fingertips, without its wrist, without one side, or only some of it."""
    assert hand.hull is not None and hand.palm is not None
    rows, columns = hand.pixels.shape
    (left, top), (right, _) = hand.hull.min(0), hand.hull.max(0)
    _, y, radius = hand.palm
    fingers = max(y - top, 1.0)
    box = np.array([0, 0, columns, rows], float)
    how = rng.choice(5, p=(0.3, 0.2, 0.2, 0.15, 0.15))
    if how == 0:  # fingers cut off: at least the end bones
        box[1] = top + rng.uniform(0.22, 0.75) * fingers
    elif how == 1:  # wrist and carpals cut off
        box[3] = y + rng.uniform(-0.6, 0.6) * radius
    elif how == 2:  # the wrist alone
        box[1] = y - rng.uniform(-0.3, 0.5) * radius
    elif how == 3:  # fingers alone
        box[3] = y - rng.uniform(0.7, 1.3) * radius
    else:  # one side
        cut = left + rng.uniform(0.3, 0.6) * (right - left)
        box[0 if rng.random() < 0.5 else 2] = cut
    if how in (0, 2, 3) and rng.random() < 0.4:  # and closely collimated
        box[0], box[2] = max(box[0], left - 4), min(box[2], right + 4)
    x1, y1, x2, y2 = np.clip(box, 0, (columns, rows, columns, rows)).astype(int)
    piece = hand.pixels[y1:y2, x1:x2]
    return piece if min(piece.shape) >= 12 else hand.pixels[: rows // 2]


def _window(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The picture or a part of it: what is no hand is none in part either."""
    if rng.random() < 0.4:
        return picture
    shape = np.array(picture.shape)
    size = np.maximum((shape * rng.uniform(0.45, 1.0, 2)).astype(int), 12)
    start = (rng.random(2) * (shape - size)).astype(int)
    return picture[start[0] : start[0] + size[0], start[1] : start[1] + size[1]]


def _shuffled(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The same grey values, no hand: its pieces change places."""
    pieces = int(rng.integers(2, 4))
    rows, columns = (side // pieces for side in picture.shape)
    tiles = [
        picture[r * rows : (r + 1) * rows, c * columns : (c + 1) * columns]
        for r in range(pieces)
        for c in range(pieces)
    ]
    order = rng.permutation(len(tiles))
    if pieces == 2 and (order == np.arange(4)).sum() > 1:
        order = np.array([3, 2, 1, 0])
    tiles = [np.flip(tiles[k], axis=int(rng.integers(2))) if rng.random() < 0.5 else tiles[k] for k in order]
    return np.vstack([np.hstack(tiles[r * pieces : (r + 1) * pieces]) for r in range(pieces)])


def _padded(picture: NDArray[np.uint8], rows: int) -> NDArray[np.uint8]:
    return cv2.copyMakeBorder(picture, rows - len(picture), 0, 0, 0, cv2.BORDER_REPLICATE)


def _exposed(film: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Another gamma, contrast and, often, a uniform haze; bone stays bright."""
    grey = np.linspace(0, 1, 256) ** np.exp(rng.uniform(-0.7, 0.7))
    if rng.random() < 0.4:
        low, high = sorted(rng.uniform(0, 1, 2))
        grey = 0.6 * low + (1 - 0.6 * low - 0.3 * (1 - high)) * grey
    if rng.random() < 0.2:  # burnt out or cut off below
        grey = (grey - rng.uniform(0, 0.25)) / rng.uniform(0.5, 0.9)
    return cv2.LUT(film, np.clip(grey * 255 + 0.5, 0, 255).astype(np.uint8))


def _surrounded(film: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Collimation, borders and lead letters, which do not follow the film's polarity."""
    film = np.ascontiguousarray(film).copy()
    rows, columns = film.shape
    if rng.random() < 0.35:
        widths = (rng.uniform(0, 0.12, 4) * (rng.random(4) < 0.6) * (rows, rows, columns, columns)).astype(int)
        value = int(rng.choice([0, 0, 255, int(rng.integers(256))]))
        film = cv2.copyMakeBorder(film, *(int(w) for w in widths), cv2.BORDER_CONSTANT, value=value)
        rows, columns = film.shape
    for _ in range(rng.choice(3, p=(0.5, 0.35, 0.15))):
        height = rng.uniform(0.04, 0.13) * rows
        corner = (rng.uniform(0, 0.25, 2) * (columns, rows)).astype(int)
        corner = np.where(rng.random(2) < 0.5, corner, (columns, rows) - corner - int(height))
        value = int(rng.choice([255, 255, 0, int(rng.integers(256))]))
        text = str(rng.choice(["L", "R", "RED DOT", "12:04", "AP"]))
        at = (int(corner[0]), int(corner[1] + height))
        cv2.putText(film, text, at, cv2.FONT_HERSHEY_SIMPLEX, height / 24, value, max(1, int(height / 8)), cv2.LINE_AA)
    return film


def _degraded(film: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Fewer pixels, blur, noise, JPEG: none of which says what is on a picture."""
    film = np.ascontiguousarray(film)
    if rng.random() < 0.35:
        coarse = rng.uniform(1.2, 2.2)
        size = (max(16, int(film.shape[1] / coarse)), max(16, int(film.shape[0] / coarse)))
        film = cv2.resize(cv2.resize(film, size, interpolation=cv2.INTER_AREA), film.shape[::-1])
    if rng.random() < 0.3:
        film = cv2.GaussianBlur(film, (0, 0), rng.uniform(0.3, 1.2))
    if rng.random() < 0.4:
        noise = rng.normal(0, rng.uniform(0.5, 7), film.shape)
        film = np.clip(film + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        _, coded = cv2.imencode(".jpg", film, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))])
        film = cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE)
    return film
