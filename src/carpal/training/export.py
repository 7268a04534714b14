"""A trained network as one ONNX file that carries its preparation, its card and nothing that needs torch."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from carpal import __version__
from carpal.calibration import Calibration, uncalibrated
from carpal.distribution import expected_months
from carpal.errors import InvalidArgument, ModelError
from carpal.evaluation.calibrate import FEWEST, fit_calibration
from carpal.modelfile import ModelFacts
from carpal.radiograph import SEXES
from carpal.reader import Reader
from carpal.training.assess import distributions_of
from carpal.training.cache import PreparedCache
from carpal.training.config import TrainConfig, config_from_dict
from carpal.training.loop import predict
from carpal.training.members import Members, shared_recipe
from carpal.training.onnx_file import store_half, write_onnx
from carpal.training.run import load_checkpoint
from carpal.training.validation import held_back_by_all, run_recipe

__all__ = ["Exported", "export_onnx"]

_PARITY_MONTHS = 0.05
_ROUNDING_MONTHS = 0.1  # on average: the mean absolute error can change by no more, and by far less where it is months
_LICENCE = "research use, non-commercial: trained on RSNA 2017 Pediatric Bone Age Challenge radiographs"
_LIMITS = "decision support for research, not a medical device; not tested on wrists alone, adults, or bone disease"


@dataclass(frozen=True)
class Exported:
    """The file written. On ``compared`` radiographs, ``parity_months`` is the largest difference between ONNX Runtime
    and torch, ``rounding_months`` the mean one that storing the weights in half precision makes;
    ``calibrated_on`` says what the intervals rest on."""

    path: Path
    parity_months: float
    rounding_months: float
    calibrated_on: str
    compared: int
    size_bytes: int


class _FromBytes(nn.Module):
    """Takes what ``prepare`` gives, (N, rows, columns) uint8, so that nothing is left to do between the two."""

    def __init__(self, members: Members) -> None:
        super().__init__()
        self.members = members

    def forward(self, radiograph: torch.Tensor, sex: torch.Tensor) -> torch.Tensor:
        return self.members(radiograph[:, None].float() / 255, sex)


def export_onnx(
    runs: Sequence[str | Path],
    out: str | Path,
    *,
    name: str,
    validation: PreparedCache,
    views: tuple[str, ...] = ("",),
    calibration: Calibration | None = None,
    half: bool = True,
    card: dict[str, Any] | None = None,
) -> Exported:
    """Write the kept network of one run, or of several that answer together, to ``out``.

    Runs of different sizes are fed the largest preparation, that of ``validation``; the smaller networks see it made
    smaller. Without a ``calibration`` the intervals are fitted to what every run held back of ``validation``, where
    that is enough. ``half`` stores the weights in half precision; they are computed with in single precision all the
    same.

    Raises ModelError where ONNX Runtime and torch differ by more than 0.05 months on a validation radiograph, or half
    precision moves them by more than 0.1 on average; InvalidArgument for runs whose preparations differ in more than
    size.
    """
    if Path(out).suffix.lower() != ".onnx":
        raise InvalidArgument(f"{out}: a model file is called something.onnx")
    if not len(validation):
        raise ModelError("there are no validation radiographs to check the file against")
    loaded = [load_checkpoint(run) for run in runs]
    configs = [config_from_dict(content["config"]) for _, content in loaded]
    recipes = [run_recipe(config) for config in configs]
    if validation.image(0).shape != shared_recipe(recipes).shape:
        raise InvalidArgument("the validation radiographs are not prepared as the largest of the networks takes them")
    members = Members([network for network, _ in loaded], recipes).eval()
    distributions = predict(members, validation, torch.device("cpu"), views=views)
    cards = [
        _card(c, content["metrics"], Path(run)) for c, (_, content), run in zip(configs, loaded, runs, strict=True)
    ]
    facts = ModelFacts(
        name,
        shared_recipe(recipes),
        views,
        calibration or _calibrate(distributions, validation, [Path(run) for run in runs]),
        _join_cards(cards) | (card or {}),
    )
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        part = Path(folder) / "model.onnx"
        inputs = {
            # Two, not one: a batch of one would be taken for a constant.
            "radiograph": torch.zeros(2, *facts.recipe.shape, dtype=torch.uint8),
            "sex": torch.zeros(2, dtype=torch.int64),
        }
        write_onnx(_FromBytes(members), inputs, ("distribution",), facts.to_json(), part)
        parity = float(np.max(_differences(part, validation, distributions)))
        if not parity <= _PARITY_MONTHS:  # so put, a NaN is refused too
            raise ModelError(f"{out}: ONNX Runtime and torch differ by {parity:.3f} months; nothing was written")
        rounding = 0.0
        if half:
            store_half(part)
            rounding = float(np.mean(_differences(part, validation, distributions)))
            if not rounding <= _ROUNDING_MONTHS:
                raise ModelError(f"{out}: half precision moves ages by {rounding:.3f} months on average: use --single")
        os.replace(part, out)
    return Exported(out, parity, rounding, facts.calibration.source, len(validation), out.stat().st_size)


def _calibrate(distributions: NDArray[np.float64], validation: PreparedCache, runs: Sequence[Path]) -> Calibration:
    """Fitted to what none of the runs has learned: on other radiographs they err less than they will."""
    unseen = np.array(held_back_by_all(runs, [s.id for s in validation.samples]))
    samples = [s for s, held in zip(validation.samples, unseen, strict=True) if held]
    found = distributions_of(samples, distributions[unseen])
    if len(found) < FEWEST or min(found.sexes.count(sex) for sex in SEXES) < FEWEST // 4:
        return uncalibrated()
    return fit_calibration(found, f"{len(found)} validation radiographs")


def _differences(path: Path, validation: PreparedCache, expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) months between what the file and torch say of each radiograph."""
    reader = Reader(path)
    seen = [reader.distributions(validation.image(k)[None], [s.sex])[0] for k, s in enumerate(validation.samples)]
    return np.abs(expected_months(np.array(seen)) - expected_months(expected))


def _join_cards(cards: list[dict[str, Any]]) -> dict[str, Any]:
    """One card for all networks: what they agree on, and a list of what they do not."""
    if len(cards) == 1:
        return cards[0]
    return {k: v if all(c[k] == v for c in cards) else [c[k] for c in cards] for k, v in cards[0].items()}


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
