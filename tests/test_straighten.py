from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from carpal.phantom import draw_phantom
from carpal.quality import Gate
from carpal.radiograph import Radiograph, read_radiograph
from carpal.straighten import straightened


def turned(pixels: np.ndarray, degrees: float, corner: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """As a viewer turns a film counter-clockwise: the picture grows, its corners are plain."""
    height, width = pixels.shape
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    cos, sin = abs(turn[0, 0]), abs(turn[0, 1])
    size = (int(height * sin + width * cos) + 1, int(height * cos + width * sin) + 1)
    turn[:, 2] += (np.array(size) - (width, height)) / 2
    return cv2.warpAffine(pixels, turn, size, borderValue=corner), turn


@pytest.fixture(scope="module")
def film() -> np.ndarray:
    """A hand on a grey film."""
    return 0.2 + 0.7 * draw_phantom(120, "F", seed=3).pixels


@pytest.mark.parametrize("degrees", [-40, -12, 5, 30])
@pytest.mark.parametrize("corner", [0.0, 1.0])
def test_a_film_that_lies_askew_is_turned_upright(film: np.ndarray, degrees: float, corner: float) -> None:
    picture, turn = turned(film, degrees, corner)
    found = straightened(Radiograph(picture, ""))
    assert found is not None
    radiograph, clockwise, to_source = found
    assert clockwise == pytest.approx(degrees, abs=0.7)
    assert np.allclose(radiograph.pixels.shape, film.shape, rtol=0.04)
    middle = (np.array(radiograph.pixels.shape[::-1]) - 1) / 2
    there = to_source @ (*middle, 1)
    assert np.allclose(there[:2], turn @ (*((np.array(film.shape[::-1]) - 1) / 2), 1), atol=4)
    value = picture[round(there[1]), round(there[0])]
    assert radiograph.pixels[round(middle[1]), round(middle[0])] == pytest.approx(value, abs=0.1)


def test_an_upright_film_and_a_hand_before_black_are_left_alone(film: np.ndarray) -> None:
    assert straightened(Radiograph(film, "")) is None
    assert straightened(Radiograph(cv2.copyMakeBorder(film, 90, 90, 90, 90, cv2.BORDER_CONSTANT), "")) is None
    before_black = np.clip(draw_phantom(120, "F", seed=3).pixels - 0.12, 0, 1)
    assert straightened(Radiograph(turned(before_black, 20)[0], "")) is None


def test_a_plain_picture_has_no_film() -> None:
    assert straightened(Radiograph(np.full((300, 200), 0.5, np.float32), "")) is None


def test_the_gate_says_that_it_turned_a_real_film(real_hands: list[Path]) -> None:
    gate, told = Gate(), 0
    for path in real_hands:
        pixels = 0.15 + 0.85 * read_radiograph(path).pixels
        examined = gate.examine(Radiograph(turned(pixels, 17)[0], ""))
        told += "straightened" in examined.quality.corrections
        assert examined.quality.tilt_degrees == pytest.approx(17, abs=1) or examined.quality.tilt_degrees == 0
    assert told >= len(real_hands) - 1
