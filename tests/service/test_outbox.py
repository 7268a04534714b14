"""What is to be sent arrives, however often and however long its destination is away; what is refused is told."""

from __future__ import annotations

import io
import json
import re
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pydicom
import pytest
from dicom_tools import tool
from orthanc import free_ports

pytest.importorskip("fastapi", reason="needs pip install '.[serve]'")
pytest.importorskip("pynetdicom", reason="needs pip install '.[serve]'")
pytest.importorskip("highdicom", reason="needs pip install '.[dicom]'")

from carpal.cli.serve_dicom import format_outbox
from carpal.errors import CarpalError
from carpal.phantom import write_phantom
from carpal.service.audit import entries, in_utc
from carpal.service.database import Database
from carpal.service.destinations import Declined
from carpal.service.dicomweb import _judge
from carpal.service.outbox import Outbox, Posting, wait_after
from carpal.service.readings import ReadingStore
from carpal.service.records import Order, Outcome
from carpal.service.tokens import Tokens

from .serving import Server, Start, carpal, until

DONE = Outcome("done", {"model_sha256": "0" * 64}, None, "0" * 64)
REFUSED = Outcome("refused", None, {"reason": "not a hand"}, "0" * 64)
FAILED = Outcome("failed", None, {"detail": "damaged"}, "0" * 64)
HERE, THERE = "dicom://HERE@127.0.0.1:104", "https://there.example/dicom-web"

# --------------------------------------------------------------------------- the store


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path)
    yield database
    database.close()


def read_one(store: ReadingStore, outcome: Outcome = DONE, source: str = "dicom", file: bytes = b"radiograph") -> str:
    stored, _ = store.accept(io.BytesIO(file), Order("AE:PACS", source=source), None, 100)  # type: ignore[arg-type]
    claim = store.claim("worker", 60)
    assert claim is not None
    assert store.finish(claim, outcome)
    return stored.id


def test_parcels_are_posted_with_the_result_and_for_each_destination(database: Database, tmp_path: Path) -> None:
    store, box = ReadingStore(database, tmp_path, Posting((HERE, THERE), ("sr.dcm", "sc.dcm"))), Outbox(database)
    read = read_one(store)
    assert box.waiting() == 4
    parcels = box.claim("new", 60, 10, [HERE])
    assert [(parcel.reading_id, parcel.document) for parcel in parcels] == [(read, "sr.dcm"), (read, "sc.dcm")]
    assert box.claim("new", 60, 10, [HERE]) == []
    assert len(box.claim("new", 60, 10, [HERE, THERE])) == 2


@pytest.mark.parametrize(
    ("outcome", "source", "documents"),
    [
        (DONE, "dicom", 3),
        (DONE, "stow", 3),
        (REFUSED, "dicom", 2),  # no picture
        (FAILED, "dicom", 1),  # a report that says why
        (DONE, "rest", 0),
        (DONE, "web", 0),
    ],
)
def test_what_is_posted(outcome: Outcome, source: str, documents: int, database: Database, tmp_path: Path) -> None:
    store = ReadingStore(database, tmp_path, Posting((HERE,), ("sr.dcm", "sc.dcm", "report.dcm")))
    read_one(store, outcome, source)
    assert Outbox(database).waiting() == documents


def test_a_result_that_does_not_count_posts_nothing(database: Database, tmp_path: Path) -> None:
    store = ReadingStore(database, tmp_path, Posting((HERE,), ("sr.dcm",)))
    store.accept(io.BytesIO(b"radiograph"), Order("AE:PACS", source="dicom"), None, 100)
    claim = store.claim("worker", 60)
    assert claim is not None
    store.give_back(claim)
    assert not store.finish(claim, DONE)
    assert Outbox(database).waiting() == 0


def test_the_way_of_a_parcel(database: Database, tmp_path: Path) -> None:
    store, box = ReadingStore(database, tmp_path, Posting((HERE,), ("sr.dcm",))), Outbox(database)
    read = read_one(store)
    [parcel] = box.claim("new", 60, 1, [HERE])
    assert box.made(parcel)
    assert not box.made(parcel)  # the claim is over
    [parcel] = box.claim("ready", 60, 1, [HERE])
    box.put_off(parcel, "it answered C000")
    assert box.claim("ready", 60, 1, [HERE]) == []
    assert box.overview()[0].last_error == "it answered C000"
    assert box.hurry() == 1
    [parcel] = box.claim("ready", 60, 1, [HERE])
    box.sent(parcel)
    assert (box.waiting(), box.overview()[0].sent, box.hurry()) == (0, 1, 0)
    assert [(entry.what, entry.reading_id, entry.detail) for entry in entries(database)][-1] == (
        "sent",
        read,
        f"sr.dcm to {HERE}",
    )


def test_a_lease_that_has_ended_frees_a_parcel_and_its_old_claim_counts_no_more(
    database: Database, tmp_path: Path
) -> None:
    store, box = ReadingStore(database, tmp_path, Posting((HERE,), ("sr.dcm",))), Outbox(database)
    read_one(store)
    [old] = box.claim("new", 0.0, 1, [HERE])
    [new] = box.claim("new", 60, 1, [HERE])
    assert not box.made(old)
    assert box.made(new)
    box.claim("ready", 60, 1, [HERE])
    box.release_all()
    assert len(box.claim("ready", 60, 1, [HERE])) == 1


def test_a_parcel_goes_with_its_reading(database: Database, tmp_path: Path) -> None:
    store, box = ReadingStore(database, tmp_path, Posting((HERE,), ("sr.dcm",))), Outbox(database)
    read = read_one(store)
    [parcel] = box.claim("new", 60, 1, [HERE])
    store.delete(read, "admin")
    assert not box.made(parcel)
    assert box.overview() == []


def test_a_destination_that_is_away_is_left_alone_ever_longer_and_never_given_up(database: Database) -> None:
    box = Outbox(database)
    assert box.may_try(HERE)
    for _ in range(6):  # a slow disk may take longer than the first wait
        box.away(HERE, "no answer")
    assert not box.may_try(HERE)
    assert box.may_try(THERE)
    box.hurry()
    assert box.may_try(HERE)
    box.away(HERE, "no answer")
    box.reached(HERE)
    assert box.may_try(HERE)
    waits = [wait_after(failures) for failures in range(1, 40)]
    assert waits[0] <= 2
    assert max(waits) <= 3600
    assert all(wait >= 1800 for wait in waits[12:])
    assert len({wait_after(5) for _ in range(10)}) > 1


# --------------------------------------------------------------------------- a server and its destinations


@pytest.fixture(scope="module")
def hand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_phantom(tmp_path_factory.mktemp("hand") / "hand.dcm", 100, "F", seed=3, shape=(512, 400))


class Taker:
    """A DICOMweb server that answers as it is told, and the objects that it was sent."""

    def __init__(self, port: int, status: int = 200, context: ssl.SSLContext | None = None) -> None:
        self.status = status
        self.objects: list[pydicom.Dataset] = []
        self.asked: list[dict[str, str]] = []
        taker = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                taker.asked.append({"path": self.path} | {k.lower(): v for k, v in self.headers.items()})
                if taker.status == 200:
                    start = body.index(b"\r\n\r\n") + 4
                    taker.objects.append(pydicom.dcmread(io.BytesIO(body[start : body.rindex(b"\r\n--")])))
                self.send_response(taker.status)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def c_store(server: Server, *paths: Path) -> None:
    command = [tool("storescu"), "-aec", "CARPAL", "127.0.0.1", str(server.dicom_port), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@contextmanager
def outbox_of(server: Server) -> Iterator[Outbox]:
    """The outbox of a running server."""
    with closing(Database(server.data)) as database:
        yield Outbox(database)


def hurry(server: Server) -> None:
    """As ``carpal serve outbox --retry``, and quicker to start."""
    with outbox_of(server) as box:
        box.hurry()


def metric(server: Server, name: str) -> float:
    with server.client() as client:
        lines = client.get("/metrics").text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


def waiting(server: Server) -> float:
    return metric(server, "carpal_outbox_waiting")


def test_a_destination_that_comes_back_gets_everything(start: Start, hand: Path) -> None:
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}/dicom-web"
    server = start("--dicom-port", 0, "--send-to", url, "--send", "sr,sc,pdf")
    c_store(server, hand)
    until(lambda: metric(server, "carpal_outbox_failures_total") >= 1)
    assert waiting(server) == 3
    assert "3 waiting" in carpal("serve", "outbox", "--data", server.data).stdout
    server.end()  # what waits outlives the server
    server.start()
    taker = Taker(port, status=503)
    try:
        until(lambda: taker.asked)
        assert waiting(server) == 3
        taker.status = 200
        assert "3 results" in carpal("serve", "outbox", "--retry", "--data", server.data).stdout
        until(lambda: waiting(server) == 0)
    finally:
        taker.stop()
    source = pydicom.dcmread(hand)
    assert [sent.Modality for sent in taker.objects] == ["SR", "OT", "DOC"]
    assert {sent.StudyInstanceUID for sent in taker.objects} == {source.StudyInstanceUID}
    assert {asked["path"] for asked in taker.asked} == {"/dicom-web/studies"}
    with outbox_of(server) as box:
        assert box.overview()[0].sent == 3
    with closing(Database(server.data)) as database:
        log = list(entries(database))
    assert [entry.detail for entry in log if entry.what == "sent"] == [
        f"{name} to {url}" for name in ("sr.dcm", "sc.dcm", "report.dcm")
    ]
    assert not list((server.data / "documents").glob("*/outbox-*"))


def test_an_object_that_is_declined_waits_while_others_go_on(start: Start, hand: Path) -> None:
    [port] = free_ports(1)
    taker = Taker(port, status=409)
    server = start("--dicom-port", 0, "--send-to", f"http://127.0.0.1:{port}", "--send", "sr")
    try:
        c_store(server, hand)
        until(lambda: metric(server, 'carpal_outbox_failures_total{why="declined"}') >= 1)
        with outbox_of(server) as box:
            assert box.overview()[0].last_error == "it answered 409"
        taker.status = 200
        again = pydicom.dcmread(hand)
        again.PatientName = "Other"
        again.save_as(hand.with_name("other.dcm"), enforce_file_format=True)
        c_store(server, hand.with_name("other.dcm"))
        until(lambda: len(taker.objects) >= 1)
        hurry(server)
        until(lambda: len(taker.objects) == 2)
    finally:
        taker.stop()


def only_answer(start: Start, radiograph: Path, *options: object) -> pydicom.Dataset:
    """The one object that comes back for a radiograph sent by C-STORE."""
    [port] = free_ports(1)
    taker = Taker(port)
    server = start("--dicom-port", 0, "--send-to", f"http://127.0.0.1:{port}", *options)
    try:
        c_store(server, radiograph)
        until(lambda: taker.objects)
        until(lambda: waiting(server) == 0)
    finally:
        taker.stop()
    [answer] = taker.objects
    return answer


def changed(hand: Path, **header: object) -> Path:
    """The hand with another header, beside it."""
    dataset = pydicom.dcmread(hand)
    for keyword, value in header.items():
        setattr(dataset, keyword, value)
    path = hand.with_name("changed.dcm")
    dataset.save_as(path, enforce_file_format=True)
    return path


def test_a_refused_radiograph_is_answered_by_a_report_that_says_why(start: Start, hand: Path) -> None:
    blank = changed(hand, PixelData=bytes(len(pydicom.dcmread(hand).PixelData)))
    report = only_answer(start, blank)
    assert (report.Modality, report.CompletionFlag) == ("SR", "PARTIAL")


def test_a_radiograph_that_cannot_be_read_is_answered_by_a_report_that_says_why(start: Start, hand: Path) -> None:
    report = only_answer(start, changed(hand, PatientSex="O"), "--send", "sr,sc,pdf")
    assert (report.Modality, report.CompletionFlag, report.PatientSex) == ("SR", "PARTIAL", "O")
    assert "No bone age: " in str(report)


def test_a_picture_that_may_show_a_name_is_never_made_and_the_report_goes(start: Start, hand: Path) -> None:
    [port] = free_ports(1)
    taker = Taker(port)
    server = start("--dicom-port", 0, "--send-to", f"http://127.0.0.1:{port}")
    burnt = pydicom.dcmread(hand)
    burnt.BurnedInAnnotation = "YES"
    burnt.save_as(hand.with_name("burnt.dcm"), enforce_file_format=True)
    try:
        c_store(server, hand.with_name("burnt.dcm"))
        until(lambda: taker.objects)
        for _ in range(3):
            time.sleep(0.6)
            hurry(server)
        until(lambda: waiting(server) == 0)
    finally:
        taker.stop()
    assert [sent.Modality for sent in taker.objects] == ["SR"]
    with outbox_of(server) as box:
        assert (box.overview()[0].sent, box.overview()[0].impossible) == (1, 1)


def test_only_what_came_from_an_archive_is_sent_back(start: Start, hand: Path) -> None:
    [port] = free_ports(1)
    taker = Taker(port)
    server = start("--dicom-port", 0, "--send-to", f"http://127.0.0.1:{port}", "--send", "sr")
    try:
        with server.client() as client:
            assert client.post("/readings?wait=30", files={"file": hand.read_bytes()}).status_code == 201
            client.post("/studies", content=hand.read_bytes(), headers={"content-type": "application/dicom"})
        until(lambda: taker.objects)
        until(lambda: waiting(server) == 0)
        assert len(taker.objects) == 1
    finally:
        taker.stop()


def test_the_authorization_goes_with_each_request_and_into_no_log(start: Start, hand: Path, tmp_path: Path) -> None:
    [port] = free_ports(1)
    taker, secret = Taker(port), tmp_path / "authorization"
    secret.write_text(f"127.0.0.1:{port} Bearer top-secret\n")
    server = start(
        "--dicom-port", 0, "--send-to", f"http://127.0.0.1:{port}", "--send", "sr", "--send-authorization", secret
    )
    try:
        c_store(server, hand)
        until(lambda: taker.objects)
    finally:
        taker.stop()
    assert taker.asked[0]["authorization"] == "Bearer top-secret"
    server.end()
    assert "top-secret" not in server.log
    assert b"top-secret" not in b"".join(path.read_bytes() for path in server.data.rglob("*") if path.is_file())


def test_a_certificate_that_nobody_vouches_for_is_not_sent_to(start: Start, hand: Path, tmp_path: Path) -> None:
    openssl = tool("openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2"),
            *("-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    [port] = free_ports(1)
    taker = Taker(port, context=context)
    server = start("--dicom-port", 0, "--send-to", f"https://localhost:{port}", "--send", "sr")
    try:
        c_store(server, hand)
        until(lambda: metric(server, "carpal_outbox_failures_total") >= 1)
        with outbox_of(server) as box:
            assert box.overview()[0].last_error == "no answer (its certificate is not trusted)"
    finally:
        taker.stop()
    assert taker.asked == []


def test_times_are_told_in_utc_wherever_the_machine_stands(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_one(ReadingStore(database, tmp_path, Posting((HERE,), ("sr.dcm",))))
    Outbox(database).away(HERE, "no answer")
    next_s = Outbox(database).overview()[0].next_s
    Tokens(database).add("ward", "reader", "test")
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Tokyo")
        with monkeypatch.context() as early:
            early.setattr(time, "time", lambda: next_s - 1)
            told = format_outbox(Outbox(database).overview())
        listed = carpal("serve", "token", "list", "--data", tmp_path).stdout
    assert told.endswith(f"; next try {in_utc(next_s)}\n")
    [made] = re.findall(r"^ward: reader, made (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)$", listed, re.M)
    assert abs(datetime.fromisoformat(made.replace("Z", "+00:00")).timestamp() - time.time()) < 600
    assert in_utc(0.0) == "1970-01-01T00:00:00Z"


def test_an_outbox_that_is_empty_says_so(tmp_path: Path) -> None:
    Database(tmp_path).close()
    assert carpal("serve", "outbox", "--data", tmp_path).stdout == "nothing is to be sent\n"


@pytest.mark.parametrize(
    ("status", "reasons", "taken"),
    [
        (200, None, True),
        (202, [], True),
        (202, [0x0111], True),
        (409, [0x0111, 0x0111], True),
        (202, [0xA700], False),
        (409, [0x0111, 0x0110], False),
        (409, [None], False),
        (409, None, False),
    ],
)
def test_an_object_that_is_there_already_is_sent(status: int, reasons: list[int | None] | None, taken: bool) -> None:
    failed = [{"00081197": {"vr": "US", "Value": [reason]}} if reason else {} for reason in reasons or ()]
    said = b"" if reasons is None else json.dumps({"00081198": {"vr": "SQ", "Value": failed}}).encode()
    if taken:
        _judge(status, said)
    else:
        with pytest.raises(Declined):
            _judge(status, said)


def test_errors_of_the_service_have_dicom_statuses_of_the_storage_service() -> None:
    def all_of(kind: type[CarpalError]) -> set[type[CarpalError]]:
        return {kind}.union(*(all_of(each) for each in kind.__subclasses__()))

    for kind in all_of(CarpalError):
        status = kind.dicom_status
        assert status in (0x0110, 0x0122, 0x0124) or status >> 8 in (0xA7, 0xA9) or status >> 12 == 0xC, kind


def test_killed_under_load_nothing_that_was_acknowledged_is_lost_or_double() -> None:
    script = Path(__file__).resolve().parents[2] / "benchmarks" / "kill.py"
    command = [sys.executable, str(script), "--kills", "3", "--up", "0.3", "4"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing lost, nothing double" in done.stdout
