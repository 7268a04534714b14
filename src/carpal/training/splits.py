"""Which radiographs train and which are held back: seeded, stratified by sex and age, by id, kept in a file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from carpal.errors import DatasetError, InvalidArgument
from carpal.files import replacing
from carpal.training.datasets import Dataset

__all__ = ["Split", "make_folds", "make_split", "read_split", "thin_out", "write_split"]


@dataclass(frozen=True)
class Split:
    """Ids on each side; an id stands on one side only, whatever number of files it has.

    ``test`` is looked at last and rarely, ``validation`` steers the training; ids named nowhere may train.
    """

    test: tuple[str, ...]
    validation: tuple[str, ...]
    seed: int

    def __post_init__(self) -> None:
        both = set(self.test) & set(self.validation)
        if both or len(set(self.test)) < len(self.test) or len(set(self.validation)) < len(self.validation):
            raise DatasetError("a split must name every id once and on one side only")

    def train_ids(self, ids: Iterable[str]) -> list[str]:
        """Those of ``ids`` that are on neither held-back side."""
        held_back = set(self.test) | set(self.validation)
        return [i for i in ids if i not in held_back]


def make_split(dataset: Dataset, *, test: int, validation: int, seed: int = 0, group: str = "") -> Split:
    """Hold back ``test`` and ``validation`` ids, drawn evenly over sex and age; from ``group`` only, where named."""
    order = _stratified_order(dataset, seed, group)
    if test < 0 or validation < 0 or test + validation >= len(order):
        raise InvalidArgument(
            f"cannot hold back {test + validation} of {len(order)} ids and still train: hold back fewer"
        )
    picked = _evenly(order, test + validation)
    rng = np.random.default_rng(seed + 1)
    into_test = np.zeros(len(picked), bool)
    into_test[_evenly_positions(len(picked), test)] = True
    chosen_test = [i for i, flag in zip(picked, into_test, strict=True) if flag]
    chosen_validation = [i for i, flag in zip(picked, into_test, strict=True) if not flag]
    rng.shuffle(chosen_test)
    rng.shuffle(chosen_validation)
    return Split(tuple(chosen_test), tuple(chosen_validation), seed)


def thin_out(dataset: Dataset, ids: Iterable[str], count: int, seed: int = 0) -> list[str]:
    """``count`` of ``ids``, drawn evenly over sex and age. Raises InvalidArgument where there are fewer."""
    wanted = set(ids)
    order = [i for i in _stratified_order(dataset, seed, "") if i in wanted]
    if count > len(order):
        raise InvalidArgument(f"cannot train on {count} ids: there are {len(order)}")
    return _evenly(order, count)


def make_folds(dataset: Dataset, *, folds: int, seed: int = 0, group: str = "") -> list[Split]:
    """k splits whose test sides together hold every id exactly once."""
    order = _stratified_order(dataset, seed, group)
    if not 2 <= folds <= len(order):
        raise InvalidArgument(f"cannot make {folds} folds of {len(order)} ids")
    # Neighbours in sex and age go to different folds, in an order that the seed draws: without it, children who all
    # differ in age would fall into the same folds whatever the seed.
    rng = np.random.default_rng(seed + 1)
    sides: list[list[str]] = [[] for _ in range(folds)]
    for start in range(0, len(order), folds):
        for fold, held_back in zip(rng.permutation(folds), order[start : start + folds], strict=False):
            sides[fold].append(held_back)
    return [Split(tuple(side), (), seed) for side in sides]


def write_split(split: Split, path: str | Path) -> None:
    """The split as JSON, written whole or not at all."""
    with replacing(path) as part:
        part.write_text(json.dumps(asdict(split), indent=1) + "\n", encoding="utf-8")


def read_split(path: str | Path) -> Split:
    """The split in a file. Raises DatasetError."""
    try:
        fields = json.loads(Path(path).read_text(encoding="utf-8"))
        if not (isinstance(fields["test"], list) and isinstance(fields["validation"], list)):
            raise TypeError("ids stand in lists")  # a string would come apart into its letters
        return Split(tuple(map(str, fields["test"])), tuple(map(str, fields["validation"])), int(fields["seed"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DatasetError(f"{path}: not a split file written by carpal") from error


def _stratified_order(dataset: Dataset, seed: int, group: str) -> list[str]:
    """Ids sorted by sex and age: any regular stride through it is a stratified sample. The seed orders equal ages."""
    facts = {s.id: (s.sex, s.age_months) for s in dataset.samples if not group or s.group == group}
    ids = sorted(facts)
    np.random.default_rng(seed).shuffle(ids)
    return sorted(ids, key=lambda i: facts[i])


def _evenly(order: list[str], count: int) -> list[str]:
    return [order[k] for k in _evenly_positions(len(order), count)]


def _evenly_positions(length: int, count: int) -> list[int]:
    return [int((k + 0.5) * length / count) for k in range(count)] if count else []
