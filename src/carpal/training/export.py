"""A trained network as one ONNX file that carries its preparation, its card and nothing that needs torch."""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from carpal import __version__
from carpal.distribution import expected_months, interval_months
from carpal.errors import InvalidArgument, ModelError
from carpal.modelfile import METADATA_KEY, ModelFacts
from carpal.radiograph import SEXES
from carpal.reader import Reader
from carpal.training.cache import PreparedCache
from carpal.training.config import TrainConfig, config_from_dict
from carpal.training.loop import predict
from carpal.training.network import BoneAgeNetwork
from carpal.training.run import load_checkpoint
from carpal.training.validation import run_recipe

__all__ = ["Exported", "export_onnx"]

_PARITY_MONTHS = 0.05
_LICENCE = "research use, non-commercial: trained on RSNA 2017 Pediatric Bone Age Challenge radiographs"
_LIMITS = "decision support for research, not a medical device; not tested on wrists alone, adults, or bone disease"


@dataclass(frozen=True)
class Exported:
    """The file written, and the largest difference in months between it and torch on ``compared`` radiographs."""

    path: Path
    parity_months: float
    compared: int
    size_bytes: int


class _FromBytes(nn.Module):
    """Takes what ``prepare`` gives, (N, size, size) uint8, so that nothing is left to do between the two."""

    def __init__(self, network: BoneAgeNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, radiograph: torch.Tensor, sex: torch.Tensor) -> torch.Tensor:
        return self.network(radiograph[:, None].float() / 255, sex)


def export_onnx(
    run: str | Path,
    out: str | Path,
    *,
    name: str,
    validation: PreparedCache,
    views: tuple[str, ...] = ("",),
    card: dict[str, Any] | None = None,
) -> Exported:
    """Write the run's best network to ``out``; the interval is scaled to cover 90 % of ``validation``.

    Raises ModelError where ONNX Runtime and torch differ by more than 0.05 months on the validation radiographs.
    """
    if Path(out).suffix.lower() != ".onnx":
        raise InvalidArgument(f"{out}: a model file is called something.onnx")
    if not len(validation):
        raise ModelError("there are no validation radiographs to check the file against")
    network, content = load_checkpoint(run)
    config = config_from_dict(content["config"])
    distributions = predict(network, validation, torch.device("cpu"), views=views)
    facts = ModelFacts(
        name,
        run_recipe(config),
        views,
        _interval_scale(distributions, np.array([s.age_months for s in validation.samples])),
        _card(config, content["metrics"], Path(run)) | (card or {}),
    )
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        part = Path(folder) / "model.onnx"
        _write_onnx(network, config.size, facts, part)
        parity = _parity(part, validation, distributions)
        if not parity <= _PARITY_MONTHS:  # so put, a NaN is refused too
            raise ModelError(f"{out}: ONNX Runtime and torch differ by {parity:.3f} months; nothing was written")
        os.replace(part, out)
    return Exported(out, parity, len(validation), out.stat().st_size)


def _write_onnx(network: BoneAgeNetwork, size: int, facts: ModelFacts, path: Path) -> None:
    import onnx

    # Two, not one: a batch of one would be taken for a constant.
    inputs = (torch.zeros(2, size, size, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64))
    batch = torch.export.Dim("batch", min=1, max=1024)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own deprecated calls
        torch.onnx.export(
            _FromBytes(network).eval(),
            inputs,
            path,
            dynamo=True,
            dynamic_shapes=({0: batch}, {0: batch}),
            input_names=["radiograph", "sex"],
            output_names=["distribution"],
            opset_version=20,
            external_data=False,
            verbose=False,
        )
    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {METADATA_KEY: facts.to_json()})
    _forget_source_lines(model.graph)
    onnx.save(model, path)


def _forget_source_lines(graph: Any) -> None:
    """The exporter notes source files and lines at every node: they say nothing to a user and name local paths."""
    for item in [*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer, graph]:
        if hasattr(item, "metadata_props"):
            del item.metadata_props[:]
        item.doc_string = ""


def _parity(path: Path, validation: PreparedCache, expected: NDArray[np.float64]) -> float:
    reader = Reader(path)
    seen = [reader.distributions(validation.image(k)[None], [s.sex])[0] for k, s in enumerate(validation.samples)]
    return float(np.max(np.abs(expected_months(np.array(seen)) - expected_months(expected))))


def _interval_scale(distributions: NDArray[np.float64], ages: NDArray[np.float64]) -> float:
    """How much wider the 90 % intervals must be to hold 90 % of the ages (split-conformal)."""
    if len(ages) < 20:
        return 1.0
    centre = expected_months(distributions)
    intervals = interval_months(distributions, 0.9)
    side = np.where(ages > centre, intervals[:, 1] - centre, centre - intervals[:, 0])
    needed = np.sort(np.abs(ages - centre) / np.maximum(side, 1e-3))
    rank = min(len(ages) - 1, int(np.ceil(0.9 * (len(ages) + 1))) - 1)
    return round(float(needed[rank]), 4)


def _card(config: TrainConfig, metrics: dict[str, float], run: Path) -> dict[str, Any]:
    environment_file = (run if run.is_dir() else run.parent) / "environment.json"
    environment = json.loads(environment_file.read_text(encoding="utf-8")) if environment_file.exists() else {}
    return {
        "carpal": __version__,
        "backbone": config.network.backbone,
        "target": config.network.target,
        "sexes": list(SEXES),
        "groups": list(config.groups),
        "train_images": environment.get("train_images"),
        "validation_images": environment.get("validation_images"),
        "data_digest": environment.get("data_digest"),
        "epochs": int(metrics["epoch"]),
        "validation_mae_months": round(metrics["validation_mae"], 3),
        "licence": _LICENCE,
        "limits": _LIMITS,
    }
