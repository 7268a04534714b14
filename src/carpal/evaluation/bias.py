"""Whom a model reads worse, too old or too young: by sex and age, and by whatever else a table says of the children."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from carpal.evaluation.figures import draw_changes
from carpal.evaluation.metrics import WORST_CELL_MIN_N, Metrics, measure
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
from carpal.evaluation.predictions import Predictions
from carpal.files import replacing

__all__ = ["BiasCell", "BiasTable", "bias_table", "write_bias"]

_BAND_MONTHS = 24
_MOST_VALUES = 20  # a column with more is a number or a name, not a group


@dataclass(frozen=True)
class BiasCell:
    """Children of one kind: ``by`` names the column, ``value`` the kind."""

    by: str
    value: str
    metrics: Metrics


@dataclass(frozen=True)
class BiasTable:
    """``cells`` in order, ``passed_over`` the columns that are no groups of children."""

    overall: Metrics
    cells: tuple[BiasCell, ...]
    passed_over: tuple[str, ...]

    @property
    def worst(self) -> BiasCell:
        """The cell with the largest MAE, among those of ten children or more where there are any."""
        large = [cell for cell in self.cells if cell.metrics.n >= WORST_CELL_MIN_N]
        return max(large or self.cells, key=lambda cell: cell.metrics.mae_months.value or 0.0)


def bias_table(
    predictions: Predictions, columns: dict[str, list[str]] | None = None, *, resamples: int = 2000, seed: int = 0
) -> BiasTable:
    """By sex, by sex and 24-month band of reference age, and by each of ``columns`` (N texts each)."""
    cells: list[BiasCell] = []

    def add(by: str, value: str, mask: NDArray[np.bool_]) -> None:
        if mask.any():
            cells.append(BiasCell(by, value, measure(predictions.subset(mask), resamples=resamples, seed=seed)))

    bands = (predictions.reference_months // _BAND_MONTHS).astype(int)
    for sex, name in (("F", "girls"), ("M", "boys")):
        add("sex", name, predictions.sexes == sex)
    for sex, name in (("F", "girls"), ("M", "boys")):
        for band in np.unique(bands):
            limits = f"{band * _BAND_MONTHS}-{(band + 1) * _BAND_MONTHS - 1} months"
            add("sex and age", f"{name}, {limits}", (predictions.sexes == sex) & (bands == band))
    passed_over = []
    for column, texts in (columns or {}).items():
        values = sorted(set(texts))
        if not 2 <= len(values) <= _MOST_VALUES:
            passed_over.append(column)
            continue
        for value in values:
            add(column, value or "(empty)", np.array(texts) == value)
    return BiasTable(measure(predictions, resamples=resamples, seed=seed), tuple(cells), tuple(passed_over))


def write_bias(table: BiasTable, out: str | Path, *, title: str) -> None:
    """index.html, report.md, bias.csv and bias.png."""
    out = make_folder(out, "bias.csv")
    draw_changes(
        [f"{cell.value} (n {cell.metrics.n})" for cell in table.cells],
        [cell.by for cell in table.cells],
        [cell.metrics.bias_months for cell in table.cells],
        out / "bias.png",
        label="Bias: predicted minus reference (months), 95 % interval",
        both_ways=True,
    )
    blocks: list[Block] = [Text(text) for text in sentences(table)]
    blocks += [
        _page_table(table),
        Picture(
            "bias.png", "Bias of each group", "Bias of each group of children; orange: its interval leaves out zero."
        ),
    ]
    write_text(out / "index.html", to_html(title, blocks))
    write_text(out / "report.md", to_markdown(title, blocks))
    with replacing(out / "bias.csv") as part, part.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        names = ("mae_months", "bias_months", "share_within_12_months")
        writer.writerow(("by", "value", "n", *(f"{name}{end}" for name in names for end in ("", "_low", "_high"))))
        for cell in table.cells:
            found = [getattr(cell.metrics, name) for name in names]
            figures = ["" if v is None else f"{v:.4f}" for f in found for v in (f.value, f.low, f.high)]
            writer.writerow((cell.by, cell.value, cell.metrics.n, *figures))


def sentences(table: BiasTable) -> list[str]:
    """What to know first."""
    worst, apart = table.worst, [c for c in table.cells if c.metrics.bias_months.excludes_zero]
    among = f" of the groups of {WORST_CELL_MIN_N} or more" if worst.metrics.n >= WORST_CELL_MIN_N else ""
    said = [
        f"{table.overall.n} radiographs: MAE {figure_text(table.overall.mae_months)} months, bias "
        f"{figure_text(table.overall.bias_months, signed=True)}.",
        f"Worst{among}: {worst.value}, n {worst.metrics.n}, MAE {figure_text(worst.metrics.mae_months)}, bias "
        f"{figure_text(worst.metrics.bias_months, signed=True)}.",
        f"The bias of {len(apart)} of {len(table.cells)} groups is more than chance (95 % intervals; by chance alone "
        f"one in twenty would be so, and more of groups below {WORST_CELL_MIN_N}).",
        "By reference age, every model that errs is drawn towards the middle.",
    ]
    if table.passed_over:
        said.append(f"Passed over, as they hold no groups: {', '.join(table.passed_over)}.")
    return said


def _page_table(table: BiasTable) -> Table:
    rows = [
        [
            cell.value,
            cell.by,
            str(cell.metrics.n),
            figure_text(cell.metrics.mae_months),
            figure_text(cell.metrics.bias_months, signed=True),
            share_text(cell.metrics.share_within_12_months),
        ]
        for cell in table.cells
    ]
    marked = frozenset((k, 4) for k, cell in enumerate(table.cells) if cell.metrics.bias_months.excludes_zero)
    header = ["children", "by", "n", "MAE (months)", "bias (months)", "within 12 months"]
    return Table(header, rows, "Bold: the interval of the bias leaves out zero.", marked, frozenset({1}))
