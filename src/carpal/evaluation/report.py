"""The evaluation of one model as a folder: what was predicted, figures, pictures, and a page for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from carpal.distribution import CLASS_NAMES
from carpal.evaluation import figures
from carpal.evaluation.metrics import Cell, Evaluation, evaluate
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
from carpal.evaluation.predictions import Predictions, write_predictions

__all__ = ["class_origin_note", "write_evaluation"]

_LARGEST_SHOWN = 10


def write_evaluation(
    predictions: Predictions,
    out: str | Path,
    *,
    title: str,
    facts: Mapping[str, str],
    resamples: int = 2000,
    seed: int = 0,
) -> Evaluation:
    """Evaluate and write ``out``: predictions.csv, metrics.json, four PNG files, report.md and index.html.

    ``facts`` stand at the top of the page (model, data, commit). Each file is replaced whole; the page comes last.
    Raises InvalidArgument where ``out`` cannot be a folder.
    """
    evaluation = evaluate(predictions, resamples=resamples, seed=seed)
    out = make_folder(out, "metrics.json")
    write_predictions(predictions, out / "predictions.csv")
    write_json(out / "metrics.json", {"title": title, "facts": dict(facts), **evaluation.to_dict()})
    figures.draw_scatter(predictions, out / "scatter.png")
    figures.draw_bland_altman(predictions, evaluation, out / "bland_altman.png")
    figures.draw_confusion(evaluation, out / "confusion.png")
    figures.draw_error_by_age(evaluation, out / "error_by_age.png")
    blocks = _blocks(predictions, evaluation, facts)
    write_text(out / "report.md", to_markdown(title, blocks))
    write_text(out / "index.html", to_html(title, blocks))
    return evaluation


def class_origin_note(predictions: Predictions) -> str:
    """One sentence on where the classes come from."""
    if predictions.class_masses is None:
        return "The model gives no class probabilities, so its class is the class of the predicted age."
    return "The predicted class is the most probable one, which need not be the class of the predicted age."


def _blocks(predictions: Predictions, evaluation: Evaluation, facts: Mapping[str, str]) -> list[Block]:
    blocks: list[Block] = [Text(_summary(evaluation))]
    if facts:
        rows = [[name, str(value)] for name, value in facts.items()]
        blocks.append(Table(["What was evaluated", ""], rows, words=frozenset({1})))
    return [
        *blocks,
        Heading("All together"),
        _overall_table(evaluation),
        Text(
            f"Errors are predicted minus reference. Brackets hold 95 % intervals from {evaluation.resamples} bootstrap "
            "resamples of the ids: how much a figure would vary with other children from the same source. They say "
            "nothing about another hospital or other raters, and below some twenty children they are too narrow."
        ),
        *_age_blocks(evaluation),
        *_class_blocks(predictions, evaluation),
        Heading("Largest errors"),
        _largest_errors(predictions),
    ]


def _summary(evaluation: Evaluation) -> str:
    overall, worst = evaluation.overall, evaluation.worst_cell
    return (
        f"{overall.n} radiographs: mean absolute error {figure_text(overall.mae_months)} months, "
        f"{share_text(overall.share_within_12_months)} within 12 months, "
        f"five-class accuracy {share_text(overall.class_accuracy)}. "
        f"Worst: {worst.name}, {figure_text(worst.metrics.mae_months)} months (n = {worst.metrics.n})."
    )


def _overall_table(evaluation: Evaluation) -> Table:
    found = evaluation.overall
    rows = [
        ["Mean absolute error (months)", figure_text(found.mae_months)],
        ["Mean absolute error of the age as reported (months)", figure_text(found.mae_as_reported_months)],
        ["Root mean square error (months)", figure_text(found.rmse_months)],
        ["Median absolute error (months)", figure_text(found.median_absolute_error_months)],
        ["Bias, mean error (months)", figure_text(found.bias_months, signed=True)],
        ["SD of the error (months)", figure_text(found.sd_of_error_months)],
        ["R²", figure_text(found.r_squared, 3)],
        ["Within 6 months", share_text(found.share_within_6_months)],
        ["Within 12 months", share_text(found.share_within_12_months)],
        ["Five-class accuracy", share_text(found.class_accuracy)],
        ["Reference inside the 90 % interval", share_text(found.interval_90_coverage)],
        ["Mean width of the 90 % interval (months)", figure_text(found.interval_90_mean_width_months, 1)],
    ]
    return Table([f"n = {found.n}", "Value [95 % interval]"], rows)


def _age_blocks(evaluation: Evaluation) -> list[Block]:
    overall, worst = evaluation.overall, evaluation.worst_cell
    parts: list[tuple[str, Sequence[Cell]]] = [("Sex", evaluation.by_sex), ("Reference age", evaluation.by_band)]
    parts += [("Sex and reference age", evaluation.by_sex_and_band)]
    parts += [("Group", evaluation.by_group)] if evaluation.by_group else []
    bias, spread = figure_text(overall.bias_months, signed=True), figure_text(overall.sd_of_error_months)
    return [
        Heading("By age and sex"),
        Picture(
            "scatter.png",
            f"Predicted against reference bone age of {overall.n} radiographs.",
            "Predicted against reference bone age; the line is agreement, the band 12 months to either side.",
        ),
        Picture(
            "bland_altman.png",
            f"Bland-Altman plot: bias {bias} months, SD {spread} months.",
            "Error against the mean of both ages (Bland and Altman), with the bias and the limits of agreement.",
        ),
        Picture(
            "error_by_age.png",
            f"Mean absolute error by 24-month band and sex; worst: {worst.name}.",
            "Mean absolute error by band of reference age with 95 % intervals; mind the n below each band.",
        ),
        *(_cell_table(name, cells) for name, cells in parts),
    ]


def _cell_table(name: str, cells: Sequence[Cell]) -> Table:
    header = [name, "n", "MAE (months)", "RMSE (months)", "Bias (months)", "Within 12 months", "Five-class accuracy",
              "90 % interval holds"]  # fmt: skip
    rows = []
    for cell in cells:
        m = cell.metrics
        errors = [figure_text(m.mae_months), figure_text(m.rmse_months), figure_text(m.bias_months, signed=True)]
        shares = [share_text(s, 0) for s in (m.share_within_12_months, m.class_accuracy, m.interval_90_coverage)]
        rows.append([cell.name, str(m.n), *errors, *shares])
    return Table(header, rows)


def _class_blocks(predictions: Predictions, evaluation: Evaluation) -> list[Block]:
    found = evaluation.overall
    rows = [
        [
            f"{name} months",
            str(int(evaluation.confusion[k].sum())),
            str(int(evaluation.confusion[:, k].sum())),
            share_text(found.class_precision[k]),
            share_text(found.class_recall[k]),
        ]
        for k, name in enumerate(CLASS_NAMES)
    ]
    return [
        Heading("Five classes"),
        Text(f"The classes are the fifths of the RSNA 2017 training set. {class_origin_note(predictions)}"),
        Picture("confusion.png", f"Confusion matrix of five classes; accuracy {share_text(found.class_accuracy)}.",
                "Reference class by predicted class: counts, and the share of each row."),
        Table(["Class", "n reference", "n predicted", "Precision", "Recall"], rows),
    ]  # fmt: skip


def _largest_errors(predictions: Predictions) -> Table:
    order = np.argsort(-np.abs(predictions.errors_months), kind="stable")[:_LARGEST_SHOWN]
    rows = []
    for i in order:
        low, high = predictions.intervals[i]
        interval = "–" if np.isnan(low) else f"{low:.1f} to {high:.1f}"
        ages = [f"{predictions.reference_months[i]:.1f}", f"{predictions.predicted_months[i]:.1f}"]
        rows.append(
            [predictions.ids[i], str(predictions.sexes[i]), *ages, f"{predictions.errors_months[i]:+.1f}", interval]
        )
    header = ["Id", "Sex", "Reference (months)", "Predicted (months)", "Error (months)", "90 % interval (months)"]
    return Table(
        header, rows, "Worth a look: wrong references, wrong sex and poor pictures gather here.", words=frozenset({1})
    )
