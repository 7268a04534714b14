"""Batches of prepared radiographs, drawn anew for every epoch from (seed, epoch) alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from carpal.radiograph import SEXES
from carpal.training.augment import Augmentation, augment
from carpal.training.cache import PreparedCache
from carpal.training.config import TrainConfig
from carpal.views import seen_as

__all__ = ["Batch", "draw_epoch", "plain_batches", "train_batches"]

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # images (N, 1, H, W) in 0..1, sex (N,), age_months (N,)


class _Drawn(Dataset):
    """Item k is the k-th draw of the epoch, augmented with randomness of its own, whichever process loads it."""

    def __init__(self, cache: PreparedCache, draws: NDArray[np.int64], how: Augmentation, key: tuple[int, ...]) -> None:
        self.cache, self.draws, self.how, self.key = cache, draws, how, key

    def __len__(self) -> int:
        return len(self.draws)

    def __getitem__(self, k: int) -> tuple[NDArray[np.uint8], int, float]:
        index = int(self.draws[k])
        sample = self.cache.samples[index]
        rng = np.random.default_rng((*self.key, k))
        image = augment(self.cache.image(index), rng, self.how)
        return image, SEXES.index(sample.sex), sample.age_months


def draw_epoch(cache: PreparedCache, config: TrainConfig, epoch: int) -> NDArray[np.int64]:
    """Which radiographs an epoch sees, in order."""
    rng = np.random.default_rng((config.seed, epoch))
    weights = np.ones(len(cache.samples))
    for group, weight in zip(config.groups, config.group_weights, strict=False):
        weights[[s.group == group for s in cache.samples]] *= weight
    if config.rare_ages > 0:
        bands = np.array([s.age_months // 12 for s in cache.samples], int)
        weights *= (1.0 / np.bincount(bands)[bands]) ** config.rare_ages
    count = config.samples_per_epoch or len(weights)
    if count <= len(weights) and np.allclose(weights, weights[0]):
        return rng.permutation(len(weights))[:count]
    return rng.choice(len(weights), count, p=weights / weights.sum())


def train_batches(
    cache: PreparedCache, config: TrainConfig, epoch: int, rank: int = 0, processes: int = 1
) -> Iterator[Batch]:
    """The augmented batches of an epoch; the last, incomplete one is left out where there is another.

    Of ``processes`` that train together each draws an equal share, ``rank`` saying which.
    """
    draws = draw_epoch(cache, config, epoch)
    draws = draws[: max(len(draws) // processes, 1) * processes][rank::processes]
    key = (config.seed, epoch) if processes == 1 else (config.seed, epoch, rank)
    items = _Drawn(cache, draws, config.augmentation, key)
    loader = DataLoader(
        items,
        batch_size=config.batch_size,
        num_workers=config.workers,
        drop_last=len(draws) >= config.batch_size,
        collate_fn=_collate,
    )
    return iter(loader)


def plain_batches(cache: PreparedCache, batch_size: int, view: str = "") -> Iterator[Batch]:
    """Every radiograph once, in order, in that view (``carpal.views``)."""
    for start in range(0, len(cache.samples), batch_size):
        chosen = range(start, min(start + batch_size, len(cache.samples)))
        images = seen_as(np.stack([cache.image(k) for k in chosen]), view)
        samples = [cache.samples[k] for k in chosen]
        yield _collate([(i, SEXES.index(s.sex), s.age_months) for i, s in zip(images, samples, strict=True)])


def _collate(items: list[tuple[NDArray[np.uint8], int, float]]) -> Batch:
    images = torch.from_numpy(np.stack([item[0] for item in items])[:, None])
    sex = torch.tensor([item[1] for item in items])
    age_months = torch.tensor([item[2] for item in items], dtype=torch.float32)
    return images.float() / 255, sex, age_months
