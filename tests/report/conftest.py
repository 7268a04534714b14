"""Reports that several test modules look at: made once, from phantoms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from carpal import Reader, read_radiograph
from carpal.growth import BoneAge, PastReading
from carpal.radiograph import Radiograph
from carpal.report import Given, Report, make_report


@pytest.fixture(scope="session")
def reader() -> Reader:
    return Reader()


@pytest.fixture(scope="session")
def make(reader: Reader, phantom_png: Path) -> Callable[..., Report]:
    """A report on the girl's phantom from what is given, ``sex`` F unless told otherwise."""
    radiograph = read_radiograph(phantom_png)
    return lambda **given: make_report(reader, radiograph, Given(**({"sex": "F"} | given)))


@pytest.fixture(scope="session")
def full(make: Callable[..., Report]) -> Report:
    """Everything known, with a history."""
    past = (
        PastReading(84.0, BoneAge(86.0, (72.0, 99.0)), 118.0),
        PastReading(98.0, BoneAge(101.0)),
    )
    return make(
        age_months=112.0,
        height_cm=131.0,
        weight_kg=28.0,
        mother_height_cm=165.0,
        father_height_cm=180.0,
        menarche=False,
        history=past,
    )


@pytest.fixture(scope="session")
def bare(make: Callable[..., Report]) -> Report:
    """Nothing known but the sex."""
    return make()


@pytest.fixture(scope="session")
def refused(reader: Reader) -> Report:
    blank = Radiograph(np.zeros((300, 200), np.float32), "0" * 64)
    return make_report(reader, blank, Given(sex="M", age_months=60.0))


@pytest.fixture(scope="session", params=["full", "bare", "refused"])
def any_report(request: pytest.FixtureRequest) -> Report:
    report: Report = request.getfixturevalue(request.param)
    return report
