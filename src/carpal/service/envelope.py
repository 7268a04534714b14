"""The outermost layer: every answer leaves with security headers, every refusal as problem details, every request is
counted and logged, with nothing of what the client sent but its method and the route it met."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import traceback
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from carpal.errors import Busy, CarpalError
from carpal.service.metrics import Metrics
from carpal.service.problems import problem_of, retry_after_s

__all__ = ["LOG", "MISTAKE", "Envelope", "problem_headers"]

LOG = logging.getLogger("carpal.service")
MISTAKE = "an error of carpal's own; its log says where"

_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob:; connect-src 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'self'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
_DRAIN_BYTES = 32 * 1024**2
_DRAIN_SECONDS = 5.0
_METHODS = frozenset({"GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS"})


class Envelope:
    """ASGI middleware around everything else. ``tls`` adds the header that keeps browsers from plain HTTP."""

    def __init__(self, app: ASGIApp, metrics: Metrics, tls: bool) -> None:
        self._app = app
        self._metrics = metrics
        self._headers = _HEADERS | ({"strict-transport-security": "max-age=31536000"} if tls else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await send({"type": "websocket.close"})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun, status = time.monotonic(), 0
        body = _Watched(receive, Headers(scope=scope))

        async def send_dressed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                await body.drain()  # hanging up on a client that is still sending would cost it the answer
            await send(message)

        try:
            await self._app(scope, body, send_dressed)
        except CarpalError as error:
            if not status:
                await _send_problem(send_dressed, problem_of(error), problem_headers(error))
        except asyncio.CancelledError:
            # The service is being stopped, and this request would have kept it: it is not accepted.
            body.give_up()
            if not status:
                busy = Busy("the service is being stopped: send it again a little later", 5)
                await _send_problem(send_dressed, problem_of(busy), problem_headers(busy))
        except Exception as error:
            # Its text may quote what the client sent: where it happened is enough to mend it.
            place = traceback.extract_tb(error.__traceback__)[-1]
            LOG.error("%s at %s:%s", type(error).__name__, place.filename, place.lineno)
            if not status:
                await _send_problem(send_dressed, problem_of(CarpalError(MISTAKE)))
        seconds = time.monotonic() - begun
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = getattr(scope.get("route"), "path_format", "none")
        self._metrics.request(method, route, status, seconds)
        caller = scope.get("state", {}).get("caller")
        LOG.info("%s %s %s %.0f ms %s", method, route, status, 1000 * seconds, caller.name if caller else "-")


class _Watched:
    """``receive`` that knows whether the body is all here."""

    def __init__(self, receive: Receive, headers: Headers) -> None:
        self._receive = receive
        # Without a body there is nothing to wait for but the client's going away.
        self._complete = "transfer-encoding" not in headers and headers.get("content-length", "0") == "0"

    async def __call__(self) -> Message:
        message = await self._receive()
        self._complete = not message.get("more_body", False)
        return message

    def give_up(self) -> None:
        """What is still to come does not matter any more."""
        self._complete = True

    async def drain(self) -> None:
        """Read on, for a while, and throw it away."""
        left, until = _DRAIN_BYTES, time.monotonic() + _DRAIN_SECONDS
        while not self._complete and left > 0:
            try:
                message = await asyncio.wait_for(self(), max(0.0, until - time.monotonic()))
            except asyncio.TimeoutError:
                return
            left -= len(message.get("body", b""))


def problem_headers(error: CarpalError) -> dict[str, str]:
    """What goes with a problem in the header."""
    headers = {}
    if (wait := retry_after_s(error)) is not None:
        headers["retry-after"] = str(wait)
    if error.http_status == 401:
        headers["www-authenticate"] = "Bearer"
    return headers


async def _send_problem(send: Send, problem: dict[str, Any], more: dict[str, str] | None = None) -> None:
    body = json.dumps(problem).encode()
    headers = {"content-type": "application/problem+json", "content-length": str(len(body))} | (more or {})
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": problem["status"], "headers": raw})
    await send({"type": "http.response.body", "body": body})
