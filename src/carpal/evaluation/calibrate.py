"""Split-conformal calibration of intervals by sex and age, and how well it holds.

The score of a child is how far the reference lies from the age read, in units of the network's own half-width on that
side. The factor at an age is the quantile of the scores of children of the same sex, weighted by how near their age
read is; where few are near, it looks further. How well that holds is measured on folds that it did not see.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from carpal.calibration import COVERAGES, Calibration, calibration_from_dict, uncalibrated
from carpal.distribution import expected_months, interval_months
from carpal.errors import InvalidArgument
from carpal.evaluation.distributions import Distributions
from carpal.files import replacing
from carpal.radiograph import SEXES, Sex

__all__ = [
    "FEWEST",
    "Coverage",
    "coverage_table",
    "cross_fitted",
    "fit_calibration",
    "intervals_of",
    "raw_intervals",
    "read_calibration",
    "recentred",
    "width_and_error",
    "write_calibration",
]

KNOTS_MONTHS = tuple(float(age) for age in range(24, 217, 24))
NEAR_MONTHS = 18.0  # SD of the weights about a knot
ENOUGH = 60.0  # children, in effective number, that a factor rests on
FEWEST = 100
CELL_MONTHS = 48


def fit_calibration(found: Distributions, source: str) -> Calibration:
    """Factors from radiographs that the network was not trained on. Raises InvalidArgument below 100 of them."""
    if len(found) < FEWEST:
        raise InvalidArgument(f"{len(found)} radiographs are too few to calibrate intervals: {FEWEST} at least")
    sexes = np.array(found.sexes)
    if min((sexes == sex).sum() for sex in SEXES) < FEWEST // 4:
        raise InvalidArgument("radiographs of both sexes are needed to calibrate intervals")
    age = expected_months(found.values)
    factors: dict[Sex, dict[float, tuple[float, ...]]] = {sex: {} for sex in SEXES}
    for coverage in COVERAGES:
        scores = _scores(found, coverage)
        for sex in SEXES:
            own = sexes == sex
            row = [_local_quantile(scores[own], age[own], knot, coverage) for knot in KNOTS_MONTHS]
            factors[sex][coverage] = tuple(round(value, 4) for value in row)
    return Calibration(KNOTS_MONTHS, factors, source)


def _scores(found: Distributions, coverage: float) -> NDArray[np.float64]:
    age, interval = expected_months(found.values), interval_months(found.values, coverage)
    side = np.where(found.reference_months > age, interval[:, 1] - age, age - interval[:, 0])
    return np.abs(found.reference_months - age) / np.maximum(side, 1e-3)


def _local_quantile(scores: NDArray[np.float64], ages: NDArray[np.float64], knot: float, coverage: float) -> float:
    """The weighted quantile of the scores near an age, raised a little for the finite number they rest on."""
    reach = NEAR_MONTHS
    while True:
        weights = np.exp(-0.5 * ((ages - knot) / reach) ** 2)
        effective = weights.sum() ** 2 / max((weights**2).sum(), 1e-12)
        if effective >= min(ENOUGH, 0.8 * len(ages)):
            break
        reach *= 1.25
    order = np.argsort(scores)
    cumulative = np.cumsum(weights[order]) / weights.sum()
    level = min(1.0, coverage * (1 + 1 / effective))
    return float(scores[order][min(int(np.searchsorted(cumulative, level)), len(scores) - 1)])


def intervals_of(found: Distributions, calibration: Calibration, coverage: float) -> NDArray[np.float64]:
    """(N, 2) months."""
    pairs = zip(found.values, found.sexes, strict=True)
    return np.array([calibration.interval(values, sex, coverage) for values, sex in pairs])  # type: ignore[arg-type]


def cross_fitted(found: Distributions, folds: NDArray[np.int64]) -> dict[float, NDArray[np.float64]]:
    """(N, 2) intervals per coverage, each fold's from a calibration on the others: honest figures for all of them."""
    intervals = {coverage: np.zeros((len(found), 2)) for coverage in COVERAGES}
    for fold in np.unique(folds):
        inside, outside = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        calibration = fit_calibration(found.take(outside), "the other folds")
        for coverage, rows in intervals.items():
            rows[inside] = intervals_of(found.take(inside), calibration, coverage)
    return intervals


def recentred(found: Distributions, folds: NDArray[np.int64]) -> NDArray[np.float64]:
    """(N,) ages after the straight line, per sex, that undoes shrinkage to the mean on the other folds."""
    age, sexes = expected_months(found.values), np.array(found.sexes)
    corrected = age.copy()
    for fold in np.unique(folds):
        for sex in SEXES:
            seen, held_back = (sexes == sex) & (folds != fold), (sexes == sex) & (folds == fold)
            slope, intercept = np.polyfit(age[seen], found.reference_months[seen], 1)
            corrected[held_back] = intercept + slope * age[held_back]
    return corrected


def raw_intervals(found: Distributions) -> dict[float, NDArray[np.float64]]:
    """(N, 2) intervals per coverage as the network has them."""
    return {coverage: intervals_of(found, uncalibrated(), coverage) for coverage in COVERAGES}


@dataclass(frozen=True)
class Coverage:
    """Of ``n`` children the interval held ``held`` (a share), with the mean width in months."""

    name: str
    n: int
    wanted: float
    held: float
    width_months: float


def coverage_table(found: Distributions, intervals: dict[float, NDArray[np.float64]]) -> list[Coverage]:
    """For all, by sex, and by sex and 48-month band of reference age, at every coverage."""
    reference, sexes = found.reference_months, np.array(found.sexes)
    bands = (reference // CELL_MONTHS).astype(int)
    cells = [("all", np.ones(len(found), bool))]
    cells += [({"F": "girls", "M": "boys"}[sex], sexes == sex) for sex in SEXES]
    for sex, name in (("F", "girls"), ("M", "boys")):
        for band in np.unique(bands):
            limits = f"{band * CELL_MONTHS}-{(band + 1) * CELL_MONTHS - 1} months"
            cells.append((f"{name}, {limits}", (sexes == sex) & (bands == band)))
    rows = []
    for coverage, edges in intervals.items():
        inside = (reference >= edges[:, 0]) & (reference <= edges[:, 1])
        width = edges[:, 1] - edges[:, 0]
        rows += [
            Coverage(name, int(mask.sum()), coverage, float(inside[mask].mean()), float(width[mask].mean()))
            for name, mask in cells
            if mask.any()
        ]
    return rows


def width_and_error(
    errors_months: NDArray[np.float64], intervals: NDArray[np.float64]
) -> tuple[float, list[tuple[float, float]]]:
    """Does a wide interval mean a large error? Spearman's rank correlation, and (mean width, MAE) by tenth of width."""
    width, absolute = intervals[:, 1] - intervals[:, 0], np.abs(errors_months)
    tenths = np.array_split(np.argsort(width, kind="stable"), 10)
    pairs = [(float(width[tenth].mean()), float(absolute[tenth].mean())) for tenth in tenths]
    return float(np.corrcoef(_ranks(width), _ranks(absolute))[0, 1]), pairs


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average ranks, ties shared."""
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[where]


def write_calibration(calibration: Calibration, path: str | Path) -> None:
    """As JSON, whole or not at all."""
    with replacing(path) as part:
        part.write_text(json.dumps(calibration.to_dict(), indent=1) + "\n", encoding="utf-8")


def read_calibration(path: str | Path) -> Calibration:
    """What ``write_calibration`` wrote. Raises InvalidArgument."""
    try:
        return calibration_from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise InvalidArgument(f"{path}: not a calibration written by carpal coverage") from error
