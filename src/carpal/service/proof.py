"""CSRF: a browser sends its cookies with whatever a page has it send, so a request that changes something must also
bring what only a page of this service can know, the session's own value."""

from __future__ import annotations

import hmac
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.types import Message, Receive

from carpal.errors import Forbidden

__all__ = ["proven"]

_MOST_FIELDS = 100


async def proven(csrf: str, headers: Headers, receive: Receive) -> Receive:
    """The request's body, once it brought ``csrf`` in X-CSRF-Token or, as an ordinary form does, in its field ``csrf``.
    Raises Forbidden, and whatever ``receive`` raises, which must set an end to the body of a form."""
    given = headers.get("x-csrf-token")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if given is None and kind == "application/x-www-form-urlencoded":
        body = await _whole(receive)
        given, receive = _field(body), _Again(body, receive)
    if given is None or not hmac.compare_digest(given.encode(), csrf.encode()):
        raise Forbidden("this request does not prove that a page of this service sends it: X-CSRF-Token is needed")
    return receive


async def _whole(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


def _field(body: bytes) -> str | None:
    try:
        return dict(parse_qsl(body.decode("latin-1"), max_num_fields=_MOST_FIELDS)).get("csrf")
    except ValueError:  # too many
        return None


class _Again:
    """``receive`` that first gives what was read already."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._first: Message | None = {"type": "http.request", "body": body, "more_body": False}
        self._receive = receive

    async def __call__(self) -> Message:
        first, self._first = self._first, None
        return first or await self._receive()
