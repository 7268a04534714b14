from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

optuna = pytest.importorskip("optuna", reason="tuning needs the train extra")

from carpal.errors import TrainingError
from carpal.training.config import TrainConfig
from carpal.training.network import NetworkConfig
from carpal.training.run import RunFolder
from carpal.training.tune import _run_trial, tune


def _one_epoch(data: Path, draws: int) -> TrainConfig:
    network = NetworkConfig(backbone="custom")
    return TrainConfig(str(data), network=network, epochs=1, samples_per_epoch=draws, batch_size=8, validation=8)


def test_a_study_goes_on_where_it_was_stopped(phantom_set: Path, tmp_path: Path) -> None:
    base = _one_epoch(phantom_set, draws=16)
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


def test_a_study_reports_what_it_searched_and_which_setting_matters(phantom_set: Path, tmp_path: Path) -> None:
    base = _one_epoch(phantom_set, draws=32)
    best = tune(base, tmp_path, tmp_path / "cache", trials=5, sizes=(32, 48))
    report = (tmp_path / "report.md").read_text()
    assert "| size | 32, 48 |" in report
    assert "0.0001 to 0.003, logarithmic" in report
    assert f"{best.best_mae:.2f}" in report
    rows = [line for line in report.splitlines() if "| complete |" in line]
    assert len(rows) == best.finished == 5
    assert rows[0].split("|")[3].strip() == f"{best.best_mae:.2f}"  # the best trial leads
    assert (tmp_path / "importance.png").is_file()
    share = [float(line.split("|")[4]) for line in report.splitlines() if " to " in line and line.startswith("| ")]
    assert share and 0 < sum(share) <= 1.01


def test_two_processes_never_work_at_one_study(phantom_set: Path, tmp_path: Path) -> None:
    pytest.importorskip("fcntl", reason="there are no advisory locks on Windows")
    base = _one_epoch(phantom_set, draws=16)
    with RunFolder(tmp_path / "study").locked(), pytest.raises(TrainingError, match="another process"):
        tune(base, tmp_path / "study", tmp_path / "cache", trials=1, sizes=(48,))


def test_a_pruned_trial_keeps_no_more_than_a_finished_one(phantom_set: Path, tmp_path: Path) -> None:
    class Hopeless(optuna.trial.FixedTrial):
        def should_prune(self) -> bool:
            return True

    chosen = {"learning_rate": 1e-3, "layer_decay": 1.0, "size": 48, "hidden": 128, "dropout": 0.0, "augmentation": 0.0}
    base = replace(_one_epoch(phantom_set, draws=16), epochs=2)
    with pytest.raises(optuna.TrialPruned):
        _run_trial(Hopeless(chosen), base, tmp_path / "study", tmp_path / "cache", (48,))
    assert list((tmp_path / "study").glob("trial-*/best.pt"))
    assert not [*(tmp_path / "study").glob("trial-*/last.pt"), *(tmp_path / "study").glob("trial-*/tensorboard")]


def test_why_no_trial_came_to_an_end_is_said_in_the_refusal(
    phantom_set: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    base = replace(_one_epoch(phantom_set, draws=16), init=str(tmp_path / "no.safetensors"))
    with pytest.raises(TrainingError, match=r"none of 1 trials.*no\.safetensors: no such file"):
        tune(base, tmp_path / "study", tmp_path / "cache", trials=1, sizes=(48,))
    assert "Traceback" not in capfd.readouterr().err


def test_a_size_that_the_network_cannot_take_is_told_beside_the_trials_that_were_run(
    phantom_set: Path, tmp_path: Path
) -> None:
    base = replace(_one_epoch(phantom_set, draws=16), seed=1)
    result = tune(base, tmp_path / "study", tmp_path / "cache", trials=4, sizes=(48, 16))
    assert 0 < result.finished < 4
    assert len(result.errors) == 4 - result.finished
    assert "16 px" in result.errors[0]
