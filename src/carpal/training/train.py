"""One road from a data set and a config to a trained run folder."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from carpal.errors import DatasetError
from carpal.training.cache import PreparedCache, prepared_cache
from carpal.training.config import TrainConfig
from carpal.training.datasets import Dataset, read_dataset
from carpal.training.loop import Trainer
from carpal.training.run import RunFolder
from carpal.training.splits import Split, make_split, read_split, thin_out
from carpal.training.team import Team
from carpal.training.validation import run_recipe

__all__ = ["Sides", "prepare_sides", "train"]


@dataclass(frozen=True, eq=False)
class Sides:
    """The two prepared sides of a training data set."""

    dataset: Dataset
    split: Split
    train: PreparedCache
    validation: PreparedCache


def prepare_sides(
    config: TrainConfig,
    cache: str | Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
    *,
    run: str | Path | None = None,
) -> Sides:
    """Read the data set, split it by id, prepare and cache its radiographs.

    A run that has begun keeps the split it began with.
    """
    dataset = read_dataset(config.data, groups=config.groups)
    begun = RunFolder(run).split_file if run and RunFolder(run).has_begun else None
    if begun is not None:
        split = read_split(begun)
    elif config.split:
        split = read_split(config.split)
    else:
        split = make_split(dataset, test=0, validation=config.validation, seed=config.seed)
    _check_split(split, dataset)
    prepared = prepared_cache(dataset, run_recipe(config), cache, progress=progress)
    train_ids = split.train_ids(dataset.ids)
    if config.limit:
        train_ids = thin_out(dataset, train_ids, config.limit, config.seed)
    train_side, validation_side = prepared.only(train_ids), prepared.only(split.validation)
    for name, part in (("train", train_side), ("validate", validation_side)):
        if not len(part):
            raise DatasetError(f"{config.data}: no radiograph is left to {name} on")
    if len(train_side) == 1:
        raise DatasetError(f"{config.data}: one radiograph is too few to train on, batch norm compares several")
    return Sides(dataset, split, train_side, validation_side)


def _check_split(split: Split, dataset: Dataset) -> None:
    """A split made for another data set would hold nothing back, and nobody would notice."""
    named, known = {*split.test, *split.validation}, set(dataset.ids)
    unknown = sorted(named - known)
    if unknown:
        raise DatasetError(
            f"the split names {len(unknown)} of {len(named)} ids that {dataset.root} does not have, such as "
            f"{unknown[0]!r}: it was made for another data set"
        )


def train(
    config: TrainConfig,
    sides: Sides,
    out: str | Path,
    *,
    team: Team | None = None,
    after_step: Callable[[int, int, int, float], None] = lambda epoch, step, steps, loss: None,
    after_epoch: Callable[[dict[str, float]], None] = lambda row: None,
) -> list[dict[str, float]]:
    """Train, or go on training, in the run folder ``out``; returns the history, one dict per epoch.

    The processes of a ``team`` train one network; its leader writes the folder.
    """
    team, folder = team or Team(), RunFolder(out)
    trainer = Trainer(config, sides.train, sides.validation, folder, team)  # refuses before anything is written
    facts = {
        "train_images": len(sides.train),
        "validation_images": len(sides.validation),
        "initial_weights": trainer.init_note,
    }
    with folder.locked() if team.leads else nullcontext():
        with team.leader_first():
            folder.open(config, sides.dataset.digest(), facts, sides.split)
        return trainer.train(after_step, after_epoch)
