from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

pytest.importorskip("torch", reason="the gate is trained with the train extra")

from carpal.prepare import recipe_named
from carpal.quality import KINDS, put_right
from carpal.radiograph import Radiograph
from carpal.training.gate.draws import Drawer, cut_hand, paired_hands
from carpal.training.gate.pictures import Picture, phantom_pictures
from carpal.training.gate.scenes import SCENES, drawn_scene

RECIPE = recipe_named("plain", 64)


@pytest.fixture(scope="module")
def hands() -> list[Picture]:
    return phantom_pictures(6)


@pytest.fixture(scope="module")
def drawer(hands: list[Picture]) -> Drawer:
    bars = np.tile(np.repeat(np.array([20, 200], np.uint8), 15), (120, 4))
    return Drawer(hands, [Picture("bars", "no hand", bars)], RECIPE)


def test_the_same_seed_draws_the_same(drawer: Drawer) -> None:
    first, again = (drawer.draw(np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first.image, again.image)
    assert (first.kind, first.turns, first.mirrored) == (again.kind, again.turns, again.mirrored)


def test_all_kinds_are_drawn_about_as_often_as_meant(drawer: Drawer) -> None:
    rng = np.random.default_rng(0)
    drawn = [drawer.draw(rng) for _ in range(600)]
    shares = {KINDS[kind]: count / 600 for kind, count in Counter(e.kind for e in drawn).items()}
    assert shares["hand"] == pytest.approx(0.42, abs=0.06)
    assert shares["part"] == pytest.approx(0.19, abs=0.05)
    assert set(shares) == set(KINDS)
    assert all(e.image.shape == (64, 64) and e.image.dtype == np.uint8 for e in drawn)
    whole = [e for e in drawn if KINDS[e.kind] == "hand"]
    assert {e.turns for e in whole} == {0, 1, 2, 3}
    assert {e.mirrored for e in whole} == {e.inverted for e in whole} == {True, False}
    assert all(e.turns == -1 for e in drawn if KINDS[e.kind] in {"part", "no hand", "no radiograph"})


def test_what_is_drawn_is_what_the_gate_will_undo(hands: list[Picture]) -> None:
    """The drawing and ``put_right`` must mean the same by turns and mirrored."""
    upright = hands[0].pixels.astype(np.float32) / 255
    for turns in range(4):
        for mirrored in (False, True):
            film = np.rot90(upright[:, ::-1] if mirrored else upright, turns)
            found, _ = put_right(Radiograph(np.ascontiguousarray(film), ""), False, turns, mirrored)
            assert np.array_equal(found.pixels, upright)


def test_a_cut_hand_is_smaller_and_two_hands_are_wider(hands: list[Picture]) -> None:
    rng = np.random.default_rng(1)
    assert hands[0].palm is not None
    for _ in range(20):
        assert cut_hand(hands[0], rng).size < hands[0].pixels.size
    assert paired_hands(hands[0], hands[1], rng).shape[1] >= hands[0].pixels.shape[1] * 2 - 40


@pytest.mark.parametrize("name", SCENES)
def test_scenes_fill_their_size(name: str) -> None:
    for seed in range(5):
        scene = drawn_scene(name, 96, np.random.default_rng(seed))
        assert max(scene.shape) == 96
        assert min(scene.shape) >= 32
        assert scene.dtype == np.uint8
