"""The REST interface's main road: radiographs in, readings out. What store and pool refuse is answered in ``app``."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Optional

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from carpal.errors import Forbidden
from carpal.service import schemas
from carpal.service.common import ABSENT, PROBLEM, PROBLEMS, Id, caller_of, hub_of
from carpal.service.hub import Hub
from carpal.service.incoming import while_there_is_room
from carpal.service.intake import FORM_SCHEMA, check_key, form_of, order_and_file
from carpal.service.records import Source, StoredReading

__all__ = ["public", "router"]

public = APIRouter()  # what needs no token: nothing about any radiograph (``guard``)
router = APIRouter()

_UPLOAD: dict[int | str, dict[str, Any]] = {
    202: {"model": schemas.Reading, "description": "accepted, not read yet: ask again at Location"},
    400: PROBLEM | {"description": "the form cannot be understood"},
    408: PROBLEM | {"description": "the body did not arrive in time"},
    413: PROBLEM | {"description": "too many bytes or pixels"},
    415: PROBLEM | {"description": "not a multipart form"},
}


class Waiting(BaseModel):
    """What the address of an upload may say."""

    model_config = ConfigDict(extra="forbid")

    wait: float = Field(10.0, ge=0, le=60, description="seconds to wait for the reading")


@router.post(
    "/readings",
    status_code=201,
    response_model=schemas.Reading,
    responses=PROBLEMS | _UPLOAD,
    openapi_extra={"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": FORM_SCHEMA}}}},
)
async def create_reading(
    request: Request,
    waiting: Annotated[Waiting, Query()],
    idempotency_key: Annotated[Optional[str], Header()] = None,
) -> JSONResponse:
    """Have a radiograph read. 201: here is its reading. 202: it is accepted and will be read. Sent again with the same
    Idempotency-Key it is not read again."""
    hub, key = hub_of(request), check_key(idempotency_key)
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise HTTPException(415, "send the radiograph in a multipart form")
    # A browser names the page that sends; other clients have none to name.
    source: Source = "web" if "origin" in request.headers else "rest"
    async with form_of(request) as form:
        order, file = await run_in_threadpool(order_and_file, form, caller_of(request).name, source)
        with while_there_is_room():
            stored, new = await run_in_threadpool(hub.store.accept, file.file, order, key, hub.settings.queue)
    if new:
        hub.pool.wake()
    if stored.state == "queued" and waiting.wait > 0:
        stored = await _read_within(hub, stored, waiting.wait)
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


@router.get("/readings/{reading_id:id}", response_model=schemas.Reading, responses=PROBLEMS | ABSENT)
def get_reading(request: Request, reading_id: Id) -> JSONResponse:
    """One reading, refused and failed ones too."""
    hub = hub_of(request)
    stored = hub.store.get(reading_id)
    if stored.state != "queued":
        hub.store.viewed([stored], caller_of(request).name)
    return JSONResponse(schemas.reading_json(stored))


@router.delete("/readings/{reading_id:id}", status_code=204, responses=PROBLEMS | ABSENT)
def delete_reading(request: Request, reading_id: Id) -> Response:
    """Forget a reading and its radiograph. Admins only."""
    caller = caller_of(request)
    if caller.role != "admin":
        raise Forbidden("only an admin may delete a reading")
    hub_of(request).store.delete(reading_id, caller.name)
    return Response(status_code=204)


@router.get("/models", response_model=schemas.Models, responses=PROBLEMS)
def list_models(request: Request) -> JSONResponse:
    """The model that reads, with its card."""
    model = hub_of(request).pool.model
    return JSONResponse({"models": [] if model is None else [schemas.model_json(model)]})


@public.get("/health", response_model=schemas.Health, responses={503: {"model": schemas.Health}})
def health(request: Request) -> JSONResponse:
    """200: alive and ready. 503: alive, but no worker can take work now."""
    hub = hub_of(request)
    ready = hub.pool.ready
    body = {"live": True, "ready": ready > 0, "workers_ready": ready, "waiting": hub.store.waiting()}
    return JSONResponse(body, 200) if ready else JSONResponse(body, 503, {"retry-after": "2"})


@router.get("/metrics", response_class=Response, responses=PROBLEMS | {200: {"content": {"text/plain": {}}}})
def metrics(request: Request) -> Response:
    """Figures for a Prometheus."""
    hub = hub_of(request)
    text = hub.metrics.text(hub.store.waiting(), hub.pool.ready, hub.outbox.waiting())
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")
