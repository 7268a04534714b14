"""A backbone that sees the radiograph, an embedding that says the child's sex, and a head that gives a distribution.

Whatever a network was trained for, it answers with a distribution over months (see ``carpal.distribution``), so that
age, interval and class can be had from every one of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import nn
from torch.nn import functional as F

from carpal.distribution import CLASS_EDGES, CLASS_NAMES, MONTHS, age_class
from carpal.radiograph import SEXES
from carpal.training.backbones import build_backbone, find_backbone

__all__ = ["BoneAgeNetwork", "NetworkConfig", "Target"]

Target = Literal["distribution", "regression", "classes"]


@dataclass(frozen=True)
class NetworkConfig:
    """What a network is made of; stored in every checkpoint and model file."""

    backbone: str = "efficientnet_lite0"
    target: Target = "distribution"
    hidden: int = 256
    sex_features: int = 32
    dropout: float = 0.2
    use_sex: bool = True


class BoneAgeNetwork(nn.Module):
    """(N, 1, H, W) grey in 0..1 and (N,) sex (0 girl, 1 boy) to (N, 240) probabilities per month of bone age."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        kind = find_backbone(config.backbone)
        self.mean, self.std, self.bf16_on_cpu = kind.mean, kind.std, kind.bf16_on_cpu
        self.backbone = build_backbone(config.backbone)
        self.sex = nn.Embedding(len(SEXES), config.sex_features)
        # Some of timm's networks end in a wider layer than ``num_features`` says.
        pooled = getattr(self.backbone, "head_hidden_size", None) or self.backbone.num_features
        width = int(cast(int, pooled)) + config.sex_features
        self.hidden = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(width, config.hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(config.dropout),
        )
        self.head = _HEADS[config.target](config.hidden)

    @property
    def scale(self) -> tuple[float, float]:
        """Mean and spread by which the grey values are scaled: those of the weights it began with."""
        return self.mean, self.std

    @scale.setter
    def scale(self, mean_std: tuple[float, float]) -> None:
        self.mean, self.std = mean_std

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """(N, F) pooled image features, before sex is known."""
        grey = (images - self.mean) / self.std
        return self.backbone(grey.expand(-1, 3, -1, -1))

    def outputs(self, images: torch.Tensor, sex: torch.Tensor) -> torch.Tensor:
        """The head's raw outputs, for the loss."""
        sex_features = self.sex(sex)
        if not self.config.use_sex:
            sex_features = torch.zeros_like(sex_features)
        return self.head.raw(self.hidden(torch.cat([self.features(images), sex_features], 1)))

    def forward(self, images: torch.Tensor, sex: torch.Tensor) -> torch.Tensor:
        return self.head.distribution(self.outputs(images, sex).float())

    def loss(self, images: torch.Tensor, sex: torch.Tensor, age_months: torch.Tensor) -> torch.Tensor:
        """Mean loss of a batch, (N,) ages in months."""
        return self.head.loss(self.outputs(images, sex).float(), age_months)


class _Head(nn.Module):
    """Raw outputs, their loss, and the distribution they mean."""

    months: torch.Tensor
    outputs = len(MONTHS)

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("months", torch.as_tensor(MONTHS, dtype=torch.float32), persistent=False)
        self.raw = nn.Linear(width, self.outputs)

    def distribution(self, raw: torch.Tensor) -> torch.Tensor:
        raise AssertionError("each head says what its outputs mean")

    def loss(self, raw: torch.Tensor, age_months: torch.Tensor) -> torch.Tensor:
        raise AssertionError("each head has its own loss")


class DistributionHead(_Head):
    """One logit per month; cross-entropy with a narrow Gaussian around the age, and the error of the mean."""

    spread_months = 4.0  # readers report ages in steps of 3 to 12 months

    def distribution(self, raw: torch.Tensor) -> torch.Tensor:
        return raw.softmax(1)

    def loss(self, raw: torch.Tensor, age_months: torch.Tensor) -> torch.Tensor:
        distance = (self.months - age_months[:, None]) / self.spread_months
        wanted = (-0.5 * distance**2).softmax(1)
        cross_entropy = -(wanted * raw.log_softmax(1)).sum(1).mean()
        error = (self.distribution(raw) @ self.months - age_months).abs().mean()
        return cross_entropy + error / 10.0


class RegressionHead(_Head):
    """Age and its scale: a Laplace distribution, whose likelihood is the absolute error weighed by the scale."""

    outputs = 2
    centre_months, unit_months = 127.0, 41.0  # about the mean and SD of bone age in the RSNA training set

    def _laplace(self, raw: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        scale = F.softplus(raw[:, 1] + math.log(math.expm1(8.0 / self.unit_months))) * self.unit_months + 0.5
        return self.centre_months + self.unit_months * raw[:, 0], scale

    def distribution(self, raw: torch.Tensor) -> torch.Tensor:
        age, scale = self._laplace(raw)
        return (-(self.months - age[:, None]).abs() / scale[:, None]).softmax(1)

    def loss(self, raw: torch.Tensor, age_months: torch.Tensor) -> torch.Tensor:
        age, scale = self._laplace(raw)
        return ((age_months - age).abs() / scale + scale.log()).mean()


class ClassesHead(_Head):
    """Five quantile classes; within a class, the months are spread as in the training set (see ``learn_spread``)."""

    outputs = len(CLASS_NAMES)
    within: torch.Tensor

    def __init__(self, width: int) -> None:
        super().__init__(width)
        membership = torch.as_tensor(age_class(MONTHS)[:, None] == range(self.outputs), dtype=torch.float32).T
        self.register_buffer("within", membership / membership.sum(1, keepdim=True))

    def learn_spread(self, age_months: torch.Tensor) -> None:
        """Take the spread of months within each class from the ages of a training set."""
        counts = torch.bincount(age_months.round().long().clamp(0, len(MONTHS) - 1), minlength=len(MONTHS)).float()
        share = counts * (self.within > 0) + 1e-6 * (self.within > 0)
        self.within.copy_(share / share.sum(1, keepdim=True))

    def distribution(self, raw: torch.Tensor) -> torch.Tensor:
        return raw.softmax(1) @ self.within

    def loss(self, raw: torch.Tensor, age_months: torch.Tensor) -> torch.Tensor:
        edges = torch.as_tensor(CLASS_EDGES[1:-1], dtype=age_months.dtype, device=age_months.device)
        return F.cross_entropy(raw, torch.bucketize(age_months, edges))


_HEADS: dict[str, type[_Head]] = {
    "distribution": DistributionHead,
    "regression": RegressionHead,
    "classes": ClassesHead,
}
