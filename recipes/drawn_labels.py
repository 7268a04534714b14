"""Thumbnails whose ages are drawn towards what networks that have not seen them read: single readers' errors are what a
long training learns by heart.

usage: python recipes/drawn_labels.py DATA OUT                      the halves: OUT/half-0 and OUT/half-1
       python recipes/drawn_labels.py DATA OUT RUN-0 RUN-1 [SHARE]   and then, from a run on each: OUT/drawn

Each folder is a data set of its own for `carpal train FOLDER --group lowres --split recipes/folds/thumbnails.json`. The
ids of that split, which none learns from, stand in all of them with the ages their readers gave.
SHARE (0.5) is the networks' share in the new ages.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from carpal.distribution import expected_months
from carpal.errors import DatasetError
from carpal.training.cache import prepared_cache
from carpal.training.config import read_config
from carpal.training.datasets import Dataset, Sample, read_dataset
from carpal.training.loop import predict
from carpal.training.run import load_checkpoint
from carpal.training.splits import read_split
from carpal.training.validation import run_recipe
from carpal.views import VIEW_SETS

SPLIT = Path("recipes/folds/thumbnails.json")


def main(data: str, out: Path, runs: Sequence[Path], share: float) -> None:
    split = read_split(SPLIT)
    thumbnails = read_dataset(data, groups=["lowres"])
    held = {*split.validation, *split.test}
    judges = thumbnails.only(held).samples
    learned = sorted((s for s in thumbnails.samples if s.id not in held), key=lambda s: (s.sex, s.age_months, s.id))
    halves = [learned[half::2] for half in (0, 1)]  # alike in sex and age
    if not runs:
        for half, samples in enumerate(halves):
            write(out / f"half-{half}", samples, judges, {})
        return
    ages: dict[str, float] = {}
    for run, others in zip(runs, reversed(halves), strict=True):
        said = read(run, thumbnails, [s.id for s in others])
        away = [abs(said[s.id] - s.age_months) for s in others]
        print(f"{run}: MAE {sum(away) / len(away):.2f} months on {len(others)} thumbnails that it has not seen")
        ages |= {s.id: (1 - share) * s.age_months + share * said[s.id] for s in others}
    write(out / "drawn", learned, judges, ages)


def read(run: Path, thumbnails: Dataset, ids: Sequence[str]) -> dict[str, float]:
    """Bone age in months by id, three views."""
    wanted = set(ids)
    if {s.id for s in read_dataset(read_config(run).data, groups=["lowres"]).samples} & wanted:
        raise DatasetError(f"{run}: has seen the half that it is to read: give the run on half-0 first")
    network, _ = load_checkpoint(run)
    prepared = prepared_cache(thumbnails, run_recipe(read_config(run)), "cache").only(wanted)
    ages = expected_months(predict(network, prepared, torch.device("cpu"), views=VIEW_SETS[3]))
    return {sample.id: float(age) for sample, age in zip(prepared.samples, ages, strict=True)}


def write(folder: Path, learned: Sequence[Sample], judges: Sequence[Sample], ages: Mapping[str, float]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    samples = (*learned, *judges)
    lines = [f"{s.id},{ages.get(s.id, s.age_months):.2f},{s.sex == 'M'}" for s in samples]
    (folder / "labels.csv").write_text("\n".join(["id,boneage,male", *lines]) + "\n", encoding="utf-8")
    link = folder / "lowres"
    if not link.exists():
        link.symlink_to(samples[0].path.parent.resolve())
    print(f"{folder}: {len(learned)} thumbnails to learn from, {len(judges)} to judge by")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 5, 6):
        sys.exit((__doc__ or "").split("\n\n")[1])
    data, out, *rest = sys.argv[1:]
    main(data, Path(out), [Path(run) for run in rest[:2]], float(rest[2]) if len(rest) == 3 else 0.5)
