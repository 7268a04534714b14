"""What a request must pass before any route sees it, and before its body is read: how many there are, where it comes
from, who sends it, how many that one sends, how large its body is and how fast it comes."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import threading
import time
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from carpal.errors import Busy, Forbidden, RequestTooLarge, RequestTooSlow, TooManyRequests, Unauthenticated
from carpal.service.proof import proven
from carpal.service.refusals import Refusals
from carpal.service.sessions import Session, Sessions, cookie_name
from carpal.service.settings import Settings
from carpal.service.tokens import Caller, Tokens

__all__ = ["Guard", "RateLimit"]

_OPEN = frozenset({"/", "/login", "/health", "/openapi.json"})  # nothing about any radiograph is said there
_OPEN_BELOW = ("/static/", "/demo/")  # nor below these
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_POLLING = "x-polling"  # what a page of ours asks by itself (static/common.js)
_SMALL_BYTES = 64 * 1024


@dataclass(frozen=True)
class _Admitted:
    """``csrf``: of the session, if it is one; ``must_prove``: that the request brings it."""

    caller: Caller | None
    csrf: str | None = None
    must_prove: bool = False


class RateLimit:
    """A bucket per client, refilled steadily: ``per_minute`` requests a minute, half of them at once."""

    _CLIENTS = 10_000

    def __init__(self, per_minute: int) -> None:
        self._rate, self._depth = per_minute / 60, max(1.0, per_minute / 2)
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, client: str, now_s: float) -> None:
        """One request. Raises TooManyRequests."""
        with self._lock:
            if len(self._buckets) >= self._CLIENTS:
                self._forget_idle(now_s)
            left, then = self._buckets.get(client, (self._depth, now_s))
            left = min(self._depth, left + (now_s - then) * self._rate)
            if left < 1:
                wait = int((1 - left) / self._rate) + 1
                raise TooManyRequests("you have sent too many requests: slow down", wait)
            self._buckets[client] = (left - 1, now_s)

    def _forget_idle(self, now_s: float) -> None:
        full = self._depth / self._rate
        self._buckets = {client: b for client, b in self._buckets.items() if now_s - b[1] < full}
        if len(self._buckets) >= self._CLIENTS:
            self._buckets.clear()


class Guard:
    """ASGI middleware; refuses by raising a ServiceRefusal, which ``envelope`` answers."""

    def __init__(
        self, app: ASGIApp, settings: Settings, tokens: Tokens, sessions: Sessions, refusals: Refusals
    ) -> None:
        self._app = app
        self._settings = settings
        self._tokens = tokens
        self._sessions = sessions
        self._refusals = refusals
        self._cookie = cookie_name(settings.tls_cert is not None)
        self._rate = RateLimit(settings.requests_per_minute)
        self._logins = RateLimit(settings.logins_per_minute)
        self._local_csrf = secrets.token_hex(32)
        self._now = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._now >= self._settings.requests_at_once:
            raise Busy(f"{self._now} requests are being answered already: try again a little later", 1)
        self._now += 1
        try:
            headers = Headers(scope=scope)
            _check_origin(scope, headers, self._settings.is_loopback)
            admitted = await self._admit(scope, headers)
            scope.setdefault("state", {}).update(caller=admitted.caller, csrf=admitted.csrf)
            body: Receive = _Body(receive, headers, self._settings, known=admitted.caller is not None)
            if admitted.must_prove and admitted.csrf is not None and scope["method"] not in _SAFE:
                body = await proven(admitted.csrf, headers, body)
            await self._app(scope, body, send)
        finally:
            self._now -= 1

    async def _admit(self, scope: Scope, headers: Headers) -> _Admitted:
        address = scope["client"][0] if scope.get("client") else "?"
        if (scope["method"], scope["path"]) == ("POST", "/session"):
            self._logins.take(address, time.monotonic())
            return _Admitted(None)
        if scope["path"] in _OPEN or scope["path"].startswith(_OPEN_BELOW):
            return _Admitted(None)
        if headers.get("authorization"):
            try:
                return _Admitted(await self._by_token(headers["authorization"], address))
            except Unauthenticated:
                await run_in_threadpool(self._refusals.note, "token refused", address, time.monotonic())
                raise
        session = await self._by_cookie(headers)
        if session is not None:
            self._rate.take(f"token {session.caller.name}", time.monotonic())
            return _Admitted(session.caller, session.csrf, must_prove=True)
        self._rate.take(address, time.monotonic())
        if self._settings.is_loopback and not await run_in_threadpool(self._tokens.exist):
            # No cookie of a browser lets it in, so there is nothing that it must prove but where it comes from.
            return _Admitted(Caller("local", "admin"), self._local_csrf)
        raise Unauthenticated("a token is needed: send it as Authorization: Bearer TOKEN, or log in")

    async def _by_token(self, authorization: str, address: str) -> Caller:
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("send the token as Authorization: Bearer TOKEN")
        if not self._tokens.remembered(token):
            self._rate.take(address, time.monotonic())  # guessing is slow, and costs this machine little
        caller = await run_in_threadpool(self._tokens.caller, token)
        self._rate.take(f"token {caller.name}", time.monotonic())
        return caller

    async def _by_cookie(self, headers: Headers) -> Session | None:
        key = cookie_parser(headers.get("cookie", "")).get(self._cookie)
        if key is None:
            return None
        # A page that keeps itself up to date would keep its session alive for ever, with nobody before it.
        return await run_in_threadpool(self._sessions.find, key, in_use=_POLLING not in headers)


def _check_origin(scope: Scope, headers: Headers, loopback: bool) -> None:
    """A page of another site, open in a browser on this machine, may neither send requests nor, by a name of its own
    that leads here (DNS rebinding), read answers."""
    host = headers.get("host", "")
    if loopback and not _is_loopback_name(host):
        raise Forbidden("this service answers only to the name of this machine")
    origin = headers.get("origin")
    foreign = origin is not None and origin.partition("://")[2] != host
    if scope["method"] not in _SAFE and (foreign or headers.get("sec-fetch-site") in ("cross-site", "same-site")):
        raise Forbidden("a page of another site may not send requests here")


def _is_loopback_name(host: str) -> bool:
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


class _Body:
    """``receive`` that counts bytes and looks at the clock. Large and slow may be what holds files (multipart, or
    one DICOM object), of those who are ``known``. Raises RequestTooLarge, RequestTooSlow."""

    def __init__(self, receive: Receive, headers: Headers, settings: Settings, known: bool) -> None:
        kind = headers.get("content-type", "").lower().partition(";")[0].strip()
        files = known and (kind.startswith("multipart/") or kind == "application/dicom")
        self._receive = receive
        self._most = settings.body_bytes
        self._limit = self._most if files else min(_SMALL_BYTES, self._most)
        self._until = time.monotonic() + (settings.body_seconds if known else settings.header_seconds)
        self._bytes = 0
        self._complete = False
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._limit:
            raise self._too_large()

    async def __call__(self) -> Message:
        if self._complete:
            return await self._receive()
        try:
            message: Any = await asyncio.wait_for(self._receive(), max(0.0, self._until - time.monotonic()))
        except asyncio.TimeoutError:
            raise RequestTooSlow("the request did not arrive in time: send it faster") from None
        self._bytes += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        if self._bytes > self._limit:
            raise self._too_large()
        return message

    def _too_large(self) -> RequestTooLarge:
        most = f"{self._limit / 1024:g} KiB" if self._limit < 1024**2 else f"{self._limit / 1024**2:g} MiB"
        what = "a request" if self._limit == self._most else "what is neither a multipart form nor application/dicom"
        return RequestTooLarge(f"the request has more than {most}, the most that is taken of {what}")
