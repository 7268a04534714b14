from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from carpal.exposure import as_admitted, cleared, light_problem
from carpal.hand import find_on_smaller
from carpal.phantom import draw_phantom
from carpal.quality import Gate
from carpal.radiograph import Radiograph, read_radiograph


@pytest.fixture(scope="module")
def hand() -> np.ndarray:
    return draw_phantom(120, "F", seed=3).pixels


def noisy(pixels: np.ndarray, spread: float) -> np.ndarray:
    changed = pixels + np.random.default_rng(1).normal(0, spread, pixels.shape)
    return np.clip(changed, 0, 1).astype(np.float32)


def compressed(pixels: np.ndarray, quality: int) -> np.ndarray:
    _, coded = cv2.imencode(".jpg", (pixels * 255 + 0.5).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255


def test_a_clear_radiograph_is_left_alone(hand: np.ndarray) -> None:
    found = cleared(hand, hand, np.eye(3))
    assert found.pixels is hand
    assert (found.smoothed, found.problem) == (False, None)


def test_noise_is_smoothed_away(hand: np.ndarray) -> None:
    film = noisy(hand, 0.06)
    found = cleared(film, film, np.eye(3))
    assert (found.smoothed, found.problem) == (True, None)
    assert np.abs(found.pixels - hand).mean() < 0.5 * np.abs(film - hand).mean()


def test_what_differs_from_pixel_to_pixel_on_a_thumbnail_stays(hand: np.ndarray) -> None:
    small = noisy(cv2.resize(hand, (78, 100), interpolation=cv2.INTER_AREA), 0.06)
    assert not cleared(small, small, np.eye(3)).smoothed
    large = cv2.resize(small, (780, 1000), interpolation=cv2.INTER_NEAREST)
    assert not np.array_equal(cleared(large, large, np.eye(3)).pixels, large)


def test_one_learns_from_what_the_gate_hands_on(hand: np.ndarray) -> None:
    height, width = hand.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 12, 1.0)
    turn[:, 2] += 200  # room for its corners
    askew = Radiograph(cv2.warpAffine(noisy(hand, 0.06) + 0.1, turn, (width + 400, height + 400)).clip(0, 1), "")
    examined = Gate().examine(askew)
    assert set(examined.quality.corrections) == {"straightened", "smoothed"}
    np.testing.assert_array_equal(as_admitted(askew).pixels, examined.radiograph.pixels)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_the_blocks_of_jpeg_are_found_whichever_way_the_film_was_turned(hand: np.ndarray, turns: int) -> None:
    given = compressed(np.ascontiguousarray(np.rot90(hand, turns)), 6)
    examined = Gate().examine(Radiograph(given, "")).quality
    assert examined.accepted
    assert "smoothed" in examined.corrections
    blurred = cv2.GaussianBlur(np.rot90(given, -turns), (0, 0), 4)
    assert not cleared(blurred, blurred, np.eye(3)).smoothed


def test_smoothing_sets_in_by_degrees(hand: np.ndarray) -> None:
    """Blocks that grow little by little never change the picture at once."""
    strong = compressed(hand, 12)
    films = [hand + share * (strong - hand) for share in np.linspace(0, 1, 21, dtype=np.float32)]
    clear = [cleared(film, film, np.eye(3)).pixels for film in films]
    changes = [255 * np.abs(after - before).mean() for before, after in pairwise(clear)]
    assert max(changes) < 0.8


def test_blocks_are_measured_on_the_film_as_it_came(hand: np.ndarray) -> None:
    """A film that was straightened has edges of blocks no more; the picture that was given has."""
    given = compressed(hand, 6)
    turn = cv2.getRotationMatrix2D((400, 512), 12, 1.0)
    upright = cv2.warpAffine(given, turn, given.shape[::-1])
    to_given = np.linalg.inv(np.vstack([turn, (0, 0, 1)]))
    assert cleared(upright, given, to_given).smoothed
    assert not cleared(upright, upright, np.eye(3)).smoothed


@pytest.mark.parametrize("share", [0.05, 0.6])
def test_noise_counts_by_the_contrast_of_the_hand(hand: np.ndarray, share: float) -> None:
    """The same noise on a hand of full contrast and on one that fills few grey levels."""
    film = noisy(0.4 + share * (hand - 0.4), 0.04)
    problem = cleared(film, film, np.eye(3)).problem
    assert problem == ("coarse" if share < 0.1 else None)


def test_a_hand_whose_soft_tissue_is_black_is_refused(hand: np.ndarray) -> None:
    bones = np.clip((hand - np.quantile(hand, 0.9)) * 3, 0, 1)
    assert cleared(bones, bones, np.eye(3)).problem in {"soft tissue", "outline"}


def test_a_hand_with_plain_black_between_its_bones_is_refused(hand: np.ndarray) -> None:
    outline = find_on_smaller(hand)
    assert outline.hand is not None
    scale = outline.hand.scale * outline.factor
    x, y = (int(place * outline.factor) for place in outline.hand.palm)
    holed, side = hand.copy(), int(0.4 * outline.hand.palm_radius * outline.factor)
    assert 0.005 < (side / scale) ** 2 / outline.hand.mask.sum() < 0.05
    holed[y - side // 2 : y + side // 2, x - side // 2 : x + side // 2] = hand.min()
    assert cleared(hand, hand, np.eye(3)).problem is None
    assert cleared(holed, holed, np.eye(3)).problem == "soft tissue"


def test_a_wrist_burnt_to_white_is_refused(hand: np.ndarray) -> None:
    burnt = np.clip(hand * (0.95 / np.quantile(hand, 0.9)), 0, 1)
    assert cleared(burnt, burnt, np.eye(3)).problem == "exposure"


def test_no_hand_has_no_outline() -> None:
    slope = np.linspace(0, 1, 500, dtype=np.float32) * np.ones((600, 1), np.float32)
    assert light_problem(slope) is None
    assert cleared(slope, slope, np.eye(3)).problem == "outline"


def test_real_radiographs_are_clear(real_hands: list[Path]) -> None:
    pixels = [read_radiograph(path).pixels for path in real_hands]
    problems = [cleared(film, film, np.eye(3)).problem for film in pixels]
    assert sum(problem is not None for problem in problems) <= 1
    spoilt = [cleared(film, film, np.eye(3)).problem for film in (noisy(film, 0.6) for film in pixels)]
    assert all(spoilt)
