from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs the train extra")

from carpal.training.network import BoneAgeNetwork
from carpal.training.run import load_checkpoint, load_weights

PRETRAINED = sorted((Path(__file__).resolve().parents[2] / "recipes" / "pretrained").glob("*.pt"))


def test_there_are_some() -> None:
    assert PRETRAINED


@pytest.mark.parametrize("file", PRETRAINED, ids=lambda file: file.stem)
def test_committed_weights_begin_a_network_whole(file: Path) -> None:
    _, content = load_checkpoint(file)
    network = BoneAgeNetwork(load_checkpoint(file)[0].config)
    note = load_weights(network, str(file))
    tensors = len(network.state_dict())
    assert f"narrow at {384 if file.stem.endswith('-384') else 192} rows" in note
    assert f"{tensors} of {tensors}" in note
    assert network.config.backbone == file.stem.partition("-")[0]
    assert content["metrics"]["validation_mae"] < 10.5
    assert content["config"]["data"] == content["config"]["split"] == ""  # no path of the machine it was made on
