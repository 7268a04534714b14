from __future__ import annotations

import csv
from pathlib import Path

import pytest

pytest.importorskip("optuna", reason="tuning needs the train extra")

from carpal.training.config import TrainConfig
from carpal.training.network import NetworkConfig
from carpal.training.tune import tune


def test_a_study_goes_on_where_it_was_stopped(phantom_set: Path, tmp_path: Path) -> None:
    base = TrainConfig(
        data=str(phantom_set),
        network=NetworkConfig(backbone="custom"),
        epochs=1,
        samples_per_epoch=16,
        batch_size=8,
        validation=8,
    )
    out, cache = tmp_path / "study", tmp_path / "cache"
    first = tune(base, out, cache, trials=2, sizes=(48,))
    assert first.finished == 2
    told = []
    second = tune(base, out, cache, trials=3, sizes=(48,), progress=lambda *both: told.append(both))
    assert told == [(3, 3)]
    assert second.finished + second.pruned == 3
    assert second.best_mae <= first.best_mae
    rows = list(csv.DictReader((out / "trials.csv").open()))
    assert len(rows) == 3
    assert {"learning_rate", "layer_decay", "augmentation", "dropout", "hidden", "size"} <= set(rows[0])
    assert (out / "trials.png").is_file()
    assert not list(out.glob("trial-*/last.pt"))
    again = tune(base, out, cache, trials=3, sizes=(48,))  # nothing left to do
    assert again.best_mae == second.best_mae
