from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from carpal.calibration import COVERAGES
from carpal.distribution import MONTHS, expected_months
from carpal.errors import InvalidArgument
from carpal.modelfile import file_digest, find_model
from carpal.reader import Reader
from carpal.site import SiteCalibration, read_site_calibration, write_site_calibration

SHIFT = SiteCalibration(
    name="St Anywhere",
    model_digest="0" * 64,
    lines={"F": (3.0, 1.0), "M": (-12.0, 1.1)},
    widths=dict.fromkeys(COVERAGES, 1.2),
    n=40,
    facts={},
)


def bell(age: float, spread: float = 8.0) -> np.ndarray:
    values = np.exp(-0.5 * ((MONTHS - age) / spread) ** 2)
    return values / values.sum()


def test_a_distribution_moves_along_the_line_of_its_sex() -> None:
    girl, boy = SHIFT.distribution(bell(100), "F"), SHIFT.distribution(bell(100), "M")
    assert expected_months(girl) == pytest.approx(103, abs=0.01)
    assert expected_months(boy) == pytest.approx(98, abs=0.01)
    assert girl.sum() == boy.sum() == pytest.approx(1)


def test_what_leaves_the_scale_stays_at_its_end() -> None:
    moved = SHIFT.distribution(bell(238, 3), "F")
    assert moved.sum() == pytest.approx(1)
    assert moved[239] > 0.5


def test_the_interval_moves_and_widens() -> None:
    low, high = SHIFT.interval(bell(100), (85.0, 110.0), "F", 0.9)
    assert low == pytest.approx(103 - 1.2 * 15, abs=0.02)
    assert high == pytest.approx(103 + 1.2 * 10, abs=0.02)


def test_a_tilted_line_leaves_the_width_to_its_factor() -> None:
    low, high = SHIFT.interval(bell(100), (85.0, 110.0), "M", 0.9)
    assert high - low == pytest.approx(1.2 * 25, abs=0.02)


def test_it_comes_back_from_its_file(tmp_path: Path) -> None:
    write_site_calibration(SHIFT, tmp_path / "site.json")
    assert read_site_calibration(tmp_path / "site.json") == SHIFT


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": ""}, "no name"),
        ({"lines": {"F": {"intercept_months": 0, "slope": 1}}}, "each sex"),
        ({"lines": {s: {"intercept_months": 500, "slope": 1} for s in "FM"}}, "cannot be meant"),
        ({"lines": {s: {"intercept_months": 0, "slope": -1} for s in "FM"}}, "cannot be meant"),
        ({"widths": {"0.9": 1}}, "each coverage"),
        ({"n": "many"}, "not a calibration written by carpal calibrate"),
    ],
)
def test_a_damaged_file_is_refused_in_a_sentence(tmp_path: Path, change: dict, message: str) -> None:
    path = tmp_path / "site.json"
    path.write_text(json.dumps(SHIFT.to_dict() | change), encoding="utf-8")
    with pytest.raises(InvalidArgument, match=message):
        read_site_calibration(path)
    with pytest.raises(InvalidArgument, match="no such file"):
        read_site_calibration(tmp_path / "nowhere.json")


def test_it_is_applied_and_named_in_every_output(phantom_png: Path) -> None:
    site = replace(SHIFT, model_digest=file_digest(find_model("default")))
    plain = Reader().read(phantom_png, "F")
    moved = Reader(calibration=site).read(phantom_png, "F")
    assert moved.bone_age_months == pytest.approx(plain.bone_age_months + 3, abs=0.02)
    width = plain.interval_90_months[1] - plain.interval_90_months[0]
    assert moved.interval_90_months[1] - moved.interval_90_months[0] == pytest.approx(1.2 * width, abs=0.1)
    assert moved.to_dict()["calibration"] == "St Anywhere"
    assert plain.to_dict()["calibration"] is None


def test_it_belongs_to_one_model() -> None:
    with pytest.raises(InvalidArgument, match="made for another model"):
        Reader(calibration=SHIFT)
