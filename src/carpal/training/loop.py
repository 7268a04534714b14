"""Training: from a data set to a run folder that can be killed at any moment and goes on where it was.

A run folder holds ``config.json``, ``environment.json``, ``metrics.csv`` (a line per epoch), ``curves.png``,
TensorBoard events, ``last.pt`` (all that is needed to go on) and ``best.pt`` (the averaged weights that did best).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from carpal.distribution import expected_months
from carpal.errors import InvalidArgument, TrainingError
from carpal.training.backbones import freeze_layers, timm_library
from carpal.training.batches import Batch, plain_batches, train_batches
from carpal.training.cache import PreparedCache
from carpal.training.config import TrainConfig
from carpal.training.network import BoneAgeNetwork, ClassesHead
from carpal.training.run import RunFolder, load_weights, scale_of
from carpal.training.team import Team
from carpal.training.validation import run_recipe

__all__ = ["Trainer", "pick_device", "predict"]

AfterStep = Callable[[int, int, int, float], None]
AfterEpoch = Callable[[dict[str, float]], None]


def pick_device(name: str = "auto", number: int = 0) -> torch.device:
    """``auto`` takes CUDA where there is one, ``number`` says which. Raises InvalidArgument."""
    if name not in ("auto", "cpu", "cuda"):
        raise InvalidArgument(f"device {name!r} is none of auto, cpu, cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise InvalidArgument("there is no CUDA device here: use --device cpu or auto")
    kind = ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
    return torch.device(kind, number) if kind == "cuda" else torch.device(kind)


@dataclass
class Trainer:
    """One run: ``train`` goes through all epochs that are still to do."""

    config: TrainConfig
    train_set: PreparedCache
    validation_set: PreparedCache
    folder: RunFolder
    team: Team = field(default_factory=Team)
    history: list[dict[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        config = self.config
        torch.manual_seed(config.seed)
        self.device = pick_device(config.device, self.team.local_rank)
        self.network = BoneAgeNetwork(config.network)
        self.init_note = load_weights(self.network, config.init, whole=config.start_share > 0)
        _try_size(self.network, config)
        freeze_layers(self.network.backbone, config.frozen_layers)  # a number it has not is refused now
        if isinstance(self.network.head, ClassesHead):
            self.network.head.learn_spread(torch.tensor([s.age_months for s in self.train_set.samples]))
        self.start = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
        self.network.to(self.device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
        self.averaged = AveragedModel(
            self.network, multi_avg_fn=get_ema_multi_avg_fn(config.ema_decay), use_buffers=True
        )
        groups = parameter_groups(self.network, config)
        self.optimiser = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.99))
        drawn = config.samples_per_epoch or len(self.train_set.samples)
        self.steps = max(1, drawn // self.team.size // config.batch_size)

    def train(self, after_step: AfterStep, after_epoch: AfterEpoch) -> list[dict[str, float]]:
        """All epochs still to do; returns the history, one dict per epoch.

        ``after_step`` is told (epoch, step, steps, loss), ``after_epoch`` the epoch's row of the history.
        """
        self._resume()
        for epoch in range(len(self.history), self.config.epochs):
            if self._should_stop():
                break
            started = time.monotonic()
            with _memory_said():
                loss = self._epoch(epoch, after_step)
                self._finish_epoch(epoch, loss, time.monotonic() - started)
            if self.team.leads:
                after_epoch(self.history[-1])
        self.folder.close()
        return self.history

    def _epoch(self, epoch: int, after_step: AfterStep) -> float:
        # Dropout: the same after a resume, another one in every process.
        torch.manual_seed((self.config.seed * 100_003 + epoch) * self.team.size + self.team.rank)
        self.network.train()
        frozen = math.inf if epoch < self.config.head_epochs else self.config.frozen_layers
        freeze_layers(self.network.backbone, frozen)
        losses = []
        batches = train_batches(self.train_set, self.config, epoch, self.team.rank, self.team.size)
        for step, batch in enumerate(batches):
            losses.append(self.step(epoch * self.steps + step, batch))
            if self.team.leads:
                after_step(epoch, step + 1, self.steps, float(np.mean(losses[-50:])))
        for network in (self.network, self._average):
            self.team.average_statistics(network)
            self.team.check_equal(network)
        return float(np.mean(losses))

    def step(self, step: int, batch: Batch) -> float:
        """One optimiser step, the ``step``-th of the run, on one batch; returns its loss."""
        images, sex, age_months = (part.to(self.device, non_blocking=True) for part in batch)
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.learning_rate * group["rate"] * self._rate(step)
        with autocast(self.network, self.config.precision, self.device):
            loss = self.network.loss(images.contiguous(memory_format=torch.channels_last), sex, age_months)
        if not torch.isfinite(loss):
            raise TrainingError("the loss is no longer a number: start again with a lower learning rate")
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.team.average_gradients(self.network.parameters())
        nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip_norm)
        self.optimiser.step()
        # A long memory is useless before there is something to remember.
        decay = min(self.config.ema_decay, (1 + step) / (10 + step))
        self.averaged.multi_avg_fn = get_ema_multi_avg_fn(decay)
        self.averaged.update_parameters(self.network)
        return float(loss.detach())

    def _rate(self, step: int) -> float:
        """Share of the full learning rate: linear warm-up, then half a cosine."""
        total = self.steps * self.config.epochs
        warm = max(1, round(self.config.warmup * total))
        if step < warm:
            return (step + 1) / warm
        share = (step - warm) / max(1, total - warm)
        return self.config.final_rate + (1 - self.config.final_rate) * 0.5 * (1 + math.cos(math.pi * share))

    def _finish_epoch(self, epoch: int, loss: float, seconds: float) -> None:
        row = {"epoch": epoch + 1, "train_loss": loss, "seconds": seconds}
        kept = mixed(self._average, self.start, self.config.start_share)
        row = self.team.share(row | self._validate(kept) if self.team.leads else row)
        row["learning_rate"] = self.config.learning_rate * self._rate((epoch + 1) * self.steps - 1)
        best = min((r["validation_mae"] for r in self.history), default=math.inf)
        self.history.append(row)
        if not self.team.leads:
            return
        if self.config.keep == "last" or row["validation_mae"] < best:
            self.folder.save_best(kept, self.config, row)
        state = {
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "scale": self.network.scale,
            "optimiser": self.optimiser.state_dict(),
            "history": self.history,
        }
        self.folder.save_last(state, self.history)

    def _validate(self, network: nn.Module) -> dict[str, float]:
        ages = np.array([s.age_months for s in self.validation_set.samples])
        errors = expected_months(predict(network, self.validation_set, self.device)) - ages
        row = {"validation_mae": float(np.abs(errors).mean()), "validation_bias": float(errors.mean())}
        groups = sorted({s.group for s in self.validation_set.samples})
        if len(groups) > 1:
            for group in groups:
                of_group = np.array([s.group == group for s in self.validation_set.samples])
                row[f"validation_mae_{group}"] = float(np.abs(errors[of_group]).mean())
        return row

    @property
    def _average(self) -> BoneAgeNetwork:
        return cast(BoneAgeNetwork, self.averaged.module)

    def _should_stop(self) -> bool:
        if not self.config.patience or not self.history:
            return False
        errors = [row["validation_mae"] for row in self.history]
        return len(errors) - 1 - int(np.argmin(errors)) >= self.config.patience

    def _resume(self) -> None:
        state = self.folder.load_last(self.device)
        if state is None:
            return
        self.network.load_state_dict(state["network"])
        self.network.scale = self._average.scale = scale_of(state, self.network)
        self.averaged.load_state_dict(state["averaged"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.history = list(state["history"])
        if self.team.leads:
            self.folder.catch_up(self.history)


@contextmanager
def _memory_said() -> Iterator[None]:
    """Torch's refusal of memory as a sentence. Raises TrainingError."""
    try:
        yield
    except RuntimeError as error:  # of a CPU's memory torch says it in words alone
        if isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error):
            raise TrainingError("there is not enough memory: give a smaller --batch-size or --size") from error
        raise


def _try_size(network: BoneAgeNetwork, config: TrainConfig) -> None:
    """One look at nothing, so that a size the network cannot take is refused before hours of work."""
    try:
        with torch.inference_mode():
            network.eval()(torch.zeros(2, 1, *run_recipe(config).shape), torch.tensor([0, 1]))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise InvalidArgument(f"{config.network.backbone} cannot take radiographs of {config.size} px") from error


def mixed(network: BoneAgeNetwork, start: dict[str, torch.Tensor], share: float) -> BoneAgeNetwork:
    """A copy of ``network`` with weights and running statistics ``share`` of the way back to ``start``."""
    copy = deepcopy(network)
    for name, tensor in copy.state_dict().items():
        if tensor.is_floating_point():
            tensor.lerp_(start[name].to(tensor.device), share)
    return copy


def autocast(network: BoneAgeNetwork, precision: str, device: torch.device) -> torch.autocast:
    """bfloat16 where it pays: on CUDA, and on CPUs for networks of dense convolutions."""
    wanted = precision == "bfloat16" or (precision == "auto" and (device.type == "cuda" or network.bf16_on_cpu))
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted)


def parameter_groups(network: BoneAgeNetwork, config: TrainConfig) -> list[dict[str, Any]]:
    """Groups for AdamW with ``rate`` (share of the learning rate): head 1, the backbone less with every layer down."""
    timm_library()
    from timm.optim import param_groups_layer_decay

    groups = param_groups_layer_decay(network.backbone, config.weight_decay, layer_decay=config.layer_decay)
    for group in groups:
        group["rate"] = group.pop("lr_scale")
        group.pop("param_names", None)
    own = [p for name, p in network.named_parameters() if not name.startswith("backbone.")]
    groups.append({"params": [p for p in own if p.ndim > 1], "weight_decay": config.weight_decay, "rate": 1.0})
    groups.append({"params": [p for p in own if p.ndim <= 1], "weight_decay": 0.0, "rate": 1.0})
    return groups


@torch.inference_mode()
def predict(
    network: nn.Module,
    cache: PreparedCache,
    device: torch.device,
    *,
    batch_size: int = 32,
    views: Iterable[str] = ("",),
) -> NDArray[np.float64]:
    """(N, 240) distributions of every radiograph in the cache, averaged over ``views`` (names of ``carpal.views``)."""
    network.eval()

    def seen(view: str) -> NDArray[np.float64]:
        rows = []
        for images, sex, _ in plain_batches(cache, batch_size, view):
            images = images.to(device).contiguous(memory_format=torch.channels_last)
            rows.append(network(images, sex.to(device)).double().cpu().numpy())
        return np.concatenate(rows) if rows else np.zeros((0, 240))

    return np.mean([seen(view) for view in views], axis=0)
