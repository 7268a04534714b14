"""One peer's connection to the DICOM node, plain or under TLS, within bounds. pynetdicom by itself takes a protocol
data unit (PDU) of any length, and waits for its bytes as long as one comes now and then."""

from __future__ import annotations

import socket
import ssl
import struct
import time
from contextlib import suppress
from dataclasses import dataclass

__all__ = ["BoundedSocket", "BoundedTlsSocket", "Bounds"]

_HEADER_BYTES = 6  # type, reserved, length (PS3.8 9.3.1)


@dataclass(frozen=True)
class Bounds:
    """What one peer may take of the node's memory and time: of one PDU, and of one message, a data set and all. A TLS
    handshake may take as long as a PDU."""

    pdu_bytes: int
    pdu_seconds: float
    message_bytes: int
    message_seconds: float


class BoundedSocket(socket.socket):
    """An accepted connection that breaks (ConnectionError) where a bound is passed."""

    # Here, and not in __init__, because an SSLContext makes its sockets without it.
    _bounds = Bounds(0, 0.0, 0, 0.0)
    _header = b""
    _left = 0  # bytes of the PDU at hand that have not come yet
    _pdu_until = 0.0
    _message_bytes = 0
    _message_until: float | None = None

    def __init__(self, accepted: socket.socket, bounds: Bounds) -> None:
        super().__init__(fileno=accepted.detach())
        self.limit(bounds)

    def limit(self, bounds: Bounds) -> None:
        """From now on; before, nothing may come."""
        self._bounds = bounds

    def open(self) -> None:
        """What goes before the first PDU; nothing here. Raises OSError."""

    def message_is_complete(self) -> None:
        """The next byte begins another message."""
        self._message_bytes = 0
        self._message_until = None

    def hang_up(self) -> None:
        """From another thread than the one that reads, which finds the end."""
        with suppress(OSError):
            socket.socket.shutdown(self, socket.SHUT_RDWR)  # an SSLSocket's would take TLS from under the other thread

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """As a socket's, for whoever asks for a PDU's header and then for its body. Raises ConnectionError."""
        now = time.monotonic()
        if not self._left and not self._header:
            self._pdu_until = now + self._bounds.pdu_seconds
        self.settimeout(max(0.01, self._pdu_until - now))
        try:
            data = super().recv(buflen, flags)
        except TimeoutError:
            raise ConnectionError("the peer is too slow") from None
        finally:
            self.settimeout(self._bounds.pdu_seconds)  # for what is sent
        self._count(data)
        return data

    def _count(self, data: bytes) -> None:
        now = time.monotonic()
        if self._message_until is None:
            self._message_until = now + self._bounds.message_seconds
        self._message_bytes += len(data)
        if self._message_bytes > self._bounds.message_bytes or now > self._message_until:
            raise ConnectionError("an object is too large or too slow")
        if self._left:
            self._left -= len(data)
            return
        self._header += data
        if len(self._header) >= _HEADER_BYTES:
            (self._left,) = struct.unpack_from(">L", self._header, 2)
            self._header = b""
            if self._left > self._bounds.pdu_bytes:
                raise ConnectionError("a PDU is longer than any that was agreed on")


class BoundedTlsSocket(BoundedSocket, ssl.SSLSocket):
    """The same under TLS. An SSLContext whose ``sslsocket_class`` it is makes one; then comes ``limit``."""

    def open(self) -> None:
        """The handshake, all of it in the time that one PDU may take. Raises OSError."""
        self.settimeout(self._bounds.pdu_seconds)
        self.do_handshake()
