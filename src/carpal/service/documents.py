"""Documents of a reading over REST: made by a worker when first asked for, kept until the reading is deleted."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from carpal.errors import Busy, Gone, NotFound
from carpal.report import Given, Look
from carpal.service.common import ABSENT, GONE, PROBLEMS, Id, caller_of, hub_of
from carpal.service.hub import Hub
from carpal.service.making import DOCUMENTS, Chart, Document, Job, Kind, given_of
from carpal.service.records import StoredReading

__all__ = ["Language", "content_key", "document_of", "fetched", "router"]

router = APIRouter()

Language = Literal["en", "de"]
Paper = Literal["a4", "letter"]

# A report's page has its style and its pictures within; no script, and nothing from anywhere.
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; sandbox"
_SHOWN = ("image/png", "text/html")
_ROOM_SECONDS = 60


async def document_of(hub: Hub, reading_id: str, name: str, look: Look) -> tuple[StoredReading, bytes]:
    """The reading and its document, one of ``making.DOCUMENTS``; outside the server's loop by ``asyncio.run``, in a
    thread of its own. Raises NotFound, Gone, Busy."""
    while True:
        stored = await run_in_threadpool(hub.store.get, reading_id)
        _check_there(stored, name, DOCUMENTS[name])
        job = await run_in_threadpool(_job, hub, stored, name, look)
        data = await fetched(hub, job, job.documents[0].target)
        # Meanwhile it may have been deleted, and so must this be, or another reading of the child, which it tells of.
        try:
            now = await run_in_threadpool(hub.store.get, reading_id)
            again = await run_in_threadpool(_job, hub, now, name, look)
        except NotFound:
            await run_in_threadpool(hub.store.shelf.clear, reading_id)
            raise
        if again == job:
            return stored, data
        for document in job.documents:
            await run_in_threadpool(document.target.unlink, missing_ok=True)


async def fetched(hub: Hub, job: Job | Chart, target: Path) -> bytes:
    """What lies at ``target``, made first if need be. Raises NotFound, Gone, Busy."""
    while True:
        try:
            return await run_in_threadpool(target.read_bytes)
        except FileNotFoundError:
            outcome = await asyncio.wrap_future(hub.pool.make(job))
        if outcome.passing:
            raise Busy("it cannot be made just now, for want of room or memory: try again later", _ROOM_SECONDS)
        if outcome.problem is not None:
            kind = Gone if outcome.problem["status"] == Gone.http_status else NotFound
            raise kind(f"it cannot be made: {outcome.problem['detail']}")


def content_key(parts: Any) -> str:
    """Changes with whatever goes into a document, so that none is ever out of date."""
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:16]


def _check_there(stored: StoredReading, name: str, kind: Kind) -> None:
    if stored.state not in kind.states:
        raise NotFound(f"there is no {name} of a reading that is {stored.state}")
    if kind.of_dicom and not stored.is_dicom:
        raise NotFound(f"there is no {name} of a radiograph that is no DICOM object: nothing could be filed beside it")


def _job(hub: Hub, stored: StoredReading, name: str, look: Look) -> Job:
    kind, history = DOCUMENTS[name], hub.store.children.before(stored)
    given = given_of(stored.sex, stored.age_months, stored.facts, history)
    document = _document(hub, stored, given, name, look)
    if kind.asks_network and not document.target.is_file():
        _check_model(hub, stored)
    # What is sent is asked for one after the other: the radiograph need not be read for each.
    sent = hub.settings.dicom.posting.wanted(stored.source, stored.state)
    others = [other for other in sent if other != name] if name in sent else []
    documents = (document, *(_document(hub, stored, given, other, Look()) for other in others))
    return Job(hub.store.blobs.path(stored.file_sha256), given, stored.accept_anything, documents)


def _document(hub: Hub, stored: StoredReading, given: Given, name: str, look: Look) -> Document:
    kind = DOCUMENTS[name]
    stem, _, suffix = name.partition(".")
    variant = f"{look.language}-{look.paper}-" if kind.has_look else ""
    key = content_key(asdict(given) if kind.asks_network else None)
    target = hub.store.shelf.path(stored.id, f"{stem}-{variant}{key}.{suffix or 'png'}")
    refused = (stored.problem or {}).get("reason")
    failed = (stored.problem or {}).get("detail") if stored.state == "failed" else None
    return Document(name, target, look, stored.result, refused, stored.finished_s or stored.created_s, failed)


def _check_model(hub: Hub, stored: StoredReading) -> None:
    model = hub.pool.model
    if stored.result is not None and (model is None or stored.model_digest != model.sha256):
        raise Gone("it was read by another model than the one at work now, which cannot say where that age came from")


async def _answer(request: Request, reading_id: str, name: str, look: Look) -> Response:
    hub, kind = hub_of(request), DOCUMENTS[name]
    stored, data = await document_of(hub, reading_id, name, look)
    deed: Literal["pictured", "document"] = "pictured" if kind.is_picture else "document"
    await run_in_threadpool(hub.store.viewed, [stored], caller_of(request).name, deed, name)
    place = "inline" if kind.media_type in _SHOWN else "attachment"
    headers = {"content-disposition": f'{place}; filename="carpal-{stored.id[:8]}-{name}"'}
    if kind.media_type == "text/html":
        headers["content-security-policy"] = _PAGE_POLICY
    return Response(data, headers=headers, media_type=kind.media_type)


def _endpoint(name: str) -> Callable[..., Any]:
    async def get_document(request: Request, reading_id: Id) -> Response:
        return await _answer(request, reading_id, name, Look())

    async def get_page(
        request: Request,
        reading_id: Id,
        language: Language = "en",
        paper: Annotated[Paper, Query(description="the sheet that it fits on")] = "a4",
    ) -> Response:
        return await _answer(request, reading_id, name, Look(language, paper))

    return get_page if DOCUMENTS[name].has_look else get_document


for _name, _kind in DOCUMENTS.items():
    router.add_api_route(
        f"/readings/{{reading_id:id}}/{_name}",
        _endpoint(_name),
        methods=["GET"],
        response_class=Response,
        summary=_kind.summary,
        responses=PROBLEMS | ABSENT | GONE | {200: {"content": {_kind.media_type: {}}}},
    )
