from __future__ import annotations

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the train extra")

from carpal.errors import InvalidArgument
from carpal.prepare import recipe_named
from carpal.training.members import Members, shared_recipe
from carpal.training.network import BoneAgeNetwork, NetworkConfig


class _Sees(torch.nn.Module):
    """Keeps the picture it was shown."""

    def forward(self, grey: torch.Tensor, sex: torch.Tensor) -> torch.Tensor:
        self.grey = grey
        return torch.full((len(grey), 240), 1 / 240)


def _shown(given: str, given_size: int, wanted_size: int, picture: np.ndarray) -> np.ndarray:
    watchers = [_Sees(), _Sees()]
    recipes = [recipe_named(given, given_size), recipe_named(given, wanted_size)]
    Members(watchers, recipes)(torch.from_numpy(picture)[None, None], torch.zeros(1, dtype=torch.int64))  # type: ignore[arg-type]
    assert torch.equal(watchers[0].grey[0, 0], torch.from_numpy(picture))
    return watchers[1].grey[0, 0].numpy()


def test_a_smaller_network_sees_areas_averaged() -> None:
    picture = np.random.default_rng(0).random((256, 256)).astype(np.float32)
    seen = _shown("hand", 256, 160, picture)
    np.testing.assert_allclose(seen, cv2.resize(picture, (160, 160), interpolation=cv2.INTER_AREA), atol=1e-4)


def test_columns_are_filled_up_or_cut_on_both_sides() -> None:
    picture = np.ones((256, 192), np.float32)
    wider = _shown("narrow", 256, 192, picture)  # 192 rows take 160 columns, 144 are there
    assert wider.shape == (192, 160)
    np.testing.assert_allclose(wider[:, 8:152], 1, atol=1e-5)
    assert not wider[:, :8].any() and not wider[:, 152:].any()
    narrower = _shown("narrow", 288, 256, np.ones((288, 224), np.float32))  # 199 are there, 192 taken
    assert narrower.shape == (256, 192)
    np.testing.assert_allclose(narrower, 1, atol=1e-5)


def test_only_the_size_may_differ() -> None:
    assert shared_recipe([recipe_named("narrow", 192), recipe_named("narrow", 256)]).size == 256
    with pytest.raises(InvalidArgument, match="preparations"):
        shared_recipe([recipe_named("narrow", 192), recipe_named("hand", 256)])
    with pytest.raises(InvalidArgument, match="preparations"):
        Members([BoneAgeNetwork(NetworkConfig(backbone="custom"))] * 2, [recipe_named("plain"), recipe_named("hand")])
