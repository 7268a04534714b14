"""A data set of phantoms, small enough to train on in seconds."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def phantom_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty-two phantoms in the RSNA challenge's training layout."""
    pytest.importorskip("torch", reason="training needs the train extra")
    from carpal.phantom import write_phantom

    root = tmp_path_factory.mktemp("phantoms")
    images = root / "boneage-training-dataset"
    images.mkdir()
    rows = []
    for k in range(32):
        age, sex = 10 + 6 * k, "FM"[k % 2]
        write_phantom(images / f"{1000 + k}.png", age, sex, seed=k, shape=(300, 240))
        rows.append((1000 + k, age, sex == "M"))
    with (root / "boneage-training-dataset.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows([("id", "boneage", "male"), *rows])
    return root


@pytest.fixture(scope="session")
def tiny_run(phantom_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of two epochs of the custom network at 64 px."""
    from carpal.training.config import TrainConfig
    from carpal.training.network import NetworkConfig
    from carpal.training.train import prepare_sides, train

    folder = tmp_path_factory.mktemp("run")
    config = TrainConfig(
        data=str(phantom_set),
        network=NetworkConfig(backbone="custom"),
        size=64,
        epochs=2,
        batch_size=8,
        validation=8,
    )
    train(config, prepare_sides(config, folder / "cache"), folder / "run")
    return folder / "run"
