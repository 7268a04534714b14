"""The PDF: one sheet of the paper asked for, the same bytes again, fonts within, nothing outside the margins."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from carpal.errors import InvalidArgument
from carpal.growth import BoneAge, PastReading
from carpal.report import Look, Report
from carpal.report.look import PAPERS, Paper
from carpal.report.texts import languages
from carpal.report.write import report_bytes

SIZES = {"a4": (595.28, 841.89), "letter": (612.0, 792.0)}


def poppler(name: str, *arguments: str, data: bytes) -> bytes:
    """What one of poppler's tools makes of a PDF; the test is skipped where it is not installed."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed (Debian package poppler-utils)")
    return subprocess.run([name, *arguments], input=data, capture_output=True, timeout=60, check=True).stdout


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("language", languages())
def test_a_report_is_one_sheet(language: str, paper: Paper, any_report: Report) -> None:
    data = report_bytes(any_report, ".pdf", Look(language, paper))
    assert data.startswith(b"%PDF-") and data.rstrip().endswith(b"%%EOF")
    assert len(re.findall(rb"/Type /Page\b", data)) == 1
    box = re.search(rb"/MediaBox \[ ([\d. ]+) \]", data)
    assert box is not None
    assert tuple(map(float, box[1].split())) == pytest.approx((0, 0, *SIZES[paper]), abs=0.01)
    assert f"/Lang ({language})".encode() in data


def test_the_same_report_gives_the_same_bytes_and_holds_no_date(any_report: Report) -> None:
    first, second = (report_bytes(any_report, ".pdf") for _ in range(2))
    assert first == second
    years = set(re.findall(rb"D:(\d{4})", first))
    assert years <= {b"2000"}  # the date that ReportLab writes where none is wanted


def test_fonts_are_within(full: Report) -> None:
    data = report_bytes(full, ".pdf", Look("de"))
    assert data.count(b"/FontFile2") == 2
    assert b"DejaVuSans" in data


def drawn(data: bytes, dpi: int = 50) -> np.ndarray:
    picture = poppler("pdftoppm", "-r", str(dpi), "-png", "-", data=data)
    return np.asarray(Image.open(io.BytesIO(picture)).convert("L"))


def test_nothing_reaches_into_the_margins(any_report: Report) -> None:
    page = drawn(report_bytes(any_report, ".pdf", Look("de")))
    aside, above = int(34 * 50 / 72), int(28 * 50 / 72)
    for edge in (page[:above], page[-above:], page[:, :aside], page[:, -aside:]):
        assert edge.min() > 250


def test_even_a_page_of_many_long_notes_is_one_sheet_with_all_of_them(full: Report) -> None:
    assert full.reading is not None
    notes = tuple(f"note {number}: " + "that one must see with the age, in many words " * 6 for number in range(25))
    long = replace(full, reading=replace(full.reading, notes=notes))
    data = report_bytes(long, ".pdf")
    assert len(re.findall(rb"/Type /Page\b", data)) == 1
    text = poppler("pdftotext", "-", "-", data=data).decode()
    assert "Note 24" in " ".join(text.split())


def test_what_looks_like_markup_is_written_as_it_is(full: Report) -> None:
    odd = replace(full, calibration="<b>Köln & Bonn</b>")
    text = poppler("pdftotext", "-", "-", data=report_bytes(odd, ".pdf")).decode()
    assert "<b>Köln & Bonn</b>" in text


def test_the_words_can_be_copied(full: Report) -> None:
    text = poppler("pdftotext", "-layout", "-", "-", data=report_bytes(full, ".pdf", Look("de"))).decode()
    for words in ("Skelettalter", "Endgrößenprognose", "Brush Foundation", "Bayley-Pinneau", "−2 bis +2 SD"):
        assert words in text.replace("\u00a0", " ")


def test_the_pictures_are_inside(full: Report) -> None:
    listed = poppler("pdfimages", "-list", "-", data=report_bytes(full, ".pdf")).decode().splitlines()[2:]
    assert len([line for line in listed if " image " in line]) == 4


def test_a_history_that_no_page_can_hold_is_one_sentence(make: Callable[..., Report]) -> None:
    past = tuple(PastReading(20.0 + month / 3, BoneAge(20.0 + month / 3)) for month in range(270))
    with pytest.raises(InvalidArgument, match="shorten the history"):
        report_bytes(make(age_months=112.0, history=past), ".pdf")
