"""The trained gate as one ONNX file."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from carpal import __version__
from carpal.outline import Outlines
from carpal.prepare import Plain, recipe_to_dict
from carpal.training.gate.network import GateNetwork
from carpal.training.onnx_file import store_half, write_onnx

__all__ = ["export_gate"]

EMBEDDING = 16  # directions in which hands differ most: enough to see that a site's do


class _FromBytes(nn.Module):
    """Takes what ``prepare`` gives, (N, size, size) uint8. The embedding of the hands it was fitted to has mean 0 and
    variance 1 in each direction."""

    mean: torch.Tensor
    directions: torch.Tensor

    def __init__(self, network: GateNetwork, hands: Sequence[NDArray[np.uint8]]) -> None:
        super().__init__()
        self.network = network
        features = np.concatenate([_features(network, hands[k : k + 64]) for k in range(0, len(hands), 64)])
        mean = features.mean(0)
        _, spread, directions = np.linalg.svd(features - mean, full_matrices=False)
        kept = min(EMBEDDING, len(directions))
        scaled = directions[:kept].T * (np.sqrt(len(hands)) / np.maximum(spread[:kept], 1e-6))
        self.register_buffer("mean", torch.from_numpy(mean.astype(np.float32)))
        self.register_buffer("directions", torch.from_numpy(scaled.astype(np.float32)))

    def forward(self, radiograph: torch.Tensor) -> tuple[torch.Tensor, ...]:
        features = self.network.features(radiograph[:, None].float() / 255)
        kind, way, dark = self.network.answers_to(features)
        return kind.softmax(1), way.softmax(1), dark.sigmoid(), (features - self.mean) @ self.directions


def export_gate(
    network: GateNetwork,
    recipe: Plain,
    out: str | Path,
    *,
    hands: Sequence[NDArray[np.uint8]],
    least_hand_probability: float,
    outlines: Outlines,
    card: dict[str, Any],
) -> Path:
    """Write the gate, weights in half precision, whole or not at all; it refuses below ``least_hand_probability`` and
    what has none of the ``outlines``.

    ``hands`` are upright hands as ``prepare`` makes them: the embedding describes how others differ from them.
    """
    out = Path(out)
    facts = {
        "carpal": __version__,
        "recipe": recipe_to_dict(recipe),
        "least_hand_probability": least_hand_probability,
        "outlines": outlines.to_dict(),
        "card": card,
    }
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        part = Path(folder) / "gate.onnx"
        inputs = {"radiograph": torch.zeros(2, *recipe.shape, dtype=torch.uint8)}  # two: one would be a constant
        write_onnx(
            _FromBytes(network.eval(), hands), inputs, ("kind", "way", "dark", "embedding"), json.dumps(facts), part
        )
        store_half(part)
        os.replace(part, out)
    return out


def _features(network: GateNetwork, hands: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
    with torch.inference_mode():
        return network.features(torch.from_numpy(np.stack(hands))[:, None].float() / 255).double().numpy()
