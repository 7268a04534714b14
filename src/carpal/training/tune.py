"""Search for better settings with Optuna: a study in a folder that can be stopped and goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from carpal.errors import CarpalError, TrainingError
from carpal.training.config import TrainConfig
from carpal.training.datasets import read_dataset
from carpal.training.run import RunFolder
from carpal.training.study_report import write_study_report
from carpal.training.train import prepare_sides, train

__all__ = ["StudyResult", "tune"]


@dataclass(frozen=True)
class StudyResult:
    """The best trial of a study, how many were run, and what those of this call said that could not be."""

    best_mae: float
    best_params: dict[str, Any]
    finished: int
    pruned: int
    errors: tuple[str, ...] = ()


def tune(
    base: TrainConfig,
    out: str | Path,
    cache: str | Path,
    *,
    trials: int,
    sizes: tuple[int, ...],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> StudyResult:
    """Run trials until the study has ``trials`` of them; each is a training run in a folder of its own.

    Learning rate, layer decay, augmentation strength, dropout, width of the head and input size are searched. A trial
    that a kill cut short is done again. Raises TrainingError where no trial came to an end, or where another process is
    at work in the folder: its trials would be taken for such as a kill cut short.
    """
    out = Path(out)
    with RunFolder(out).locked():
        return _study(base, out, cache, trials, sizes, progress)


def _study(
    base: TrainConfig,
    out: Path,
    cache: str | Path,
    trials: int,
    sizes: tuple[int, ...],
    progress: Callable[[int, int], None],
) -> StudyResult:
    import optuna
    from sqlalchemy import URL

    optuna.logging.set_verbosity(optuna.logging.ERROR)  # of a trial that fails it would print the traceback
    errors: list[CarpalError] = []

    def objective(trial: Any) -> float:
        try:
            return _run_trial(trial, base, out, cache, sizes)
        except CarpalError as error:
            errors.append(error)
            raise

    study = optuna.create_study(
        storage=str(URL.create("sqlite", database=str(out / "study.sqlite3"))),
        study_name="carpal",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=1),
    )
    _claim(study, base, sizes, out)
    for stale in (t for t in study.trials if not t.state.is_finished()):
        study.tell(stale.number, state=optuna.trial.TrialState.FAIL)
    done = [t for t in study.trials if t.state != optuna.trial.TrialState.FAIL]
    # The same seed again would suggest the same settings again.
    study.sampler = optuna.samplers.TPESampler(seed=base.seed + len(study.trials), multivariate=True)
    for number in range(len(done), trials):
        study.optimize(objective, n_trials=1, catch=(CarpalError,))
        progress(number + 1, trials)
        write_study_report(study, base, out)
    finished = [t for t in study.trials if t.state == optuna.trial.TrialState.COMPLETE]
    if not finished:
        why = f"; the last one said: {errors[-1]}" if errors else ""
        raise TrainingError(f"{out}: none of {len(study.trials)} trials came to an end{why}")
    pruned = sum(t.state == optuna.trial.TrialState.PRUNED for t in study.trials)
    return StudyResult(float(study.best_value), study.best_params, len(finished), pruned, tuple(map(str, errors)))


def _claim(study: Any, base: TrainConfig, sizes: tuple[int, ...], out: Path) -> None:
    """A study is of one data set and one set of settings."""
    wanted = json.loads(json.dumps({**base.to_dict(), "sizes": sizes, "digest": read_dataset(base.data).digest()}))
    if "base" not in study.user_attrs:
        study.set_user_attr("base", wanted)
    elif study.user_attrs["base"] != wanted:
        raise TrainingError(f"{out} holds a study of other data or settings: choose another --out")


def _run_trial(trial: Any, base: TrainConfig, out: Path, cache: str | Path, sizes: tuple[int, ...]) -> float:
    import optuna

    config = replace(
        base,
        learning_rate=trial.suggest_float("learning_rate", 1e-4, 3e-3, log=True),
        layer_decay=trial.suggest_float("layer_decay", 0.8, 1.0),
        size=trial.suggest_categorical("size", list(sizes)),
        network=replace(
            base.network,
            hidden=trial.suggest_categorical("hidden", [128, 256, 512]),
            dropout=trial.suggest_float("dropout", 0.0, 0.5),
        ),
        augmentation=replace(base.augmentation, strength=trial.suggest_float("augmentation", 0.0, 1.5)),
    )

    def prune(row: dict[str, float]) -> None:
        trial.report(row["validation_mae"], int(row["epoch"]))
        if row["epoch"] < base.epochs and trial.should_prune():  # after the last epoch there is nothing to save
            raise optuna.TrialPruned

    run = out / f"trial-{trial.number:03d}"
    try:
        history = train(config, prepare_sides(config, cache), run, after_epoch=prune)
    finally:  # neither a finished nor a pruned trial is resumed
        (run / "last.pt").unlink(missing_ok=True)
        shutil.rmtree(run / "tensorboard", ignore_errors=True)
    return min(row["validation_mae"] for row in history)
