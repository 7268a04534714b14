"""Learning a site's calibration from its own readings, and whether that helps.

The line is a ridge regression of what the readers said minus what the model said, shrunk towards no correction by what
sites are known to differ by (Deeplasia on Georgian children: girls +2.9, boys +5.4 months). Everything that is told
about it was measured on radiographs left out in turn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carpal.calibration import COVERAGES, Calibration
from carpal.distribution import expected_months
from carpal.errors import InvalidArgument
from carpal.evaluation.bootstrap import Estimate, estimate
from carpal.evaluation.calibrate import intervals_of
from carpal.evaluation.distributions import Distributions
from carpal.radiograph import SEXES, Sex
from carpal.site import SiteCalibration

__all__ = ["FEWEST", "SiteFit", "fit_site"]

FEWEST = 30
# Before any data: SD of a site's offset (months), of how far a sex is from it, of the tilt over 45 months, and of how
# far a sex is from that.
_PRIOR_SD = np.array([6.0, 4.0, 3.0, 2.0])
_CENTRE_MONTHS, _UNIT_MONTHS = 120.0, 45.0


@dataclass(frozen=True)
class SiteFit:
    """``calibration`` is None where it would not help. MAE before and after and the change, on radiographs left out;
    the share of references inside the 90 % interval before and after."""

    calibration: SiteCalibration | None
    n: int
    mae_before: Estimate
    mae_after: Estimate
    mae_change: Estimate
    held_before: float
    held_after: float


def fit_site(
    found: Distributions, intervals: Calibration, *, name: str, model_digest: str, resamples: int = 2000, seed: int = 0
) -> SiteFit:
    """The calibration of a site, from what the model says of its radiographs and ``intervals``, the model's own.

    It is kept where the error on radiographs left out falls by more than chance, or where the intervals hold too few
    or too many; of the two, only what helps. Radiographs of one id are one child's, counted once and left out together.
    Raises InvalidArgument below 30 children or with one sex alone.
    """
    ids, sexes = np.array(found.ids), np.array(found.sexes)
    children = len(set(found.ids))
    if children < FEWEST:
        raise InvalidArgument(f"{children} children's radiographs are too few to calibrate a site: {FEWEST} at least")
    if min(len(set(ids[sexes == sex])) for sex in SEXES) < FEWEST // 4:
        raise InvalidArgument(f"radiographs of both sexes are needed, of {FEWEST // 4} children each at least")
    ages, reference = expected_months(found.values), found.reference_months
    design, difference = _design(ages, sexes), reference - ages
    left_out = ages + _left_out(design, difference, ids)
    before, after = np.abs(difference), np.abs(reference - left_out)
    terms = np.column_stack([before, after, after - before])
    mae_before, mae_after, change = estimate(
        list(found.ids), lambda w: (w @ terms) / w.sum(1, keepdims=True), resamples, seed
    )
    line_helps = change.high is not None and change.high < 0
    coefficients = _ridge(design, difference, _shares(ids)) if line_helps else np.zeros(4)
    middle = left_out if line_helps else ages
    scores = {c: _scores(reference, middle, ages, intervals_of(found, intervals, c)) for c in COVERAGES}
    widths = {c: _quantile(scores[c], c) for c in COVERAGES}
    held_before = float((_scores(reference, ages, ages, intervals_of(found, intervals, 0.9)) <= 1).mean())
    off = 2.58 * np.sqrt(0.9 * 0.1 / children)  # one site in a hundred that needs nothing
    widths_help = abs(float((scores[0.9] <= 1).mean()) - 0.9) > off
    if not widths_help:
        widths = dict.fromkeys(COVERAGES, 1.0)
    others = [_quantile(scores[0.9][ids != own], 0.9) if widths_help else 1.0 for own in ids]
    held_after = float((scores[0.9] <= np.array(others)).mean())
    fit = SiteFit(None, len(found), mae_before, mae_after, change, held_before, held_after)
    if not (line_helps or widths_help):
        return fit
    facts = {
        "mae_before_months": mae_before.to_dict(),
        "mae_after_months": (mae_after if line_helps else mae_before).to_dict(),
        "interval_90_held_before": round(held_before, 4),
        "interval_90_held_after": round(held_after, 4),
        "measured": "on the radiographs of one child after the other left out",
    }
    lines = {sex: _line(coefficients, sex) for sex in SEXES}
    made = SiteCalibration(name, model_digest, lines, widths, len(found), facts)
    return SiteFit(made, len(found), mae_before, mae_after, change, held_before, held_after)


def _design(ages: NDArray[np.float64], sexes: NDArray[np.str_]) -> NDArray[np.float64]:
    side = np.where(sexes == "M", 0.5, -0.5)
    tilt = (ages - _CENTRE_MONTHS) / _UNIT_MONTHS
    return np.column_stack([np.ones(len(ages)), side, tilt, side * tilt])


def _shares(ids: NDArray[np.str_]) -> NDArray[np.float64]:
    """(N,) what each radiograph counts for: those of one child one together."""
    _, child, count = np.unique(ids, return_inverse=True, return_counts=True)
    return np.asarray(1 / count[child])


def _ridge(
    design: NDArray[np.float64], difference: NDArray[np.float64], shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(4,) the most probable coefficients; errors have the spread that is seen, whatever a few outliers do."""
    spread = 1.4826 * float(np.median(np.abs(difference - np.median(difference)))) or 1.0
    limit = 2.5 * spread
    weights = shares
    for _ in range(10):  # Huber: a child with a bone disease must not turn the line
        scaled = design * weights[:, None] / spread**2
        found = np.linalg.solve(scaled.T @ design + np.diag(_PRIOR_SD**-2), scaled.T @ difference)
        weights = shares * np.minimum(1.0, limit / np.maximum(np.abs(difference - design @ found), 1e-9))
    return found


def _left_out(
    design: NDArray[np.float64], difference: NDArray[np.float64], ids: NDArray[np.str_]
) -> NDArray[np.float64]:
    """(N,) the correction of each radiograph from those of all other children."""
    moved, shares = np.empty(len(ids)), _shares(ids)
    for child in np.unique(ids):
        own = ids == child
        moved[own] = design[own] @ _ridge(design[~own], difference[~own], shares[~own])
    return moved


def _line(coefficients: NDArray[np.float64], sex: Sex) -> tuple[float, float]:
    side = 0.5 if sex == "M" else -0.5
    offset, tilt = coefficients[0] + side * coefficients[1], coefficients[2] + side * coefficients[3]
    slope = 1 + tilt / _UNIT_MONTHS
    return float(offset - tilt * _CENTRE_MONTHS / _UNIT_MONTHS), float(slope)


def _scores(
    reference: NDArray[np.float64],
    middle: NDArray[np.float64],
    ages: NDArray[np.float64],
    intervals: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(N,) how far the reference lies from the corrected age, in half-widths of that side; up to 1 lies inside."""
    side = np.where(reference > middle, intervals[:, 1] - ages, ages - intervals[:, 0])
    return np.abs(reference - middle) / np.maximum(side, 1e-3)


def _quantile(scores: NDArray[np.float64], coverage: float) -> float:
    """The conformal quantile: the next of n children lies inside with at least that probability (Vovk 2005)."""
    rank = min(len(scores), int(np.ceil((len(scores) + 1) * coverage)))
    return float(np.clip(np.sort(scores)[rank - 1], 0.2, 5.0))
