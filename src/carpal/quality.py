"""May this picture be read, and what has to be put right first?

    examined = Gate().examine(read_radiograph("hand.png"))
    examined.quality.refusal       # None, or why it is refused and what to do
    examined.quality.corrections   # "inverted", "turned", "mirrored": what was put right in examined.radiograph

A small network (``models/gate.onnx``, taught by ``carpal.training.gate``) says whether the picture shows one whole
hand, which way up and which way round it lies, and whether its bones are bright; plain measures say whether anything
can be seen at all, and whether what was found has the shape of a hand.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from carpal.errors import ModelError
from carpal.exposure import cleared, light_problem
from carpal.hand import Found
from carpal.modelfile import METADATA_KEY, file_digest, gate_file, open_session
from carpal.outline import Outlines, ends_above_wrist, outlines_from_dict
from carpal.prepare import Recipe, prepare, recipe_from_dict
from carpal.radiograph import Radiograph
from carpal.straighten import straightened

__all__ = ["KINDS", "Answers", "Examined", "Gate", "Quality", "Refusal", "put_right"]

KINDS = ("hand", "part", "two hands", "no hand", "no radiograph")  # the network's first answer, by position

Correction = Literal["straightened", "inverted", "turned", "mirrored", "smoothed"]

_REFUSALS = {
    "blank": "nothing can be seen on it: it is black, white or grey all over; export the radiograph again",
    "exposure": "the hand is burnt out to plain white or black; export it with another window",
    "outline": "where the hand ends cannot be told from what surrounds or covers it; cut out the hand, or export it "
    "with another window",
    "soft tissue": "the hand's soft tissue is lost in black, only bones are left; export it with another window",
    "coarse": "noise or the blocks of strong compression are nearly as strong as what the hand shows; export it "
    "without loss, with a window that fits the hand",
    "part": "it does not show a whole hand laid flat: fingers, wrist or a side are missing, or it is seen from the "
    "side; take the whole hand with the wrist, palm down, fingers apart",
    "two hands": "it shows two hands; cut out the left one",
    "no hand": "it does not show a hand; choose the radiograph of the left hand",
    "no radiograph": "it is a photograph, a drawing, a screen or a page; choose the original radiograph",
    "direction": "which way up the hand lies cannot be told; turn it fingers up, its back towards you",
}

_PERHAPS_MIRRORED = 0.3


@dataclass(frozen=True)
class Refusal:
    """Why a picture is not read: ``reason`` is a short slug, ``advice`` a sentence with what to do."""

    reason: str
    advice: str


@dataclass(frozen=True)
class Quality:
    """What the gate found. ``hand_probability`` is that of one whole hand; 0 where nothing can be seen. ``embedding``
    says in what the picture differs from the hands the gate knows (mean 0, variance 1 among these), for ``drift``."""

    refusal: Refusal | None
    corrections: tuple[Correction, ...]
    turned_degrees: int  # how far clockwise the picture was turned to stand upright
    hand_probability: float
    embedding: tuple[float, ...] = ()
    tilt_degrees: float = 0.0  # how far clockwise a film that lay askew was turned before

    @property
    def accepted(self) -> bool:
        """Whether it may be read."""
        return self.refusal is None

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "accepted": self.accepted,
            "reason": self.refusal and self.refusal.reason,
            "advice": self.refusal and self.refusal.advice,
            "corrections": list(self.corrections),
            "turned_degrees": self.turned_degrees,
            "tilt_degrees": round(self.tilt_degrees, 1),
            "hand_probability": round(self.hand_probability, 4),
        }

    def sentences(self) -> tuple[str, ...]:
        """What was put right, for a person."""
        way = "clockwise" if self.tilt_degrees > 0 else "counter-clockwise"
        said = {
            "straightened": f"the film lay askew: it was turned by {abs(self.tilt_degrees):.0f} degrees {way}",
            "inverted": "its grey values were inverted (bones are bright now)",
            "turned": f"it was turned by {self.turned_degrees} degrees clockwise to stand upright",
            "mirrored": "it was mirrored: a right hand, or a picture that lies on its face",
            "smoothed": "it was smoothed: noise or the blocks of JPEG compression were strong",
        }
        return tuple(said[name] for name in self.corrections)


@dataclass(frozen=True, eq=False)
class Examined:
    """A radiograph put right: bone bright, upright, a left hand. ``to_source`` (3, 3) takes a point (x, y, 1) of it,
    pixel centres at whole numbers, to the radiograph that was given. ``found`` is what ``prepare`` need not find again;
    None where nothing can be seen."""

    radiograph: Radiograph
    quality: Quality
    to_source: NDArray[np.float64]
    found: Found | None = None


@dataclass(frozen=True, eq=False)
class Answers:
    """Probabilities: ``kinds`` (5,) in the order of KINDS; ``turns`` (4,) that the picture was given so many quarter
    turns counter-clockwise; ``mirrored``, that it was mirrored before; ``dark``, that bones are dark."""

    kinds: NDArray[np.float32]
    turns: NDArray[np.float32]
    mirrored: float
    dark: float
    embedding: NDArray[np.float32]


class Gate:
    """The gate, loaded once, for any number of radiographs. Raises ModelError."""

    def __init__(self, file: str | Path | None = None, *, threads: int = 1) -> None:
        path = Path(file) if file else gate_file()
        file_digest(path)  # says no to a damaged one
        self._session = open_session(path, threads)
        text = self._session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        try:
            facts = json.loads(text or "")
            self.recipe: Recipe = recipe_from_dict(facts["recipe"])
            self.least_hand_probability = float(facts["least_hand_probability"])
            self.outlines: Outlines = outlines_from_dict(facts["outlines"])
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{path.name}: not a quality gate that carpal made") from error

    def examine(self, radiograph: Radiograph) -> Examined:
        """Judge a radiograph and put it right. A refused one comes back as far as it could be put right."""
        if problem := light_problem(radiograph.pixels):
            return Examined(radiograph, Quality(_refusal(problem), (), 0, 0.0), np.eye(3))
        given, tilt, to_given = radiograph.pixels, 0.0, np.eye(3)
        straight = straightened(radiograph)
        if straight is not None:
            radiograph, tilt, to_given = straight
        first = self.answers(radiograph)
        inverted, turns = first.dark > 0.5, int(first.turns.argmax())
        upright, to_source = put_right(radiograph, inverted, turns, mirrored=False)
        seen = self.answers(upright) if inverted or turns else first  # a second look at what would be read
        mirrored = False
        if seen.mirrored > _PERHAPS_MIRRORED:  # whoever seems so is looked at in the mirror as well
            flipped, from_flipped = put_right(radiograph, inverted, turns, mirrored=True)
            other = self.answers(flipped)
            if seen.mirrored > other.mirrored:
                mirrored, seen, upright, to_source = True, other, flipped, from_flipped
        to_given = to_given @ to_source
        as_it_came = (given, to_given) if straight else (upright.pixels, np.eye(3))
        clear = cleared(upright.pixels, *as_it_came)
        if clear.smoothed:
            upright = replace(upright, pixels=clear.pixels, finite=True)
        names: tuple[Correction, ...] = ("straightened", "inverted", "turned", "mirrored", "smoothed")
        was = (straight is not None, inverted, turns > 0, mirrored, clear.smoothed)
        done = tuple(name for name, needed in zip(names, was, strict=True) if needed)
        hand = float(seen.kinds[0])
        refusal = None
        if hand < self.least_hand_probability:
            refusal = _refusal(KINDS[1 + int(seen.kinds[1:].argmax())])
        elif seen.turns.argmax() != 0 or seen.dark > 0.5:
            refusal = _refusal("direction")
        elif clear.problem:
            refusal = _refusal(clear.problem)
        elif (found := clear.found.hand) is not None and not self.outlines.accepts(found):
            refusal = _refusal("part" if ends_above_wrist(found) else "outline")
        described = tuple(round(float(value), 3) for value in seen.embedding)
        return Examined(upright, Quality(refusal, done, 90 * turns, hand, described, tilt), to_given, clear.found)

    def answers(self, radiograph: Radiograph) -> Answers:
        """What the network says of the picture as it is."""
        # Every k-th pixel of a large film is enough, and averaging all of them would cost more than the network.
        step = max(1, max(radiograph.pixels.shape) // (4 * self.recipe.size))
        thin = replace(radiograph, pixels=radiograph.pixels[::step, ::step], finite=True)
        seen = prepare(thin, self.recipe).pixels[None]
        kind, way, dark, embedding = self._session.run(None, {"radiograph": seen})
        ways = way[0].reshape(2, 4)
        return Answers(kind[0], ways.sum(0), float(ways[1].sum()), float(dark[0]), embedding[0])


def _refusal(reason: str) -> Refusal:
    return Refusal(reason, _REFUSALS[reason])


def put_right(
    radiograph: Radiograph, inverted: bool, turns: int, mirrored: bool
) -> tuple[Radiograph, NDArray[np.float64]]:
    """A radiograph that was mirrored or not, then turned by ``turns`` quarter turns counter-clockwise, as it was,
    and the (3, 3) matrix that takes a point of it to the one given."""
    if not (inverted or turns or mirrored):
        return radiograph, np.eye(3)
    pixels = radiograph.pixels
    height, width = pixels.shape
    # From the picture put right to the one given, step by step backwards: mirror, then turn.
    to_source = np.eye(3)
    upright = np.rot90(pixels, -turns)
    if mirrored:
        to_source = np.array([[-1, 0, upright.shape[1] - 1], [0, 1, 0], [0, 0, 1.0]])
        upright = upright[:, ::-1]
    turn_back = {
        0: np.eye(3),
        1: np.array([[0, 1, 0], [-1, 0, height - 1], [0, 0, 1.0]]),
        2: np.array([[-1, 0, width - 1], [0, -1, height - 1], [0, 0, 1.0]]),
        3: np.array([[0, -1, width - 1], [1, 0, 0], [0, 0, 1.0]]),
    }[turns]
    upright = np.ascontiguousarray(1 - upright if inverted else upright)
    spacing = radiograph.spacing_mm
    if spacing is not None and turns % 2:
        spacing = spacing[::-1]
    return replace(radiograph, pixels=upright, spacing_mm=spacing, finite=True), turn_back @ to_source
