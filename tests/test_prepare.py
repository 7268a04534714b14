from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carpal.errors import InvalidArgument
from carpal.evaluation.stress.transformations import TRANSFORMATIONS
from carpal.hand import Found, made_smaller
from carpal.phantom import draw_phantom, make_phantom
from carpal.prepare import (
    RECIPES,
    Classic,
    HandCrop,
    NarrowHand,
    Plain,
    prepare,
    recipe_from_dict,
    recipe_named,
    recipe_to_dict,
)
from carpal.quality import Gate
from carpal.radiograph import Radiograph, read_radiograph


def radiograph_of(pixels: np.ndarray) -> Radiograph:
    return Radiograph(np.ascontiguousarray(pixels, np.float32), "0" * 64)


@pytest.mark.parametrize("name", RECIPES)
def test_prepared_is_grey_of_the_recipes_shape_and_always_the_same(name: str) -> None:
    radiograph = draw_phantom(110, "F", seed=3)
    recipe = recipe_named(name, 192)
    first, second = prepare(radiograph, recipe), prepare(radiograph, recipe)
    assert first.pixels.shape == recipe.shape == (192, 160 if name == "narrow" else 192)
    assert first.pixels.dtype == np.uint8
    assert first.pixels.max() > 150
    np.testing.assert_array_equal(first.pixels, second.pixels)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_survives_being_stored(name: str) -> None:
    recipe = recipe_named(name, 160)
    assert recipe_from_dict(recipe_to_dict(recipe)) == recipe
    with pytest.raises(FrozenInstanceError):
        recipe.size = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"name": "magic"}, "magic"), ({"name": "hand", "sharpness": 3}, "does not know"), ({}, "unknown")],
)
def test_unknown_recipes_are_refused(fields: dict, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        recipe_from_dict(fields)


@pytest.mark.parametrize(("name", "size"), [("hands", None), ("hand", 8), ("hand", 100_000)])
def test_recipes_that_make_no_sense_are_refused(name: str, size: int | None) -> None:
    with pytest.raises(InvalidArgument):
        recipe_named(name, size)


@pytest.mark.parametrize("recipe", [HandCrop(size=256), NarrowHand(size=256), Plain(size=256), Classic()])
def test_to_source_leads_back_to_the_same_place(recipe) -> None:
    phantom = make_phantom(120, "M", seed=5, shape=(1100, 900))
    prepared = prepare(phantom.radiograph, recipe)
    to_prepared = np.linalg.inv(prepared.to_source)
    # A bright dot at the carpus must come out where the matrix says.
    row, column = phantom.landmarks["capitate"]
    dotted = phantom.radiograph.pixels.copy()
    cv2.circle(dotted, (round(column), round(row)), 9, 0.0, -1)
    changed = prepare(radiograph_of(dotted), recipe).pixels.astype(int) - prepared.pixels
    ys, xs = np.nonzero(changed < changed.min() / 2)
    x, y, _ = to_prepared @ [column, row, 1]
    assert np.hypot(xs.mean() - x, ys.mean() - y) < 3


@settings(max_examples=12, deadline=None)
@given(gain=st.floats(0.15, 1.0), offset=st.floats(0.0, 0.3), border=st.integers(0, 60))
def test_hand_is_indifferent_to_exposure_and_margin(gain: float, offset: float, border: int) -> None:
    pixels = draw_phantom(100, "F", seed=2).pixels
    changed = np.clip(pixels * gain * 0.7 + offset, 0, 1)
    changed = np.pad(changed, ((border, 0), (border, border)), mode="edge")
    expected = prepare(radiograph_of(pixels), HandCrop(size=128)).pixels.astype(float)
    seen = prepare(radiograph_of(changed), HandCrop(size=128)).pixels.astype(float)
    assert np.corrcoef(expected.ravel(), seen.ravel())[0, 1] > 0.93


def test_a_picture_without_a_hand_is_kept_whole_and_says_so() -> None:
    prepared = prepare(radiograph_of(np.linspace(0, 1, 400)[:, None] * np.ones(300)), HandCrop(size=128))
    assert prepared.hand_found is False
    assert prepared.pixels[:, 64].min() < prepared.pixels[:, 64].max()


def test_hand_removes_what_lies_outside_the_field(real_hands: list[Path]) -> None:
    black = []
    for path in real_hands:
        prepared = prepare(read_radiograph(path), HandCrop(size=128))
        corners = np.concatenate([prepared.pixels[:12, :12].ravel(), prepared.pixels[:12, -12:].ravel()])
        black.append(bool(prepared.hand_found) and corners.mean() < 25)
    assert np.mean(black) > 0.9


def test_a_narrow_picture_holds_the_same_hand_with_less_around_it(real_hands: list[Path]) -> None:
    lost = []
    for path in real_hands[:20]:
        radiograph = read_radiograph(path)
        square, narrow = (prepare(radiograph, kind(size=192)).pixels for kind in (HandCrop, NarrowHand))
        assert narrow.shape == (192, 160)
        rim = np.concatenate([narrow[:, 0], narrow[:, -1]])
        lost.append((rim > 60).mean())
        assert (narrow > 20).mean() > (square > 20).mean()
    assert np.mean(lost) < 0.01  # no finger is cut off at the sides


def test_extreme_shapes_are_prepared_too() -> None:
    for shape in ((32, 900), (900, 32), (33, 33), (1, 1)):
        pixels = np.linspace(0, 1, shape[0] * shape[1]).reshape(shape)
        for name in RECIPES:
            recipe = recipe_named(name, 64)
            assert prepare(radiograph_of(pixels), recipe).pixels.shape == recipe.shape


def test_detail_finer_than_the_pixels_makes_no_coarse_pattern() -> None:
    film = draw_phantom(120, "F", seed=3).pixels
    stripes = 0.1 * np.sin(2 * np.pi * np.arange(film.shape[0], dtype=np.float32) / 3)[:, None]
    prepared = [
        prepare(Radiograph(pixels, ""), NarrowHand(size=384)).pixels.astype(float)
        for pixels in (film, np.clip(film + stripes * (film > 0.15), 0, 1))
    ]
    middle = (slice(40, -40), slice(40, -40))
    assert np.std(prepared[1][middle] - prepared[0][middle]) < 6  # 12 of 255 where nothing is smoothed before


def test_plain_keeps_the_aspect() -> None:
    pixels = np.zeros((200, 100), np.float32)
    pixels[50:150, 25:75] = 1.0
    prepared = prepare(radiograph_of(pixels), Plain(size=100)).pixels
    ys, xs = np.nonzero(prepared > 128)
    assert np.ptp(ys) + 1 == pytest.approx(50, abs=2)
    assert np.ptp(xs) + 1 == pytest.approx(25, abs=2)


def test_a_long_strip_is_prepared_like_anything_else() -> None:
    strip = np.linspace(0, 1, 40 * 20_000).reshape(40, 20_000)
    assert prepare(radiograph_of(strip), HandCrop(size=256)).pixels.shape == (256, 256)


@pytest.mark.parametrize("size", [-5, "large", None])
def test_a_stored_recipe_of_impossible_size_is_refused(size) -> None:
    with pytest.raises(InvalidArgument):
        recipe_from_dict({**recipe_to_dict(HandCrop()), "size": size})


def test_metal_does_not_darken_the_hand() -> None:
    hand = draw_phantom(120, "F", seed=3).pixels * 0.6
    found = prepare(radiograph_of(hand), NarrowHand(256))
    plated = hand.copy()
    x, y, radius = found.palm or (0, 0, 0)
    middle = found.to_source @ (x, y, 1)
    scale = float(np.hypot(*found.to_source[:2, 0]))
    top_left = (int(middle[0] - 0.1 * radius * scale), int(middle[1] + radius * scale))
    cv2.rectangle(plated, top_left, (top_left[0] + int(0.25 * radius * scale), top_left[1] + 90), 1.0, -1)
    with_plate = prepare(radiograph_of(plated), NarrowHand(256)).pixels
    assert (with_plate == 255).sum() > 100
    assert darker(with_plate, found.pixels) <= 5


def test_nor_do_screws_that_are_thinner_than_the_pixels() -> None:
    """Their grey is between metal and bone, so that they go with the next layer."""
    plated = next(change for change in TRANSFORMATIONS if change.name == "plate at the radius")
    hand = draw_phantom(120, "F", seed=3).pixels * 0.4
    with_plate = plated(hand, np.random.default_rng(0))
    bare, metal = (prepare(radiograph_of(pixels), NarrowHand(256)).pixels for pixels in (hand, with_plate))
    assert darker(metal, bare) < 12


def darker(metal: np.ndarray, bare: np.ndarray) -> float:
    """Grey levels by which the upper half of the hand differs."""
    upper = slice(0, len(bare) // 2)
    return float(np.median(np.abs(metal[upper].astype(int) - bare[upper])[bare[upper] > 30]))


@pytest.mark.parametrize("gamma", [1.7, 2.2])
def test_a_dark_film_is_lightened(gamma: float) -> None:
    hand = draw_phantom(120, "F", seed=3).pixels
    usual, dark = (prepare(radiograph_of(pixels), NarrowHand(256)) for pixels in (hand, hand**gamma))
    assert dark.hand_found
    medians = [float(np.median(found.pixels[found.pixels > 12])) / 255 for found in (usual, dark)]
    assert medians[1] > 0.34
    outlines = [found.pixels > 12 for found in (usual, dark)]
    assert (outlines[0] & outlines[1]).sum() > 0.85 * (outlines[0] | outlines[1]).sum()


@pytest.mark.parametrize(
    ("shape", "noise"), [((2000, 1500), 0.0), ((1024, 800), 0.0), ((1024, 800), 0.04), ((300, 240), 0.0)]
)
def test_what_the_gate_found_changes_nothing(shape: tuple[int, int], noise: float) -> None:
    """Neither on the film as it came nor on one that was smoothed."""
    pixels = draw_phantom(120, "F", seed=4, shape=shape).pixels
    noisy = pixels + noise * np.random.default_rng(0).standard_normal(shape, np.float32)
    examined = Gate().examine(radiograph_of(np.clip(noisy, 0, 1)))
    assert examined.found is not None
    assert ("smoothed" in examined.quality.corrections) == (noise > 0)
    for recipe in (NarrowHand(192), HandCrop(256), NarrowHand(384), NarrowHand(768)):
        alone, handed = (prepare(examined.radiograph, recipe, found) for found in (None, examined.found))
        np.testing.assert_array_equal(alone.pixels, handed.pixels)
        np.testing.assert_array_equal(alone.to_source, handed.to_source)
        assert (alone.hand_found, alone.palm) == (handed.hand_found, handed.palm)


def test_it_is_the_hand_that_was_handed_on() -> None:
    """Whatever the size that the recipe works from: nothing is searched again."""
    radiograph = draw_phantom(120, "F", seed=4, shape=(2000, 1500))
    nothing = Found(made_smaller(radiograph.pixels, 3), 3, None)
    for size in (192, 256, 384, 768):
        assert prepare(radiograph, NarrowHand(size)).hand_found is True
        assert prepare(radiograph, NarrowHand(size), nothing).hand_found is False
