"""The pictures of a page: drawn from the report alone, the same every time."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from carpal.report import Report, figures
from carpal.report.figures import Picture
from carpal.report.texts import Texts

ENGLISH = Texts("en")


def pixels(picture: Picture | None) -> np.ndarray:
    assert picture is not None
    image = Image.open(io.BytesIO(picture.data))
    assert image.size == (picture.width, picture.height)
    assert picture.mime == f"image/{image.format.lower()}"  # type: ignore[union-attr]
    return np.asarray(image.convert("RGB")).astype(int)


@pytest.mark.parametrize("draw", [figures.radiograph, figures.evidence, figures.distribution, figures.chart])
def test_a_picture_is_the_same_every_time(draw: Callable[[Report, Texts], Picture], full: Report) -> None:
    first, second = draw(full, ENGLISH), draw(full, ENGLISH)
    assert first == second
    assert np.ptp(pixels(first)) > 100


def test_the_evidence_is_bright_where_the_age_comes_from(full: Report) -> None:
    found = full.evidence
    assert found is not None
    picture = pixels(figures.evidence(full, ENGLISH))
    colour = np.ptp(picture, axis=2)  # grey where nothing counts
    rows, columns = np.unravel_index(found.months_moved.argmax(), found.months_moved.shape)
    scale = picture.shape[0] / found.months_moved.shape[0]
    strongest = colour[int((rows + 0.5) * scale), int((columns + 0.5) * scale)]
    assert strongest > 40 and np.median(colour) < 10


def test_a_longer_radiograph_keeps_its_shape(full: Report) -> None:
    tall = replace(full, radiograph=replace(full.radiograph, pixels=np.tile(full.radiograph.pixels, (2, 1))))
    plain, long = figures.radiograph(full, ENGLISH), figures.radiograph(tall, ENGLISH)
    assert long.height / long.width == pytest.approx(2 * plain.height / plain.width, rel=0.01)


def test_earlier_readings_change_the_chart(full: Report, make: Callable[..., Report]) -> None:
    alone = figures.chart(make(age_months=112.0), ENGLISH)
    assert alone is not None
    assert alone.data != figures.chart(full, ENGLISH).data  # type: ignore[union-attr]


@pytest.mark.parametrize("age", [0.0, 4.0, 216.0, 240.0])
def test_the_ends_of_childhood_can_be_drawn(age: float, make: Callable[..., Report]) -> None:
    assert pixels(figures.chart(make(age_months=age), ENGLISH)).min() < 100
