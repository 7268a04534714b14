"""What a report is made of, and what never changes what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from carpal import Reader, read_radiograph
from carpal.errors import InvalidArgument, MissingSex
from carpal.growth import BoneAge, PastReading
from carpal.report import Given, Report, make_report
from carpal.report.texts import Texts


def test_the_reading_is_the_readers_and_the_assessment_is_of_it(
    full: Report, reader: Reader, phantom_png: Path
) -> None:
    alone = reader.read(phantom_png, "F")
    assert full.reading is not None and full.assessment.bone_age is not None
    assert full.reading.to_dict() == alone.to_dict()
    assert full.assessment.bone_age.months == alone.bone_age_months
    assert full.assessment.bone_age.interval_90_months == alone.interval_90_months
    assert full.assessment.bone_age.distribution is not None
    assert len(full.assessment.history) == 3


def test_the_age_changes_nothing_in_the_reading(make: Callable[..., Report]) -> None:
    young, old = make(age_months=40.0), make(age_months=200.0)
    assert young.reading is not None and old.reading is not None
    assert young.reading.to_dict() == old.reading.to_dict()
    assert young.evidence is not None and old.evidence is not None
    np.testing.assert_array_equal(young.evidence.months_moved, old.evidence.months_moved)


def test_the_header_says_sex_and_age_unless_they_are_given(reader: Reader, phantom_dicom: Path) -> None:
    radiograph = read_radiograph(phantom_dicom)
    by_header = make_report(reader, radiograph, Given())
    assert (by_header.sex_origin, by_header.age_origin) == ("header", "header")
    assert by_header.assessment.child.sex == "M"
    assert by_header.assessment.child.age_months == radiograph.age_months
    given = make_report(reader, radiograph, Given(sex="f", age_months=112.0))
    assert (given.sex_origin, given.age_origin) == ("given", "given")
    assert (given.assessment.child.sex, given.assessment.child.age_months) == ("F", 112.0)
    assert any("although the header says M" in note for note in given.all_notes)


def test_an_adults_header_leaves_the_age_out_and_says_so(reader: Reader, phantom_dicom: Path) -> None:
    grown = make_report(reader, replace(read_radiograph(phantom_dicom), age_months=480.0), Given())
    assert grown.assessment.child.age_months is None and grown.age_origin is None
    assert any("40 y 0 mo is no child's" in note for note in grown.all_notes)


def test_an_age_in_whole_years_is_said_to_be_one_only_where_it_is_used(
    reader: Reader, phantom_dicom: Path, tmp_path: Path
) -> None:
    header = pydicom.dcmread(phantom_dicom)
    header.PatientAge, header.PatientBirthDate = "010Y", ""
    header.save_as(tmp_path / "years.dcm")
    radiograph = read_radiograph(tmp_path / "years.dcm")
    by_header = make_report(reader, radiograph, Given())
    (note,) = [note for note in by_header.all_notes if "whole years" in note]
    assert Texts("de").sentence(note).language == "de"
    assert by_header.assessment.child.age_months == 120.0
    for other in (
        make_report(reader, radiograph, Given(age_months=125.0)),
        make_report(reader, read_radiograph(phantom_dicom), Given()),  # it says months, and a date of birth
    ):
        assert not any("whole years" in note for note in other.all_notes)


def test_an_age_more_than_a_year_from_the_headers_is_told(reader: Reader, phantom_dicom: Path) -> None:
    radiograph = read_radiograph(phantom_dicom)
    assert radiograph.age_months is not None

    def told(months: float) -> list[str]:
        made = make_report(reader, radiograph, Given(age_months=months))
        assert made.assessment.child.age_months == months
        return [note for note in made.all_notes if "the age given" in note]

    assert told(radiograph.age_months - 11) == told(radiograph.age_months + 11) == []
    for odd in (float("nan"), float("inf"), -1.0):
        with pytest.raises(InvalidArgument):
            told(odd)
    (note,) = told(60.0)
    assert note == "the age given is 5 y 0 mo, although the header says 12 y 6 mo: check which is right"
    assert Texts("de").sentence(note).text.replace("\u00a0", " ") == (
        "angegeben ist ein Alter von 5 J. 0 Mon., obwohl die DICOM-Kopfdaten 12 J. 6 Mon. nennen: prüfen, was stimmt"
    )


def test_a_refused_radiograph_has_a_reason_and_no_age(refused: Report) -> None:
    assert refused.reading is None and refused.evidence is None
    assert refused.refusal is not None and refused.refusal.reason == "blank"
    assert refused.assessment.bone_age is None
    assert refused.assessment.refused_because == refused.refusal.advice
    assert str(refused).startswith("REFUSED: nothing can be seen")


def test_without_a_sex_or_with_a_history_without_an_age_there_is_no_report(make: Callable[..., Report]) -> None:
    with pytest.raises(MissingSex, match="sex is needed"):
        make(sex=None)
    with pytest.raises(InvalidArgument, match="the child's age today"):
        make(history=(PastReading(60.0, BoneAge(60.0)),))
    with pytest.raises(InvalidArgument, match="inches"):
        make(age_months=112.0, height_cm=51.6)


def test_anything_beyond_the_sex_is_of_one_child() -> None:
    assert not Given(sex="F").of_one_child
    assert Given(height_cm=130.0).of_one_child and Given(menarche=False).of_one_child
