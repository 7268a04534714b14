"""DICOM objects out: what they say, whose they are, and what two independent tools think of them."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_samples import NATIVE, encode, make, write_bare
from dicom_tools import complaints, printed, save
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from carpal.errors import CarpalError, InvalidArgument, UnreadableRadiograph

highdicom = pytest.importorskip("highdicom", reason="the dicom extra is not installed")

from carpal.dicom.capture import secondary_capture
from carpal.dicom.codes import BONE_AGE, INTERVAL_HIGH, INTERVAL_LOW, sds_reference
from carpal.dicom.document import encapsulated_pdf
from carpal.dicom.findings import DISCLAIMER, Findings
from carpal.dicom.source import read_source
from carpal.dicom.structured import structured_report
from carpal.phantom import write_phantom

NOW = datetime(2026, 3, 1, 23, 30, 15, tzinfo=timezone.utc)
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
PICTURE = np.random.default_rng(0).integers(0, 256, (63, 81, 3)).astype(np.uint8)  # an odd number of bytes
FINDINGS = Findings(
    model="default",
    model_digest="ab" * 32,
    carpal_version="0.1.0",
    bone_age_months=138.42,
    interval_90_months=(125.1, 153.07),
    sex="F",
    sex_origin="header",
    age_months=112.0,
    sds=(("Brush Foundation", 1.27), ("Stanford", 1.31)),
    calibration="St. Elsewhere 2025",
    notes=("it was mirrored: a right hand, or a picture that lies on its face",),
)
REFUSED = Findings(
    model="default",
    model_digest="ab" * 32,
    carpal_version="0.1.0",
    age_months=112.0,
    refused_because="it shows two hands; cut out the left one",
)


def report(source: Dataset) -> Dataset:
    return structured_report(source, FINDINGS, NOW)


def refusal(source: Dataset) -> Dataset:
    return structured_report(source, REFUSED, NOW)


def picture(source: Dataset) -> Dataset:
    return secondary_capture(source, PICTURE, FINDINGS, NOW)


def document(source: Dataset) -> Dataset:
    return encapsulated_pdf(source, PDF, "Bone age", NOW)


WRITERS: dict[str, Callable[[Dataset], Dataset]] = {
    "report": report,
    "refusal": refusal,
    "picture": picture,
    "document": document,
}
every_object = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)


@pytest.fixture(scope="module")
def headers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Dataset]:
    """Headers of phantoms of both sexes and both polarities."""
    folder = tmp_path_factory.mktemp("headers")
    girl = write_phantom(folder / "girl.dcm", 112, "F", shape=(256, 200))
    boy = write_phantom(folder / "boy.dcm", 150, "M", shape=(256, 200), photometric="MONOCHROME1")
    return {"girl": read_source(girl), "boy": read_source(boy)}


@pytest.fixture
def source(headers: dict[str, Dataset]) -> Dataset:
    return copy.deepcopy(headers["girl"])


# --------------------------------------------------------------------------- what independent tools say


def odd_character_set(source: Dataset) -> None:
    source.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    source.PatientName = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    source.StudyDescription = "骨年齢"


def umlauts(source: Dataset) -> None:
    source.SpecificCharacterSet = "ISO_IR 100"
    source.PatientName, source.StudyDescription = "Müßig^Jörg", "Knochenalter Ärzte"


def utf8(source: Dataset) -> None:
    source.SpecificCharacterSet = "ISO_IR 192"
    source.PatientName = "Ναυτίλος^Ζωή"


def no_study_time(source: Dataset) -> None:
    del source.StudyTime


def no_laterality(source: Dataset) -> None:
    del source.Laterality
    del source.ImageLaterality


def right_hand(source: Dataset) -> None:
    source.Laterality = source.ImageLaterality = "R"


def no_birth_date(source: Dataset) -> None:
    del source.PatientBirthDate
    del source.PatientAge


def bare(source: Dataset) -> None:
    kept = {"SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "PatientName"}
    for element in list(source):
        if element.keyword not in kept:
            del source[element.tag]


def malformed(source: Dataset) -> None:
    for keyword, vr, value in (
        ("StudyDate", "DA", "2013.13.41"),
        ("StudyTime", "TM", "noon"),
        ("PatientBirthDate", "DA", "unknown"),
        ("PatientSex", "CS", "female"),
        ("PatientAge", "AS", "nine"),
        ("TimezoneOffsetFromUTC", "SH", "CET"),
    ):
        source[keyword] = pydicom.DataElement(keyword, vr, value, validation_mode=pydicom.config.IGNORE)


def with_zone(source: Dataset) -> None:
    source.TimezoneOffsetFromUTC = "+0530"


def lossy(source: Dataset) -> None:
    source.LossyImageCompression, source.LossyImageCompressionMethod = "01", "ISO_10918_1"
    source.LossyImageCompressionRatio = "12.5"


def identity_removed(source: Dataset) -> None:
    source.PatientIdentityRemoved, source.DeidentificationMethod = "YES", "drawn, not taken"


ODD_HEADERS = (
    odd_character_set, umlauts, utf8, no_study_time, no_laterality, right_hand, no_birth_date, bare, malformed,
    with_zone, lossy, identity_removed,
)  # fmt: skip


@every_object
@pytest.mark.parametrize("child", ["girl", "boy"])
def test_dciodvfy_has_nothing_against_any_object(
    child: str, write: Callable[[Dataset], Dataset], headers: dict[str, Dataset], tmp_path: Path
) -> None:
    assert complaints(save(write(headers[child]), tmp_path)) == []


@every_object
@pytest.mark.parametrize("change", ODD_HEADERS, ids=lambda change: change.__name__)
def test_dciodvfy_finds_no_error_whatever_the_header_lacks(
    change: Callable[[Dataset], None], write: Callable[[Dataset], Dataset], source: Dataset, tmp_path: Path
) -> None:
    change(source)
    assert [line for line in complaints(save(write(source), tmp_path)) if line.startswith(("Error", "Abort"))] == []


def test_dsrdump_prints_the_tree(source: Dataset, tmp_path: Path) -> None:
    tree = printed("dsrdump", "+Pl", "+Pc", save(report(source), tmp_path))
    assert "Bones X-ray bone age" in tree
    assert '"138.42" (mo,UCUM' in tree
    assert "PRELIMINARY" in tree and "UNVERIFIED" in tree
    assert DISCLAIMER in tree
    assert "model_sha256=" + "ab" * 32 in tree


@every_object
@pytest.mark.parametrize(
    ("change", "name", "study"),
    [(umlauts, "Müßig^Jörg", "Knochenalter Ärzte"), (utf8, "Ναυτίλος^Ζωή", "SYNTHETIC bone age")],
)
def test_dcmdump_reads_the_names(
    change: Callable[[Dataset], None],
    name: str,
    study: str,
    write: Callable[[Dataset], Dataset],
    source: Dataset,
    tmp_path: Path,
) -> None:
    change(source)
    said = printed("dcmdump", "+U8", "+P", "PatientName", "+P", "StudyDescription", save(write(source), tmp_path))
    assert f"[{name}]" in said and f"[{study}]" in said


@every_object
def test_a_japanese_name_keeps_its_three_writings_byte_for_byte(
    write: Callable[[Dataset], Dataset], source: Dataset, tmp_path: Path
) -> None:
    odd_character_set(source)
    written = "Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B"  # PS3.5 H.3.1
    assert written.encode() in save(write(source), tmp_path).read_bytes()


# --------------------------------------------------------------------------- the report


def read_back(dataset: Dataset, folder: Path) -> highdicom.sr.ComprehensiveSR:
    return highdicom.sr.srread(save(dataset, folder))


def test_the_report_gives_every_number_back(source: Dataset, tmp_path: Path) -> None:
    content = read_back(report(source), tmp_path).content
    (group,) = content.get_image_measurement_groups()
    values = {(m.name, m.method): (m.value, m.unit) for m in group.get_measurements()}
    months = codes.UCUM.Month
    assert values == {
        (BONE_AGE, None): (138.42, months),
        (INTERVAL_LOW, None): (125.1, months),
        (INTERVAL_HIGH, None): (153.07, months),
        (codes.DCM.ZScoreOfMeasurement, sds_reference("Brush Foundation")): (1.27, codes.UCUM.NoUnits),
        (codes.DCM.ZScoreOfMeasurement, sds_reference("Stanford")): (1.31, codes.UCUM.NoUnits),
    }
    (site,) = group.finding_sites
    assert (site.value, site.laterality) == (codes.SCT.Hand, codes.SCT.Left)
    (image,) = group.source_images
    assert image.referenced_sop_instance_uid == source.SOPInstanceUID


@settings(max_examples=25, deadline=None)
@given(
    months=st.floats(0, 239).map(lambda v: round(v, 2)),
    below=st.floats(0, 60).map(lambda v: round(v, 2)),
    above=st.floats(0, 60).map(lambda v: round(v, 2)),
    score=st.floats(-9, 9).map(lambda v: round(v, 2)),
)
def test_no_number_changes_on_its_way(
    headers: dict[str, Dataset], months: float, below: float, above: float, score: float
) -> None:
    interval = (round(max(0.0, months - below), 2), round(months + above, 2))
    findings = replace(FINDINGS, bone_age_months=months, interval_90_months=interval, sds=(("Stanford", score),))
    written = structured_report(headers["girl"], findings, NOW)
    (group,) = highdicom.sr.ComprehensiveSR.from_dataset(written).content.get_image_measurement_groups()
    assert [m.value for m in group.get_measurements()] == [months, *interval, score]


def tree(dataset: Dataset) -> dict[str, list[Dataset]]:
    """Every content item by the meaning of its name."""
    found: dict[str, list[Dataset]] = {}

    def visit(item: Dataset) -> None:
        for child in item.get("ContentSequence", []):
            found.setdefault(child.ConceptNameCodeSequence[0].CodeMeaning, []).append(child)
            visit(child)

    visit(dataset)
    return found


def test_the_interval_is_also_given_in_terms_that_every_system_knows(source: Dataset) -> None:
    items = tree(report(source))
    for meaning, width in (("+, range of upper", 14.65), ("-, range of lower", 13.32)):
        (item,) = next(found for name, found in items.items() if name.startswith(meaning))
        (measured,) = item.MeasuredValueSequence
        assert float(measured.NumericValue) == width
        assert measured.MeasurementUnitsCodeSequence[0].CodeValue == "mo"


def test_the_report_says_what_read_whom_as_what(source: Dataset) -> None:
    items = tree(report(source))
    assert items["Algorithm Name"][0].TextValue == "carpal"
    assert items["Algorithm Version"][0].TextValue == "0.1.0"
    parameters = [item.TextValue for item in items["Algorithm Parameters"]]
    assert parameters == ["model=default", "model_sha256=" + "ab" * 32, "calibration=St. Elsewhere 2025"]
    assert items["Subject Sex"][0].ConceptCodeSequence[0].CodeValue == "F"
    assert items["Subject Age"][0].MeasuredValueSequence[0].NumericValue == 112
    comments = [item.TextValue for item in items["Comment"]]
    assert "header" in comments[0] and "90 %" in comments[0]
    assert comments[1:] == [*FINDINGS.notes, DISCLAIMER]


def test_an_interval_that_was_never_calibrated_is_not_said_to_hold(source: Dataset) -> None:
    note = "the interval is the network's own: it was never calibrated"
    raw = replace(FINDINGS, calibration=None, notes=(note,))
    told, *others = [item.TextValue for item in tree(structured_report(source, raw, NOW))["Comment"]]
    assert told == "Read as sex F (header); the interval is meant to hold the bone age in 90 % of cases"
    assert others == [note, DISCLAIMER]


def test_a_report_is_preliminary_until_a_person_has_verified_it(source: Dataset) -> None:
    written = report(source)
    assert (written.CompletionFlag, written.VerificationFlag) == ("COMPLETE", "UNVERIFIED")
    assert (written.PreliminaryFlag, written.ContentQualification) == ("PRELIMINARY", "RESEARCH")
    (scheme,) = written.CodingSchemeIdentificationSequence
    assert scheme.CodingSchemeDesignator == "99CARPAL"


def test_a_refused_radiograph_gets_a_report_without_a_measurement(source: Dataset, tmp_path: Path) -> None:
    written = refusal(source)
    items = tree(written)
    assert "Bones X-ray bone age" not in items
    assert items["Comment"][0].TextValue == "No bone age: it shows two hands; cut out the left one"
    assert written.CompletionFlag == "PARTIAL"
    (group,) = read_back(written, tmp_path).content.get_image_measurement_groups()
    assert group.get_measurements() == []
    (evaluation,) = group.get_qualitative_evaluations()
    assert (evaluation.name, evaluation.value) == (codes.DCM.QualityAssessment, codes.RADLEX.NonDiagnosticQuality)


def test_a_report_of_what_could_not_be_read_does_not_blame_the_radiograph(source: Dataset, tmp_path: Path) -> None:
    unread = replace(REFUSED, refused_because="the header does not say the sex", refused_for_quality=False)
    written = structured_report(source, unread, NOW)
    assert (written.CompletionFlag, written.CompletionFlagDescription[-18:]) == ("PARTIAL", " could not be read")
    (group,) = read_back(written, tmp_path).content.get_image_measurement_groups()
    assert group.get_qualitative_evaluations() == []
    assert complaints(save(written, tmp_path)) == []


def test_without_laterality_the_site_is_a_hand_of_unknown_side(source: Dataset, tmp_path: Path) -> None:
    no_laterality(source)
    (group,) = read_back(report(source), tmp_path).content.get_image_measurement_groups()
    assert group.finding_sites[0].laterality is None
    assert picture(source).Laterality == ""


# --------------------------------------------------------------------------- the picture and the document


def test_the_picture_is_stored_without_loss_and_names_its_origin(source: Dataset, tmp_path: Path) -> None:
    stored = pydicom.dcmread(save(picture(source), tmp_path))
    np.testing.assert_array_equal(stored.pixel_array, PICTURE)
    (origin,) = stored.SourceImageSequence
    assert origin.ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert stored.BurnedInAnnotation == "NO"
    assert stored.ImageType[0] == "DERIVED"
    assert (stored.BodyPartExamined, stored.Laterality) == ("HAND", "L")
    assert DISCLAIMER in stored.DerivationDescription
    assert "138.4 months, 90 % interval 125 to 153" in stored.DerivationDescription


@pytest.mark.parametrize("said", ["YES", "Y", "UNKNOWN"])
def test_no_picture_is_made_of_a_radiograph_with_the_identity_burnt_in(said: str, source: Dataset) -> None:
    source.BurnedInAnnotation = said
    with pytest.raises(InvalidArgument, match="burnt into"):
        picture(source)


def test_where_the_header_is_silent_on_burnt_in_text_the_picture_is_too(source: Dataset) -> None:
    del source.BurnedInAnnotation
    assert "BurnedInAnnotation" not in picture(source)


def test_a_picture_of_a_lossy_radiograph_says_so(source: Dataset) -> None:
    lossy(source)
    written = picture(source)
    assert (written.LossyImageCompression, written.LossyImageCompressionRatio) == ("01", 12.5)


def test_a_refused_radiograph_gets_no_picture(source: Dataset) -> None:
    with pytest.raises(InvalidArgument, match="refused"):
        secondary_capture(source, PICTURE, REFUSED, NOW)


@pytest.mark.parametrize("array", [PICTURE[..., 0], PICTURE.astype(np.float32), PICTURE[..., :2]])
def test_only_an_rgb_picture_of_8_bits_is_taken(array: np.ndarray, source: Dataset) -> None:
    with pytest.raises(InvalidArgument, match="uint8"):
        secondary_capture(source, array, FINDINGS, NOW)


def test_the_document_holds_the_very_pdf(source: Dataset, tmp_path: Path) -> None:
    stored = pydicom.dcmread(save(document(source), tmp_path))
    assert stored.EncapsulatedDocument[: stored.EncapsulatedDocumentLength] == PDF
    assert stored.MIMETypeOfEncapsulatedDocument == "application/pdf"
    assert stored.SourceInstanceSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert stored.BurnedInAnnotation == "NO"


@pytest.mark.parametrize(("said", "written"), [("NO", "NO"), ("", "YES"), (None, "YES")])
def test_only_a_radiograph_called_clean_makes_a_page_that_calls_itself_clean(
    said: str | None, written: str, source: Dataset
) -> None:
    if said is None:
        del source.BurnedInAnnotation
    else:
        source.BurnedInAnnotation = said
    assert document(source).BurnedInAnnotation == written


def test_no_page_is_made_where_the_identity_is_burnt_in(source: Dataset) -> None:
    source.BurnedInAnnotation = "YES"
    with pytest.raises(InvalidArgument, match="burnt into it"):
        document(source)


@pytest.mark.parametrize("data", [b"", b"<html>", PDF[:-8]])
def test_what_is_no_whole_pdf_is_not_wrapped(data: bytes, source: Dataset) -> None:
    with pytest.raises(InvalidArgument, match="no whole PDF"):
        encapsulated_pdf(source, data, "Bone age", NOW)


# --------------------------------------------------------------------------- patient, study, characters, times


@every_object
@pytest.mark.parametrize("change", [odd_character_set, umlauts, utf8, identity_removed])
def test_patient_and_study_are_carried_over(
    change: Callable[[Dataset], None], write: Callable[[Dataset], Dataset], source: Dataset, tmp_path: Path
) -> None:
    change(source)
    source.AccessionNumber, source.IssuerOfPatientID = "A-17", "Ward 3"
    stored = pydicom.dcmread(save(write(source), tmp_path))
    for keyword in (
        "SpecificCharacterSet", "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex",
        "PatientAge", "PatientComments", "PatientIdentityRemoved", "StudyInstanceUID", "StudyDate", "StudyTime",
        "AccessionNumber", "StudyID", "StudyDescription",
    ):  # fmt: skip
        assert stored.get(keyword) == source.get(keyword), keyword
    assert stored.PatientName.phonetic == source.PatientName.phonetic
    assert stored.SeriesInstanceUID != source.SeriesInstanceUID
    assert stored.SOPInstanceUID != source.SOPInstanceUID


@every_object
def test_a_malformed_value_is_left_empty_not_passed_on(write: Callable[[Dataset], Dataset], source: Dataset) -> None:
    malformed(source)
    written = write(source)
    for keyword in ("StudyDate", "StudyTime", "PatientBirthDate", "PatientSex"):
        assert not written[keyword].value, keyword
    assert "PatientAge" not in written and "TimezoneOffsetFromUTC" not in written


def test_a_text_of_ours_that_the_header_cannot_write_makes_the_object_utf8(source: Dataset, tmp_path: Path) -> None:
    odd_character_set(source)
    written = encapsulated_pdf(source, PDF, "Knochenalter für später", NOW)
    stored = pydicom.dcmread(save(written, tmp_path))
    assert stored.SpecificCharacterSet == "ISO_IR 192"
    assert stored.DocumentTitle == "Knochenalter für später"
    assert str(stored.PatientName) == "Yamada^Tarou=山田^太郎=やまだ^たろう"
    assert stored.StudyDescription == "骨年齢"
    assert [line for line in complaints(tmp_path / "DOC.dcm") if line.startswith("Error")] == []


@every_object
def test_times_are_in_the_zone_of_the_header(write: Callable[[Dataset], Dataset], source: Dataset) -> None:
    with_zone(source)
    written = write(source)
    assert written.TimezoneOffsetFromUTC == "+0530"
    assert (written.ContentDate, written.ContentTime) == ("20260302", "050015")
    assert written.InstanceCreationDate == "20260302"


@every_object
def test_without_a_zone_the_clock_is_taken_as_it_stands(write: Callable[[Dataset], Dataset], source: Dataset) -> None:
    written = write(source)
    assert "TimezoneOffsetFromUTC" not in written
    assert (written.InstanceCreationDate, written.InstanceCreationTime) == ("20260301", "233015")


HEADER_TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x17F), max_size=80) | st.sampled_from(
    ["", " ", "a\\b", "^^^^^^^^", "=" * 5, "20200101", "1200", "0" * 70, "\x1b$B;3", "\x00", "12\n"]
)
COPIED = {
    "PatientName": "PN", "PatientID": "LO", "PatientBirthDate": "DA", "PatientSex": "CS", "PatientAge": "AS",
    "PatientSize": "DS", "StudyDate": "DA", "StudyTime": "TM", "AccessionNumber": "SH", "StudyID": "SH",
    "ReferringPhysicianName": "PN", "StudyDescription": "LO", "TimezoneOffsetFromUTC": "SH",
    "Laterality": "CS", "BurnedInAnnotation": "CS", "LossyImageCompression": "CS",
}  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    values=st.dictionaries(st.sampled_from(sorted(COPIED)), HEADER_TEXT, max_size=5), which=st.sampled_from([*WRITERS])
)
def test_no_header_makes_a_writer_fail_in_another_way_than_by_a_sentence(
    values: dict[str, str], which: str, headers: dict[str, Dataset]
) -> None:
    source = copy.deepcopy(headers["girl"])
    source.SpecificCharacterSet = "ISO_IR 192"
    for keyword, value in values.items():
        tag = pydicom.tag.Tag(keyword)
        raw = value.encode() + b" " * (len(value.encode()) % 2)
        source[tag] = pydicom.dataelem.RawDataElement(tag, COPIED[keyword], len(raw), raw, 0, False, True)
    try:
        written = WRITERS[which](source)
    except CarpalError:
        return
    buffer = io.BytesIO()
    written.save_as(buffer, enforce_file_format=True)
    assert pydicom.dcmread(io.BytesIO(buffer.getvalue())).StudyInstanceUID == source.StudyInstanceUID


# --------------------------------------------------------------------------- UIDs


@every_object
def test_the_same_said_later_has_the_same_uids(
    write: Callable[[Dataset], Dataset], source: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write(source)
    monkeypatch.setitem(globals(), "NOW", NOW + timedelta(days=3))
    second = write(source)
    assert second.ContentDate > first.ContentDate
    assert second.SOPInstanceUID == first.SOPInstanceUID == first.file_meta.MediaStorageSOPInstanceUID
    assert second.SeriesInstanceUID == first.SeriesInstanceUID


def test_whatever_differs_gives_another_uid(source: Dataset, headers: dict[str, Dataset]) -> None:
    objects = [write(source) for write in WRITERS.values()]
    objects += [write(headers["boy"]) for write in WRITERS.values()]
    objects.append(structured_report(source, replace(FINDINGS, model_digest="cd" * 32), NOW))
    objects.append(structured_report(source, replace(FINDINGS, bone_age_months=138.43), NOW))
    objects.append(secondary_capture(source, 255 - PICTURE, FINDINGS, NOW))
    source.PatientName = "Corrected^Name"
    objects.append(report(source))
    uids = [uid for dataset in objects for uid in (dataset.SOPInstanceUID, dataset.SeriesInstanceUID)]
    assert len(set(uids)) == len(uids)
    assert all(uid.startswith("2.25.") and len(uid) <= 64 and pydicom.uid.UID(uid).is_valid for uid in uids)


# --------------------------------------------------------------------------- what is refused


@every_object
@pytest.mark.parametrize("keyword", ["SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID"])
def test_a_header_nothing_can_refer_to_is_refused(
    keyword: str, write: Callable[[Dataset], Dataset], source: Dataset
) -> None:
    delattr(source, keyword)
    with pytest.raises(UnreadableRadiograph, match=keyword):
        write(source)


@every_object
def test_a_uid_longer_than_dicom_allows_is_refused(write: Callable[[Dataset], Dataset], source: Dataset) -> None:
    source.StudyInstanceUID = "1.2." + "3" * 61
    with pytest.raises(UnreadableRadiograph, match="StudyInstanceUID"):
        write(source)


def test_of_a_makers_own_class_there_is_no_report(source: Dataset) -> None:
    source.SOPClassUID = "1.3.46.670589.2.3.1.1"
    with pytest.raises(UnreadableRadiograph, match="maker's own"):
        report(source)


@every_object
def test_an_accession_number_is_the_headers_whatever_its_length(
    write: Callable[[Dataset], Dataset], source: Dataset
) -> None:
    source.AccessionNumber = "RIS-2024-00123456-7"
    assert write(source).AccessionNumber == "RIS-2024-00123456-7"


@every_object
@pytest.mark.parametrize("keyword", ["PatientID", "PatientName"])
def test_a_patient_in_bytes_of_another_character_set_is_refused(
    keyword: str, write: Callable[[Dataset], Dataset], source: Dataset, tmp_path: Path
) -> None:
    setattr(source, keyword, "Mxller12")
    source.SpecificCharacterSet = "ISO_IR 192"
    source.save_as(tmp_path / "odd.dcm")
    data = (tmp_path / "odd.dcm").read_bytes()
    assert data.count(b"Mxller12") == 1
    (tmp_path / "odd.dcm").write_bytes(data.replace(b"Mxller12", b"M\xfcller12"))
    with pytest.raises(UnreadableRadiograph, match=f"{keyword} holds bytes"):
        write(read_source(tmp_path / "odd.dcm"))


def test_what_lies_in_a_sequence_is_written_in_the_objects_character_set(source: Dataset, tmp_path: Path) -> None:
    source.SpecificCharacterSet = "ISO_IR 100"
    other, code = Dataset(), Dataset()
    other.PatientID = "Ä2"
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "X1", "99X", "Röntgen Hand"
    source.OtherPatientIDsSequence, source.ProcedureCodeSequence = [other], [code]
    source.save_as(tmp_path / "header.dcm")
    written = encapsulated_pdf(read_source(tmp_path / "header.dcm"), PDF, "Alter für Łódź", NOW)
    stored = pydicom.dcmread(save(written, tmp_path))
    assert stored.SpecificCharacterSet == "ISO_IR 192"
    assert stored.OtherPatientIDsSequence[0].PatientID == "Ä2"
    assert stored.ProcedureCodeSequence[0].CodeMeaning == "Röntgen Hand"


def test_an_unknown_character_set_is_refused(source: Dataset) -> None:
    source.SpecificCharacterSet = "ISO_IR 999"
    with pytest.raises(UnreadableRadiograph, match="character set"):
        report(source)


def test_a_png_cannot_be_answered_in_dicom(phantom_png: Path, tmp_path: Path) -> None:
    with pytest.raises(UnreadableRadiograph, match="is no DICOM object"):
        read_source(phantom_png)
    with pytest.raises(UnreadableRadiograph, match=r"nothing\.dcm: no such file"):
        read_source(tmp_path / "nothing.dcm")


def procedure() -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "RH1", "99LOCAL", "Röntgen der Hand"
    return item


@pytest.mark.parametrize(
    "syntax", [*NATIVE, pydicom.uid.RLELossless, pydicom.uid.JPEG2000], ids=lambda syntax: syntax.keyword
)
def test_a_radiograph_of_any_transfer_syntax_is_answered(syntax: pydicom.uid.UID, tmp_path: Path) -> None:
    sample = make(SpecificCharacterSet="ISO_IR 192", PatientName="Müßig^Jörg", ProcedureCodeSequence=[procedure()])
    path = tmp_path / "source.dcm"
    path.write_bytes(encode(sample, syntax))
    written = pydicom.dcmread(save(report(read_source(path)), tmp_path))
    assert written.PatientName == "Müßig^Jörg"
    assert written.ProcedureCodeSequence[0].CodeMeaning == "Röntgen der Hand"
    assert written.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian


@pytest.mark.parametrize("implicit", [True, False])
def test_a_bare_data_set_is_answered(implicit: bool, tmp_path: Path) -> None:
    (tmp_path / "bare.dcm").write_bytes(write_bare(make(), implicit=implicit))
    written = picture(read_source(tmp_path / "bare.dcm"))
    assert written.SourceImageSequence[0].ReferencedSOPInstanceUID == "1.2.3.4"


def test_a_damaged_header_is_one_sentence(phantom_dicom: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.dcm"
    damaged.write_bytes(phantom_dicom.read_bytes()[:200])
    with pytest.raises(UnreadableRadiograph, match=r"damaged\.dcm"):
        read_source(damaged)


@pytest.mark.parametrize(
    "change",
    [
        {"bone_age_months": None},
        {"sex": None},
        {"interval_90_months": (150.0, 120.0)},
        {"age_months": -1.0},
        {"sds": (("Stanford", 1.0), ("Stanford", 2.0))},
        {"sds": (("", 1.0),)},
        {"sds": (("Stanford", float("nan")),)},
        {"refused_because": "it is a foot"},
    ],
)
def test_findings_that_contradict_themselves_cannot_be_made(change: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument):
        replace(FINDINGS, **change)


def test_a_reference_is_coded_by_its_name() -> None:
    assert sds_reference("Brush Foundation") == Code("SDS-BRUSH-FOUNDATION", "99CARPAL", "Brush Foundation")
    with pytest.raises(InvalidArgument):
        sds_reference("—")
