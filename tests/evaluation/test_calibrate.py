from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from carpal.errors import InvalidArgument
from carpal.evaluation.calibrate import (
    coverage_table,
    cross_fitted,
    fit_calibration,
    intervals_of,
    raw_intervals,
    read_calibration,
    recentred,
    width_and_error,
    write_calibration,
)
from carpal.evaluation.coverage_report import fold_numbers, write_coverage
from carpal.evaluation.distributions import Distributions


def overconfident(n: int = 1200, *, boys: float = 2.0, seed: int = 0) -> Distributions:
    """A network that says its error is 6 months; for girls it is, for boys it is ``boys`` times that."""
    rng = np.random.default_rng(seed)
    reference = rng.uniform(20, 215, n).round()
    sexes = np.array(["F", "M"])[rng.integers(0, 2, n)]
    mean = np.clip(reference + rng.normal(0, 6, n) * np.where(sexes == "M", boys, 1.0), 5, 232)
    weights = np.exp(-0.5 * ((np.arange(240) - mean[:, None]) / 6) ** 2)
    values = weights / weights.sum(1, keepdims=True)
    return Distributions(tuple(map(str, range(n))), tuple(sexes), ("",) * n, reference, values)


def held(found: Distributions, edges: np.ndarray, sex: str) -> float:
    rows = np.array(found.sexes) == sex
    inside = (found.reference_months >= edges[:, 0]) & (found.reference_months <= edges[:, 1])
    return float(inside[rows].mean())


def test_each_sex_gets_the_width_that_its_errors_ask_for() -> None:
    calibration = fit_calibration(overconfident(), "a simulation")
    girls, boys = (np.mean(calibration.factors[sex][0.9]) for sex in "FM")
    assert girls == pytest.approx(1.0, abs=0.12)
    assert boys == pytest.approx(2.0, abs=0.25)


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_it_holds_on_children_it_has_not_seen(coverage: float) -> None:
    calibration = fit_calibration(overconfident(seed=1), "a simulation")
    others = overconfident(3000, seed=2)
    edges = intervals_of(others, calibration, coverage)
    for sex in "FM":
        assert held(others, edges, sex) == pytest.approx(coverage, abs=0.035)
    assert held(others, raw_intervals(others)[0.9], "M") < 0.65


def test_a_fold_is_never_calibrated_on_itself() -> None:
    found = overconfident(400)
    folds = np.arange(400) % 4
    first = cross_fitted(found, folds)[0.9]
    changed = found.reference_months.copy()
    changed[folds == 2] = 0.0  # whatever happens in a fold
    other = Distributions(found.ids, found.sexes, found.groups, changed, found.values)
    np.testing.assert_array_equal(cross_fitted(other, folds)[0.9][folds == 2], first[folds == 2])


def test_too_few_children_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="too few"):
        fit_calibration(overconfident(90), "few")
    girls = overconfident(400).take([k for k, s in enumerate(overconfident(400).sexes) if s == "F"])
    with pytest.raises(InvalidArgument, match="both sexes"):
        fit_calibration(girls, "girls alone")


def test_a_shrunken_answer_is_stretched_again() -> None:
    found = overconfident(boys=1.0)
    shrunken = np.zeros_like(found.values)
    for k, reference in enumerate(found.reference_months):
        shrunken[k, round(120 + 0.7 * (reference - 120))] = 1.0
    pulled = Distributions(found.ids, found.sexes, found.groups, found.reference_months, shrunken)
    corrected = recentred(pulled, np.arange(len(found)) % 5)
    assert np.abs(corrected - found.reference_months).mean() < 1.0
    assert np.abs(pulled.predictions().errors_months).mean() > 10


def test_width_and_error_go_together_where_they_do() -> None:
    width = np.linspace(10, 50, 200)
    intervals = np.column_stack([-width / 2, width / 2])
    correlation, tenths = width_and_error(width / 4, intervals)
    assert correlation == pytest.approx(1.0)
    assert tenths[0][1] < tenths[-1][1]
    none, _ = width_and_error(np.tile([1.0, 9.0], 100), intervals)
    assert abs(none) < 0.05


def test_the_folder_says_what_was_measured(tmp_path: Path) -> None:
    found = overconfident(600)
    folds = fold_numbers(found, [[i for i in found.ids if int(i) % 3 == k] for k in range(3)])
    result = write_coverage(found, folds, tmp_path, source="600 simulated children")
    assert 0.86 < result.held() < 0.94
    assert read_calibration(tmp_path / "calibration.json") == result.calibration
    rows = list(csv.DictReader((tmp_path / "coverage.csv").open()))
    everyone = {(r["intervals"], r["wanted"]): float(r["held"]) for r in rows if r["cell"] == "all"}
    assert everyone["calibrated", "0.9"] > everyone["the network's own", "0.9"]
    page = (tmp_path / "coverage.md").read_text()
    assert f"{100 * result.held():.1f} %" in page
    assert (tmp_path / "coverage.png").stat().st_size > 10_000
    cells = coverage_table(found, result.intervals)
    assert sum(c.n for c in cells if c.wanted == 0.9 and "months" in c.name) == 600


def test_a_radiograph_in_no_fold_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="none of the folds"):
        fold_numbers(overconfident(120), [["0", "1"], ["2"]])


def test_a_file_that_is_no_calibration_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text("{}")
    for path in (tmp_path / "c.json", tmp_path / "absent.json"):
        with pytest.raises(InvalidArgument):
            read_calibration(path)
    write_calibration(fit_calibration(overconfident(), "x"), tmp_path / "good.json")
    assert read_calibration(tmp_path / "good.json").source == "x"
