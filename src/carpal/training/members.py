"""Several trained networks as one: they see the same prepared radiograph, each at its own size, and answer with the
mean of their distributions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from carpal.errors import InvalidArgument
from carpal.prepare import Recipe
from carpal.training.network import BoneAgeNetwork

__all__ = ["Members", "shared_recipe"]


def shared_recipe(recipes: Sequence[Recipe]) -> Recipe:
    """The largest of preparations that are the same but for their size. Raises InvalidArgument for others."""
    largest = max(recipes, key=lambda recipe: recipe.size)
    if any(replace(recipe, size=largest.size) != largest for recipe in recipes):
        raise InvalidArgument("the runs were trained on different preparations: they cannot share a model file")
    return largest


class Members(nn.Module):
    """(N, 1, rows, columns) grey in 0..1 and (N,) sex to (N, 240), the mean of what the networks say."""

    def __init__(self, networks: Sequence[BoneAgeNetwork], recipes: Sequence[Recipe]) -> None:
        super().__init__()
        given = shared_recipe(recipes).shape
        self.networks = nn.ModuleList(networks)
        self.resize = nn.ModuleList(_Resize(given, recipe.shape) for recipe in recipes)

    def forward(self, grey: torch.Tensor, sex: torch.Tensor) -> torch.Tensor:
        said = [network(resize(grey), sex) for network, resize in zip(self.networks, self.resize, strict=True)]
        return torch.stack(said).mean(0)


class _Resize(nn.Module):
    """Averages areas, as the preparation does, then brings the columns to the wanted number at both sides."""

    rows: torch.Tensor
    columns: torch.Tensor

    def __init__(self, given: tuple[int, int], wanted: tuple[int, int]) -> None:
        super().__init__()
        self.same = given == wanted
        between = round(given[1] * wanted[0] / given[0])  # columns at the same scale as the rows
        filled = np.pad(_areas(given[1], between), ((wanted[1], wanted[1]), (0, 0)))
        left = wanted[1] + (between - wanted[1]) // 2  # centred: what is missing is black, what is too much is cut
        columns = filled[left : left + wanted[1]].T.copy()
        self.register_buffer("rows", torch.from_numpy(_areas(given[0], wanted[0])), persistent=False)
        self.register_buffer("columns", torch.from_numpy(columns), persistent=False)

    def forward(self, grey: torch.Tensor) -> torch.Tensor:
        return grey if self.same else self.rows @ grey @ self.columns


def _areas(given: int, wanted: int) -> NDArray[np.float32]:
    """(wanted, given): how much of each given pixel lies in each wanted one; rows sum to 1."""
    edges = np.linspace(0, given, wanted + 1)
    starts = np.maximum(edges[:-1, None], np.arange(given)[None])
    ends = np.minimum(edges[1:, None], np.arange(given)[None] + 1)
    return (np.clip(ends - starts, 0, None) * wanted / given).astype(np.float32)
