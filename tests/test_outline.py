from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from carpal.evaluation.stress import TRANSFORMATIONS
from carpal.hand import Hand, find_on_smaller
from carpal.outline import Outlines, ends_above_wrist, outline_shape, outlines_from_dict
from carpal.phantom import draw_phantom
from carpal.quality import Gate
from carpal.radiograph import read_radiograph


def hand_of(months: int, seed: int = 0) -> Hand:
    found = find_on_smaller(draw_phantom(months, "F", seed=seed).pixels).hand
    assert found is not None
    return found


def a_rectangle(tilt_degrees: float = 0.0, scale: float = 1.0) -> Hand:
    """40 px wide, its middle below that of the palm: 60 px above the centre, 60 below, 15 px left of it, 25 right."""
    mask = np.zeros((200, 160), np.uint8)
    mask[40:160, 60:100] = 1
    return Hand(mask, np.ones_like(mask), scale, (75 * scale, 100 * scale), 20 * scale, tilt_degrees)


def test_a_shape_is_areas_from_fingertips_to_wrist_and_the_reach_to_both_sides() -> None:
    shape = outline_shape(a_rectangle())
    assert shape.shape == (11,)
    # 40 px are two palm radii; the strips are 0.4 (of -3 to -2.6), 0.6 ... radii high.
    assert shape[:9] == pytest.approx([0.8, 1.2, 1.2, 1.2, 1.2, 1.2, 1.0, 1.0, 1.0])
    assert shape[9:] == pytest.approx([0.75 - 0.025, 1.25 - 0.025])


def test_a_shape_does_not_depend_on_size_or_on_what_lies_below_the_wrist() -> None:
    small = a_rectangle()
    assert outline_shape(a_rectangle(scale=3.7)) == pytest.approx(outline_shape(small))
    longer = small.mask.copy()
    longer[160:199, 20:150] = 1
    assert outline_shape(replace(small, mask=longer)) == pytest.approx(outline_shape(small))


def test_a_shape_is_that_of_the_hand_upright() -> None:
    upright = a_rectangle()
    x, y = upright.palm
    rows, columns = np.indices(upright.mask.shape)
    leaning, angle = np.zeros_like(upright.mask), np.radians(15)  # clockwise
    right = (columns + 0.5 - x) * np.cos(angle) + (rows + 0.5 - y) * np.sin(angle)
    down = -(columns + 0.5 - x) * np.sin(angle) + (rows + 0.5 - y) * np.cos(angle)
    leaning[(abs(down) < 60) & (right > -15) & (right < 25)] = 1
    turned = replace(upright, mask=leaning, tilt_degrees=15.0)
    assert outline_shape(turned) == pytest.approx(outline_shape(upright), abs=0.08)
    assert outline_shape(replace(turned, tilt_degrees=-15.0)) != pytest.approx(outline_shape(upright), abs=0.3)


def test_a_hand_that_is_cut_off_at_the_wrist_is_told_from_a_wrong_outline() -> None:
    hand = hand_of(100)
    assert not ends_above_wrist(hand)
    mask = hand.mask.copy()
    mask[int((hand.palm[1] + 1.1 * hand.palm_radius) / hand.scale) :] = 0
    assert ends_above_wrist(replace(hand, mask=mask))


def test_outlines_are_plain_values_and_back() -> None:
    precision = np.diag(np.arange(1.0, 12.0))
    outlines = Outlines(outline_shape(hand_of(100)), precision, 2.0)
    again = outlines_from_dict(json.loads(json.dumps(outlines.to_dict())))
    other = hand_of(30)
    assert again.distance(other) == outlines.distance(other) > 0
    assert again.accepts(hand_of(100))
    away = outline_shape(other) - outlines.mean
    assert outlines.distance(other) == pytest.approx(np.sqrt((away**2 * np.diag(precision)).sum()))
    with pytest.raises(ValueError, match="other measures"):
        outlines_from_dict({**outlines.to_dict(), "mean": [1.0, 2.0]})


@pytest.mark.parametrize("months", [6, 40, 100, 160, 220])
def test_drawn_hands_have_the_shape_of_hands(months: int) -> None:
    assert Gate().outlines.accepts(hand_of(months))


@pytest.mark.parametrize("months", [60, 140])
def test_a_hand_with_a_wide_plaster_has_not(months: int) -> None:
    found = find_on_smaller(draw_phantom(months, "F").pixels).hand
    assert found is not None
    x, y = np.array(found.palm) / found.scale
    radius = found.palm_radius / found.scale
    mask = found.mask.copy()
    mask[int(y + 0.7 * radius) :, int(x - 1.3 * radius) : int(x + 1.3 * radius)] = 1
    assert not Gate().outlines.accepts(replace(found, mask=mask))


def test_a_hand_cut_off_at_the_wrist_is_refused_for_that(shared: Path) -> None:
    film = read_radiograph(shared / "rsna" / "highres" / "8073.jpg")
    assert Gate().examine(film).quality.accepted
    shorter = replace(film, pixels=film.pixels[: int(0.88 * film.pixels.shape[0])])
    refusal = Gate().examine(shorter).quality.refusal
    assert refusal is not None
    assert refusal.reason == "part"


@pytest.mark.parametrize("radiograph", ["11880", "2390", "2629", "4151"])
def test_a_plaster_that_misled_the_network_by_years_is_refused(shared: Path, radiograph: str) -> None:
    film = read_radiograph(shared / "rsna" / "highres" / f"{radiograph}.jpg")
    assert Gate().examine(film).quality.accepted
    plaster = next(t for t in TRANSFORMATIONS if t.name == "plaster cast")
    covered = replace(film, pixels=plaster(film.pixels, np.random.default_rng(0)))
    refusal = Gate().examine(covered).quality.refusal
    assert refusal is not None
    assert refusal.reason in {
        "outline",
        "part",
    }  # the plaster is taken for the hand's, or the hand ends where it begins
