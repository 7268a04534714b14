"""Do the intervals hold? A calibration, and a page that measures it on folds it did not see."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from carpal.calibration import COVERAGES, UNSURE_MONTHS, Calibration
from carpal.errors import InvalidArgument
from carpal.evaluation import figures
from carpal.evaluation.bootstrap import Estimate, estimate
from carpal.evaluation.calibrate import (
    Coverage,
    coverage_table,
    cross_fitted,
    fit_calibration,
    raw_intervals,
    recentred,
    width_and_error,
    write_calibration,
)
from carpal.evaluation.distributions import Distributions
from carpal.evaluation.page import Block, Heading, Picture, Table, Text, figure_text, to_markdown, write_text
from carpal.files import replacing

__all__ = ["CoverageResult", "fold_numbers", "write_coverage"]

# A cell of a few children holds or misses by chance; only cells of this many are judged.
JUDGED_CELL_MIN_N = 40


@dataclass(frozen=True, eq=False)
class CoverageResult:
    """The calibration that was fitted to all, and what it holds where it was fitted to the other folds."""

    calibration: Calibration
    intervals: dict[float, NDArray[np.float64]]
    table: tuple[Coverage, ...]

    def held(self, coverage: float = 0.9) -> float:
        """The share of all references inside their interval."""
        return next(row.held for row in self.table if row.name == "all" and row.wanted == coverage)

    def worst_cell(self, coverage: float = 0.9) -> Coverage:
        """The sex and 48-month band that holds least, among those with 40 children or more."""
        cells = [r for r in self.table if r.wanted == coverage and "months" in r.name and r.n >= JUDGED_CELL_MIN_N]
        if not cells:
            raise InvalidArgument(f"no sex and age band has {JUDGED_CELL_MIN_N} children")
        return min(cells, key=lambda row: row.held)


def fold_numbers(found: Distributions, folds: Sequence[Sequence[str]]) -> NDArray[np.int64]:
    """(N,) which fold holds back each radiograph. Raises InvalidArgument for an id in none."""
    place = {name: k for k, ids in enumerate(folds) for name in ids}
    missing = [name for name in found.ids if name not in place]
    if missing:
        raise InvalidArgument(f"{len(missing)} radiographs are in none of the folds, such as id {missing[0]!r}")
    return np.array([place[name] for name in found.ids])


def write_coverage(found: Distributions, folds: NDArray[np.int64], out: Path, *, source: str) -> CoverageResult:
    """Write calibration.json, coverage.csv, coverage.png and coverage.md to ``out``."""
    raw, calibrated = raw_intervals(found), cross_fitted(found, folds)
    before, after = coverage_table(found, raw), coverage_table(found, calibrated)
    result = CoverageResult(fit_calibration(found, source), calibrated, tuple(after))
    write_calibration(result.calibration, out / "calibration.json")
    with replacing(out / "coverage.csv") as part, part.open("w", newline="", encoding="utf-8") as handle:
        rows = csv.writer(handle, lineterminator="\n")
        rows.writerow(["intervals", "cell", "n", "wanted", "held", "mean_width_months"])
        for name, table in (("the network's own", before), ("calibrated", after)):
            rows.writerows([name, r.name, r.n, r.wanted, f"{r.held:.4f}", f"{r.width_months:.2f}"] for r in table)
    errors = found.predictions().errors_months
    correlation, tenths = width_and_error(errors, calibrated[0.9])
    figures.draw_coverage([row for row in after if row.wanted == 0.9], tenths, out / "coverage.png")
    widths = Text(_width_sentences(errors, calibrated[0.9], correlation, tenths))
    blocks = _blocks(found, folds, before, after, result, widths)
    write_text(out / "coverage.md", to_markdown("Do the intervals hold?", blocks))
    return result


def _blocks(
    found: Distributions,
    folds: NDArray[np.int64],
    before: list[Coverage],
    after: list[Coverage],
    result: CoverageResult,
    widths: Text,
) -> list[Block]:
    worst = result.worst_cell()
    return [
        Text(
            f"{len(found)} radiographs. The 90 % interval holds {100 * result.held():.1f} % of the references; least "
            f"in {worst.name}: {100 * worst.held:.1f} % (n = {worst.n}). Each was calibrated on the other folds."
        ),
        Heading("All together"),
        Table(
            ["Intervals", "Wanted", "Held [95 % interval]", "Mean width (months)"],
            [
                [name, f"{100 * row.wanted:g} %", _share(row), f"{row.width_months:.1f}"]
                for name, table in (("the network's own", before), ("calibrated", after))
                for row in table
                if row.name == "all"
            ],
        ),
        Heading("By sex and 48-month band of reference age"),
        Picture(
            "coverage.png",
            f"Coverage of the 90 % interval by cell; worst {worst.name}. Error by width of the interval.",
            "Left: share held by the calibrated 90 % interval with 95 % interval. Right: does wide mean wrong?",
        ),
        _cells(after),
        Heading("Does a wide interval mean a large error?"),
        widths,
        Heading("Shrinkage to the mean"),
        _shrinkage(found, folds),
    ]


def _width_sentences(
    errors: NDArray[np.float64],
    intervals: NDArray[np.float64],
    correlation: float,
    tenths: list[tuple[float, float]],
) -> str:
    unsure = intervals[:, 1] - intervals[:, 0] > UNSURE_MONTHS
    remark = "none"
    if unsure.any():
        apart = [np.abs(errors[some]).mean() for some in (unsure, ~unsure)]
        remark = f"{unsure.sum()}, mean absolute error {apart[0]:.1f} months, of the others {apart[1]:.1f}"
    return (
        f"Spearman's rank correlation between width and absolute error: {correlation:.2f}. Mean absolute error of "
        f"the narrowest tenth (mean width {tenths[0][0]:.1f} months): {tenths[0][1]:.2f} months; of the widest "
        f"tenth ({tenths[-1][0]:.1f} months): {tenths[-1][1]:.2f} months. Wider than {UNSURE_MONTHS:g} months, so that "
        f"a reading would say that the network is unsure: {remark}."
    )


def _share(row: Coverage) -> str:
    """With Wilson's interval."""
    low, high = figures.wilson(row.held, row.n)
    return f"{100 * row.held:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def _cells(after: list[Coverage]) -> Table:
    names = list(dict.fromkeys(row.name for row in after))
    of = {(row.name, row.wanted): row for row in after}
    rows = [
        [name, str(of[name, 0.9].n), *(_share(of[name, c]) for c in COVERAGES), f"{of[name, 0.9].width_months:.1f}"]
        for name in names
    ]
    header = ["Cell", "n", *(f"{100 * c:g} % interval holds" for c in COVERAGES), "Mean width of the 90 % (months)"]
    return Table(header, rows)


def _shrinkage(found: Distributions, folds: NDArray[np.int64]) -> Text:
    plain = np.abs(found.predictions().errors_months)
    straight = np.abs(recentred(found, folds) - found.reference_months)
    terms = np.column_stack([straight - plain, np.ones(len(found))])
    gain: Estimate = estimate(found.ids, lambda w: (w @ terms)[:, :1] / (w @ terms)[:, 1:], 2000, 0)[0]
    verdict = "it is applied nowhere" if not (gain.high is not None and gain.high < 0) else "it helps"
    return Text(
        "A straight line per sex from age read to reference, fitted on the other folds, changes the mean absolute "
        f"error by {figure_text(gain, signed=True)} months (paired bootstrap): {verdict}."
    )
