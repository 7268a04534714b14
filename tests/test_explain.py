from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from carpal.errors import RefusedRadiograph
from carpal.explain import REGIONS, explain, regions
from carpal.phantom import draw_phantom
from carpal.prepare import prepare, recipe_named
from carpal.radiograph import Radiograph, read_radiograph
from carpal.reader import Reader


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


@pytest.fixture(scope="module")
def hand() -> Radiograph:
    return draw_phantom(120, "F", seed=3)


def brightest(values: np.ndarray) -> tuple[int, int]:
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    return int(row), int(column)


def test_the_shares_sum_to_one_and_the_map_lies_on_the_hand(reader: Reader, hand: Radiograph) -> None:
    evidence = explain(reader, hand, "F")
    assert evidence.shares is not None
    assert tuple(evidence.shares) == REGIONS
    assert sum(evidence.shares.values()) == pytest.approx(1)
    assert evidence.months_moved.shape == reader.facts.recipe.shape
    assert evidence.months_moved.min() >= 0
    over = evidence.on_source()
    assert over.shape == hand.pixels.shape
    row, column = brightest(over)
    # What is blurred is a patch: its middle may lie a little beside a finger.
    assert hand.pixels[max(0, row - 40) : row + 40, max(0, column - 40) : column + 40].max() > 0.3


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_the_map_turns_with_the_hand(reader: Reader, hand: Radiograph, turns: int) -> None:
    upright = explain(reader, hand, "F").on_source()
    turned = replace(hand, pixels=np.ascontiguousarray(np.rot90(hand.pixels, turns)))
    found = np.rot90(explain(reader, turned, "F").on_source(), -turns)
    assert found.shape == upright.shape
    assert np.corrcoef(found.ravel(), upright.ravel())[0, 1] > 0.95


def test_regions_follow_the_palm() -> None:
    seen = prepare(draw_phantom(120, "F", seed=3), recipe_named("narrow", 256))
    assert seen.palm is not None
    x, y, radius = (round(v) for v in seen.palm)
    places = regions(seen)
    at = {
        "metacarpals": (y, x),
        "carpals": (round(y + 0.75 * radius), x),
        "radius and ulna": (round(y + 1.4 * radius), x),
        "phalanges": (round(y - 1.5 * radius), x),
    }
    assert {name: REGIONS[places[where]] for name, where in at.items()} == {name: name for name in at}


def test_what_is_refused_has_no_evidence_unless_demanded(reader: Reader, hand: Radiograph) -> None:
    pair = replace(hand, pixels=np.hstack([hand.pixels[:, ::-1], hand.pixels]))
    with pytest.raises(RefusedRadiograph):
        explain(reader, pair, "F")
    assert explain(reader, pair, "F", accept_anything=True).months_moved.max() > 0


def test_the_age_of_a_real_hand_comes_from_its_bones(reader: Reader, real_hands: list[Path]) -> None:
    """Blurring the brightest place moves the answer more than blurring the darkest place on the hand."""
    for path in real_hands[5:8]:
        evidence = explain(reader, read_radiograph(path), "F", accept_anything=True)
        on_hand = evidence.months_moved[evidence.prepared > 40]
        assert evidence.months_moved.max() > 3 * np.percentile(on_hand, 10)
