"""One peer's connection to the DICOM node, within bounds. pynetdicom by itself takes a protocol data unit (PDU) of any
length, and waits for its bytes as long as one comes now and then."""

from __future__ import annotations

import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass

__all__ = ["BoundedSocket", "Bounds"]

_HEADER_BYTES = 6  # type, reserved, length (PS3.8 9.3.1)


@dataclass(frozen=True)
class Bounds:
    """What one peer may take of the node's memory and time: of one PDU, and of one message, a data set and all."""

    pdu_bytes: int
    pdu_seconds: float
    message_bytes: int
    message_seconds: float


class BoundedSocket(socket.socket):
    """An accepted connection that breaks (ConnectionError) where a bound is passed."""

    def __init__(self, accepted: socket.socket, bounds: Bounds) -> None:
        super().__init__(fileno=accepted.detach())
        self._bounds = bounds
        self._header = bytearray()
        self._left = 0  # bytes of the PDU at hand that have not come yet
        self._pdu_until = 0.0
        self.message_is_complete()

    def message_is_complete(self) -> None:
        """The next byte begins another message."""
        self._message_bytes = 0
        self._message_until: float | None = None

    def hang_up(self) -> None:
        """From another thread than the one that reads, which finds the end."""
        with suppress(OSError):
            self.shutdown(socket.SHUT_RDWR)

    def recv(self, size: int, flags: int = 0) -> bytes:
        """As a socket's, for whoever asks for a PDU's header and then for its body. Raises ConnectionError."""
        now = time.monotonic()
        if not self._left and not self._header:
            self._pdu_until = now + self._bounds.pdu_seconds
        self.settimeout(max(0.01, self._pdu_until - now))
        try:
            data = super().recv(size, flags)
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
            self._header.clear()
            if self._left > self._bounds.pdu_bytes:
                raise ConnectionError("a PDU is longer than any that was agreed on")
