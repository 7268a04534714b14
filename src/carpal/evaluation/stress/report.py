"""What stress did, as a page, a table of every reading, and a figure."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from carpal.evaluation.bootstrap import Estimate, estimate
from carpal.evaluation.figures import draw_changes
from carpal.evaluation.page import (
    Block,
    Picture,
    Table,
    Text,
    figure_text,
    make_folder,
    share_text,
    to_html,
    to_markdown,
    write_text,
)
from carpal.evaluation.stress.run import Stressed
from carpal.files import replacing

__all__ = ["StressLine", "StressSummary", "summarise", "write_stress"]

_FAR_MONTHS = 12.0  # an error beyond a year may change what is done for a child


@dataclass(frozen=True)
class StressLine:
    """One transformation, held against the same radiographs as they are: ``mae_change_months`` and ``far_change`` (the
    share of errors beyond 12 months) over those read both ways, with paired 95 % bootstrap intervals."""

    name: str
    kind: str
    read: int
    refused: int
    mae_change_months: Estimate
    far_change: Estimate


@dataclass(frozen=True)
class StressSummary:
    """``mae_months`` and ``far`` of the radiographs as they are; ``mean_change_months`` over all transformations."""

    n: int
    refused: int
    mae_months: Estimate
    far: Estimate
    lines: tuple[StressLine, ...]
    mean_change_months: Estimate

    @property
    def worst(self) -> StressLine:
        """The transformation under which the error rises most."""
        return max(self.lines, key=lambda line: line.mae_change_months.value or 0.0)

    @property
    def refused_share(self) -> float:
        """Of all changed radiographs."""
        return sum(line.refused for line in self.lines) / (self.n * len(self.lines))


def summarise(stressed: Stressed, *, resamples: int = 2000, seed: int = 0) -> StressSummary:
    """The figures of a stress test."""
    ids = list(stressed.ids)
    errors = np.abs(stressed.predicted_months - stressed.reference_months)  # NaN where refused
    far = np.where(np.isnan(errors), np.nan, (errors > _FAR_MONTHS).astype(float))
    asis, asis_far = errors[0], far[0]
    changes, far_changes = errors[1:] - asis, far[1:] - asis_far

    def means(rows: np.ndarray) -> list[Estimate]:
        known = np.isfinite(rows)
        filled = np.where(known, rows, 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return estimate(ids, lambda w: (w @ filled.T) / (w @ known.T.astype(float)), resamples, seed)

    def mean_of_means(weights: np.ndarray) -> np.ndarray:
        known = np.isfinite(changes)
        with np.errstate(invalid="ignore", divide="ignore"):
            each = (weights @ np.where(known, changes, 0.0).T) / (weights @ known.T.astype(float))
            return np.nansum(each, axis=1, keepdims=True) / np.isfinite(each).sum(1, keepdims=True)

    mae, share = means(np.stack([asis, asis_far]))
    lines = [
        StressLine(t.name, t.kind, int(np.isfinite(row).sum()), int(np.isnan(row).sum()), change, far_change)
        for t, row, change, far_change in zip(
            stressed.transformations, errors[1:], means(changes), means(far_changes), strict=True
        )
    ]
    (mean,) = estimate(ids, mean_of_means, resamples, seed)
    return StressSummary(len(ids), int(np.isnan(asis).sum()), mae, share, tuple(lines), mean)


def write_stress(stressed: Stressed, out: str | Path, *, title: str) -> StressSummary:
    """index.html, report.md, stress.png, and readings.csv with every single age."""
    out = make_folder(out, "readings.csv")
    summary = summarise(stressed)
    draw_changes(
        [line.name for line in summary.lines],
        [line.kind for line in summary.lines],
        [line.mae_change_months for line in summary.lines],
        out / "stress.png",
        label="Change of the mean absolute error (months), 95 % interval",
    )
    blocks: list[Block] = [
        Text(
            f"{summary.n} radiographs, {summary.refused} of them refused as they are; MAE "
            f"{figure_text(summary.mae_months)} months, beyond 12 months {share_text(summary.far)}. Over "
            f"{len(summary.lines)} transformations the MAE changes by "
            f"{figure_text(summary.mean_change_months, signed=True)} months on average, most under "
            f'"{summary.worst.name}" ({figure_text(summary.worst.mae_change_months, signed=True)}); '
            f"{summary.refused_share:.1%} of the changed radiographs are refused. Brackets: 95 % "
            "bootstrap intervals, paired: each change is taken over the radiographs that were read both ways."
        ),
        _table(summary),
        Picture("stress.png", "Change of MAE under each transformation", "Change of the mean absolute error."),
    ]
    write_text(out / "index.html", to_html(title, blocks))
    write_text(out / "report.md", to_markdown(title, blocks))
    with replacing(out / "readings.csv") as part, part.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(("id", "sex", "reference_months", "transformation", "predicted_months"))
        for k, case in enumerate(stressed.ids):
            for name, months in zip(stressed.names, stressed.predicted_months[:, k], strict=True):
                age = "" if np.isnan(months) else f"{months:.2f}"
                writer.writerow((case, stressed.sexes[k], f"{stressed.reference_months[k]:g}", name, age))
    return summary


def _table(summary: StressSummary) -> Table:
    header = ["transformation", "kind", "read", "refused", "change of MAE (months)", "change beyond 12 months"]
    rows: list[list[str]] = []
    marked = set()
    for line in summary.lines:
        if line.mae_change_months.excludes_zero and (line.mae_change_months.value or 0) > 0:
            marked.add((len(rows), 4))
        cells = [
            figure_text(line.mae_change_months, signed=True),
            share_text(line.far_change, signed=True),
        ]
        rows.append([line.name, line.kind, str(line.read), str(line.refused), *cells])
    caption = "Bold: the interval lies above zero. Changes leave out what is refused as it is."
    return Table(header, rows, caption, frozenset(marked), frozenset({1}))
