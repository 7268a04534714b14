"""``carpal dicom read`` as a person meets it: what it reads, writes, prints, refuses, and never overwrites."""

from __future__ import annotations

import importlib.util
import itertools
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_tools import complaints
from pydicom.dataset import Dataset
from typer.testing import CliRunner, Result

highdicom = pytest.importorskip("highdicom", reason="the dicom extra is not installed")

from carpal import Reader, deliver
from carpal.annotate import annotated_picture
from carpal.cli import app
from carpal.deliver import Request, deliver_all
from carpal.errors import InvalidArgument, MissingDependency, UnreadableRadiograph
from carpal.explain import explain
from carpal.growth import BoneAge, Child, assess
from carpal.radiograph import read_radiograph
from carpal.report import Given, Look, make_report
from carpal.report.write import report_bytes


def carpal(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["dicom", "read", *map(str, arguments)])


def changed(path: Path, out: Path, change: Callable[[Dataset], None]) -> Path:
    dataset = pydicom.dcmread(path)
    change(dataset)
    dataset.save_as(out)
    return out


def comments(report: Dataset) -> list[str]:
    (group,) = report.ContentSequence[-1].ContentSequence
    return [item.TextValue for item in group.ContentSequence if item.ConceptNameCodeSequence[0].CodeValue == "121106"]


def subject(report: Dataset, meaning: str) -> Dataset:
    (item,) = [i for i in report.ContentSequence if i.ConceptNameCodeSequence[0].CodeMeaning == meaning]
    return item


def test_a_radiograph_is_answered_by_what_the_reader_says(phantom_dicom: Path, tmp_path: Path) -> None:
    done = carpal(phantom_dicom, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    reading = Reader().read(phantom_dicom)
    assert str(reading) in done.output
    assert "header: sex M, 12 y 6 mo" in done.output
    report = highdicom.sr.srread(tmp_path / "out" / "sr.dcm")
    (group,) = report.content.get_image_measurement_groups()
    months = [m.value for m in group.get_measurements() if m.unit.value == "mo"]
    assert months == [round(v, 2) for v in (reading.bone_age_months, *reading.interval_90_months)]
    source = pydicom.dcmread(phantom_dicom)
    for name in ("sr.dcm", "sc.dcm", "report.dcm"):
        assert f"wrote {tmp_path / 'out' / name}" in done.output
        written = pydicom.dcmread(tmp_path / "out" / name)
        assert written.StudyInstanceUID == source.StudyInstanceUID
        assert complaints(tmp_path / "out" / name) == []


def test_the_picture_shows_the_radiograph_its_evidence_and_the_numbers(phantom_dicom: Path, tmp_path: Path) -> None:
    assert carpal(phantom_dicom, "-o", tmp_path / "out").exit_code == 0
    stored = pydicom.dcmread(tmp_path / "out" / "sc.dcm").pixel_array
    reader, radiograph = Reader(), read_radiograph(phantom_dicom)
    reading = reader.read(radiograph)
    np.testing.assert_array_equal(stored, annotated_picture(radiograph, reading, explain(reader, radiograph, "M")))
    assert not np.array_equal(stored, annotated_picture(radiograph, reading))


def test_the_picture_is_never_read_as_a_radiograph(phantom_dicom: Path, tmp_path: Path) -> None:
    assert carpal(phantom_dicom, "-o", tmp_path / "out").exit_code == 0
    with pytest.raises(UnreadableRadiograph, match="a picture that carpal drew"):
        read_radiograph(tmp_path / "out" / "sc.dcm")


def test_the_patient_is_in_the_header_and_nowhere_in_the_pixels(phantom_dicom: Path, tmp_path: Path) -> None:
    other = changed(phantom_dicom, tmp_path / "other.dcm", lambda d: setattr(d, "PatientName", "Another^Name"))
    pixels = []
    for path in (phantom_dicom, other):
        assert carpal(path, "-o", tmp_path / path.stem).exit_code == 0
        written = pydicom.dcmread(tmp_path / path.stem / "sc.dcm")
        pixels.append(written.PixelData)
    assert written.PatientName == "Another^Name"
    assert pixels[0] == pixels[1]


def test_what_is_given_goes_before_the_header_and_both_are_shown(phantom_dicom: Path, tmp_path: Path) -> None:
    done = carpal(phantom_dicom, "-o", tmp_path, "--sex", "f", "--age", "9y4m")
    assert done.exit_code == 0, done.output
    assert "sex F, given" in done.output
    assert "header: sex M, 12 y 6 mo; age given: 9 y 4 mo" in done.output
    report = pydicom.dcmread(tmp_path / "sr.dcm")
    assert subject(report, "Subject Sex").ConceptCodeSequence[0].CodeValue == "F"
    assert subject(report, "Subject Age").MeasuredValueSequence[0].NumericValue == 112
    assert report.PatientSex == "M"  # the archive's own fact stays as it is
    assert any("although the header says M" in text for text in comments(report))


def test_the_age_changes_nothing_in_the_reading(phantom_dicom: Path, tmp_path: Path) -> None:
    first, second = (
        deliver_all([phantom_dicom], tmp_path / str(age), Request(given=Given(age_months=age)))[0].reading
        for age in (60, 200)
    )
    assert first is not None and second is not None
    assert first.bone_age_months == second.bone_age_months


def test_a_folder_is_answered_folder_by_folder_and_a_bad_file_does_not_stop_it(
    phantom_dicom: Path, phantom_png: Path, tmp_path: Path
) -> None:
    study = tmp_path / "study"
    study.mkdir()
    shutil.copy(phantom_dicom, study / "one.dcm")
    shutil.copy(phantom_png, study / "two.png")
    (study / "three.dcm").write_bytes(phantom_dicom.read_bytes()[:3000])
    done = carpal(study, "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert "two.png: NOT READ" in done.output and "is no DICOM object" in done.output
    assert "three.dcm: NOT READ" in done.output
    written = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.dcm"))
    assert written == ["one/report.dcm", "one/sc.dcm", "one/sr.dcm"]


def test_radiographs_named_by_their_uids_are_told_apart(phantom_dicom: Path, tmp_path: Path) -> None:
    study = tmp_path / "study"
    study.mkdir()
    for name in ("1.2.840.1", "1.2.840.2"):
        shutil.copy(phantom_dicom, study / name)
    done = carpal(study, "-o", tmp_path / "out")
    assert done.exit_code == 0
    assert sorted(folder.name for folder in (tmp_path / "out").iterdir()) == ["1.2.840.1", "1.2.840.2"]


def test_what_goes_wrong_with_one_keeps_no_other_from_its_answer(
    phantom_dicom: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = tmp_path / "study"
    study.mkdir()
    for name in ("one", "two"):
        shutil.copy(phantom_dicom, study / f"{name}.dcm")
    written = deliver.report_object

    def fails(source: Dataset, *arguments: object) -> Dataset:
        if Path(str(source.filename)).stem == "one":
            raise KeyError("Mustermann^Erika")
        return written(source, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(deliver, "report_object", fails)
    done = carpal(study, "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert "answering it failed (KeyError)" in done.output and "Mustermann" not in done.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["two"]


def test_a_refused_radiograph_is_answered_by_a_report_without_an_age(phantom_dicom: Path, tmp_path: Path) -> None:
    def blacken(dataset: Dataset) -> None:
        dataset.PixelData = bytes(len(dataset.PixelData))

    blank = changed(phantom_dicom, tmp_path / "blank.dcm", blacken)
    done = carpal(blank, "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert "NOT READ: refused: nothing can be seen" in done.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["report.dcm", "sr.dcm"]
    assert complaints(tmp_path / "out" / "report.dcm") == []
    report = pydicom.dcmread(tmp_path / "out" / "sr.dcm")
    assert comments(report)[0].startswith("No bone age: nothing can be seen on it")
    assert report.CompletionFlag == "PARTIAL"
    assert complaints(tmp_path / "out" / "sr.dcm") == []


def test_without_a_sex_nothing_is_written(phantom_dicom: Path, tmp_path: Path) -> None:
    sexless = changed(phantom_dicom, tmp_path / "sexless.dcm", lambda d: setattr(d, "PatientSex", "O"))
    done = carpal(sexless, "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert "give F or M (--sex F)" in done.output and "header: sex not given" in done.output
    assert not (tmp_path / "out").exists()
    assert carpal(sexless, "-o", tmp_path / "out", "--sex", "M").exit_code == 0


def test_with_the_identity_burnt_in_only_the_report_is_written(phantom_dicom: Path, tmp_path: Path) -> None:
    burnt = changed(phantom_dicom, tmp_path / "burnt.dcm", lambda d: setattr(d, "BurnedInAnnotation", "YES"))
    done = carpal(burnt, "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert "no sc.dcm and no report.dcm: by its header" in done.output
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["sr.dcm"]


def test_only_what_is_lacking_is_said_to_be(phantom_dicom: Path, tmp_path: Path) -> None:
    rows = "".join(f"{20 + k / 2}m,{21 + k / 2}\n" for k in range(200))  # more than a page can hold
    (tmp_path / "past.csv").write_text(f"age,bone_age_months\n{rows}")
    done = carpal(phantom_dicom, "-o", tmp_path / "out", "--history", tmp_path / "past.csv")
    assert done.exit_code == 1
    assert "  no report.dcm: the report does not fit on one page" in done.output
    assert "no sc.dcm" not in done.output and (tmp_path / "out/sc.dcm").is_file()


@pytest.mark.parametrize("name", ["sr.dcm", "sc.dcm", "report.dcm"])
def test_an_answer_that_is_there_is_not_overwritten(name: str, phantom_dicom: Path, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"somebody's")
    done = carpal(phantom_dicom, "-o", tmp_path)
    assert isinstance(done.exception, InvalidArgument)
    assert f"{name} is there already" in str(done.exception)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == b"somebody's"


def test_two_files_of_one_name_are_not_mixed_up(phantom_dicom: Path, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        shutil.copy(phantom_dicom, tmp_path / folder / "hand.dcm")
    done = carpal(tmp_path / "a" / "hand.dcm", tmp_path / "b" / "hand.dcm", "-o", tmp_path / "out")
    assert isinstance(done.exception, InvalidArgument)
    assert "differ only in folder or suffix" in str(done.exception)


@pytest.mark.parametrize(
    "fact", [("--height-cm", "131"), ("--mother-cm", "165"), ("--birth", "2015-01-01", "--study", "2024-01-01")]
)
def test_one_childs_facts_are_not_those_of_two(fact: tuple[str, ...], phantom_dicom: Path, tmp_path: Path) -> None:
    done = carpal(phantom_dicom, phantom_dicom, "-o", tmp_path, *fact)
    assert isinstance(done.exception, InvalidArgument)
    assert "one child's" in str(done.exception)


def test_the_report_holds_the_scores_of_growth_by_their_references(phantom_dicom: Path, tmp_path: Path) -> None:
    (delivery,) = deliver_all([phantom_dicom], tmp_path, Request())
    reading = delivery.reading
    assert reading is not None
    bone_age = BoneAge(reading.bone_age_months, reading.interval_90_months)
    expected = {s.reference: round(s.sds, 2) for s in assess(Child("M", 150), bone_age).sds if s.sds is not None}
    (group,) = highdicom.sr.srread(tmp_path / "sr.dcm").content.get_image_measurement_groups()
    scores = [m for m in group.get_measurements() if m.unit.value == "1"]
    assert {m.method.meaning: m.value for m in scores} == expected
    assert len(expected) == 2


def test_the_page_is_the_report_of_the_same_facts(phantom_dicom: Path, tmp_path: Path) -> None:
    given = ["--height-cm", 150, "--mother-cm", 165, "--father-cm", 180, "--language", "de", "--paper", "letter"]
    assert carpal(phantom_dicom, "-o", tmp_path, *given).exit_code == 0
    stored = pydicom.dcmread(tmp_path / "report.dcm")
    facts = Given(height_cm=150, mother_height_cm=165, father_height_cm=180)
    report = make_report(Reader(), read_radiograph(phantom_dicom), facts)
    pages = report_bytes(report, ".pdf", Look("de", "letter"))
    assert stored.EncapsulatedDocument[: stored.EncapsulatedDocumentLength] == pages
    assert stored.DocumentTitle == "Bericht zum Skelettalter"
    assert complaints(tmp_path / "report.dcm") == []


def test_an_adults_age_is_written_down_and_left_out_of_the_scores(phantom_dicom: Path, tmp_path: Path) -> None:
    def grow(dataset: Dataset) -> None:
        dataset.PatientAge, dataset.PatientBirthDate = "040Y", ""

    grown = changed(phantom_dicom, tmp_path / "grown.dcm", grow)
    done = carpal(grown, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    report = pydicom.dcmread(tmp_path / "out" / "sr.dcm")
    assert subject(report, "Subject Age").MeasuredValueSequence[0].NumericValue == 480
    assert any("is no child's and was left out" in text for text in comments(report))


def test_one_age_is_not_that_of_two_radiographs(phantom_dicom: Path, tmp_path: Path) -> None:
    done = carpal(phantom_dicom, phantom_dicom, "-o", tmp_path, "--age", "9y")
    assert isinstance(done.exception, InvalidArgument)
    assert "one child's" in str(done.exception)


def test_the_clock_is_the_callers_and_the_uids_do_not_depend_on_it(phantom_dicom: Path, tmp_path: Path) -> None:
    times = itertools.cycle([datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc), datetime(2027, 1, 2)])
    objects = []
    for out in (tmp_path / "first", tmp_path / "second"):
        deliver_all([phantom_dicom], out, Request(), clock=lambda: next(times))
        objects.append([pydicom.dcmread(out / name) for name in ("sr.dcm", "sc.dcm", "report.dcm")])
    assert [d.ContentDate for d in objects[0] + objects[1]] == ["20260102"] * 3 + ["20270102"] * 3
    assert [d.SOPInstanceUID for d in objects[0]] == [d.SOPInstanceUID for d in objects[1]]


def test_without_highdicom_it_is_said_what_to_install(
    phantom_dicom: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "highdicom" else find(name))
    done = carpal(phantom_dicom, "-o", tmp_path / "out")
    assert isinstance(done.exception, MissingDependency)
    assert "pip install 'carpal[dicom]'" in str(done.exception)


@pytest.mark.parametrize("name", ["the $\\ward$", "a hospital " + "with a very long name " * 12])
def test_any_name_of_a_calibration_can_be_drawn_and_stays_inside(name: str, phantom_dicom: Path) -> None:
    radiograph = read_radiograph(phantom_dicom)
    reading = replace(Reader().read(radiograph), calibration=name)
    picture = annotated_picture(radiograph, reading)
    assert (picture[:, -4:] == picture[0, 0]).all()
    assert (picture == (0xEE, 0xF2, 0xF6)).all(axis=2).any()  # the bone age itself, in a colour of its own


def test_notes_stay_inside_the_picture(phantom_dicom: Path) -> None:
    reader, radiograph = Reader(), read_radiograph(phantom_dicom)
    reading = reader.read(radiograph)
    notes = (
        "it was mirrored: a right hand, or a picture that lies on its face",
        "it was turned by 90 degrees clockwise to stand upright",
        "the skeleton may be mature (bone age of 16 years or more): ages beyond that cannot be told apart",
        "read as F, although the header says M",
    )
    picture = annotated_picture(radiograph, replace(reading, notes=notes), explain(reader, radiograph, "M"))
    assert picture.shape == (1024, 1600, 3) and picture.dtype == np.uint8
    for edge in (picture[:4], picture[-4:], picture[:, :4], picture[:, -4:]):
        assert (edge == picture[0, 0]).all()
    without = annotated_picture(radiograph, replace(reading, notes=()), explain(reader, radiograph, "M"))
    np.testing.assert_array_equal(picture[:, :800], without[:, :800])  # and take no room of the radiograph's
