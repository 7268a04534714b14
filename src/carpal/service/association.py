"""Objects sent to a DICOM node by C-STORE, several over one association."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pynetdicom
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    ComprehensiveSRStorage,
    EncapsulatedPDFStorage,
    SecondaryCaptureImageStorage,
)

from carpal.dicom.objects import IMPLEMENTATION_UID
from carpal.errors import InvalidArgument
from carpal.service.destinations import Away, Declined, Destination, Line
from carpal.service.tls import HUNG_UP, by_profile, client_context, trouble

__all__ = ["associate"]

_SENT = (ComprehensiveSRStorage, SecondaryCaptureImageStorage, EncapsulatedPDFStorage)
_SECONDS = 60.0
_CONNECTION_SECONDS = 20.0
_ALREADY_THERE = 0x0111  # duplicate SOP instance


@contextmanager
def associate(destination: Destination, own_title: str) -> Iterator[Line]:
    """An association for the objects that carpal makes, over TLS where the destination wants it. Raises Away."""
    pynetdicom._config.STORE_SEND_CHUNKED_DATASET = True  # from the file as it is, without decoding it
    entity = AE(ae_title=own_title)
    entity.implementation_class_uid, entity.implementation_version_name = IMPLEMENTATION_UID, "CARPAL"
    entity.connection_timeout = entity.acse_timeout = _CONNECTION_SECONDS
    entity.dimse_timeout = entity.network_timeout = _SECONDS
    for sop_class in _SENT:
        entity.add_requested_context(sop_class, ExplicitVRLittleEndian)
    tls = _Tls(destination) if destination.tls else None
    try:
        association = entity.associate(
            destination.host,
            destination.port,
            ae_title=destination.ae_title,
            tls_args=None if tls is None else (tls.context, destination.host),
            evt_handlers=[(evt.EVT_CONN_OPEN, _limit)],
        )
    except (OSError, RuntimeError):
        raise Away("no such host is known") from None
    if not association.is_established:
        if association.is_rejected:
            raise Away(f"it does not let {own_title} in")
        if tls is not None and tls.why is not None:
            raise Away(f"no answer ({tls.why})")
        raise Away("no answer")
    try:
        yield _Line(association)
    finally:
        if association.is_established:
            association.release()


def _limit(event: Event) -> None:
    """pynetdicom waits for ever for the rest of what has begun to come, and until what it sends is taken."""
    transport = event.assoc.dul.socket
    if transport is not None and transport.socket is not None:
        transport.socket.settimeout(_SECONDS)


class _Tls:
    """``why`` says what the handshake, or the connection after it, broke with, which pynetdicom only logs. In TLS 1.3
    a peer that does not trust us says so after the handshake. Raises Away where a file is not what it was."""

    def __init__(self, destination: Destination) -> None:
        self.why: str | None = None
        try:
            self.context = by_profile(client_context(destination.authority, destination.identity))
        except InvalidArgument as error:
            raise Away(str(error)) from None
        tls = self

        class Telling(ssl.SSLSocket):
            def do_handshake(self, block: bool = False) -> None:
                try:
                    super().do_handshake(block)
                except (ConnectionError, *HUNG_UP):
                    tls.why = "it hung up on the TLS handshake; perhaps it does not speak TLS"
                    raise
                except OSError as error:
                    tls.why = trouble(error)
                    raise

            def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
                try:
                    return super().recv(buflen, flags)
                except (ssl.SSLError, TimeoutError) as error:
                    tls.why = trouble(error)
                    raise

        self.context.sslsocket_class = Telling


class _Line:
    def __init__(self, association: Association) -> None:
        self._association = association

    def send(self, path: Path) -> None:
        try:
            status = self._association.send_c_store(path).get("Status")
        except ValueError:  # pynetdicom's for a kind of object that the node did not accept
            raise Declined("it does not take this kind of object") from None
        except (OSError, RuntimeError):
            raise Away("the association broke") from None
        if status is None:
            raise Away("the association broke")
        if status in (0x0000, _ALREADY_THERE) or 0xB000 <= status <= 0xBFFF:
            return
        if 0xA700 <= status <= 0xA7FF or status == 0x0124:
            raise Away(f"it answered {status:04X}")
        raise Declined(f"it answered {status:04X}")
