"""The ASGI application: the routes, how what they refuse is answered, and what every request must pass before."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import ASGIApp

from carpal import __version__
from carpal.errors import CarpalError, InvalidArgument, NotFound
from carpal.service.documents import router as documents
from carpal.service.envelope import MISTAKE, Envelope, problem_headers
from carpal.service.guard import Guard
from carpal.service.histories import router as histories
from carpal.service.hub import Hub
from carpal.service.invalid import invalid_sentence
from carpal.service.listing import router as listing
from carpal.service.login import entrance
from carpal.service.login import router as sessions
from carpal.service.pages import open_pages, pages
from carpal.service.problems import problem_of
from carpal.service.render import ToLogin, problem_page, wants_page
from carpal.service.routes import public
from carpal.service.routes import router as readings
from carpal.service.sessions import Sessions
from carpal.service.stow import router as stow

__all__ = ["create_app"]

_OPEN = (public, open_pages, entrance)
_GUARDED = (pages, readings, listing, documents, histories, stow, sessions)
_TYPE = "application/problem+json"
_HUNG_UP = 499  # what nginx made usual for it
# Of what the frameworks say by themselves.
_OWN_WORDS = {
    400: "the body cannot be understood",
    404: "there is no such place",
    405: "there is no such method at this place",
}
_BEARER = Depends(HTTPBearer(auto_error=False, description="made by carpal serve token add"))  # checked in guard


def create_app(hub: Hub) -> ASGIApp:
    """The service over the parts in ``hub``. No documentation pages: theirs would come from elsewhere."""
    app = FastAPI(
        title="carpal",
        version=__version__,
        summary="Bone age from radiographs of a child's left hand. Research use; not a medical device.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,  # it would lead to whatever host the request names
    )
    app.state.hub, app.state.sessions = hub, Sessions(hub.store.database)
    for opened in _OPEN:
        app.include_router(opened)
    for router in _GUARDED:
        app.include_router(router, dependencies=[_BEARER])
    app.add_exception_handler(CarpalError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _plain)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _mistake)
    guarded = ToLogin(Guard(app, hub.settings, hub.tokens, app.state.sessions, hub.refusals))
    return Envelope(guarded, hub.metrics, tls=hub.settings.tls_cert is not None)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, CarpalError)
    if wants_page(request.scope):  # such as a report's, which opens in a window of its own
        answer = problem_page(request, error)
        answer.headers.update(problem_headers(error))
        return answer
    return JSONResponse(problem_of(error), error.http_status, problem_headers(error), media_type=_TYPE)


def _invalid(request: Request, error: Exception) -> Response:
    """What was wrong and where, never what was sent."""
    assert isinstance(error, RequestValidationError)
    return _refused(request, InvalidArgument(invalid_sentence(error.errors())))


def _gone(_: Request, __: Exception) -> Response:
    """Whoever sent it has hung up: nobody reads the answer, but the log and the counters tell it from a mistake."""
    return Response(status_code=_HUNG_UP)


def _mistake(request: Request, _: Exception) -> Response:
    """Of carpal's own; starlette then hands it on to ``envelope``, which logs it."""
    return _refused(request, CarpalError(MISTAKE))


def _plain(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, CarpalError):  # the guard's, while a body was read; fastapi takes it for a bad body
        return _refused(request, error.__cause__)
    if error.status_code == 404 and wants_page(request.scope):
        return problem_page(request, NotFound("there is no such page"))
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["allow"] = ", ".join(sorted(_methods(request)))
    phrase = HTTPStatus(error.status_code).phrase
    detail = _OWN_WORDS.get(error.status_code, error.detail)
    problem = {"type": "about:blank", "title": phrase, "status": error.status_code, "detail": detail}
    return JSONResponse(problem, error.status_code, headers, media_type=_TYPE)


def _methods(request: Request) -> set[str]:
    """Of all routes that this path meets; starlette knows of the first only."""
    found: set[str] = set()
    for route in (route for router in (*_OPEN, *_GUARDED) for route in router.routes):
        if route.matches(request.scope)[0] is not Match.NONE:
            found |= getattr(route, "methods", None) or set()
    return found
