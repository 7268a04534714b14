"""Logging in and out: a token for a cookie (``sessions``)."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from carpal.errors import NotFound, Unauthenticated
from carpal.service import schemas
from carpal.service.common import ABSENT, PROBLEMS, caller_of, hub_of
from carpal.service.sessions import Sessions, cookie_name

__all__ = ["entrance", "router"]

entrance = APIRouter()  # ``guard`` lets everybody in, at its own pace
router = APIRouter()


@entrance.post("/session", response_model=schemas.Session, responses=PROBLEMS)
def log_in(request: Request, token: Annotated[str, Form(max_length=200)]) -> Response:
    """Begin a session, for a browser: the answer sets its cookie. A form that a browser sends by itself is led on."""
    try:
        caller = hub_of(request).tokens.caller(token.strip())
        key, session = _sessions(request).open(caller, before=request.cookies.get(_cookie(request)))
    except Unauthenticated:
        address = request.client.host if request.client else "?"
        hub_of(request).refusals.note("log-in refused", address, time.monotonic())
        raise
    if "text/html" in request.headers.get("accept", ""):
        answer: Response = RedirectResponse("/", 303)
    else:
        answer = JSONResponse({"name": caller.name, "role": caller.role, "csrf": session.csrf})
    answer.set_cookie(_cookie(request), key, httponly=True, samesite="strict", secure=_tls(request))
    return answer


@router.get("/session", response_model=schemas.Session, responses=PROBLEMS)
def who_am_i(request: Request) -> JSONResponse:
    """Who asks, and the value that goes with every request of this session that changes something."""
    caller = caller_of(request)
    return JSONResponse({"name": caller.name, "role": caller.role, "csrf": request.scope["state"]["csrf"]})


@router.delete("/session", status_code=204, responses=PROBLEMS | ABSENT)
def log_out(request: Request) -> Response:
    """End the session, here and wherever else its cookie has got to."""
    key, sessions = request.cookies.get(_cookie(request)), _sessions(request)
    if key is None or sessions.find(key) is None:
        raise NotFound("there is no session to end")
    sessions.close(key, caller_of(request).name)
    answer = Response(status_code=204)
    answer.delete_cookie(_cookie(request), httponly=True, samesite="strict", secure=_tls(request))
    return answer


def _sessions(request: Request) -> Sessions:
    return request.app.state.sessions


def _tls(request: Request) -> bool:
    return hub_of(request).settings.tls_cert is not None


def _cookie(request: Request) -> str:
    return cookie_name(_tls(request))
