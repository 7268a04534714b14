from __future__ import annotations

import json

import numpy as np
import pytest

from carpal.calibration import COVERAGES, Calibration, calibration_from_dict, uncalibrated
from carpal.distribution import interval_months
from carpal.errors import InvalidArgument


def bell(mean: float, sd: float) -> np.ndarray:
    weights = np.exp(-0.5 * ((np.arange(240) - mean) / sd) ** 2)
    return weights / weights.sum()


def stretched(girls: float, boys: float) -> Calibration:
    rows = {"F": girls, "M": boys}
    return Calibration((50.0, 150.0), {s: {c: (f, 2 * f) for c in COVERAGES} for s, f in rows.items()})  # type: ignore[misc]


def test_without_calibration_the_interval_is_the_distributions_own() -> None:
    low, high = uncalibrated().interval(bell(120, 8), "F")
    np.testing.assert_allclose((low, high), interval_months(bell(120, 8), 0.9), atol=1e-9)


def test_a_factor_stretches_the_interval_about_the_age_and_depends_on_sex_and_age() -> None:
    calibration = stretched(1.0, 1.5)
    widths = {
        (sex, age): float(np.diff(calibration.interval(bell(age, 5), sex))[0])  # type: ignore[arg-type]
        for sex in "FM"
        for age in (30, 50, 100, 150, 180)
    }
    assert widths["F", 100] == pytest.approx(1.5 * widths["F", 50], rel=0.01)  # halfway between the knots
    assert widths["F", 180] == pytest.approx(widths["F", 150], rel=0.01)  # beyond the last knot
    assert widths["M", 50] == pytest.approx(1.5 * widths["F", 50], rel=0.01)


def test_more_coverage_is_wider_and_stays_within_the_scale() -> None:
    edges = [stretched(3.0, 3.0).interval(bell(12, 9), "M", coverage) for coverage in COVERAGES]
    assert edges[0][1] < edges[1][1] < edges[2][1]
    assert all(low >= 0 for low, _ in edges)


def test_it_survives_json() -> None:
    calibration = stretched(0.9, 1.1)
    assert calibration_from_dict(json.loads(json.dumps(calibration.to_dict()))) == calibration


@pytest.mark.parametrize(
    "change",
    [
        {"ages_months": []},
        {"ages_months": [150, 50]},
        {"factors": {"F": {}, "M": {}}},
        {"factors": None},
        {"factors": {s: {f"{c:g}": [1.0, -1.0] for c in COVERAGES} for s in "FM"}},
        {"factors": {s: {f"{c:g}": [1.0, float("nan")] for c in COVERAGES} for s in "FM"}},
        {"factors": {s: {f"{c:g}": [1.0] for c in COVERAGES} for s in "FM"}},
    ],
)
def test_one_that_makes_no_sense_is_refused(change: dict) -> None:
    with pytest.raises(InvalidArgument):
        calibration_from_dict({**stretched(1.0, 1.0).to_dict(), **change})
