from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from carpal.hand import find_hand, find_on_smaller, made_smaller
from carpal.phantom import make_phantom
from carpal.radiograph import read_radiograph


@pytest.mark.parametrize("age_months", [6, 48, 120, 216])
@pytest.mark.parametrize("collimated", [False, True])
def test_finds_the_palm_of_a_phantom(age_months: float, collimated: bool) -> None:
    phantom = make_phantom(age_months, "F", seed=4, collimated=collimated)
    hand = find_hand(phantom.radiograph.pixels)
    assert hand is not None
    row, column = phantom.landmarks["metacarpal_3"]
    assert np.hypot(hand.palm[0] - column, hand.palm[1] - row) < 1.3 * hand.palm_radius


@pytest.mark.parametrize("corner", [(0, 0), (150, 0), (150, 400)])
def test_a_bright_surround_is_not_the_hand(corner: tuple[int, int]) -> None:
    """Some films are bright wherever the collimator let nothing through."""
    phantom = make_phantom(150, "M", seed=2)
    pixels = cv2.resize(phantom.radiograph.pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    pixels = pixels / pixels.max()
    top, left = corner
    film = np.full((pixels.shape[0] + 300, pixels.shape[1] + 500), 1.4, np.float32)
    film[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    hand = find_hand(film)
    assert hand is not None
    row, column = (place / 2 for place in phantom.landmarks["metacarpal_3"])
    assert np.hypot(hand.palm[0] - left - column, hand.palm[1] - top - row) < 1.3 * hand.palm_radius


@pytest.mark.parametrize("share", [0.2, 0.8])
def test_an_edge_that_the_hand_crosses_is_not_a_side_of_the_field(share: float) -> None:
    """Some films were exposed twice, or lie half on a plate: darker beyond an edge, but the hand goes on."""
    film = make_phantom(130, "F", seed=3).radiograph.pixels.copy()
    whole = find_hand(film)
    edge = round(share * film.shape[0])
    film[slice(None, edge) if share < 0.5 else slice(edge, None)] *= 0.7
    hand = find_hand(film)
    assert whole is not None
    assert hand is not None
    assert np.count_nonzero(hand.mask & whole.mask) > 0.97 * np.count_nonzero(whole.mask)


def test_the_palm_of_a_real_hand_does_not_jump(real_hands: list[Path]) -> None:
    """Discs of nearly the same size fit along the palm: which is the largest changes with a row of pixels."""
    for path in real_hands:
        film = read_radiograph(path).pixels
        hand, same = find_hand(film), find_hand(np.ascontiguousarray(film[1:, 1:]))
        assert hand is not None
        assert same is not None
        moved = np.hypot(hand.palm[0] - same.palm[0] - 1, hand.palm[1] - same.palm[1] - 1)
        assert moved < 0.035 * hand.palm_radius, path.name


@pytest.mark.parametrize("seed", [2, 3])
def test_the_field_does_not_hang_on_a_single_pixel(seed: int) -> None:
    pixels = make_phantom(60 + 20 * seed, "F", seed=seed, collimated=True).radiograph.pixels
    film = (np.round(pixels / pixels.max() * 255) / 255).astype(np.float32)
    noise = np.random.default_rng(seed).normal(0, 0.3 / 255, film.shape)
    hands = [find_hand(like) for like in (film, in_12_bits(film), np.clip(film + noise, 0, 1).astype(np.float32))]
    fields = [hand.field for hand in hands if hand is not None]
    assert len(fields) == 3
    assert all(np.array_equal(field, fields[0]) for field in fields)


@pytest.mark.parametrize("radiograph", ["1675", "8844", "12436"])
def test_a_real_film_in_12_bits_has_the_outline_that_it_has_in_8(shared: Path, radiograph: str) -> None:
    """These lost a fourth to a third of it once, and their bone age moved by four to eight months."""
    film = read_radiograph(shared / "rsna" / "highres" / f"{radiograph}.jpg").pixels
    hand, same = find_hand(film), find_hand(in_12_bits(film))
    assert hand is not None
    assert same is not None
    assert np.count_nonzero(hand.mask & same.mask) > 0.99 * np.count_nonzero(hand.mask | same.mask)


def in_12_bits(film: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.round(film * 4095).astype(np.float32) / np.float32(4095)


@pytest.mark.parametrize(
    ("radiograph", "least"), [("3970", 0.2), ("8108", 0.4), ("8844", 0.4), ("12200", 0.25), ("12436", 0.3)]
)
def test_real_hands_of_which_a_part_was_taken_once(shared: Path, radiograph: str, least: float) -> None:
    """A thumb that touches a bright frame; a film exposed twice; what was no side of the field; bones alone. ``least``
    is the hand's share of the film."""
    hand = find_hand(read_radiograph(shared / "rsna" / "highres" / f"{radiograph}.jpg").pixels)
    assert hand is not None
    assert hand.mask.mean() > least


def test_a_white_border_does_not_hide_where_a_real_film_ends(shared: Path) -> None:
    """Both sides of the film's own edge are white at its ends, and yet nothing of the hand goes on beyond it."""
    film = read_radiograph(shared / "rsna" / "highres" / "3878.jpg").pixels
    rows, columns = (round(0.2 * side) for side in film.shape)
    bordered = cv2.copyMakeBorder(film, rows, rows, columns, columns, cv2.BORDER_CONSTANT, value=1.0)
    alone, hand = find_hand(film), find_hand(bordered)
    assert alone is not None
    assert hand is not None
    area, beside = (found.mask.sum() * found.scale**2 for found in (alone, hand))
    assert beside == pytest.approx(area, rel=0.1)


@pytest.mark.parametrize("degrees", [-25, -12, 12, 25])
def test_measures_the_tilt(degrees: float) -> None:
    pixels = make_phantom(130, "M", seed=1).radiograph.pixels
    upright = find_hand(pixels)
    height, width = pixels.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 0.8)
    tilted = find_hand(cv2.warpAffine(pixels, turn, (width, height), borderValue=float(pixels[:9].mean())))
    assert upright is not None
    assert tilted is not None
    # getRotationMatrix2D turns counter-clockwise, so the hand must be turned back by as much.
    assert tilted.tilt_degrees - upright.tilt_degrees == pytest.approx(-degrees, abs=8)


@pytest.mark.parametrize("picture", ["black", "grey", "slope"])
def test_no_hand_where_there_is_none(picture: str) -> None:
    shape = (600, 500)
    pixels = {
        "black": np.zeros(shape, np.float32),
        "grey": np.full(shape, 0.5, np.float32),
        "slope": np.linspace(0, 1, 500, dtype=np.float32) * np.ones((600, 1), np.float32),
    }[picture]
    assert find_hand(pixels) is None


def test_finds_a_plausible_hand_on_real_radiographs(real_hands: list[Path]) -> None:
    found = [find_hand(read_radiograph(path).pixels) for path in real_hands]
    assert sum(hand is not None for hand in found) >= len(real_hands) - 1
    for hand in found:
        if hand is not None:
            share = hand.mask.mean()
            assert 0.05 < share < 0.65
            assert abs(hand.tilt_degrees) <= 45


@pytest.mark.parametrize(("shape", "factor"), [((90, 61), 3), ((64, 48), 4), ((50, 50), 1), ((9, 40), 8)])
def test_made_smaller_is_the_mean_of_whole_squares(shape: tuple[int, int], factor: int) -> None:
    pixels = np.random.default_rng(0).random(shape, np.float32)
    height, width = shape[0] // factor, shape[1] // factor
    squares = pixels[: height * factor, : width * factor].reshape(height, factor, width, factor)
    np.testing.assert_allclose(made_smaller(pixels, factor), squares.mean(axis=(1, 3)), rtol=1e-6)


@pytest.mark.parametrize("side", [511, 1024, 2300])
def test_the_hand_is_where_it_was_on_the_copy(side: int) -> None:
    """What is found on a copy, brought back to the film, is what is found on the film."""
    pixels = make_phantom(130, "F", seed=5).radiograph.pixels
    film = cv2.resize(pixels, None, fx=side / max(pixels.shape), fy=side / max(pixels.shape))
    found, hand = find_on_smaller(film), find_hand(film)
    assert hand is not None and found.hand is not None
    assert max(found.smaller.shape) <= 1023
    again = found.hand.on_copy(found.factor)
    assert again.palm == pytest.approx(hand.palm, abs=0.02 * side)
    assert again.palm_radius == pytest.approx(hand.palm_radius, rel=0.05)
    assert again.scale == pytest.approx(hand.scale, rel=0.02)
    assert again.slenderness == pytest.approx(found.hand.slenderness)
