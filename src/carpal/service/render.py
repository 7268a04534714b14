"""How a page is made: its language, what all pages share, and what a page says when it has to say no."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Coroutine
from functools import cache
from importlib import resources
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from carpal import __version__
from carpal.errors import CarpalError, NotFound, Unauthenticated
from carpal.report.page import capital
from carpal.report.texts import ENGLISH, Texts, languages
from carpal.service.hub import Hub

__all__ = [
    "PageRoute", "StaticFile", "ToLogin", "page", "problem_page", "static_files", "texts_of", "wants_page",
]  # fmt: skip

_ROOM = "carpal.service"
_COOKIE = "carpal_language"
_YEAR_SECONDS = 365 * 86400
_PLACES = (("/", "web.read"), ("/worklist", "web.worklist"))
_NAMES = {"en": "English", "de": "Deutsch"}
_MIMES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_PAGE = re.compile(r"/worklist|/(readings|children)/[0-9a-f]{32}/view")  # those that need a caller


class StaticFile(Response):
    """A file of the package; a browser asks each time whether its copy is still right."""

    def __init__(self, request: Request, name: str, data: bytes) -> None:
        tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
        fresh = request.headers.get("if-none-match") == tag
        headers = {"etag": tag, "cache-control": "no-cache"}
        mime = _MIMES[PurePosixPath(name).suffix]
        super().__init__(b"" if fresh else data, 304 if fresh else 200, headers, mime)


class PageRoute(APIRoute):
    """A route whose refusals are pages too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's own handler with that done."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except CarpalError as error:
                return problem_page(request, error)
            except RequestValidationError:
                return problem_page(request, NotFound("there is no such page"))

        return answer


class ToLogin:
    """ASGI middleware around the guard: who asks for a page without a session is led to where one begins."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Unauthenticated:
            if not (wants_page(scope) or (scope["method"] == "GET" and _PAGE.fullmatch(scope["path"]))):
                raise
            await RedirectResponse(f"/login?next={quote(scope['path'])}", 303)(scope, receive, send)


def wants_page(scope: Scope) -> bool:
    """Whether a browser asks for something to show in its window, be it an address that somebody mistyped. Programs
    that take whatever comes, as Java's own client, name HTML too, but no XHTML; and no window sends a token."""
    headers = Headers(scope=scope)
    accepts_page = "application/xhtml+xml" in headers.get("accept", "")
    return scope["method"] == "GET" and accepts_page and "authorization" not in headers


@cache
def static_files() -> dict[str, bytes]:
    """What is served below ``/static/``, by name."""
    folder = resources.files(_ROOM) / "static"
    return {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.is_file()}


def texts_of(request: Request) -> Texts:
    """In the language that the address asks for, else the last one chosen, else the browser's, else English."""
    asked = [request.query_params.get("lang"), request.cookies.get(_COOKIE), *_accepted(request)]
    return Texts(next((code for code in asked if code in languages()), ENGLISH), _ROOM)


def _accepted(request: Request) -> list[str]:
    """The languages of Accept-Language, the most wanted first, without their regions."""
    wanted = []
    for part in request.headers.get("accept-language", "").split(",")[:20]:
        code, _, weight = part.partition(";q=")
        try:
            wanted.append((-float(weight or 1), code.strip().partition("-")[0].lower()))
        except ValueError:
            continue
    return [code for _, code in sorted(wanted, key=lambda entry: entry[0])]


def page(request: Request, template: str, http_status: int = 200, **values: Any) -> HTMLResponse:
    """A page from that template, with what every page shows."""
    hub: Hub = request.app.state.hub
    texts = texts_of(request)
    shared = {
        "texts": texts,
        "say": texts.say,
        "spoken": texts.family("js."),
        "languages": [(code, _NAMES.get(code, code), _in_language(request, code)) for code in languages()],
        "places": _PLACES,
        "here": request.url.path,
        "version": __version__,
        "model": hub.pool.model,
        "demo": hub.demo,
    }
    answer = HTMLResponse(_templates().get_template(f"{template}.html.j2").render(shared | values), http_status)
    if request.query_params.get("lang") == texts.language:
        tls = hub.settings.tls_cert is not None
        answer.set_cookie(_COOKIE, texts.language, _YEAR_SECONDS, samesite="strict", httponly=True, secure=tls)
    return answer


def _in_language(request: Request, code: str) -> str:
    return f"?{request.url.include_query_params(lang=code).query}"


def problem_page(request: Request, error: CarpalError) -> HTMLResponse:
    """What a page says when it has to say no."""
    said = capital(texts_of(request).sentence(str(error)))
    return page(request, "problem", error.http_status, status=error.http_status, said=said)


@cache
def _templates() -> Environment:
    loader = PackageLoader(_ROOM)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["query"] = _query
    return environment


def _query(chosen: BaseModel, cursor: object) -> str:
    """The filters as an address has them: a child's code, which a search adds, stands in none."""
    told = chosen.model_dump(exclude={"code"}) | {"cursor": str(cursor)}
    return urlencode({name: value for name, value in told.items() if value})
