"""Bootstrap intervals: they hold what they promise, over children and not over pictures."""

from __future__ import annotations

import math

import numpy as np
import pytest

from carpal.errors import InvalidArgument
from carpal.evaluation import Estimate, Predictions, measure
from carpal.evaluation.bootstrap import row_weights

from .samples import plain


def test_about_95_of_100_intervals_hold_the_true_mae() -> None:
    true_mae = 6 * math.sqrt(2 / math.pi)
    random = np.random.default_rng(5)
    held = 0
    for trial in range(300):
        found = measure(plain(random.normal(0, 6, 120).tolist(), [100.0] * 120), resamples=400, seed=trial).mae_months
        assert found.low is not None and found.high is not None
        held += found.low <= true_mae <= found.high
    assert 0.91 <= held / 300 <= 0.98


def test_the_bootstrap_agrees_with_the_formula_for_a_mean() -> None:
    errors = np.random.default_rng(6).normal(2, 5, 400)
    found = measure(plain(errors.tolist(), [100.0] * 400), resamples=4000).bias_months
    half = 1.96 * errors.std(ddof=1) / math.sqrt(400)
    assert found.low == pytest.approx(errors.mean() - half, abs=0.05)
    assert found.high == pytest.approx(errors.mean() + half, abs=0.05)


@pytest.mark.parametrize(("children", "given"), [(5, False), (6, True)])
def test_so_few_children_that_chance_alone_puts_them_on_one_side_get_no_interval(children: int, given: bool) -> None:
    found = measure(plain([3.0, 5.0, 9.0, 2.0, 8.0, 4.0][:children], [100.0] * children), resamples=200).bias_months
    assert found.value is not None
    assert (found.low is not None) is given
    assert found.excludes_zero is given


def test_a_resample_draws_as_many_children_as_there_are() -> None:
    (weights,) = row_weights(["a", "b", "c"], 100, seed=1)
    assert weights.shape == (100, 3)
    assert (weights.sum(axis=1) == 3).all()


def test_radiographs_of_a_child_come_and_go_together() -> None:
    (weights,) = row_weights(["a", "b", "a"], 50, seed=1)
    np.testing.assert_array_equal(weights[:, 0], weights[:, 2])
    # Every child twice is no more evidence than every child once.
    error = np.random.default_rng(2).normal(0, 5, 60)
    once = plain(error.tolist(), [100.0] * 60)
    twice = Predictions(
        once.ids * 2,
        np.tile(once.sexes, 2),
        np.tile(once.reference_months, 2),
        np.tile(once.predicted_months, 2),
        groups=("left",) * 60 + ("right",) * 60,
    )
    single, double = measure(once, resamples=500).mae_months, measure(twice, resamples=500).mae_months
    assert double.low == pytest.approx(single.low)
    assert double.high == pytest.approx(single.high)


def test_large_sets_are_drawn_in_blocks() -> None:
    ids = [str(k) for k in range(3000)]
    blocks = list(row_weights(ids, 2000, seed=0))
    assert len(blocks) > 1
    assert sum(len(block) for block in blocks) == 2000


def test_zero_resamples_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="not 0"):
        next(row_weights(["a"], 0, seed=0))


@pytest.mark.parametrize(
    ("found", "excludes"),
    [
        (Estimate(1.0, 0.1, 2.0), True),
        (Estimate(-1.0, -2.0, -0.1), True),
        (Estimate(0.1, 0.0, 0.2), False),
        (Estimate(1.0), False),
    ],
)
def test_an_interval_excludes_zero_only_when_it_exists_and_touches_it_not(found: Estimate, excludes: bool) -> None:
    assert found.excludes_zero is excludes
    assert (-found).excludes_zero is excludes
