"""Metrics against numbers worked out by hand."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from carpal.errors import InvalidArgument
from carpal.evaluation import Estimate, Predictions, evaluate, measure

from .samples import plain, simulated


def value(found: Estimate) -> float:
    assert found.value is not None
    return found.value


def test_errors_by_hand() -> None:
    found = measure(plain([2, -4, 6, -12], [90, 100, 110, 120]), resamples=50)
    assert found.n == 4
    assert value(found.mae_months) == 6
    assert value(found.rmse_months) == pytest.approx(math.sqrt(50))
    assert value(found.median_absolute_error_months) == 5
    assert value(found.bias_months) == -2
    assert value(found.sd_of_error_months) == pytest.approx(math.sqrt(184 / 3))
    assert value(found.r_squared) == pytest.approx(1 - 200 / 500)
    assert value(found.share_within_6_months) == 0.75  # 6 is within 6
    assert value(found.share_within_12_months) == 1


def test_the_median_of_an_odd_number_is_the_middle_one() -> None:
    assert value(measure(plain([1, -9, 3]), resamples=5).median_absolute_error_months) == 3


def test_classes_by_hand() -> None:
    # Reference classes 0 0 1 1 2, predicted (from the age) 0 1 1 1 1.
    found = evaluate(plain([0, 20, 0, 0, -2], [90, 90, 100, 120, 121]), resamples=50)
    expected = np.zeros((5, 5), int)
    expected[0, 0], expected[0, 1], expected[1, 1], expected[2, 1] = 1, 1, 2, 1
    np.testing.assert_array_equal(found.confusion, expected)
    assert value(found.overall.class_accuracy) == 0.6
    assert [p.value for p in found.overall.class_precision] == [1, 0.5, None, None, None]
    assert [r.value for r in found.overall.class_recall] == [0.5, 1, 0, None, None]


def test_the_interval_counts_only_where_there_is_one() -> None:
    interval = np.array([[90, 110], [101, 121], [np.nan, np.nan], [100, 130]])
    truth = np.full(4, 100.0)
    given = Predictions(tuple("abcd"), np.array(list("FFMM")), truth, truth, interval)
    found = measure(given, resamples=50)
    assert value(found.interval_90_coverage) == pytest.approx(2 / 3)  # the end belongs to the interval
    assert value(found.interval_90_mean_width_months) == pytest.approx(70 / 3)
    assert measure(plain([1, 2]), resamples=5).interval_90_coverage == Estimate(None)


def test_parts_by_sex_and_by_bands_of_24_months() -> None:
    found = evaluate(plain([1, 3, 5, 7], [23, 24, 47, 240], "FMMF"), resamples=50)
    assert [(c.name, c.metrics.n) for c in found.by_sex] == [("girls", 2), ("boys", 2)]
    assert [(c.band_months, c.metrics.n) for c in found.by_band] == [((0, 23), 1), ((24, 47), 2), ((240, 263), 1)]
    assert [(c.name, value(c.metrics.mae_months)) for c in found.by_sex_and_band] == [
        ("girls, 0-23 months", 1),
        ("girls, 240-263 months", 7),
        ("boys, 24-47 months", 4),
    ]
    assert found.by_group == ()


def test_the_worst_cell_has_enough_children_to_mean_it() -> None:
    errors = [40.0] + [9.0] * 10 + [3.0] * 30
    reference = [10.0] + [60.0] * 10 + [130.0] * 30
    assert evaluate(plain(errors, reference), resamples=10).worst_cell.name == "girls, 48-71 months"
    assert evaluate(plain([2, 40], [60, 10]), resamples=10).worst_cell.name == "girls, 0-23 months"


def test_groups_are_measured_apart() -> None:
    found = evaluate(simulated(40, groups=True), resamples=20)
    assert [(c.name, c.metrics.n) for c in found.by_group] == [("highres", 20), ("lowres", 20)]


@pytest.mark.parametrize("given", [plain([3]), plain([1, 2, 3]), plain([0, 0], [50, 50]), simulated(60, groups=True)])
def test_json_holds_none_and_never_nan(given: Predictions) -> None:
    text = json.dumps(evaluate(given, resamples=30).to_dict(), allow_nan=False)
    assert json.loads(text)["n"] == len(given)


def test_one_radiograph_has_an_error_but_no_spread_and_no_interval() -> None:
    found = measure(plain([3]))
    assert found.mae_months == Estimate(3.0)
    assert found.sd_of_error_months == found.r_squared == Estimate(None)


def test_the_same_seed_gives_the_same_interval() -> None:
    given = simulated(50)
    assert measure(given, resamples=200, seed=3) == measure(given, resamples=200, seed=3)
    assert measure(given, resamples=200, seed=3).mae_months != measure(given, resamples=200, seed=4).mae_months


@pytest.mark.parametrize("resamples", [0, -1, 10**7])
def test_an_impossible_number_of_resamples_is_refused(resamples: int) -> None:
    with pytest.raises(InvalidArgument, match="resamples"):
        evaluate(plain([1, 2]), resamples=resamples)
