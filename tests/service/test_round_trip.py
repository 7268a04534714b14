"""From an archive to carpal and back: Debian's Orthanc sends a radiograph and gets its answer into the same study."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from orthanc import Archive, free_ports

pytest.importorskip("fastapi", reason="needs pip install '.[serve]'")
pytest.importorskip("pynetdicom", reason="needs pip install '.[serve]'")
pytest.importorskip("highdicom", reason="needs pip install '.[dicom]'")

from pydicom.uid import generate_uid

from carpal.phantom import write_phantom

from .serving import Server, Start, until


@pytest.fixture(scope="module")
def node_port() -> int:
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, node_port: int) -> Iterator[Archive]:
    archive = Archive(tmp_path_factory.mktemp("orthanc"), {"carpal": ["CARPAL", "127.0.0.1", node_port]})
    try:
        yield archive.start()
    finally:
        archive.stop()


def radiograph(folder: Path, name: str = "hand", **values: object) -> pydicom.Dataset:
    """A study of its own."""
    dataset = pydicom.dcmread(write_phantom(folder / f"{name}.dcm", 112, "F", seed=4, shape=(512, 400)))
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        setattr(dataset, keyword, generate_uid())
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset


def put(archive: Archive, dataset: pydicom.Dataset) -> str:
    """Into the archive; its id there."""
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return archive.post("/instances", file.getvalue())["ID"]


def in_study(archive: Archive, dataset: pydicom.Dataset) -> dict[str, pydicom.Dataset]:
    """What the archive has in that study, by modality."""
    found = archive.find(StudyInstanceUID=str(dataset.StudyInstanceUID))
    objects = [pydicom.dcmread(io.BytesIO(archive.get(f"/instances/{each}/file"))) for each in found]
    assert len({each.Modality for each in objects}) == len(objects), "doubles"
    return {each.Modality: each for each in objects}


def count(archive: Archive, dataset: pydicom.Dataset) -> int:
    return len(archive.find(StudyInstanceUID=str(dataset.StudyInstanceUID)))


def waiting(server: Server) -> float:
    with server.client() as client:
        lines = client.get("/metrics").text.splitlines()
    return sum(float(line.split()[1]) for line in lines if line.startswith("carpal_outbox_waiting"))


@pytest.mark.parametrize("way", ["C-STORE", "STOW-RS"])
def test_a_radiograph_goes_out_and_report_and_picture_come_back_into_its_study(
    way: str, start: Start, archive: Archive, node_port: int, tmp_path: Path
) -> None:
    back = {
        "C-STORE": f"dicom://ORTHANC@127.0.0.1:{archive.dicom_port}",
        "STOW-RS": f"http://127.0.0.1:{archive.http_port}/dicom-web",
    }
    server = start("--dicom-port", node_port, "--dicom-peers", "ORTHANC@127.0.0.1", "--send-to", back[way])
    try:
        sent = radiograph(tmp_path, PatientID="child-7", PatientName="Émile^Ä", SpecificCharacterSet="ISO_IR 192")
        identity = put(archive, sent)
        archive.post("/modalities/carpal/store", identity.encode())
        until(lambda: count(archive, sent) == 3)
        answer = in_study(archive, sent)
        assert set(answer) == {"DX", "SR", "OT"}
        for each in answer.values():
            assert each.PatientName == sent.PatientName
            assert (each.PatientID, each.StudyInstanceUID) == (sent.PatientID, sent.StudyInstanceUID)
        [evidence] = answer["SR"].CurrentRequestedProcedureEvidenceSequence
        [referred] = evidence.ReferencedSeriesSequence[0].ReferencedSOPSequence
        assert referred.ReferencedSOPInstanceUID == sent.SOPInstanceUID
        with server.client() as client:
            [reading] = client.get("/readings?source=dicom").json()["readings"]
            assert reading["child"]["code"] == "child-7"
            assert f"{reading['reading']['bone_age_months']:.1f} months" in answer["OT"].DerivationDescription
        again(archive, server, sent)
    finally:
        server.end()


def again(archive: Archive, server: Server, sent: pydicom.Dataset) -> None:
    """Sending the whole study again, answers and all, changes nothing: no loop, no second reading, no double."""
    study = archive.post(
        "/tools/find",
        json.dumps({"Level": "Study", "Query": {"StudyInstanceUID": str(sent.StudyInstanceUID)}}).encode(),
    )
    archive.post("/modalities/carpal/store", study[0].encode())
    with server.client() as client:
        until(lambda: client.get("/health").json()["waiting"] == 0 and waiting(server) == 0)
        assert len(client.get("/readings").json()["readings"]) == 1
        text = client.get("/metrics").text
    assert 'carpal_dicom_objects_total{outcome="passed over",way="dicom"} 2.0' in text
    assert 'carpal_dicom_objects_total{outcome="known",way="dicom"} 1.0' in text
    assert count(archive, sent) == 3


def test_what_is_no_hand_goes_through_and_a_refused_radiograph_gets_its_report(
    start: Start, archive: Archive, node_port: int, tmp_path: Path
) -> None:
    server = start("--dicom-port", node_port, "--send-to", f"dicom://ORTHANC@127.0.0.1:{archive.dicom_port}")
    try:
        chest = radiograph(tmp_path, "chest", BodyPartExamined="CHEST", AnatomicRegionSequence=[])
        blank = radiograph(tmp_path, "blank")
        blank.PixelData = bytes(len(blank.PixelData))
        for each in (chest, blank):
            archive.post("/modalities/carpal/store", put(archive, each).encode())
        until(lambda: count(archive, blank) == 2)
        assert in_study(archive, blank)["SR"].CompletionFlag == "PARTIAL"
        until(lambda: waiting(server) == 0)
        assert count(archive, chest) == 1
    finally:
        server.end()


def test_an_archive_that_is_away_and_comes_back_gets_its_answer(
    start: Start, archive: Archive, node_port: int, tmp_path: Path
) -> None:
    server = start("--dicom-port", node_port, "--send-to", f"dicom://ORTHANC@127.0.0.1:{archive.dicom_port}")
    sent = radiograph(tmp_path, "away")
    identity = put(archive, sent)
    try:
        file = io.BytesIO(archive.get(f"/instances/{identity}/file"))
        archive.stop()
        with server.client() as client:
            stored = client.post("/studies", content=file.getvalue(), headers={"content-type": "application/dicom"})
            assert stored.status_code == 200
            until(lambda: 'carpal_outbox_failures_total{why="away"}' in client.get("/metrics").text)
        assert waiting(server) == 2
        archive.start()
        until(lambda: count(archive, sent) == 3, 90)
        assert set(in_study(archive, sent)) == {"DX", "SR", "OT"}
    finally:
        server.end()
