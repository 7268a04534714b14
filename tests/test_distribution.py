from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpal.distribution import (
    MONTHS,
    REPORTED_COUNTS,
    age_class,
    class_masses,
    expected_months,
    interval_months,
    reported,
    reported_months,
)
from carpal.plain import Sex

RECIPES = Path(__file__).resolve().parents[1] / "recipes"


def spike(*months: int) -> np.ndarray:
    distribution = np.zeros(240)
    distribution[list(months)] = 1 / len(months)
    return distribution


def gaussian(mean: float, sd: float) -> np.ndarray:
    weights = np.exp(-0.5 * ((MONTHS - mean) / sd) ** 2)
    return weights / weights.sum()


def test_the_age_is_the_mean() -> None:
    assert expected_months(spike(100)) == 100
    assert expected_months(spike(100, 120)) == 110


def test_class_edges_belong_to_the_class_below() -> None:
    assert age_class([1, 94, 95, 120, 121, 144, 145, 162, 163, 228]).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_the_class_is_where_the_mass_is_not_where_the_mean_is() -> None:
    two_readings = 0.55 * spike(90) + 0.45 * spike(160)
    assert age_class(expected_months(two_readings)) == 2
    assert class_masses(two_readings, "F").argmax() == 0


def test_a_class_holds_the_ages_that_readers_report() -> None:
    # 120 months is the upper edge of class 1 and reported often, 121 to 125 hardly ever: an age of about 121 was most
    # likely reported as 120.
    blurred = gaussian(121.5, 3)
    assert (blurred * (MONTHS > 120)).sum() > 0.5
    assert class_masses(blurred, "M").argmax() == 1
    assert class_masses(gaussian(127, 3), "M").argmax() == 2


def test_the_counts_of_reported_ages_are_those_of_the_training_set(shared: Path) -> None:
    held_back = set(json.loads((RECIPES / "folds" / "thumbnails.json").read_text())["test"])
    rows = csv.DictReader((shared / "rsna" / "labels.csv").open())
    ages: dict[str, list[int]] = {"False": [], "True": []}
    for row in rows:
        if row["id"] not in held_back:
            ages[row["male"]].append(int(float(row["boneage"])))
    assert np.bincount(ages["False"], minlength=240).tolist() == list(REPORTED_COUNTS["F"])
    assert np.bincount(ages["True"], minlength=240).tolist() == list(REPORTED_COUNTS["M"])


@pytest.mark.parametrize(
    ("near", "sex", "said"), [(131.4, "F", 132), (121.5, "F", 120), (155, "M", 156), (193, "M", 192)]
)
def test_a_reader_reports_the_plate_that_is_near(near: float, sex: Sex, said: int) -> None:
    assert reported_months(gaussian(near, 3), sex) == said


def test_between_two_plates_it_is_the_side_with_more_mass() -> None:
    """A wide distribution is answered by its middle, not by the plate that is chosen most often."""
    assert 60 < reported_months(gaussian(70, 15), "F") < 80
    assert reported_months(0.7 * spike(60) + 0.3 * spike(180), "M") == 60


def test_girls_and_boys_are_reported_by_their_own_plates() -> None:
    at_94, at_96 = (reported(gaussian(95, 4), sex)[[94, 96]] for sex in ("F", "M"))
    assert at_94[0] / at_94[1] != pytest.approx(at_96[0] / at_96[1], rel=0.2)


def test_the_interval_of_a_gaussian() -> None:
    low, high = interval_months(gaussian(130, 10), 0.9)
    np.testing.assert_allclose([low, high], [130 - 16.45, 130 + 16.45], atol=0.15)


@given(mean=st.floats(5, 230), sd=st.floats(0.5, 60), coverage=st.floats(0.1, 0.99))
def test_intervals_lie_on_the_scale_and_grow_with_coverage(mean: float, sd: float, coverage: float) -> None:
    distribution = gaussian(mean, sd)
    low, high = interval_months(distribution, coverage)
    wider_low, wider_high = interval_months(distribution, min(0.995, coverage + 0.05))
    assert 0 <= wider_low <= low <= high <= wider_high <= 239
    assert abs(class_masses(distribution, "F").sum() - 1) < 1e-9


def test_batches_give_what_single_ones_give() -> None:
    both = np.stack([gaussian(40, 5), gaussian(180, 9)])
    np.testing.assert_allclose(interval_months(both)[1], interval_months(both[1]))
    np.testing.assert_allclose(class_masses(both, ("F", "M"))[0], class_masses(both[0], "F"))
