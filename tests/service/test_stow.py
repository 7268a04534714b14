"""STOW-RS, asked by a client that is not carpal's and by requests that misbehave."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import httpx
import pydicom
import pytest

pytest.importorskip("fastapi", reason="needs pip install '.[serve]'")

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from carpal.errors import RequestTooLarge, ServiceRefusal
from carpal.phantom import write_phantom
from carpal.service.multipart import Parts, media_type

from .serving import Server, Start, carpal, until

RELATED = 'multipart/related; type="application/dicom"; boundary=xyz'


@pytest.fixture(scope="module")
def hand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DICOM radiograph that is quick to read."""
    return write_phantom(tmp_path_factory.mktemp("hand") / "hand.dcm", 100, "M", seed=2, shape=(512, 400))


@pytest.fixture(scope="module")
def server(start: Start) -> Server:
    return start("--rate", 100000)


def changed(path: Path, **values: object) -> Dataset:
    dataset = pydicom.dcmread(path)
    for keyword, value in ({"SOPInstanceUID": generate_uid()} | values).items():
        setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset


def in_bytes(dataset: Dataset) -> bytes:
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def related(*parts: bytes) -> bytes:
    head = b"--xyz\r\nContent-Type: application/dicom\r\n\r\n"
    return b"".join(head + part + b"\r\n" for part in parts) + b"--xyz--\r\n"


def post(server: Server, body: bytes, path: str = "/studies", **headers: str) -> httpx.Response:
    with server.client() as client:
        return client.post(path, content=body, headers={"content-type": RELATED} | headers)


def uids(answer: httpx.Response, tag: str) -> list[str]:
    return [item["00081155"]["Value"][0] for item in answer.json().get(tag, {}).get("Value", [])]


def readings(server: Server) -> list[dict[str, object]]:
    with server.client() as client:
        until(lambda: client.get("/health").json()["waiting"] == 0)
        return client.get("/readings?limit=200").json()["readings"]


def test_a_client_stores_radiographs_and_they_are_read(server: Server, hand: Path) -> None:
    dicomweb_client = pytest.importorskip("dicomweb_client", reason="dicomweb-client is not installed")
    client = dicomweb_client.DICOMwebClient(server.url)
    sent = [changed(hand), changed(hand)]
    answer = client.store_instances(sent)
    assert {item.ReferencedSOPInstanceUID for item in answer.ReferencedSOPSequence} == {d.SOPInstanceUID for d in sent}
    assert "FailedSOPSequence" not in answer
    assert [reading["state"] for reading in readings(server)] == ["done", "done"]
    again = client.store_instances(sent, study_instance_uid=sent[0].StudyInstanceUID)
    assert len(again.ReferencedSOPSequence) == 2
    assert len(readings(server)) == 2


def test_stored_refused_and_passed_over_are_told_apart(server: Server, hand: Path) -> None:
    before = len(readings(server))
    good, other = changed(hand), changed(hand, BodyPartExamined="CHEST", AnatomicRegionSequence=[])
    elsewhere = changed(hand, StudyInstanceUID=generate_uid())
    body = related(in_bytes(good), in_bytes(other), in_bytes(elsewhere), b"no object at all")
    answer = post(server, body, f"/studies/{good.StudyInstanceUID}")
    assert answer.status_code == 202
    assert answer.headers["content-type"] == "application/dicom+json"
    assert uids(answer, "00081199") == [good.SOPInstanceUID, other.SOPInstanceUID]
    assert uids(answer, "00081198") == [elsewhere.SOPInstanceUID]
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xA900]
    assert answer.json()["0008119A"]["Value"] == [{"00081197": {"vr": "US", "Value": [0xC000]}}]
    assert Dataset.from_json(answer.json()).FailedSOPSequence[0].FailureReason == 0xA900
    assert len(readings(server)) == before + 1


def test_nothing_stored_is_a_conflict(server: Server, hand: Path) -> None:
    elsewhere = changed(hand, StudyInstanceUID=generate_uid())
    assert post(server, related(in_bytes(elsewhere)), "/studies/1.2.3").status_code == 409
    assert post(server, related(b"nothing")).status_code == 409


def test_one_object_may_come_without_a_multipart(server: Server, hand: Path) -> None:
    one = changed(hand)
    answer = post(server, in_bytes(one), **{"content-type": "application/dicom"})
    assert (answer.status_code, uids(answer, "00081199")) == (200, [one.SOPInstanceUID])


def test_others_are_refused_where_that_is_asked_for(start: Start, hand: Path) -> None:
    server = start("--dicom-others", "refuse")
    answer = post(server, related(in_bytes(changed(hand, BodyPartExamined="CHEST", AnatomicRegionSequence=[]))))
    assert answer.status_code == 409
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xC001]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 400),
        (b"--xyz--\r\n", {}, 400),
        (b"--abc\r\n\r\n", {}, 400),
        (related(b"1")[:-9], {}, 400),
        (related(b"1"), {"content-type": "multipart/related; type=application/dicom"}, 400),
        (related(b"1"), {"content-type": "multipart/form-data; boundary=xyz"}, 415),
        (related(b"1"), {"content-type": 'multipart/related; type="application/dicom+json"; boundary=xyz'}, 415),
        (related(b"1").replace(b"application/dicom", b"image/png"), {}, 415),
        (related(b"1"), {"accept": "application/dicom+xml"}, 406),
        (b"--xyz\r\nA: " + b"b" * 20000, {}, 400),
        (related(b"1"), {"content-type": f"multipart/related; type=application/dicom; boundary={'b' * 3000}"}, 400),
    ],
)
def test_what_is_no_store_request_is_a_problem(
    body: bytes, headers: dict[str, str], status: int, server: Server
) -> None:
    answer = post(server, body, **headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_study_that_is_no_uid_and_another_method_are_refused(server: Server) -> None:
    assert post(server, related(b"1"), "/studies/abc").status_code == 422
    with server.client() as client:
        assert client.get("/studies").status_code == 405


def test_the_limits_of_every_request_hold(start: Start, hand: Path) -> None:
    server = start("--max-mib", 1, "--queue", 1)
    assert post(server, related(os.urandom(2 * 1024**2))).status_code == 413
    small = changed(hand)
    small.Rows, small.Columns, small.PixelData = 64, 64, bytes(2 * 64 * 64)
    answers = [post(server, related(in_bytes(changed_uid(small)))) for _ in range(8)]
    assert {answer.status_code for answer in answers} <= {200, 503}
    busy = [answer for answer in answers if answer.status_code == 503]
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in busy)
    assert not list((server.data / "incoming").iterdir())


def changed_uid(dataset: Dataset) -> Dataset:
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    return dataset


def test_no_token_no_store(start: Start, hand: Path, tmp_path: Path) -> None:
    token = carpal("serve", "token", "add", "archive", "--data", tmp_path).stdout.strip()
    server = start(data=tmp_path)
    body = related(in_bytes(changed(hand)))
    assert post(server, body).status_code == 401
    assert post(server, body, authorization=f"Bearer {token}").status_code == 200
    log = carpal("serve", "audit", "--data", tmp_path).stdout
    assert '"who": "archive", "what": "accepted"' in log


def test_nothing_of_a_patient_is_in_the_log(server: Server, hand: Path) -> None:
    secret = changed(hand, PatientName="Secret^Person", PatientID="SECRET-4711")
    assert post(server, related(in_bytes(secret)), f"/studies/{secret.StudyInstanceUID}").status_code == 200
    assert "secret" not in server.log.lower()
    assert secret.StudyInstanceUID not in server.log
    assert re.search(r"POST /studies/\{study\} 200", server.log)


# --------------------------------------------------------------------------- the parser


def parts_of(body: bytes, step: int, most: int = 10) -> list[tuple[str, bytes]]:
    parser, found = Parts("xyz", most), []
    for start in range(0, len(body), step):
        for part in parser.feed(body[start : start + step]):
            found.append((part.content_type, part.file.read() if not part.file.seek(0) else b""))
    parser.end()
    return found


@pytest.mark.parametrize("step", [1, 7, 100, 100_000])
def test_parts_are_the_same_however_the_body_is_cut(step: int) -> None:
    contents = [b"", b"\r\n--xy", os.urandom(3000), b"--xyz", b"\r\n" * 10]
    assert parts_of(related(*contents), step) == [("application/dicom", content) for content in contents]


def test_too_many_parts_and_half_a_body_are_refused() -> None:
    with pytest.raises(RequestTooLarge):
        parts_of(related(*[b"1"] * 11), 100)
    with pytest.raises(ServiceRefusal):
        parts_of(related(b"1")[:-5], 100)


def test_a_media_type_is_read_with_its_parameters() -> None:
    kind = media_type('Multipart/Related; type="application/dicom"; boundary="a b"')
    assert (kind.name, kind.parameters) == ("multipart/related", {"type": "application/dicom", "boundary": "a b"})
    assert media_type("").name == ""
