from __future__ import annotations

import numpy as np
import pytest

from carpal.calibration import uncalibrated
from carpal.distribution import MONTHS, expected_months
from carpal.errors import InvalidArgument
from carpal.evaluation.calibrate import intervals_of
from carpal.evaluation.distributions import Distributions
from carpal.evaluation.site import SiteFit, fit_site


def site(n: int, *, girls: float = 0.0, boys: float = 0.0, seed: int = 0, width: float = 10.0) -> Distributions:
    """A site whose readers say that much more than the model, with errors of 10 months SD."""
    rng = np.random.default_rng(seed)
    sexes = tuple("FM"[k % 2] for k in range(n))
    truth = rng.uniform(40, 200, n)
    said = truth + rng.normal(0, 10, n)
    values = np.exp(-0.5 * ((MONTHS - said[:, None]) / width) ** 2)
    offset = np.array([girls if sex == "F" else boys for sex in sexes])
    return Distributions(
        tuple(str(k) for k in range(n)),
        sexes,
        ("",) * n,
        np.clip(truth + offset, 0, 239),
        values / values.sum(1, keepdims=True),
    )


def fitted(found: Distributions) -> SiteFit:
    return fit_site(found, uncalibrated(), name="a site", model_digest="0" * 64, resamples=500)


def test_a_site_that_reads_older_is_met() -> None:
    fit = fitted(site(150, girls=5, boys=12))
    assert fit.calibration is not None
    assert fit.mae_change.high is not None and fit.mae_change.high < 0
    at = {sex: a + b * 120 - 120 for sex, (a, b) in fit.calibration.lines.items()}
    assert at["F"] == pytest.approx(5, abs=2.5)
    assert at["M"] == pytest.approx(12, abs=2.5)
    assert at["M"] > at["F"]


def test_a_correction_from_few_is_smaller_than_what_they_show() -> None:
    kept = []
    for n in (30, 400):
        found = site(n, girls=12, boys=12)
        ages = expected_months(found.values)
        calibration = fitted(found).calibration
        assert calibration is not None
        lines = [calibration.lines[sex] for sex in found.sexes]  # type: ignore[index]
        moved = np.mean([a + b * age - age for (a, b), age in zip(lines, ages, strict=True)])
        kept.append(moved / np.mean(found.reference_months - ages))
    assert 0.75 < kept[0] < 0.96
    assert 0.96 < kept[1] < 1.02


def test_a_site_that_needs_none_gets_none() -> None:
    refused = [fitted(site(60, seed=seed)).calibration is None for seed in range(20)]
    assert sum(refused) >= 17


def test_intervals_that_promise_too_much_are_widened() -> None:
    fit = fitted(site(200, width=4.0))
    assert fit.calibration is not None
    assert fit.held_before < 0.7
    assert fit.held_after == pytest.approx(0.9, abs=0.04)
    assert fit.calibration.widths[0.9] > 1.5
    assert fit.calibration.lines["F"] == (0.0, 1.0)


def test_what_is_told_of_the_intervals_is_what_they_do() -> None:
    plain = site(300, width=6.0)
    tilted = Distributions(plain.ids, plain.sexes, plain.groups, 30 + 0.8 * plain.reference_months, plain.values)
    fit = fitted(tilted)
    assert fit.calibration is not None and fit.calibration.lines["F"][1] < 0.9
    given = intervals_of(tilted, uncalibrated(), 0.9)
    inside = []
    for k, sex in enumerate(tilted.sexes):
        low, high = fit.calibration.interval(tilted.values[k], tuple(given[k]), sex, 0.9)  # type: ignore[arg-type]
        inside.append(low <= tilted.reference_months[k] <= high)
    assert np.mean(inside) == pytest.approx(fit.held_after, abs=0.015)


def test_five_pictures_of_one_child_are_one_child() -> None:
    few = site(100).take([k % 20 for k in range(100)])
    with pytest.raises(InvalidArgument, match="20 children's radiographs are too few"):
        fitted(few)
    once, often = site(40, girls=12, boys=12), site(40, girls=12, boys=12).take([k % 40 for k in range(120)])
    assert fitted(often).mae_after.value == pytest.approx(fitted(once).mae_after.value, abs=0.6)
    refused = [fitted(site(40, seed=seed).take([k % 40 for k in range(200)])).calibration is None for seed in range(12)]
    assert sum(refused) >= 10


def test_one_sick_child_does_not_turn_the_line() -> None:
    found = site(100, girls=6, boys=6)
    reference = found.reference_months.copy()
    reference[3] = 10.0
    odd = Distributions(found.ids, found.sexes, found.groups, reference, found.values)
    with_it, without = fitted(odd).calibration, fitted(found).calibration
    assert with_it is not None and without is not None
    for sex in ("F", "M"):
        assert with_it.lines[sex][0] + with_it.lines[sex][1] * 120 == pytest.approx(
            without.lines[sex][0] + without.lines[sex][1] * 120, abs=1.5
        )


def test_too_few_radiographs_or_one_sex_alone_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="too few"):
        fitted(site(29))
    found = site(60)
    girls = found.take([k for k in range(60) if k % 2 == 0])
    with pytest.raises(InvalidArgument, match="both sexes"):
        fitted(girls)
