"""A comparison of models as a folder: one table side by side, every pair of differences, a forest plot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from carpal.evaluation import figures
from carpal.evaluation.compare import Candidate, Comparison, Difference, Fact, compare
from carpal.evaluation.page import (
    Block,
    Heading,
    Picture,
    Table,
    Text,
    figure_text,
    make_folder,
    share_text,
    to_html,
    to_markdown,
    write_json,
    write_text,
)

__all__ = ["write_comparison"]

_COLUMNS = ("Model", "n", "MAE (months)", "MAE minus reference", "MAE as reported", "RMSE (months)",
            "Bias (months)", "Within 12 months", "Five-class accuracy")  # fmt: skip
_FACT_NAMES = {
    "parameters": "Parameters",
    "cpu_ms": "CPU per radiograph (ms)",
    "file_mb": "Weights (MB)",
    "epochs": "Epochs",
    "init": "Start weights",
}


def write_comparison(
    candidates: Sequence[Candidate],
    out: str | Path,
    *,
    reference: str | None = None,
    resamples: int = 2000,
    seed: int = 0,
    title: str = "Comparison of models",
) -> Comparison:
    """Compare and write ``out``: comparison.json, forest.png, comparison.md and index.html, the page last.

    Raises what ``compare`` raises, and InvalidArgument where ``out`` cannot be a folder.
    """
    comparison = compare(candidates, reference=reference, resamples=resamples, seed=seed)
    out = make_folder(out, "comparison.json")
    write_json(out / "comparison.json", comparison.to_dict())
    names = [candidate.name for candidate in comparison.candidates]
    maes = [metrics.mae_months for metrics in comparison.metrics]
    figures.draw_forest(names, maes, comparison.reference, out / "forest.png")
    blocks = _blocks(comparison)
    write_text(out / "comparison.md", to_markdown(title, blocks))
    write_text(out / "index.html", to_html(title, blocks))
    return comparison


def _blocks(comparison: Comparison) -> list[Block]:
    best, metrics = comparison.candidates[0], comparison.metrics[0]
    return [
        Text(
            f"{len(comparison.candidates)} models on the same {comparison.n} radiographs. "
            f"Lowest mean absolute error: {best.name}, {figure_text(metrics.mae_months)} months. "
            f"The reference that the others are held against is {comparison.reference}."
        ),
        *_notes(comparison),
        _side_by_side(comparison),
        Picture("forest.png", f"Mean absolute error of {len(comparison.candidates)} models with 95 % intervals.",
                f"Mean absolute error with 95 % interval; the dotted line is {comparison.reference}."),
        Heading("Differences in mean absolute error (months)"),
        Text(
            "Row minus column, so below zero the row is better. Both models are drawn on the same children in each of "
            f"{comparison.resamples} bootstrap resamples, which makes these intervals narrower than the overlap of two "
            "intervals above would suggest. Marked: the 95 % interval excludes zero. No correction is made for the "
            "number of pairs: of twenty equal pairs, one is expected to be marked by chance."
        ),
        _matrix(comparison, lambda d: figure_text(d.mae_months, signed=True), lambda d: d.mae_months.excludes_zero),
        Heading("Differences in five-class accuracy (percentage points)"),
        Text("Row minus column, so above zero the row is better. Marked: the 95 % interval excludes zero."),
        _matrix(comparison, _points_text, lambda d: d.class_accuracy.excludes_zero),
    ]  # fmt: skip


def _notes(comparison: Comparison) -> list[Block]:
    """What a reader must know before believing the table."""
    notes = []
    left_out = [
        f"{candidate.name} had {own}"
        for candidate, own in zip(comparison.candidates, comparison.own_n, strict=True)
        if own != comparison.n
    ]
    if left_out:
        notes.append(f"Only the {comparison.n} radiographs that all models share are counted ({', '.join(left_out)}).")
    from_age = [c.name for c in comparison.candidates if c.predictions.class_masses is None]
    if from_age:
        which = "every model" if len(from_age) == len(comparison.candidates) else ", ".join(from_age)
        notes.append(f"No class probabilities from {which}: the class there is the class of the predicted age.")
    return [Text(note) for note in notes]


def _side_by_side(comparison: Comparison) -> Table:
    ranked = comparison.candidates
    facts = list(dict.fromkeys(name for candidate in ranked for name in candidate.facts))
    header = [*_COLUMNS, *(_FACT_NAMES.get(name, name) for name in facts)]
    rows: list[list[str]] = []
    marked = set()
    for candidate, metrics in zip(ranked, comparison.metrics, strict=True):
        against = comparison.difference(candidate.name, comparison.reference).mae_months
        if against.excludes_zero:
            marked.add((len(rows), 3))
        rows.append(
            [
                candidate.name,
                str(metrics.n),
                figure_text(metrics.mae_months),
                "reference" if candidate.name == comparison.reference else figure_text(against, signed=True),
                figure_text(metrics.mae_as_reported_months),
                figure_text(metrics.rmse_months, interval=False),
                figure_text(metrics.bias_months, signed=True, interval=False),
                share_text(metrics.share_within_12_months, interval=False),
                share_text(metrics.class_accuracy),
                *(_fact_text(candidate.facts.get(name)) for name in facts),
            ]
        )
    words = {
        len(_COLUMNS) + k for k, name in enumerate(facts) if any(isinstance(c.facts.get(name), str) for c in ranked)
    }
    return Table(header, rows, marked=frozenset(marked), words=frozenset(words))


def _matrix(comparison: Comparison, write: Callable[[Difference], str], mark: Callable[[Difference], bool]) -> Table:
    names = [candidate.name for candidate in comparison.candidates]
    pairs = [[comparison.difference(row, column) for column in names] for row in names]
    rows = [
        [name, *("·" if found.first == found.second else write(found) for found in line)]
        for name, line in zip(names, pairs, strict=True)
    ]
    marked = {(i, j + 1) for i, line in enumerate(pairs) for j, found in enumerate(line) if mark(found)}
    return Table(["", *names], rows, f"n = {comparison.n}", frozenset(marked))


def _points_text(difference: Difference) -> str:
    return share_text(difference.class_accuracy, signed=True).replace(" %", "")


def _fact_text(value: Fact) -> str:
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
