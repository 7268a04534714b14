"""DICOM over TLS, both ways, with DCMTK's programs on the other side; and with peers that misbehave."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, cast

import pytest
from dicom_tools import tool
from orthanc import free_ports

pytest.importorskip("fastapi", reason="needs pip install '.[serve]'")
pytest.importorskip("pynetdicom", reason="needs pip install '.[serve]'")

import pynetdicom

from carpal.errors import InvalidArgument
from carpal.phantom import write_phantom
from carpal.service import association
from carpal.service.association import associate
from carpal.service.audit import entries
from carpal.service.database import Database
from carpal.service.destinations import Away, parse_destination
from carpal.service.incoming import Incoming
from carpal.service.node import Node
from carpal.service.outbox import Outbox
from carpal.service.peers import parse_peers
from carpal.service.refusals import Refusals
from carpal.service.settings import NodeSettings
from carpal.service.tls import Identity, has_expired, server_context, trouble

from .certificates import Authority
from .serving import Server, Start, carpal, until


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """Signed by another authority."""
    return Authority(tmp_path_factory.mktemp("elsewhere"), "elsewhere").issue("stranger")


@pytest.fixture(scope="module")
def own(authority: Authority) -> Identity:
    return authority.issue("carpal")


@pytest.fixture(scope="module")
def expired(authority: Authority) -> Identity:
    return authority.issue("expired", days=-1)


@pytest.fixture(scope="module")
def hand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_phantom(tmp_path_factory.mktemp("hand") / "hand.dcm", 100, "F", seed=6, shape=(512, 400))


def peer(program: str, port: int, *options: object) -> subprocess.CompletedProcess[str]:
    command = [tool(program), "-aet", "DCMTK", "-aec", "CARPAL", *map(str, options[:-1]), "localhost", str(port)]
    command += [str(options[-1])] if options else []
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def echo(port: int, *options: object) -> bool:
    """Whether echoscu is answered."""
    command = [tool("echoscu"), "-to", "10", "-ta", "10", "-aec", "CARPAL", *map(str, options), "localhost", str(port)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60).returncode == 0


def shown(identity: Identity) -> tuple[object, ...]:
    """DCMTK's options."""
    return ("+tls", identity.key, identity.certificate)


# --------------------------------------------------------------------------- a node in this process


class Running:
    """A node, the folder of its store, and what its audit log says of associations."""

    def __init__(self, folder: Path, settings: NodeSettings) -> None:
        self._database = Database(folder)
        self._node = Node(settings, cast(Any, None), Incoming(folder), Refusals(self._database))
        self.address = self._node.start()
        self.port = int(self.address.rsplit(":", 1)[1])

    def refused(self) -> list[str | None]:
        return [entry.detail for entry in entries(self._database) if entry.what == "association refused"]

    def stop(self) -> None:
        self._node.stop()
        self._database.close()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Running]]:
    monkeypatch.setattr(pynetdicom._config, "STORE_RECV_CHUNKED_DATASET", False)
    monkeypatch.setattr(pynetdicom._config, "LOG_HANDLER_LEVEL", "none")
    monkeypatch.setattr("tempfile.tempdir", None)
    nodes: list[Running] = []

    def run(**settings: Any) -> Running:
        nodes.append(Running(tmp_path, NodeSettings(0, **settings)))
        return nodes[-1]

    yield run
    for node in nodes:
        node.stop()


def test_refused_associations_are_in_the_audit_log_by_address_only(run: Callable[..., Running]) -> None:
    node = run(peers=parse_peers("GOOD@127.0.0.1,FAR@192.0.2.1"), associations=1)
    good = ("-aet", "GOOD")
    assert echo(node.port, *good)
    assert not echo(node.port, "-aet", "MUELLER^ANNA")
    assert not echo(node.port, "-aet", "FAR")
    assert not echo(node.port, *good, "-aec", "MUELLER^ANNA")
    held = pynetdicom.AE(ae_title="GOOD")
    held.add_requested_context("1.2.840.10008.1.1")
    holding = held.associate("127.0.0.1", node.port, ae_title="CARPAL")
    assert not echo(node.port, *good)
    holding.release()
    until(lambda: echo(node.port, *good))
    said = [
        "from 127.0.0.1: it is no peer",
        "from 127.0.0.1: it calls another AE title; 1 other since the entry before",
        "from 127.0.0.1: too many associations",
    ]
    assert [line for line in node.refused() if line in said] == said
    assert "MUELLER" not in str(node.refused())


def test_refused_associations_do_not_fill_the_disk(run: Callable[..., Running]) -> None:
    node = run(peers=parse_peers("GOOD"))
    entity = pynetdicom.AE(ae_title="BAD")
    entity.add_requested_context("1.2.840.10008.1.1")
    for _ in range(20):
        assert entity.associate("127.0.0.1", node.port, ae_title="CARPAL").is_rejected
    assert node.refused() == ["from 127.0.0.1: it is no peer"]


def test_a_node_with_a_certificate_speaks_tls_and_nothing_else(
    run: Callable[..., Running], own: Identity, authority: Authority, stranger: Identity
) -> None:
    node = run(identity=own)
    assert node.address == f"dicom+tls://CARPAL@127.0.0.1:{node.port}"
    assert echo(node.port, "+tla", "+cf", authority.certificate)
    assert echo(node.port, *shown(stranger), "+cf", authority.certificate)  # nobody asks who it is
    assert not echo(node.port)
    assert not echo(node.port, "+tla", "+cf", stranger.certificate)
    until(lambda: len(node.refused()) == 2)
    assert set(node.refused()) == {
        "from 127.0.0.1: it does not speak TLS",
        "from 127.0.0.1: it does not trust the certificate that it is shown",
    }


@pytest.mark.parametrize("profile", ["+py", "+px", "+pz"])
def test_the_bcp_195_profiles_of_dcmtk_are_met(
    profile: str, run: Callable[..., Running], own: Identity, authority: Authority
) -> None:
    assert echo(run(identity=own).port, profile, "+tla", "+cf", authority.certificate)


@pytest.mark.parametrize(
    ("version", "ciphers", "says"),
    [
        (ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0", "it has no version or cipher of TLS that is allowed here"),
        (ssl.TLSVersion.TLSv1_2, "AES128-SHA", "it has no version or cipher of TLS that is allowed here"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES128-SHA256", "it has no version or cipher of TLS that is allowed here"),
    ],
    ids=["TLS 1.1", "no forward secrecy", "no authenticated encryption"],
)
def test_old_tls_is_refused(
    version: ssl.TLSVersion, ciphers: str, says: str, run: Callable[..., Running], own: Identity
) -> None:
    node = run(identity=own)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(ciphers)
    with pytest.warns(DeprecationWarning) if version < ssl.TLSVersion.TLSv1_2 else nullcontext():
        context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", node.port), 10) as plain, pytest.raises(OSError):
        context.wrap_socket(plain)
    until(lambda: node.refused() == [f"from 127.0.0.1: {says}"])


def test_where_certificates_are_demanded_only_those_of_the_authority_get_in(
    run: Callable[..., Running], own: Identity, authority: Authority, stranger: Identity, expired: Identity
) -> None:
    node = run(identity=own, authority=authority.certificate)
    trusting = ("+cf", authority.certificate)
    assert echo(node.port, *shown(authority.issue("modality", hosts="DNS:modality.example")), *trusting)
    assert not echo(node.port, "+tla", *trusting)
    assert not echo(node.port, *shown(stranger), *trusting)
    assert not echo(node.port, *shown(expired), *trusting)
    until(lambda: len(node.refused()) == 3)
    assert node.refused() == [
        "from 127.0.0.1: it shows no certificate",
        "from 127.0.0.1: its certificate is not trusted",
        "from 127.0.0.1: its certificate has expired",
    ]


def test_who_says_nothing_keeps_nobody_waiting_and_is_hung_up_on(
    run: Callable[..., Running], own: Identity, authority: Authority
) -> None:
    node = run(identity=own, pdu_seconds=3.0)
    silent = [socket.create_connection(("127.0.0.1", node.port), 10) for _ in range(20)]
    began = time.monotonic()
    assert echo(node.port, "+tla", "+cf", authority.certificate)
    assert time.monotonic() - began < 30  # one after the other they would take a minute
    for connection in silent:
        with connection:
            connection.settimeout(15)
            assert connection.recv(1) == b""
    until(node.refused)
    assert node.refused() == ["from 127.0.0.1: it does not answer in time"]


def test_a_handshake_that_drips_is_ended_as_soon_as_one_that_says_nothing(
    run: Callable[..., Running], own: Identity
) -> None:
    node = run(identity=own, pdu_seconds=1.0)
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", node.port), 10) as connection:
        connection.settimeout(0.1)
        for byte in b"\x16\x03\x01\x02\x00" + bytes(200):
            try:
                connection.sendall(bytes([byte]))
                if connection.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
    assert 0.9 < time.monotonic() - began < 15  # all of it would take 20 s


def test_after_the_handshake_the_same_bounds_hold(
    run: Callable[..., Running], own: Identity, authority: Authority
) -> None:
    node = run(identity=own, pdu_seconds=1.0)
    context = ssl.create_default_context(cafile=authority.certificate)
    for said in (
        b"",
        b"\x01\x00\x00\x00\x00\xff\x00",
        b"\x01\x00\xff\xff\xff\xff",
    ):  # silent, half a PDU, a PDU of 4 GiB
        with context.wrap_socket(
            socket.create_connection(("127.0.0.1", node.port), 10), server_hostname="localhost"
        ) as c:
            c.sendall(said)
            with suppress(ConnectionError):
                assert c.recv(1) == b""
    assert echo(node.port, "+tla", "+cf", authority.certificate)


def test_connections_in_the_middle_of_a_handshake_are_counted_and_a_stop_waits_for_none(
    tmp_path: Path, run: Callable[..., Running], own: Identity
) -> None:
    node = run(identity=own)
    silent = [socket.create_connection(("127.0.0.1", node.port), 10) for _ in range(64)]
    with socket.create_connection(("127.0.0.1", node.port), 10) as one_more:
        assert one_more.recv(1) == b""
    assert node.refused() == ["from 127.0.0.1: too many connections"]
    began = time.monotonic()
    node._node.stop()
    assert time.monotonic() - began < 15  # a handshake may take 20 s
    for connection in silent:
        connection.close()


def test_who_hangs_up_before_the_handshake_is_nobody_refused(run: Callable[..., Running], own: Identity) -> None:
    node = run(identity=own)
    for _ in range(3):
        socket.create_connection(("127.0.0.1", node.port), 10).close()
    assert not echo(node.port)
    until(node.refused)
    assert node.refused() == ["from 127.0.0.1: it does not speak TLS"]


# --------------------------------------------------------------------------- sending


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Starts DCMTK's storescp with options; its port."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(*options: object) -> int:
        [port] = free_ports(1)
        (tmp_path / "archive").mkdir(exist_ok=True)
        command = [tool("storescp"), "-od", str(tmp_path / "archive"), *map(str, options), str(port)]
        processes.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        until(lambda: is_open(port))
        return port

    yield start
    for process in processes:
        process.terminate()
        process.wait(30)


def is_open(port: int) -> bool:
    with socket.socket() as looking:
        return looking.connect_ex(("127.0.0.1", port)) == 0


def why_not(
    port: int,
    host: str = "localhost",
    trusted: Path | None = None,
    identity: Identity | None = None,
    scheme: str = "dicom+tls",
) -> str:
    """Why no association comes about; empty where one does."""
    destination = parse_destination(f"{scheme}://ARCHIVE@{host}:{port}", {}, trusted, identity)
    try:
        with associate(destination, "CARPAL"):
            return ""
    except Away as error:
        return str(error)


def test_the_archive_must_be_who_it_says(
    archive: Callable[..., int], authority: Authority, own: Identity, expired: Identity
) -> None:
    trusted = authority.certificate
    good = archive("-ic", *shown(authority.issue("archive")))
    assert why_not(good, trusted=trusted) == ""
    assert why_not(good, "127.0.0.1", trusted) == ""
    assert why_not(good) == "no answer (its certificate is not trusted)"
    late, other = archive("-ic", *shown(expired)), archive("-ic", *shown(authority.issue("b", hosts="DNS:b.example")))
    assert why_not(late, trusted=trusted) == "no answer (its certificate has expired)"
    assert why_not(other, trusted=trusted) == "no answer (its certificate is of another host)"
    assert why_not(other, "127.0.0.1", trusted) == "no answer (its certificate is of another address)"


def test_an_archive_that_asks_who_sends_is_shown_the_certificate(
    archive: Callable[..., int], authority: Authority, own: Identity, stranger: Identity
) -> None:
    trusted = authority.certificate
    asking = archive("-rc", "+cf", trusted, *shown(authority.issue("archive")))
    assert why_not(asking, trusted=trusted, identity=own) == ""
    without, unknown = why_not(asking, trusted=trusted), why_not(asking, trusted=trusted, identity=stranger)
    assert "it wants to be shown a certificate" in without or "or wants to be shown a certificate" in without
    assert unknown == "no answer (it does not trust the certificate that it is shown)"


def test_an_archive_without_tls_is_sent_nothing(archive: Callable[..., int], authority: Authority) -> None:
    said = why_not(archive(), trusted=authority.certificate)
    assert said.startswith("no answer (")
    assert said.endswith("it does not speak TLS)")


@pytest.mark.parametrize(
    ("scheme", "shakes_hands", "says"),
    [
        ("dicom+tls", False, b""),
        ("dicom+tls", True, b""),
        ("dicom+tls", True, b"\x02\x00"),
        ("dicom", False, b"\x02\x00"),
    ],
    ids=["no handshake", "nothing after it", "half an answer", "half an answer without TLS"],
)
def test_an_archive_that_says_nothing_keeps_nobody(
    scheme: str,
    shakes_hands: bool,
    says: bytes,
    authority: Authority,
    own: Identity,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Under TLS 1.3 the handshake leaves something to read behind it that is no answer."""
    monkeypatch.setattr(association, "_CONNECTION_SECONDS", 1.0)
    monkeypatch.setattr(association, "_SECONDS", 2.0)
    context, held = server_context(own), []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def take() -> None:
            connection, _ = listener.accept()
            held.append(context.wrap_socket(connection, server_side=True) if shakes_hands else connection)
            held[0].sendall(says)

        thread = threading.Thread(target=take)
        thread.start()
        began = time.monotonic()
        assert "no answer" in why_not(listener.getsockname()[1], trusted=authority.certificate, scheme=scheme)
        assert time.monotonic() - began < 15
        thread.join()
    for connection in held:
        connection.close()


def test_a_radiograph_comes_in_over_tls_and_its_results_go_back_over_tls(
    start: Start, archive: Callable[..., int], authority: Authority, own: Identity, hand: Path, tmp_path: Path
) -> None:
    pytest.importorskip("highdicom", reason="needs pip install '.[dicom]'")
    trusted, sender = authority.certificate, authority.issue("archive")
    port = archive("+cf", trusted, *shown(sender))
    certificates = ("--dicom-tls-cert", own.certificate, "--dicom-tls-key", own.key)
    url = f"dicom+tls://ARCHIVE@localhost:{port}"
    server = start(
        *("--dicom-port", 0, "--send-to", url, *certificates, "--dicom-tls-ca", trusted, "--send-ca", trusted),
    )
    stored = peer("storescu", server.dicom_port, *shown(sender), "+cf", trusted, hand)
    assert stored.returncode == 0, stored.stderr
    until(lambda: len(list((tmp_path / "archive").iterdir())) == 2)
    with outbox_of(server) as box:
        until(lambda: box.waiting() == 0)


def test_a_destination_that_is_not_trusted_is_tried_again_later_and_sent_nothing(
    start: Start, archive: Callable[..., int], authority: Authority, hand: Path, tmp_path: Path
) -> None:
    pytest.importorskip("highdicom", reason="needs pip install '.[dicom]'")
    url = f"dicom+tls://ARCHIVE@localhost:{archive('-ic', *shown(authority.issue('archive')))}"
    server = start("--dicom-port", 0, "--send-to", url)
    assert peer("storescu", server.dicom_port, hand).returncode == 0
    with outbox_of(server) as box:
        until(lambda: box.overview() and box.overview()[0].last_error)
        assert box.overview()[0].last_error == "no answer (its certificate is not trusted)"
        assert box.waiting() == 2
    assert not list((tmp_path / "archive").iterdir())
    told = carpal("serve", "outbox", "--data", server.data).stdout
    assert f"{url}: 2 waiting, 0 sent; last: no answer (its certificate is not trusted)" in told


@contextmanager
def outbox_of(server: Server) -> Iterator[Outbox]:
    with closing(Database(server.data)) as database:
        yield Outbox(database)


# --------------------------------------------------------------------------- files


def test_what_is_wrong_with_a_file_is_said_in_one_sentence(
    authority: Authority, own: Identity, stranger: Identity, tmp_path: Path
) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n")

    def said(identity: Identity, ca: Path | None = None) -> str:
        with pytest.raises(InvalidArgument) as caught:
            server_context(identity, ca)
        return str(caught.value)

    absent = tmp_path / "absent.pem"
    assert said(Identity(own.certificate, stranger.key)).endswith(f"of another certificate than {own.certificate}")
    assert said(Identity(junk, own.key)) == f"{junk} and {own.key} are no certificate and its key, both as PEM"
    assert said(Identity(own.certificate, junk)).endswith("are no certificate and its key, both as PEM")
    assert said(Identity(absent, own.key)) == f"{absent}: no such file or directory"
    assert said(own, junk) == f"{junk}: there is no certificate in this file, as PEM"
    assert said(own, tmp_path) == f"{tmp_path}: is a directory"
    locked = authority.lock(own, "secret")
    assert said(locked) == f"{locked.key}: this key has a password; give one without, for its owner alone"


def test_nothing_is_served_with_a_wrong_key(own: Identity, stranger: Identity, tmp_path: Path) -> None:
    wrong = ("--dicom-tls-cert", own.certificate, "--dicom-tls-key", stranger.key)
    done = carpal("serve", "--data", tmp_path, "--port", 0, "--dicom-port", 0, *wrong)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "is the key of another certificate" in done.stderr


def test_a_certificate_of_ones_own_that_has_expired_is_told_of(
    run: Callable[..., Running], own: Identity, expired: Identity, caplog: pytest.LogCaptureFixture
) -> None:
    assert not has_expired(own)
    assert has_expired(expired)
    run(identity=expired)
    assert f"{expired.certificate}: this certificate has expired; peers will refuse it" in caplog.text


def test_whatever_tls_says_is_a_sentence_with_nothing_that_was_sent() -> None:
    unknown = ssl.SSLError(1, "Mueller^Anna")
    unknown.reason = "EXCESSIVE_MESSAGE_SIZE"
    assert trouble(unknown) == "TLS failed: excessive message size"
    assert trouble(ConnectionRefusedError(111, "Connection refused")) == "connection refused"
