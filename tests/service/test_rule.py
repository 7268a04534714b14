"""Which objects of an archive are hand radiographs, whoever wrote their headers."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pydicom
import pytest

pytest.importorskip("fastapi", reason="needs pip install '.[serve]'")

from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from carpal.dicom.read import study_date
from carpal.errors import ImageTooLarge, InvalidArgument, UnreadableRadiograph
from carpal.phantom import write_phantom
from carpal.plain import child_code
from carpal.service.instance import INFLATED_BYTES, header_bytes, read_instance
from carpal.service.rule import Rule, read_rule


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_phantom(tmp_path_factory.mktemp("rule") / "hand.dcm", 100, "F", shape=(128, 128))


def header(phantom: Path, **values: object) -> Dataset:
    """The phantom's header with nothing that says what it shows but ``values``; None takes an element away."""
    dataset = pydicom.dcmread(phantom)
    for keyword in ("BodyPartExamined", "AnatomicRegionSequence", "SeriesDescription", "StudyDescription"):
        dataset.pop(keyword, None)
    dataset.Manufacturer, dataset.ManufacturerModelName = "Some", "Detector"
    for keyword, value in values.items():
        if value is None:
            dataset.pop(keyword, None)
        else:
            setattr(dataset, keyword, value)
    return dataset


def as_file(dataset: Dataset) -> io.BytesIO:
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file


def wanted(dataset: Dataset, rule: Rule | None = None) -> bool:
    return (rule or Rule()).wants(read_instance(as_file(dataset)))


def coded(value: str, meaning: str = "something") -> list[Dataset]:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", meaning
    return [item]


HANDS = [
    {"BodyPartExamined": "HAND"},
    {"BodyPartExamined": "Hand "},
    {"BodyPartExamined": "WRIST"},
    {"BodyPartExamined": "HAND_LEFT"},
    {"BodyPartExamined": "LHAND", "SeriesDescription": "ap"},
    {"BodyPartExamined": "BONE AGE"},
    {"BodyPartExamined": "HANDGELENK"},
    {"BodyPartExamined": "EXTREMITY", "SeriesDescription": "Left hand for bone age"},
    {"BodyPartExamined": "UP_EXM", "ProtocolName": "Hand d.v."},
    {"BodyPartExamined": "ARM", "StudyDescription": "Knochenalterbestimmung"},
    {"Modality": "CR", "SeriesDescription": "HAND PA"},
    {"Modality": "DR", "SeriesDescription": "hand, pa"},
    {"Modality": "RG", "StudyDescription": "XR BONE AGE STUDIES"},
    {"SeriesDescription": "Röntgen Handwurzel links"},
    {"SeriesDescription": "Hände bds."},
    {"SeriesDescription": "li. Hand-Skelett (Hand) dp"},
    {"StudyDescription": "Âge osseux"},
    {"StudyDescription": "Radio main gauche"},
    {"StudyDescription": "Edad ósea, mano izquierda"},
    {"StudyDescription": "RX polso e mano sn"},
    {"PerformedProcedureStepDescription": "BONEAGE"},
    {"StudyDescription": "左手正位片", "SpecificCharacterSet": "ISO_IR 192"},
    {"AnatomicRegionSequence": coded("85562004")},
    {"AnatomicRegionSequence": coded("T-15460"), "BodyPartExamined": ""},
    {"AnatomicRegionSequence": coded("1", "Hand")},
    {"ProcedureCodeSequence": coded("1", "Bone age X-ray")},
    {"BodyPartExamined": "HAND", "StudyDescription": "Chest and hand"},
    {"SeriesDescription": "Hand und Unterarm"},
]
OTHERS = [
    {},
    {"BodyPartExamined": "CHEST"},
    {"BodyPartExamined": "CHEST", "StudyDescription": "Chest and left hand"},
    {"BodyPartExamined": "KNEE", "SeriesDescription": "hand"},
    {"SeriesDescription": "Thorax pa", "StudyDescription": "Thorax, Hand links"},
    {"SeriesDescription": "Knie re.", "StudyDescription": "Skelettstatus mit Hand"},
    {"StudyDescription": "Main hospital, portable"},
    {"StudyDescription": "Handover film"},
    {"BodyPartExamined": "FOOT"},
    {"BodyPartExamined": "HAND", "Modality": "CT"},
    {"BodyPartExamined": "HAND", "Modality": "MR"},
    {"BodyPartExamined": "HAND", "Modality": None},
    {"BodyPartExamined": "HAND", "Modality": "OT"},
    {"BodyPartExamined": "HAND", "Manufacturer": "carpal", "ManufacturerModelName": "carpal"},
    {"BodyPartExamined": "HAND", "SeriesDescription": "Bone age by carpal, picture"},
    {"BodyPartExamined": "HAND", "Rows": None},
]


@pytest.mark.parametrize("values", HANDS, ids=str)
def test_a_hand_radiograph_is_wanted(values: dict[str, object], phantom: Path) -> None:
    assert wanted(header(phantom, **values))


@pytest.mark.parametrize("values", OTHERS, ids=str)
def test_anything_else_is_not(values: dict[str, object], phantom: Path) -> None:
    assert not wanted(header(phantom, **values))


def test_the_phantom_itself_is_wanted(phantom: Path) -> None:
    assert Rule().wants(read_instance(io.BytesIO(phantom.read_bytes())))


def test_what_carpal_answers_with_is_never_read_again_whatever_the_rule(phantom: Path, tmp_path: Path) -> None:
    pytest.importorskip("highdicom", reason="the dicom extra is not installed")
    from carpal.deliver import Request, deliver_all

    everything = Rule(modalities=("DX", "OT", "SR", "DOC"), body_parts=("*",), vague_parts=("*",), words=("*",))
    assert everything.wants(read_instance(io.BytesIO(phantom.read_bytes())))
    whole = write_phantom(tmp_path / "whole.dcm", 100, "F", shape=(512, 400))
    [delivery] = deliver_all([whole], tmp_path / "answer", Request())
    assert len(delivery.written) == 3
    for path in delivery.written:
        assert not everything.wants(read_instance(io.BytesIO(path.read_bytes())))


def test_a_rule_file_changes_what_it_names(phantom: Path, tmp_path: Path) -> None:
    path = tmp_path / "rule.json"
    path.write_text(json.dumps({"modalities": ["OT"], "body_parts": ["Hand"]}))
    rule = read_rule(path)
    assert wanted(header(phantom, Modality="OT", BodyPartExamined="HAND"), rule)
    assert not wanted(header(phantom, Modality="DX", BodyPartExamined="HAND"), rule)
    assert rule.words == Rule().words


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"modality": ["CR"]}', '{"modalities": "CR"}', '{"modalities": []}', '{"words": [1]}']
)
def test_a_rule_file_that_cannot_be_meant_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "rule.json"
    path.write_text(text)
    with pytest.raises(InvalidArgument, match=r"rule\.json"):
        read_rule(path)
    with pytest.raises(InvalidArgument, match="absent"):
        read_rule(tmp_path / "absent.json")


def test_the_patient_id_is_a_childs_code_where_it_can_be_one_and_is_not_shown(phantom: Path) -> None:
    instance = read_instance(as_file(header(phantom, PatientID=" 4711 ")))
    assert instance.patient_id == "4711"
    assert "4711" not in repr(instance)
    for nobody in ("", " ", "tab\there", "x" * 65):
        assert read_instance(as_file(header(phantom, PatientID=nobody))).patient_id is None
    assert child_code("\ufffd12") is None  # bytes that could not be read: another child's may look the same


def test_a_deflated_header_is_read_and_a_bomb_is_not(phantom: Path) -> None:
    dataset = header(phantom, BodyPartExamined="HAND")
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    assert wanted(dataset)
    dataset.PixelData = bytes(200 * 1024**2)
    bomb = as_file(dataset)
    with pytest.raises(ImageTooLarge):
        read_instance(bomb)
    assert study_date(header_bytes(bomb), INFLATED_BYTES) is None


@pytest.mark.parametrize("change", ["none", "cut", "uid", "noise"])
def test_what_is_no_dicom_object_is_refused_with_a_sentence(change: str, phantom: Path) -> None:
    data = bytearray(phantom.read_bytes())
    if change == "none":
        data[128:132] = b"NONE"
    elif change == "cut":
        del data[300:]
    elif change == "uid":
        data = bytearray(as_file(header(phantom, StudyInstanceUID="1.2.03")).getvalue())
    else:
        data[132:] = bytes(range(256)) * 100
    with pytest.raises(UnreadableRadiograph) as caught:
        read_instance(io.BytesIO(data))
    assert "\n" not in str(caught.value)
