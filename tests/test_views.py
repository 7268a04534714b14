from __future__ import annotations

import numpy as np
import pytest

from carpal.phantom import draw_phantom
from carpal.prepare import NarrowHand, prepare
from carpal.views import VIEW_SETS, VIEWS, seen_as


@pytest.fixture(scope="module")
def hands() -> np.ndarray:
    recipe = NarrowHand(size=96)
    return np.stack([prepare(draw_phantom(age, "F", seed=age), recipe).pixels for age in (60, 150)])


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_keeps_shape_and_kind_and_leaves_the_original(hands: np.ndarray, view: str) -> None:
    before = hands.copy()
    seen = seen_as(hands, view)
    assert seen.shape == hands.shape
    assert seen.dtype == np.uint8
    assert seen.flags.c_contiguous
    np.testing.assert_array_equal(hands, before)


def test_what_the_names_say(hands: np.ndarray) -> None:
    np.testing.assert_array_equal(seen_as(hands, ""), hands)
    np.testing.assert_array_equal(seen_as(seen_as(hands, "mirror"), "mirror"), hands)
    area = {view: (seen_as(hands, view) > 20).mean() for view in VIEWS}
    assert area["smaller-mirror"] < 0.95 * area[""]
    assert area["larger"] > 1.05 * area[""]
    # Both end up turned clockwise, so that the upper half moves to the right of the lower one.
    columns = np.arange(hands.shape[2])

    def leans(view: str) -> float:
        half = hands.shape[1] // 2
        seen = seen_as(hands, view).astype(float)
        top, bottom = seen[:, :half].sum(axis=(0, 1)), seen[:, half:].sum(axis=(0, 1))
        return float(bottom @ columns / bottom.sum() - top @ columns / top.sum())

    assert leans("turned") < leans("") - 3
    assert leans("turned-mirror") < leans("mirror") - 3


def test_every_set_is_made_of_known_views() -> None:
    for count, views in VIEW_SETS.items():
        assert len(set(views)) == count
        assert set(views) <= set(VIEWS)
