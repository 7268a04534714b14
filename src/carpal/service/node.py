"""The DICOM node: whoever may sends radiographs to it by C-STORE, and asks by C-ECHO whether it is there."""

from __future__ import annotations

import logging
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pynetdicom
from pydicom import uid
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.presentation import AllStoragePresentationContexts, PresentationContext, build_context
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]
from pynetdicom.transport import ThreadedAssociationServer

from carpal.dicom.objects import IMPLEMENTATION_UID
from carpal.errors import CarpalError, InvalidArgument
from carpal.service.connection import BoundedSocket, BoundedTlsSocket, Bounds
from carpal.service.incoming import Incoming
from carpal.service.peers import is_admitted, plain_address
from carpal.service.reception import Expected, Reception
from carpal.service.refusals import Refusals
from carpal.service.settings import NodeSettings
from carpal.service.tls import HUNG_UP, by_profile, has_expired, server_context, trouble

__all__ = ["Node"]

_LOG = logging.getLogger("carpal.service")
_CONNECTIONS = 64  # at once, those that have not asked for an association yet among them
_PDU_BYTES = 256 * 1024  # what peers are told to send at most
_LONGEST_PDU_BYTES = 1024**2  # a request for an association may be longer
_PLAIN: list[str | uid.UID] = [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian]
# What carpal.dicom.read decodes. The plain ones stand first: whoever leaves the choice to the node need not compress.
_SYNTAXES: list[str | uid.UID] = [
    *_PLAIN,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
    uid.JPEGBaseline8Bit,
    uid.JPEGExtended12Bit,
    uid.JPEGLossless,
    uid.JPEGLosslessSV1,
    uid.JPEGLSLossless,
    uid.JPEGLSNearLossless,
    uid.JPEG2000Lossless,
    uid.JPEG2000,
    uid.HTJ2KLossless,
    uid.HTJ2KLosslessRPCL,
    uid.HTJ2K,
    uid.RLELossless,
]
# Beside images: what else lies in a study that is sent whole, so that the sender is not told of a failure.
_BESIDE_IMAGES = ("SRStorage", "PDF", "PresentationState", "KeyObject")


class Node:
    """``start`` and ``stop`` it. pynetdicom gives each association threads of its own."""

    def __init__(self, settings: NodeSettings, reception: Reception, incoming: Incoming, refusals: Refusals) -> None:
        self._settings = settings
        self._reception = reception
        self._incoming = incoming
        self._refusals = refusals
        self._server: _Server | None = None
        # Objects go to the disk while they come (``incoming``), and nothing that a peer sends goes to the log.
        pynetdicom._config.STORE_RECV_CHUNKED_DATASET = True
        pynetdicom._config.LOG_HANDLER_LEVEL = "none"
        logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)

    def start(self) -> str:
        """Listen; where, for a person. Raises InvalidArgument."""
        wanted = self._settings
        tls = self._tls()
        entity = AE(ae_title=wanted.ae_title)
        entity.implementation_class_uid = IMPLEMENTATION_UID
        entity.implementation_version_name = "CARPAL"
        entity.maximum_associations = _CONNECTIONS  # it counts connections that ask for nothing too
        entity.maximum_pdu_size = _PDU_BYTES
        entity.acse_timeout = wanted.pdu_seconds
        entity.dimse_timeout = wanted.pdu_seconds
        entity.network_timeout = wanted.idle_seconds
        entity.supported_contexts = _contexts()
        handlers: list[Any] = [
            (evt.EVT_REQUESTED, self._requested),
            (evt.EVT_C_ECHO, lambda _: 0x0000),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_ESTABLISHED, _complete),
            (evt.EVT_DIMSE_RECV, _complete),
            (evt.EVT_CONN_CLOSE, self._closed),
        ]
        try:
            family, _, _, _, address = socket.getaddrinfo(wanted.host, wanted.port, type=socket.SOCK_STREAM)[0]
            server = entity.make_server(address, evt_handlers=handlers, server_class=_Server)  # type: ignore[arg-type]
        except OSError as error:
            raise InvalidArgument(
                f"cannot listen on {wanted.host} port {wanted.port}: {(error.strerror or 'no such host').lower()}"
            ) from None
        assert isinstance(server, _Server)
        self._server = server
        server.prepare(_bounds(wanted), tls, self._refused)
        threading.Thread(target=server.serve_forever, name="dicom-node", daemon=True).start()
        host = f"[{wanted.host}]" if family == socket.AF_INET6 else wanted.host
        scheme = "dicom" if tls is None else "dicom+tls"
        return f"{scheme}://{wanted.ae_title}@{host}:{server.server_address[1]}"

    def stop(self) -> None:
        """Hang up. What was acknowledged is in the store; the rest will be sent again."""
        if self._server is None:
            return
        socketserver.BaseServer.shutdown(self._server)
        self._server.hang_up()
        self._server.server_close()
        for association in self._server.active_associations:
            connection = _connection(association)
            if association.is_established:
                association.abort()
            elif connection is not None:  # it has not asked for anything yet: there is nothing to abort
                connection.hang_up()

    def _tls(self) -> ssl.SSLContext | None:
        identity = self._settings.identity
        if identity is None:
            return None
        if has_expired(identity):
            _LOG.warning("%s: this certificate has expired; peers will refuse it", identity.certificate)
        context = by_profile(server_context(identity, self._settings.authority))
        context.sslsocket_class = BoundedTlsSocket
        return context

    def _refused(self, address: str, why: str) -> None:
        address = plain_address(address)
        if self._refusals.note("association refused", address, time.monotonic(), why):
            _LOG.warning("an association from %s was refused: %s", address, why)

    # ----------------------------------------------------------------- called by pynetdicom, in an association's thread

    def _requested(self, event: Event) -> None:
        """Send away whoever is no peer, calls another title, or is too many."""
        address = event.assoc.requestor.address
        assert self._server is not None
        at_work = sum(association.is_established for association in self._server.active_associations)
        if not is_admitted(_calling(event), address, self._settings.peers):
            why, answer = "it is no peer", (0x01, 0x01, 0x03)
        elif _called(event) != self._settings.ae_title:
            why, answer = "it calls another AE title", (0x01, 0x01, 0x07)
        elif at_work >= self._settings.associations:
            why, answer = "too many associations", (0x02, 0x03, 0x02)  # for now, local limit exceeded
        else:
            return
        event.assoc.acse.send_reject(*answer)
        event.assoc.kill()
        self._refused(address, why)  # last: pynetdicom would go on where this fails

    def _store(self, event: Event) -> int | Dataset:
        """The status of one object: success only when it is safe, or nobody wants it."""
        request: Any = event.request
        who = f"AE:{_calling(event)}"
        expected = Expected(str(request.AffectedSOPClassUID), str(request.AffectedSOPInstanceUID))
        try:
            with event.dataset_path.open("rb") as file:
                error = self._reception.take(file, who, "dicom", expected).error
        except Exception as unforeseen:
            # Its text may quote the header.
            _LOG.error("C-STORE met %s", type(unforeseen).__name__)
            error = CarpalError("an error of carpal's own")
        return 0x0000 if error is None else _failed(error)

    def _closed(self, event: Event) -> None:
        # pynetdicom leaves what it was receiving; at worst the sweep finds it.
        half = getattr(event.assoc.dimse.message, "_data_set_path", None)
        if isinstance(half, Path):
            half.unlink(missing_ok=True)
        self._incoming.sweep(2 * self._settings.object_seconds)


def _calling(event: Event) -> str:
    """The AE title that a peer gives itself."""
    request = event.assoc.requestor.primitive
    return "" if request is None else request.calling_ae_title


def _called(event: Event) -> str:
    """The AE title that a peer asks for."""
    request = event.assoc.requestor.primitive
    return "" if request is None else request.called_ae_title


def _complete(event: Event) -> None:
    connection = _connection(event.assoc)
    if connection is not None:
        connection.message_is_complete()


def _connection(association: Association) -> BoundedSocket | None:
    """None where it is closed already."""
    connection = association.dul.socket and association.dul.socket.socket
    return connection if isinstance(connection, BoundedSocket) else None


def _failed(error: CarpalError) -> Dataset:
    _LOG.info("C-STORE answered by %04X", error.dicom_status)
    answer = Dataset()
    answer.Status = error.dicom_status
    answer.ErrorComment = str(error).replace("\\", "/").encode("ascii", "replace").decode()[:64]
    return answer


def _contexts() -> list[PresentationContext]:
    contexts = [build_context(Verification, _PLAIN)]
    for context in AllStoragePresentationContexts:
        name = uid.UID(context.abstract_syntax or "").keyword
        if "Image" in name:
            contexts.append(build_context(str(context.abstract_syntax), _SYNTAXES))
        elif any(part in name for part in _BESIDE_IMAGES):
            contexts.append(build_context(str(context.abstract_syntax), _PLAIN))
    return contexts


def _bounds(settings: NodeSettings) -> Bounds:
    more = 64 * 1024  # the command, and each PDU's own header
    most = int(settings.object_mib * 1024**2 * 1.01) + more
    return Bounds(_LONGEST_PDU_BYTES, settings.pdu_seconds, most, settings.object_seconds)


class _Server(ThreadedAssociationServer):
    """pynetdicom's, of connections within bounds. TLS begins in each connection's own thread: pynetdicom would begin it
    where it accepts connections, and whoever says nothing would keep everybody waiting."""

    request_queue_size = _CONNECTIONS  # else five, and whoever comes with the sixth waits for a second and more
    _bounds: Bounds
    _tls: ssl.SSLContext | None
    _refused: Callable[[str, str], None]

    def prepare(self, bounds: Bounds, tls: ssl.SSLContext | None, refused: Callable[[str, str], None]) -> None:
        """``refused`` is told the address of whoever was not let in, and why."""
        self._bounds, self._tls, self._refused = bounds, tls, refused
        self._opening: set[BoundedSocket] = set()  # accepted, and no association of pynetdicom's yet

    def hang_up(self) -> None:
        """Wait for nobody who has not finished the handshake."""
        for connection in list(self._opening):
            connection.hang_up()

    def get_request(self) -> tuple[socket.socket, Any]:
        accepted, address = super().get_request()
        if self._tls is None:
            return BoundedSocket(accepted, self._bounds), address
        secured = self._tls.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)
        assert isinstance(secured, BoundedTlsSocket)
        secured.limit(self._bounds)
        return secured, address

    def verify_request(self, request: Any, client_address: Any) -> bool:
        if len(self.active_associations) + len(self._opening) < _CONNECTIONS:
            return True
        self._refused(client_address[0], "too many connections")
        return False

    def process_request(self, request: Any, client_address: Any) -> None:
        self._opening.add(request)
        super().process_request(request, client_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the connection's own thread."""
        try:
            request.open()
        except OSError as error:
            self.shutdown_request(request)
            if not isinstance(error, (ConnectionError, *HUNG_UP)):  # it hung up by itself, or we did
                self._refused(client_address[0], trouble(error))
            return
        super().finish_request(request, client_address)
        self._opening.discard(request)

    def shutdown_request(self, request: Any) -> None:
        self._opening.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        _LOG.warning("a DICOM connection could not be served")
