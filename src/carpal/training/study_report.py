"""What a study found: ``report.md``, ``trials.csv``, ``trials.png`` and, given enough trials, ``importance.png``."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from carpal.files import replacing
from carpal.training.config import TrainConfig

__all__ = ["write_study_report"]

_FEWEST_FOR_IMPORTANCE = 4  # the forest behind it needs something to split


def write_study_report(study: Any, base: TrainConfig, out: Path) -> None:
    """Write the tables and pictures of an Optuna study into the folder ``out``."""
    names = sorted({name for trial in study.trials for name in trial.params})
    finished = [t for t in study.trials if t.state.name == "COMPLETE"]
    _write_table(study.trials, names, out / "trials.csv")
    if not finished:
        return
    _draw_trials(finished, names, out / "trials.png")
    importance = _importance(study) if len(finished) >= _FEWEST_FOR_IMPORTANCE else {}
    if importance:
        _draw_importance(importance, out / "importance.png")
    (out / "report.md").write_text(_page(study, base, names, importance), encoding="utf-8")


def _importance(study: Any) -> dict[str, float]:
    """Share of the spread of the error that each setting explains, by functional ANOVA on a random forest."""
    import optuna

    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))


def _value(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _page(study: Any, base: TrainConfig, names: list[str], importance: dict[str, float]) -> str:
    trials = sorted(
        (t for t in study.trials if t.value is not None), key=lambda t: (t.state.name != "COMPLETE", t.value)
    )
    drawn = base.samples_per_epoch or "all"
    space = {name: d for trial in study.trials for name, d in trial.distributions.items()}
    lines = [
        "# Study",
        "",
        f"`carpal tune`: {base.network.backbone}, {base.epochs} epochs of {drawn} draws. The error is the least mean",
        "absolute error on the validation ids after any epoch. Optuna's TPE proposes, its median rule prunes: a pruned",
        f"trial shows the error it was stopped at. Data {study.user_attrs['base']['digest'][:16]}.",
        "",
        "![Validation error by setting](trials.png)",
        "",
        _row(["setting", "searched", "best trial", *(["importance"] if importance else [])]),
        _row(["---", "---", "---:", *(["---:"] if importance else [])]),
    ]
    for name in sorted(names, key=lambda n: -importance.get(n, 0)):
        share = [f"{importance.get(name, 0):.2f}"] if importance else []
        lines.append(_row([name, _searched(space[name]), _value(study.best_params[name]), *share]))
    if importance:
        lines += ["", "![Importance of each setting](importance.png)"]
    lines += [
        "",
        _row(["trial", "state", "validation MAE (months)", *names]),
        _row(["---:", "---", "---:", *(["---:"] * len(names))]),
    ]
    for t in trials:
        settings = [_value(t.params.get(n, "")) for n in names]
        lines.append(_row([str(t.number), t.state.name.lower(), f"{t.value:.2f}", *settings]))
    return "\n".join([*lines, ""])


def _searched(space: Any) -> str:
    if hasattr(space, "choices"):
        return ", ".join(str(choice) for choice in space.choices)
    return f"{space.low:g} to {space.high:g}{', logarithmic' if space.log else ''}"


def _write_table(trials: list[Any], names: list[str], path: Path) -> None:
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as handle:
        table = csv.writer(handle)
        table.writerow(["trial", "state", "validation_mae", *names])
        for trial in trials:
            value = "" if trial.value is None else f"{trial.value:.4f}"
            table.writerow([trial.number, trial.state.name.lower(), value, *(trial.params.get(n, "") for n in names)])


def _draw_trials(finished: list[Any], names: list[str], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    figure = Figure(figsize=(3 * len(names), 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, name in zip(figure.subplots(1, len(names), sharey=True, squeeze=False)[0], names, strict=True):
        axes.scatter([t.params[name] for t in finished], [t.value for t in finished], s=18)
        axes.set_xlabel(name.replace("_", " "))
        if name == "learning_rate":
            axes.set_xscale("log")
            axes.xaxis.set_minor_formatter(NullFormatter())  # the labels would run into one another
    figure.axes[0].set_ylabel("validation MAE (months)")
    with replacing(path) as part:
        figure.savefig(part, format="png", dpi=110)


def _draw_importance(importance: dict[str, float], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 0.5 + 0.4 * len(importance)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    ordered = sorted(importance.items(), key=lambda item: item[1])
    bars = axes.barh([name.replace("_", " ") for name, _ in ordered], [share for _, share in ordered], color="#0072B2")
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.set(xlabel="share of the error's spread explained (functional ANOVA)", xlim=(0, 1.08 * ordered[-1][1] + 0.05))
    axes.spines[["top", "right"]].set_visible(False)
    with replacing(path) as part:
        figure.savefig(part, format="png", dpi=110)
