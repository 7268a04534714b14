from __future__ import annotations

import numpy as np
import pytest

from carpal.phantom import draw_phantom
from carpal.prepare import HandCrop, NarrowHand, prepare
from carpal.training.augment import Augmentation, augment


@pytest.fixture(scope="module", params=[HandCrop(size=96), NarrowHand(size=96)], ids=["square", "narrow"])
def image(request: pytest.FixtureRequest) -> np.ndarray:
    return prepare(draw_phantom(120, "F", seed=0), request.param).pixels


def test_strength_zero_changes_nothing(image: np.ndarray) -> None:
    np.testing.assert_array_equal(augment(image, np.random.default_rng(0), Augmentation(strength=0)), image)


def test_the_same_randomness_gives_the_same_picture(image: np.ndarray) -> None:
    first = augment(image, np.random.default_rng(7), Augmentation())
    np.testing.assert_array_equal(first, augment(image, np.random.default_rng(7), Augmentation()))
    assert not np.array_equal(first, augment(image, np.random.default_rng(8), Augmentation()))


def test_the_hand_stays_in_the_picture_and_the_original_as_it_was(image: np.ndarray) -> None:
    before = image.copy()
    for seed in range(60):
        changed = augment(image, np.random.default_rng(seed), Augmentation())
        assert changed.shape == image.shape
        assert changed.dtype == np.uint8
        assert 0.35 * image.mean() < changed.mean() < 2.2 * image.mean()
    np.testing.assert_array_equal(image, before)


def test_half_of_the_pictures_are_mirrored(image: np.ndarray) -> None:
    only_mirror = Augmentation(
        rotation_degrees=0, shift=0, scale=0, aspect=0, gamma=0, contrast=0, brightness=0, low_resolution=0, noise=0,
        border=0, marker=0, erase=0,
    )  # fmt: skip
    mirrored = 0
    for seed in range(100):
        changed = augment(image, np.random.default_rng(seed), only_mirror)
        is_mirror = np.array_equal(changed, image[:, ::-1])
        assert is_mirror or np.array_equal(changed, image)
        mirrored += is_mirror
    assert 30 < mirrored < 70
