"""Everything that a training run may be told, with the best known setting as default."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from carpal.errors import InvalidArgument, TrainingError
from carpal.training.augment import Augmentation
from carpal.training.network import NetworkConfig

__all__ = ["TrainConfig", "config_from_dict", "read_config"]


@dataclass(frozen=True)
class TrainConfig:
    """One training run. Written to the run folder as JSON; the same values and data give the same run on a CPU.

    ``groups`` are the folders of the data set to train on (all of them where empty) and ``group_weights`` how often a
    radiograph of each is drawn against the others. ``split`` is a split file; without one, ``validation`` ids are held
    back; ``limit`` trains on so many ids only, drawn evenly over sex and age (0: on all). ``samples_per_epoch`` 0 means
    every radiograph once. ``layer_decay`` multiplies the learning rate from one layer of the backbone to the one below.
    ``frozen_layers`` of them, counted from the image on as timm does (a stem, then the stages), stay as ``init`` left
    them, running means included: 3 spare MobileNetV2 a quarter of a step's time at 192 rows (results/throughput.txt).
    ``start_share`` is the share of the weights ``init`` gave in those that are kept, the rest being what was learned:
    what learned a few hundred radiographs by heart may err more on others than a network between (results/LOG.md).
    ``rare_ages`` 0 draws all ages as they come, 1 draws them evenly.
    ``keep`` says which epoch's averaged weights ``best.pt`` holds at the end: the ``best`` on the validation side, or
    the ``last``, so that a held-back fold is watched without being chosen by.
    """

    data: str
    split: str = ""
    validation: int = 100
    limit: int = 0
    groups: tuple[str, ...] = ()
    group_weights: tuple[float, ...] = ()
    recipe: str = "hand"
    size: int = 288
    network: NetworkConfig = field(default_factory=NetworkConfig)
    init: str = "random"
    epochs: int = 20
    samples_per_epoch: int = 0
    batch_size: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    layer_decay: float = 1.0
    frozen_layers: int = 0
    start_share: float = 0.0
    warmup: float = 0.05
    final_rate: float = 0.01
    head_epochs: int = 0
    ema_decay: float = 0.998
    clip_norm: float = 2.0
    patience: int = 0
    keep: Literal["best", "last"] = "best"
    rare_ages: float = 0.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    device: str = "auto"
    workers: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value in (("target", self.network.target), ("precision", self.precision), ("keep", self.keep)):
            _check(value in _CHOICES[name], f"{name} {value!r} is none of {', '.join(_CHOICES[name])}")
        _check(self.epochs >= 1, "epochs must be at least 1")
        _check(self.batch_size >= 2, "the batch size must be at least 2")
        _check(0 < self.learning_rate < 1, "the learning rate must lie between 0 and 1")
        _check(0 <= self.head_epochs <= self.epochs, "head epochs cannot exceed the epochs")
        _check(0 < self.layer_decay <= 1, "the layer decay must lie in (0, 1]")
        for name in _NOT_NEGATIVE:
            _check(0 <= getattr(self, name) < math.inf, f"{name.replace('_', ' ')} must be 0 or more")
        _check(0 <= self.start_share < 1, "the share of the starting weights must lie in [0, 1)")
        _check(0 <= self.ema_decay < 1, "the decay of the weight average must lie in [0, 1)")
        _check(not (self.patience and self.keep == "last"), "patience looks at validation, keeping the last does not")
        _check(0 <= self.augmentation.strength <= 3, "the strength of augmentation must lie between 0 and 3")
        _check(len(set(self.groups)) == len(self.groups), "a group is named twice")
        _check(all(0 < w < math.inf for w in self.group_weights), "group weights must be above 0")
        _check(not self.group_weights or len(self.group_weights) == len(self.groups), "one weight per group, please")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return dataclasses.asdict(self)


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise InvalidArgument(message)


_NOT_NEGATIVE = (
    "seed",
    "workers",
    "samples_per_epoch",
    "patience",
    "frozen_layers",
    "rare_ages",
    "validation",
    "limit",
    "weight_decay",
)
_CHOICES = {
    "target": ("distribution", "regression", "classes"),
    "precision": ("auto", "float32", "bfloat16"),
    "keep": ("best", "last"),
}


def config_from_dict(values: dict[str, Any]) -> TrainConfig:
    """The config that ``to_dict`` wrote. Raises TrainingError."""
    try:
        fields = dict(values)
        fields["network"] = NetworkConfig(**fields["network"])
        fields["augmentation"] = Augmentation(**fields["augmentation"])
        for name in ("groups", "group_weights"):
            fields[name] = tuple(fields[name])
        return TrainConfig(**fields)
    except (KeyError, TypeError) as error:
        raise TrainingError(f"not a training config of this version of carpal: {error}") from error


def read_config(run: Path) -> TrainConfig:
    """The config of a run folder. Raises TrainingError."""
    try:
        return config_from_dict(json.loads((run / "config.json").read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{run}: not a run folder of carpal (no readable config.json)") from error
