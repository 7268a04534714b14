"""An archive of its own, on loopback: what it is sent, by C-STORE or by STOW-RS, is what it gives back."""

from __future__ import annotations

import io
import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

pytest.importorskip("highdicom", reason="the dicom extra is not installed")
pytest.importorskip("pynetdicom", reason="pynetdicom is not installed")
pytest.importorskip("dicomweb_client", reason="dicomweb-client is not installed")

from dicomweb_client import DICOMwebClient
from orthanc import Archive
from pynetdicom import AE
from pynetdicom.sop_class import (
    ComprehensiveSRStorage,
    DigitalXRayImageStorageForPresentation,
    EncapsulatedPDFStorage,
    SecondaryCaptureImageStorage,
)
from test_dicom_write import WRITERS, odd_character_set, umlauts, utf8

from carpal.phantom import write_phantom

STORED = (
    ComprehensiveSRStorage,
    SecondaryCaptureImageStorage,
    EncapsulatedPDFStorage,
    DigitalXRayImageStorageForPresentation,
)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """An empty Orthanc; its folder, ports and process are this module's alone."""
    archive = Archive(tmp_path_factory.mktemp("orthanc"))
    try:
        yield archive.start()
    finally:
        archive.stop()


@pytest.fixture(scope="module")
def radiograph(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    path = write_phantom(tmp_path_factory.mktemp("phantom") / "girl.dcm", 112, "F", shape=(256, 200))
    return pydicom.dcmread(path)


def as_sent(dataset: Dataset) -> Dataset:
    """Through the bytes of a file, as it will come back."""
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return pydicom.dcmread(io.BytesIO(file.getvalue()))


def c_store(archive: Archive, dataset: Dataset) -> None:
    entity = AE(ae_title="CARPAL")
    for sop_class in STORED:
        entity.add_requested_context(sop_class, pydicom.uid.ExplicitVRLittleEndian)
    association = entity.associate("127.0.0.1", archive.dicom_port, ae_title="ORTHANC")
    assert association.is_established
    try:
        assert association.send_c_store(dataset).Status == 0x0000
    finally:
        association.release()


def stow_rs(archive: Archive, dataset: Dataset) -> None:
    client = DICOMwebClient(f"http://127.0.0.1:{archive.http_port}/dicom-web")
    answer = client.store_instances([dataset])
    (stored,) = answer.ReferencedSOPSequence
    assert stored.ReferencedSOPInstanceUID == dataset.SOPInstanceUID


def delete(archive: Archive) -> None:
    for study in json.loads(archive.get("/studies")):
        request = urllib.request.Request(f"http://127.0.0.1:{archive.http_port}/studies/{study}", method="DELETE")
        urllib.request.urlopen(request, timeout=20).close()


@pytest.mark.parametrize("send", [c_store, stow_rs])
@pytest.mark.parametrize("change", [None, umlauts, utf8, odd_character_set])
@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_every_object_comes_back_as_it_was_sent(
    write: Callable[[Dataset], Dataset],
    change: Callable[[Dataset], None] | None,
    send: Callable[[Archive, Dataset], None],
    archive: Archive,
    radiograph: Dataset,
) -> None:
    delete(archive)
    source = pydicom.dcmread(io.BytesIO(bytes_of(radiograph)))
    if change is not None:
        change(source)
    sent = as_sent(write(source))
    send(archive, sent)
    back = pydicom.dcmread(io.BytesIO(archive.instance(sent.SOPInstanceUID)))
    assert back == sent
    assert back.to_json_dict() == sent.to_json_dict()


def bytes_of(dataset: Dataset) -> bytes:
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def test_all_of_one_radiograph_are_filed_in_its_study_and_twice_is_once(archive: Archive, radiograph: Dataset) -> None:
    delete(archive)
    c_store(archive, radiograph)
    for write in WRITERS.values():
        c_store(archive, write(radiograph))
        stow_rs(archive, as_sent(write(radiograph)))
    client = DICOMwebClient(f"http://127.0.0.1:{archive.http_port}/dicom-web")
    (study,) = client.search_for_studies()
    assert study["0020000D"]["Value"] == [radiograph.StudyInstanceUID]
    assert len(client.search_for_series(radiograph.StudyInstanceUID)) == 1 + len(WRITERS)
    assert len(client.search_for_instances(radiograph.StudyInstanceUID)) == 1 + len(WRITERS)


def test_the_archive_draws_the_picture_as_it_was_made(archive: Archive, radiograph: Dataset) -> None:
    from PIL import Image

    delete(archive)
    picture = as_sent(WRITERS["picture"](radiograph))
    stow_rs(archive, picture)
    client = DICOMwebClient(f"http://127.0.0.1:{archive.http_port}/dicom-web")
    drawn = client.retrieve_instance_rendered(
        picture.StudyInstanceUID, picture.SeriesInstanceUID, picture.SOPInstanceUID, media_types=("image/png",)
    )
    image = Image.open(io.BytesIO(drawn)).convert("RGB")
    assert image.tobytes() == picture.PixelData[: len(image.tobytes())]


@pytest.mark.parametrize("send", [c_store, stow_rs])
def test_what_carpal_dicom_read_wrote_comes_back_page_and_all(
    send: Callable[[Archive, Dataset], None], archive: Archive, phantom_dicom: Path, tmp_path: Path
) -> None:
    from carpal.deliver import Request, deliver_all

    delete(archive)
    (delivery,) = deliver_all([phantom_dicom], tmp_path, Request())
    assert [path.name for path in delivery.written] == ["sr.dcm", "sc.dcm", "report.dcm"]
    for path in delivery.written:
        sent = pydicom.dcmread(path)
        send(archive, sent)
        assert pydicom.dcmread(io.BytesIO(archive.instance(sent.SOPInstanceUID))) == sent
    assert archive.instance(sent.SOPInstanceUID, "pdf").startswith(b"%PDF-")
