"""The REST interface. Each route asks the store or the pool one thing; what they refuse is answered in ``app``."""

from __future__ import annotations

import asyncio
import errno
import re
from datetime import datetime, timezone
from typing import Annotated, Any, Literal, Optional

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from pydantic import BeforeValidator
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from carpal import __version__
from carpal.errors import Busy, Forbidden, Gone, NotFound
from carpal.service import schemas
from carpal.service.hub import Hub
from carpal.service.intake import FORM_SCHEMA, check_key, order_and_file
from carpal.service.records import Query as Wanted
from carpal.service.records import StoredReading
from carpal.service.tokens import Caller
from carpal.service.worker import Job

__all__ = ["public", "router"]

public = APIRouter()  # what needs no token: nothing about any radiograph (``guard``)
router = APIRouter()

_PROBLEM = {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: _PROBLEM | {"description": "no token, or one that is not known"},
    403: _PROBLEM | {"description": "the token's role does not allow it, or a page of another site asks"},
    422: _PROBLEM | {"description": "what was sent cannot be meant, cannot be read or is refused"},
    429: _PROBLEM | {"description": "too many requests; Retry-After says when to come back"},
    503: _PROBLEM | {"description": "too much to do; Retry-After says when to come back"},
}
_ABSENT: dict[int | str, dict[str, Any]] = {404: _PROBLEM | {"description": "there is no such reading"}}
_UPLOAD: dict[int | str, dict[str, Any]] = {
    202: {"model": schemas.Reading, "description": "accepted, not read yet: ask again at Location"},
    400: _PROBLEM | {"description": "the form cannot be understood"},
    408: _PROBLEM | {"description": "the body did not arrive in time"},
    413: _PROBLEM | {"description": "too many bytes or pixels"},
    415: _PROBLEM | {"description": "not a multipart form"},
}
_ReadingId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]


def _no_number(text: object) -> object:
    if isinstance(text, str) and re.fullmatch(r"\s*[-+]?[0-9.]+\s*", text):
        raise ValueError("give a date and time as 2024-05-31T12:00:00Z")
    return text


# By itself pydantic takes a bare number for seconds, or milliseconds, since 1970.
_Moment = Annotated[Optional[datetime], BeforeValidator(_no_number)]
_INDEX = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>carpal</title></head>
<body><h1>carpal {__version__}</h1>
<p>Bone age from radiographs of a child's left hand. Research use and decision support; not a medical device.</p>
<p>This is a REST interface: <a href="/openapi.json">openapi.json</a>, <a href="/health">health</a>.</p></body></html>
"""


def _hub(request: Request) -> Hub:
    return request.app.state.hub


def _caller(request: Request) -> Caller:
    return request.scope["state"]["caller"]


@public.get("/", include_in_schema=False)
def index() -> HTMLResponse:
    """What is here."""
    return HTMLResponse(_INDEX)


@router.post(
    "/readings",
    status_code=201,
    response_model=schemas.Reading,
    responses=_PROBLEMS | _UPLOAD,
    openapi_extra={"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": FORM_SCHEMA}}}},
)
async def create_reading(
    request: Request,
    wait: Annotated[float, Query(ge=0, le=60, description="seconds to wait for the reading")] = 10.0,
    idempotency_key: Annotated[Optional[str], Header()] = None,
) -> JSONResponse:
    """Have a radiograph read. 201: here is its reading. 202: it is accepted and will be read. Sent again with the same
    Idempotency-Key it is not read again."""
    hub, key = _hub(request), check_key(idempotency_key)
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise HTTPException(415, "send the radiograph in a multipart form")
    async with request.form(max_files=1, max_fields=8, max_part_size=1024) as form:
        order, file = order_and_file(form, _caller(request).name)
        try:
            stored, new = await run_in_threadpool(hub.store.accept, file.file, order, key, hub.settings.queue)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise Busy("the store's disk is full: nothing can be accepted until there is room", 60) from None
    if new:
        hub.pool.wake()
    if stored.state == "queued" and wait > 0:
        stored = await _read_within(hub, stored, wait)
    return _answer(stored)


async def _read_within(hub: Hub, stored: StoredReading, seconds: float) -> StoredReading:
    event = hub.arrivals.expect(stored.id)
    try:
        now = await run_in_threadpool(hub.store.get, stored.id)
        if now.state != "queued":
            return now
        await asyncio.wait_for(event.wait(), seconds)
    except asyncio.TimeoutError:
        return stored
    finally:
        hub.arrivals.forget(stored.id, event)
    return await run_in_threadpool(hub.store.get, stored.id)


def _answer(stored: StoredReading) -> JSONResponse:
    body, where = schemas.reading_json(stored), {"location": f"/readings/{stored.id}"}
    problem = body["problem"]
    if problem is not None:
        return JSONResponse(problem, problem["status"], where, media_type="application/problem+json")
    return JSONResponse(body, 202 if stored.state == "queued" else 201, where)


@router.get("/readings", response_model=schemas.Readings, responses=_PROBLEMS)
def list_readings(
    request: Request,
    state: Optional[Literal["queued", "done", "refused", "failed"]] = None,
    since: Annotated[_Moment, Query(description="accepted then or later")] = None,
    until: Annotated[_Moment, Query(description="accepted before then")] = None,
    cursor: Annotated[Optional[str], Query(pattern="^[0-9]{1,18}$", description="next of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> JSONResponse:
    """Readings, newest first, a page at a time."""
    before = None if cursor is None else int(cursor)
    wanted = Wanted(limit, before, state, _seconds(since), _seconds(until))
    return JSONResponse(schemas.page_json(_hub(request).store.find(wanted)))


def _seconds(moment: datetime | None) -> float | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)).total_seconds()


@router.get("/readings/{reading_id}", response_model=schemas.Reading, responses=_PROBLEMS | _ABSENT)
def get_reading(request: Request, reading_id: _ReadingId) -> JSONResponse:
    """One reading, refused and failed ones too."""
    hub = _hub(request)
    stored = hub.store.get(reading_id)
    if stored.state != "queued":
        hub.store.viewed(stored, _caller(request).name)
    return JSONResponse(schemas.reading_json(stored))


@router.get(
    "/readings/{reading_id}/overlay",
    response_class=Response,
    responses=_PROBLEMS
    | _ABSENT
    | {200: {"content": {"image/png": {}}}, 410: _PROBLEM | {"description": "another model has read it"}},
)
async def get_overlay(request: Request, reading_id: _ReadingId) -> FileResponse:
    """A PNG of the radiograph with its bone age, its distribution, and where in it the age comes from."""
    hub = _hub(request)
    stored = await run_in_threadpool(hub.store.get, reading_id)
    if stored.state != "done":
        raise NotFound(f"there is no picture of a reading that is {stored.state}")
    picture = hub.store.picture(stored)
    if not picture.is_file():
        await _draw(hub, stored)
    await run_in_threadpool(hub.store.viewed, stored, _caller(request).name, picture=True)
    return FileResponse(picture, media_type="image/png")


async def _draw(hub: Hub, stored: StoredReading) -> None:
    if hub.pool.model is None or stored.model_digest != hub.pool.model.sha256:
        raise Gone("it was read by another model than the one at work now, which cannot say where that age came from")
    path, picture = hub.store.blobs.path(stored.file_sha256), hub.store.picture(stored)
    job = Job(path, stored.sex, stored.accept_anything, picture)
    outcome = await asyncio.wrap_future(hub.pool.draw(job))
    if outcome.state != "done":
        raise Gone("its picture cannot be drawn")
    try:
        await run_in_threadpool(hub.store.get, stored.id)
    except NotFound:  # it was deleted meanwhile, and so must this be
        picture.unlink(missing_ok=True)
        raise


@router.delete("/readings/{reading_id}", status_code=204, responses=_PROBLEMS | _ABSENT)
def delete_reading(request: Request, reading_id: _ReadingId) -> Response:
    """Forget a reading and its radiograph. Admins only."""
    caller = _caller(request)
    if caller.role != "admin":
        raise Forbidden("only an admin may delete a reading")
    _hub(request).store.delete(reading_id, caller.name)
    return Response(status_code=204)


@router.get("/models", response_model=schemas.Models, responses=_PROBLEMS)
def list_models(request: Request) -> JSONResponse:
    """The model that reads, with its card."""
    model = _hub(request).pool.model
    return JSONResponse({"models": [] if model is None else [schemas.model_json(model)]})


@public.get("/health", response_model=schemas.Health, responses={503: {"model": schemas.Health}})
def health(request: Request) -> JSONResponse:
    """200: alive and ready. 503: alive, but no worker can take work now."""
    hub = _hub(request)
    ready = hub.pool.ready
    body = {"live": True, "ready": ready > 0, "workers_ready": ready, "waiting": hub.store.waiting()}
    return JSONResponse(body, 200) if ready else JSONResponse(body, 503, {"retry-after": "2"})


@router.get("/metrics", response_class=Response, responses=_PROBLEMS | {200: {"content": {"text/plain": {}}}})
def metrics(request: Request) -> Response:
    """Figures for a Prometheus."""
    hub = _hub(request)
    text = hub.metrics.text(hub.store.waiting(), hub.pool.ready)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")
