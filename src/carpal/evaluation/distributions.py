"""Whole predicted distributions beside their references: what averaging and calibration need, and CSV cannot hold."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from carpal.distribution import MONTHS
from carpal.errors import DatasetError, InvalidArgument
from carpal.evaluation.predictions import Predictions
from carpal.files import replacing

__all__ = ["Distributions", "average", "pool", "read_distributions", "write_distributions"]


@dataclass(frozen=True, eq=False)
class Distributions:
    """N radiographs: ``values`` (N, 240) probabilities per month, ``reference_months`` (N,), a group name each."""

    ids: tuple[str, ...]
    sexes: tuple[str, ...]
    groups: tuple[str, ...]
    reference_months: NDArray[np.float64]
    values: NDArray[np.float64]

    def __post_init__(self) -> None:
        n = len(self.ids)
        shapes = {"sexes": len(self.sexes), "groups": len(self.groups), "ages": len(self.reference_months)}
        if set(shapes.values()) != {n} or self.values.shape != (n, len(MONTHS)):
            raise InvalidArgument(f"{n} ids with {shapes} and distributions {self.values.shape} do not fit together")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def keys(self) -> list[tuple[str, str]]:
        """(group, id) of each radiograph."""
        return list(zip(self.groups, self.ids, strict=True))

    def predictions(self, intervals: NDArray[np.float64] | None = None) -> Predictions:
        """Age, class masses and 90 % interval of each; ``intervals`` (N, 2) in place of the distribution's own."""
        groups = self.groups if any(self.groups) else None
        found = Predictions.from_distributions(self.ids, self.sexes, self.reference_months, self.values, groups)
        return found if intervals is None else found.with_intervals(intervals)

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> Distributions:
        """The radiographs at these places, in this order."""
        index = [int(k) for k in rows]
        ids, sexes, groups = (tuple(part[k] for k in index) for part in (self.ids, self.sexes, self.groups))
        return Distributions(ids, sexes, groups, self.reference_months[index], self.values[index])


def pool(parts: Sequence[Distributions]) -> Distributions:
    """Those of several models one after the other, such as out-of-fold parts. Raises InvalidArgument on overlap."""
    keys = [key for part in parts for key in part.keys]
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InvalidArgument(f"the radiograph {'/'.join(filter(None, twice))} was predicted by more than one model")
    return Distributions(
        tuple(i for part in parts for i in part.ids),
        tuple(s for part in parts for s in part.sexes),
        tuple(g for part in parts for g in part.groups),
        np.concatenate([part.reference_months for part in parts]),
        np.concatenate([part.values for part in parts]),
    )


def average(parts: Sequence[Distributions]) -> Distributions:
    """The mean distribution of several models on the same radiographs. Raises InvalidArgument where these differ."""
    first, total = parts[0], np.zeros_like(parts[0].values)
    for part in parts:
        place = {key: k for k, key in enumerate(part.keys)}
        if set(place) != set(first.keys):
            raise InvalidArgument(f"the models were evaluated on different radiographs ({len(first)} and {len(part)})")
        total += part.take([place[key] for key in first.keys]).values
    return Distributions(first.ids, first.sexes, first.groups, first.reference_months, total / len(parts))


def write_distributions(distributions: Distributions, path: str | Path) -> None:
    """As a compressed npz in half precision (ages change by less than 0.01 months); whole or not at all."""
    with replacing(path) as part, part.open("wb") as handle:
        np.savez_compressed(
            handle,
            ids=np.array(distributions.ids),
            sexes=np.array(distributions.sexes),
            groups=np.array(distributions.groups),
            reference_months=distributions.reference_months,
            values=distributions.values.astype(np.float16),
        )


def read_distributions(path: str | Path) -> Distributions:
    """What ``write_distributions`` wrote. Raises DatasetError."""
    try:
        with np.load(path, allow_pickle=False) as found:
            texts = {name: tuple(map(str, found[name])) for name in ("ids", "sexes", "groups")}
            values = found["values"].astype(np.float64)
            ages = found["reference_months"].astype(np.float64)
            return Distributions(**texts, reference_months=ages, values=values / values.sum(axis=1, keepdims=True))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DatasetError(f"{path}: no distributions written by carpal evaluate") from error
