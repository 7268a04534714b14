"""The held-back sides of a finished run, found again from what its folder says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from carpal.errors import InvalidArgument, TrainingError
from carpal.prepare import Recipe, recipe_named
from carpal.training.cache import PreparedCache, prepared_cache
from carpal.training.config import TrainConfig, read_config
from carpal.training.datasets import TABLE_SUFFIXES, Dataset, read_dataset
from carpal.training.splits import read_split

__all__ = ["choose_side", "held_back_by_all", "on_training_side", "run_recipe", "validation_side"]


def run_recipe(config: TrainConfig) -> Recipe:
    """The preparation a run was trained on."""
    return recipe_named(config.recipe, config.size)


def choose_side(dataset: Dataset, split: Path | None, side: str, groups: tuple[str, ...] = ()) -> Dataset:
    """The samples of one side of a split: ``test``, ``validation``, ``train`` or ``all``. Raises InvalidArgument."""
    if side == "all":
        return dataset
    if split is None:
        raise InvalidArgument(f"--side {side} needs a split file: give --split FILE.json")
    sides = read_split(split)
    ids = {"test": sides.test, "validation": sides.validation, "train": tuple(sides.train_ids(dataset.ids))}
    if side not in ids:
        raise InvalidArgument(f"--side {side!r} is none of test, validation, train, all")
    chosen = dataset.only(ids[side], groups)
    if not chosen.samples:
        raise InvalidArgument(f"{dataset.root}: none of its radiographs is on the {side} side of {split}")
    return chosen


def on_training_side(run: Path, dataset: Dataset) -> int | None:
    """How many of these radiographs the run did not hold back; None of another data set than the run's, whose ids mean
    other children."""
    if not _same_place(Path(read_config(run).data), dataset.root):
        return None
    return len(read_split(run / "split.json").train_ids(sample.id for sample in dataset.samples))


def held_back_by_all(runs: Sequence[Path], ids: Sequence[str]) -> list[bool]:
    """Which of the first run's ids no other of ``runs`` on the same data set was trained on either."""
    folders = [run if run.is_dir() else run.parent for run in runs]
    begun = [f for f in folders if (f / "config.json").exists() and (f / "split.json").exists()]
    held = [True] * len(ids)
    for folder in begun:
        if _same_place(Path(read_config(folder).data), Path(read_config(begun[0]).data)):
            trained = set(read_split(folder / "split.json").train_ids(ids))
            held = [h and i not in trained for h, i in zip(held, ids, strict=True)]
    return held


def _same_place(one: Path, other: Path) -> bool:
    """Whether two data sets are one: a folder may be given, or the table in it."""
    first, second = (p.parent if p.suffix.lower() in TABLE_SUFFIXES else p for p in (one.resolve(), other.resolve()))
    return first == second


def validation_side(
    run: Path,
    cache: str | Path,
    *,
    data: Path | None = None,
    groups: tuple[str, ...] = (),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> PreparedCache:
    """The prepared validation radiographs of a run. Raises TrainingError where its data set is no longer there."""
    folder = run if run.is_dir() else run.parent
    config = read_config(folder)
    root = data or Path(config.data)
    if not root.exists():
        raise TrainingError(f"the run's data set {root} is not here: say where it lies with --data")
    dataset = read_dataset(root, groups=groups or config.groups)
    chosen = choose_side(dataset, folder / "split.json", "validation")
    return prepared_cache(replace(chosen, problems=()), run_recipe(config), cache, progress=progress)
