"""uvicorn's HTTP/1.1, which by itself waits for ever for a request line that comes one byte a minute (slow loris)."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["patient_for"]


def patient_for(header_seconds: float) -> type[H11Protocol]:
    """A protocol that hangs up where a request's header is not complete that many seconds after the connection was
    made, or after the header's first byte on a connection that has been used before."""

    class PatientProtocol(H11Protocol):
        _deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._expect_header()

        def data_received(self, data: bytes) -> None:
            if self._deadline is None and not self._in_request():
                self._expect_header()
            super().data_received(data)
            if self._in_request():
                self._header_is_here()

        def connection_lost(self, exc: Exception | None) -> None:
            self._header_is_here()
            super().connection_lost(exc)

        def _in_request(self) -> bool:
            return self.cycle is not None and not self.cycle.response_complete

        def _expect_header(self) -> None:
            self._deadline = self.loop.call_later(header_seconds, self._hang_up)

        def _header_is_here(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _hang_up(self) -> None:
            if not self._in_request():
                self.transport.close()

    return PatientProtocol
