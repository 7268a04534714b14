"""The gate's network: one small backbone, three questions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import nn
from torch.nn import functional as F

from carpal.quality import KINDS
from carpal.training.backbones import build_backbone, find_backbone, freeze_layers

__all__ = ["GateNetwork", "Wanted"]

_FROZEN = 3  # layers of the backbone: the stem and two stages
WAYS = 8  # position: quarter turns counter-clockwise (0 to 3), and 4 more where the hand was mirrored before


@dataclass(frozen=True)
class Wanted:
    """The right answers to a batch: (N,) kind, (N,) way or -1, (N,) inverted 0/1."""

    kind: torch.Tensor
    way: torch.Tensor
    inverted: torch.Tensor


class GateNetwork(nn.Module):
    """(N, 1, S, S) grey in 0..1 to the probabilities of kinds (N, 5), of ways (N, 8) and of dark bones (N,)."""

    def __init__(self, backbone: str = "mobilenetv2_100") -> None:
        super().__init__()
        kind = find_backbone(backbone)
        self.name, self.mean, self.std = backbone, kind.mean, kind.std
        self.backbone = build_backbone(backbone)
        freeze_layers(self.backbone, _FROZEN)
        width = cast(int, self.backbone.num_features)
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(width, len(KINDS) + WAYS + 1))

    def train(self, mode: bool = True) -> GateNetwork:
        """As usual, but for the first layers, which stay as ImageNet left them: it halves the time of a step."""
        super().train(mode)
        if mode:
            freeze_layers(self.backbone, _FROZEN)
        return self

    def outputs(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Raw outputs, for the loss."""
        return self.answers_to(self.features(images))

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """(N, F) pooled features."""
        grey = (images - self.mean) / self.std
        return self.backbone(grey.expand(-1, 3, -1, -1))

    def answers_to(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Raw outputs from pooled features."""
        kind, way, inverted = self.head(features).float().split((len(KINDS), WAYS, 1), 1)
        return kind, way, inverted[:, 0]

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        kind, way, inverted = self.outputs(images)
        return kind.softmax(1), way.softmax(1), inverted.sigmoid()

    def loss(self, images: torch.Tensor, wanted: Wanted) -> torch.Tensor:
        """Mean loss of a batch. Which way is up and whether bones are dark is asked of hands alone."""
        kind, way, inverted = self.outputs(images)
        is_hand = (wanted.kind < KINDS.index("no hand")).float()
        dark = F.binary_cross_entropy_with_logits(inverted, wanted.inverted, weight=is_hand)
        return F.cross_entropy(kind, wanted.kind) + F.cross_entropy(way, wanted.way, ignore_index=-1) + dark
