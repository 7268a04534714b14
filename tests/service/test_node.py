"""The DICOM node, asked by peers that are not carpal: DCMTK's programs, pynetdicom, and bare sockets that misbehave."""

from __future__ import annotations

import io
import re
import socket
import struct
import subprocess
import threading
from pathlib import Path

import pydicom
import pytest
from dicom_tools import tool

pytest.importorskip("fastapi", reason="needs pip install '.[serve]'")
pytest.importorskip("pynetdicom", reason="needs pip install '.[serve]'")

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit, generate_uid
from pynetdicom import AE
from pynetdicom.sop_class import (
    ComprehensiveSRStorage,
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    Verification,
)

from carpal.cli.serve_dicom import DicomOptions
from carpal.errors import InvalidArgument
from carpal.phantom import write_phantom
from carpal.service.connection import BoundedSocket, Bounds
from carpal.service.destinations import parse_destination, read_authorizations

from .serving import Server, Start, carpal, until


@pytest.fixture(scope="module")
def hand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DICOM radiograph that is quick to read."""
    return write_phantom(tmp_path_factory.mktemp("hand") / "hand.dcm", 100, "F", seed=1, shape=(512, 400))


@pytest.fixture(scope="module")
def server(start: Start) -> Server:
    return start("--dicom-port", 0, "--rate", 100000)


def changed(path: Path, **values: object) -> Dataset:
    dataset = pydicom.dcmread(path)
    for keyword, value in ({"SOPInstanceUID": generate_uid()} | values).items():
        setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    return dataset


def send(server: Server, dataset: Dataset, *, calling: str = "SENDER", called: str = "CARPAL") -> int | None:
    """The status of a C-STORE; None where the association is refused."""
    entity = AE(ae_title=calling)
    entity.add_requested_context(dataset.SOPClassUID, dataset.file_meta.TransferSyntaxUID)
    association = entity.associate("127.0.0.1", server.dicom_port, ae_title=called)
    if not association.is_established:
        return None
    try:
        return association.send_c_store(dataset).get("Status")
    finally:
        association.release()


def readings(server: Server) -> list[dict[str, object]]:
    with server.client() as client:
        until(lambda: client.get("/health").json()["waiting"] == 0)
        return client.get("/readings?limit=200").json()["readings"]


def count(server: Server, outcome: str, way: str = "dicom") -> float:
    with server.client() as client:
        text = client.get("/metrics").text
    found = re.search(rf'carpal_dicom_objects_total{{outcome="{outcome}",way="{way}"}} ([0-9.]+)', text)
    return float(found[1]) if found else 0.0


def peer(server: Server, *arguments: object) -> subprocess.CompletedProcess[str]:
    program, *options = map(str, arguments)
    command = [tool(program), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_dcmtk_finds_the_node_and_sends_a_radiograph_that_is_read(server: Server, hand: Path) -> None:
    echo = peer(server, "echoscu", "-aec", "CARPAL", "127.0.0.1", server.dicom_port)
    assert echo.returncode == 0, echo.stderr
    stored = peer(server, "storescu", "-aet", "DCMTK", "-aec", "CARPAL", "127.0.0.1", server.dicom_port, hand)
    assert stored.returncode == 0, stored.stderr
    reading = readings(server)[0]
    assert reading["state"] == "done"
    assert reading["reading"]["sex_origin"] == "header"  # type: ignore[index]
    kept = server.data / "files" / str(reading["file_sha256"])[:2] / str(reading["file_sha256"])
    assert pydicom.dcmread(kept).PixelData == pydicom.dcmread(hand).PixelData
    log = carpal("serve", "audit", "--data", server.data).stdout
    assert '"who": "AE:DCMTK", "what": "done"' in log


def test_the_same_object_again_is_the_same_reading(server: Server, hand: Path) -> None:
    before, again = len(readings(server)), changed(hand)
    assert [send(server, again) for _ in range(3)] == [0x0000] * 3
    assert len(readings(server)) == before + 1
    assert count(server, "known") >= 2
    assert send(server, again, calling="ANOTHER") == 0x0000
    assert len(readings(server)) == before + 2


def test_the_data_set_is_kept_byte_for_byte_also_a_compressed_one(server: Server, hand: Path) -> None:
    from PIL import Image
    from pydicom.encaps import encapsulate

    dataset = changed(hand)
    picture, file = Image.fromarray((dataset.pixel_array >> 4).astype("uint8")), io.BytesIO()
    picture.save(file, "JPEG", quality=95)
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelData = encapsulate([file.getvalue()])
    for keyword in ("WindowCenter", "WindowWidth", "VOILUTFunction"):
        dataset.pop(keyword, None)
    dataset["PixelData"].VR = "OB"
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    assert send(server, dataset) == 0x0000
    reading = readings(server)[0]
    kept = pydicom.dcmread(server.data / "files" / reading["file_sha256"][:2] / reading["file_sha256"])  # type: ignore[index]
    assert kept.file_meta.TransferSyntaxUID == JPEGBaseline8Bit
    assert kept.PixelData == dataset.PixelData
    assert reading["state"] == "done"


@pytest.mark.parametrize(
    "values",
    [
        {"BodyPartExamined": "CHEST", "AnatomicRegionSequence": []},
        {"Modality": "CT", "SOPClassUID": CTImageStorage},
        {"Manufacturer": "carpal", "ManufacturerModelName": "carpal"},
    ],
    ids=["chest", "computed tomography", "own"],
)
def test_what_is_no_hand_radiograph_is_acknowledged_and_passed_over(
    values: dict[str, object], server: Server, hand: Path
) -> None:
    before, passed = len(readings(server)), count(server, "passed over")
    assert send(server, changed(hand, **values)) == 0x0000
    assert len(readings(server)) == before
    assert count(server, "passed over") == passed + 1


def test_other_objects_are_refused_where_that_is_asked_for(start: Start, hand: Path) -> None:
    server = start("--dicom-port", 0, "--dicom-others", "refuse", "--ae-title", "BONE AGE")
    assert send(server, changed(hand, BodyPartExamined="FOOT", AnatomicRegionSequence=[])) is None
    refused = changed(hand, BodyPartExamined="FOOT", AnatomicRegionSequence=[])
    assert send(server, refused, called="BONE AGE") == 0xC001
    assert send(server, changed(hand), called="BONE AGE") == 0x0000
    assert [reading["state"] for reading in readings(server)] == ["done"]


def test_an_object_that_is_not_what_the_request_says_is_refused(server: Server, hand: Path) -> None:
    dataset = changed(hand)
    dataset.StudyInstanceUID = ""
    assert send(server, dataset) == 0xC000
    entity = AE(ae_title="SENDER")
    entity.add_requested_context(DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian)
    association = entity.associate("127.0.0.1", server.dicom_port, ae_title="CARPAL")
    from pynetdicom import _config

    _config.STORE_SEND_CHUNKED_DATASET = True
    try:
        lying = changed(hand)
        file = io.BytesIO()
        lying.save_as(file, enforce_file_format=True)
        uid, other = lying.SOPInstanceUID, generate_uid()[: len(lying.SOPInstanceUID)]
        path = hand.with_name("lying.dcm")
        path.write_bytes(file.getvalue().replace(uid.encode(), other.ljust(len(uid), "1").encode(), 1))
        assert association.send_c_store(path).Status == 0xA900
    finally:
        _config.STORE_SEND_CHUNKED_DATASET = False
        association.release()


def test_only_named_peers_get_in(start: Start, hand: Path) -> None:
    server = start("--dicom-port", 0, "--dicom-peers", "GOOD@127.0.0.1, FAR@192.0.2.1")
    assert send(server, changed(hand), calling="GOOD") == 0x0000
    assert send(server, changed(hand), calling="FAR") is None
    assert send(server, changed(hand), calling="UNKNOWN") is None
    assert len(readings(server)) == 1


def test_beyond_this_machine_only_with_named_peers(tmp_path: Path) -> None:
    done = carpal("serve", "--data", tmp_path, "--port", 0, "--dicom-port", 0, "--dicom-host", "0.0.0.0")
    assert done.returncode == 2
    assert "--dicom-peers" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"ae_title": "FAR TOO LONG A TITLE"}, "AE title"),
        ({"ae_title": "BACK\\SLASH"}, "AE title"),
        ({"peers": "A@no such host"}, "no such host"),
        ({"peers": "A,@127.0.0.1"}, "AE title"),
        ({"port": 70000}, "port"),
        ({"others": "eat"}, "pass or refuse"),
        ({"rule": Path("absent.json")}, "absent.json"),
        ({"send": "jpeg"}, "sr"),
        ({"send": ","}, "sr"),
        ({"send_to": ("http://pacs.example/dicom-web",)}, "https"),
        ({"send_to": ("https://me:secret@pacs.example/",)}, "password"),
        ({"send_to": ("dicom://127.0.0.1:104",)}, "dicom://AET@host:port"),
        ({"send_to": ("dicom://A@127.0.0.1",)}, "dicom://AET@host:port"),
        ({"send_to": ("ftp://pacs.example",)}, "dicom://AET@host:port"),
        ({"send_to": ("dicom://A@127.0.0.1:104",) * 2}, "twice"),
        ({"authorization": Path("absent"), "send_to": ("dicom://A@127.0.0.1:104",)}, "cannot be read"),
        ({"authorization": Path("absent")}, "--send-to"),
        ({"send_to": ("dicom+tls://A@127.0.0.1",)}, "dicom+tls://AET@host:port"),
        ({"tls_cert": Path("cert.pem")}, "--dicom-tls-key"),
        ({"tls_key": Path("key.pem")}, "--dicom-tls-cert"),
        ({"port": None, "tls_cert": Path("cert.pem"), "tls_key": Path("key.pem")}, "neither is there"),
        ({"tls_ca": Path("ca.pem")}, "--dicom-tls-cert"),
        ({"send_ca": Path("ca.pem"), "send_to": ("dicom://A@127.0.0.1:104",)}, "--send-ca"),
        ({"port": None, "peers": "A"}, "--dicom-port"),
        ({"port": None, "host": "0.0.0.0"}, "--dicom-port"),
    ],
    ids=str,
)
def test_options_that_cannot_be_meant_are_refused(options: dict[str, object], says: str) -> None:
    usual = {"port": 0, "host": "127.0.0.1", "ae_title": "CARPAL", "peers": "", "rule": None, "others": "pass"}
    usual |= {"max_mib": 128.0, "send_to": (), "send": "sr,sc", "authorization": None}
    with pytest.raises(InvalidArgument, match=re.escape(says)) as caught:
        DicomOptions(**(usual | options)).settings()  # type: ignore[arg-type]
    assert "secret" not in str(caught.value)


def test_authorizations_are_by_host_and_never_shown() -> None:
    found = read_authorizations("# archive\npacs.example Bearer abc\npacs.example:8443 Basic eHl6\n\n")
    one, other, nobody = (
        parse_destination(f"https://{where}/dicom-web", found)
        for where in ("pacs.example", "pacs.example:8443", "elsewhere.example")
    )
    assert (one.authorization, other.authorization, nobody.authorization) == ("Bearer abc", "Basic eHl6", None)
    assert (one.port, other.port) == (443, 8443)
    assert "abc" not in repr(one)
    with pytest.raises(InvalidArgument) as caught:
        read_authorizations("pacs.example\nBearer:abc")
    assert "abc" not in str(caught.value)


BOUNDS = Bounds(pdu_bytes=1000, pdu_seconds=0.3, message_bytes=3000, message_seconds=1.0)
HEADER = b"\x04\x00" + (100).to_bytes(4, "big")


def pdus(bounds: Bounds, *pieces: bytes, pause_s: float = 0.0) -> list[bytes]:
    """What a reader of whole PDUs gets of what a peer sends piece by piece."""
    here, there = socket.socketpair()

    def say() -> None:
        for piece in pieces:
            there.sendall(piece)
            threading.Event().wait(pause_s)

    thread = threading.Thread(target=say)
    thread.start()
    got = []
    with BoundedSocket(here, bounds) as bounded, there:
        try:
            for _ in range(max(1, len(b"".join(pieces)) // 106)):
                head = bytearray()
                while len(head) < 6:
                    head += bounded.recv(6 - len(head))
                body = bytearray()
                while len(body) < 100:
                    body += bounded.recv(100 - len(body))
                got.append(bytes(head + body))
        finally:
            thread.join()
    return got


def test_a_connection_within_its_bounds_is_as_any_other() -> None:
    whole = HEADER + bytes(100)
    assert pdus(BOUNDS, whole * 3) == [whole] * 3
    assert pdus(BOUNDS, whole[:3], whole[3:50], whole[50:]) == [whole]


@pytest.mark.parametrize(
    ("pieces", "pause_s"),
    [
        ((b"\x04\x00\x00\x00\xff\xff" + bytes(200),), 0),  # a PDU of 65,535 bytes
        (((HEADER + bytes(100)) * 30,), 0),  # an object of 3,180 bytes
        ((HEADER, *[b"x"] * 20), 0.05),  # a byte every 50 ms
        ((HEADER + bytes(100),) * 15, 0.1),  # an object in 1.5 s
    ],
    ids=["long PDU", "large object", "slow PDU", "slow object"],
)
def test_a_connection_breaks_where_a_bound_is_passed(pieces: tuple[bytes, ...], pause_s: float) -> None:
    with pytest.raises(ConnectionError):
        pdus(BOUNDS, *pieces, pause_s=pause_s)


def test_a_full_queue_answers_out_of_resources(start: Start, hand: Path) -> None:
    server = start("--dicom-port", 0, "--queue", 1)
    answers = {send(server, changed(hand)) for _ in range(6)}
    assert answers == {0x0000, 0xA700}
    assert all(reading["state"] == "done" for reading in readings(server))


def test_the_node_bears_what_is_no_dicom_and_stays(server: Server, hand: Path) -> None:
    before = len(readings(server))
    for said in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x01\x00\xff\xff\xff\xff", bytes(range(256)) * 40):
        with socket.create_connection(("127.0.0.1", server.dicom_port), 10) as connection:
            connection.sendall(said)
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(30)
            try:
                while connection.recv(4096):
                    pass
            except ConnectionResetError:
                pass
    assert send(server, changed(hand)) == 0x0000
    assert len(readings(server)) == before + 1
    assert "Traceback" not in server.log


def test_an_object_that_is_too_large_ends_the_association_and_leaves_nothing(start: Start, hand: Path) -> None:
    server = start("--dicom-port", 0, "--max-mib", 1)
    large = changed(hand, Rows=2048, Columns=1024, PixelData=bytes(2 * 2048 * 1024))
    assert send(server, large) is None
    until(lambda: not list((server.data / "incoming").iterdir()))
    assert send(server, changed(hand)) == 0x0000
    assert len(readings(server)) == 1


def test_no_more_associations_than_are_allowed_and_others_go_on(server: Server, hand: Path) -> None:
    entity = AE(ae_title="MANY")
    entity.add_requested_context(Verification)
    open_ones = [entity.associate("127.0.0.1", server.dicom_port, ae_title="CARPAL") for _ in range(10)]
    established = [association for association in open_ones if association.is_established]
    assert len(established) == 8
    for association in established:
        association.release()
    until(lambda: send(server, changed(hand)) == 0x0000)


def test_a_peer_that_goes_away_in_the_middle_of_an_object_leaves_no_reading(server: Server, hand: Path) -> None:
    before = len(readings(server))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        # What DCMTK would say, cut off: a proxy that hangs up half-way.
        command = [tool("storescu"), "-aec", "CARPAL", "127.0.0.1", str(listener.getsockname()[1]), str(hand)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as sender:
            client, _ = listener.accept()
            with client, socket.create_connection(("127.0.0.1", server.dicom_port), 10) as onward:
                relay(client, onward)
                relay(onward, client)
                for _ in range(10):
                    onward.sendall(client.recv(4096))
            sender.wait(60)
    until(lambda: not list((server.data / "incoming").iterdir()))
    assert len(readings(server)) == before


def relay(one: socket.socket, other: socket.socket) -> None:
    """One protocol data unit."""
    head = one.recv(6, socket.MSG_WAITALL)
    (length,) = struct.unpack_from(">L", head, 2)
    other.sendall(head + one.recv(length, socket.MSG_WAITALL))


def test_a_report_in_a_study_that_is_sent_whole_is_passed_over(server: Server, hand: Path) -> None:
    report = Dataset()
    report.file_meta = pydicom.dataset.FileMetaDataset()
    report.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    report.SOPClassUID, report.SOPInstanceUID = ComprehensiveSRStorage, generate_uid()
    report.StudyInstanceUID, report.SeriesInstanceUID = generate_uid(), generate_uid()
    report.Modality = "SR"
    report.file_meta.MediaStorageSOPInstanceUID = report.SOPInstanceUID
    before = count(server, "passed over")
    assert send(server, report) == 0x0000
    assert count(server, "passed over") == before + 1


def test_nothing_of_a_patient_is_in_the_log_or_left_lying_about(start: Start, hand: Path) -> None:
    server = start("--dicom-port", 0)
    secret = changed(hand, PatientName="Secret^Person", PatientID="SECRET-4711", StudyDescription="SECRETSTUDY")
    assert send(server, secret) == 0x0000
    assert send(server, changed(secret_file(secret, hand), BodyPartExamined="CHEST", StudyInstanceUID="")) == 0xC000
    readings(server)
    assert "secret" not in server.log.lower()
    assert secret.SOPInstanceUID not in server.log
    until(lambda: not list((server.data / "incoming").iterdir()))


def secret_file(dataset: Dataset, beside: Path) -> Path:
    path = beside.with_name("secret.dcm")
    dataset.save_as(path, enforce_file_format=True)
    return path


def test_what_a_killed_server_was_receiving_is_gone_at_the_next_start(start: Start) -> None:
    server = start("--dicom-port", 0)
    server.end()
    left = server.data / "incoming" / "half.dcm"
    left.write_bytes(b"half")
    server.start()
    assert not left.exists()


def test_a_stop_hangs_up_and_waits_for_nobody(start: Start) -> None:
    server = start("--dicom-port", 0)
    entity = AE(ae_title="IDLE")
    entity.add_requested_context(Verification)
    association = entity.associate("127.0.0.1", server.dicom_port, ae_title="CARPAL")
    with socket.create_connection(("127.0.0.1", server.dicom_port), 10):
        assert association.is_established
        assert server.end() == 0
    until(lambda: association.is_aborted)
    assert "Traceback" not in server.log
