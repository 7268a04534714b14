"""The web page of the service: its pages, what they load, and the few things that only a page asks for."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Annotated, Optional

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from carpal.errors import InvalidArgument, NotFound
from carpal.plain import Sex
from carpal.report.page import capital
from carpal.service.common import Id, caller_of, hub_of
from carpal.service.facts import check_code
from carpal.service.hub import Hub
from carpal.service.incoming import while_there_is_room
from carpal.service.records import LAST_SEQ, Order, StoredReading
from carpal.service.records import Query as Wanted
from carpal.service.render import PageRoute, StaticFile, page, static_files, texts_of
from carpal.service.showing import child_shown, row_of, shown

__all__ = ["open_pages", "pages"]

open_pages = APIRouter(include_in_schema=False, route_class=PageRoute)  # nothing about any radiograph is on them
pages = APIRouter(include_in_schema=False, route_class=PageRoute)

_ROWS = 50
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YEARS = range(1971, 9999)  # whose midnights are moments everywhere


@open_pages.get("/")
def read_page(request: Request) -> Response:
    """Where radiographs are sent from."""
    return page(request, "read")


@open_pages.get("/login")
def login_page(request: Request) -> Response:
    """Where a session begins."""
    return page(request, "login")


@open_pages.get("/static/{name}")
def static_file(request: Request, name: str) -> Response:
    """A stylesheet, a script, a picture of the package."""
    data = static_files().get(name)
    if data is None:
        raise NotFound("there is no such file")
    return StaticFile(request, name, data)


@open_pages.get("/demo/{name}")
def demo_file(request: Request, name: str) -> Response:
    """A drawn radiograph that the demonstration offers."""
    demo = hub_of(request).demo
    data = None if demo is None else demo.file(name)
    if data is None:
        raise NotFound("there is no such file")
    return Response(data, media_type="image/png")


class _Filters(BaseModel):
    """Empty is any; days are those of this machine."""

    state: str = Field("", pattern="^(queued|done|refused|failed|)$")
    sex: str = Field("", pattern="^[FM]?$")
    since: str = Field("", max_length=10)
    until: str = Field("", max_length=10)
    cursor: str = Field("", pattern="^[0-9]{0,18}$")


class _Search(_Filters):
    code: str = Field("", max_length=64)


@pages.get("/worklist")
def work_list(request: Request, filters: Annotated[_Filters, Query()]) -> Response:
    """What was sent, newest first."""
    return _list_page(request, filters, "")


@pages.post("/worklist")
def search(request: Request, search: Annotated[_Search, Form()]) -> Response:
    """The same for children whose code begins so; a code stands in no address."""
    return _list_page(request, search, search.code)


def _list_page(request: Request, filters: _Filters, code: str) -> Response:
    texts, first, last = texts_of(request), _day(filters.since), _day(filters.until)
    wanted = Wanted(
        limit=_ROWS,
        before_seq=min(int(filters.cursor), LAST_SEQ) if filters.cursor else None,
        state=filters.state or None,  # type: ignore[arg-type]  # the patterns let nothing else through
        sex=filters.sex or None,  # type: ignore[arg-type]
        since_s=None if first is None else _midnight(first),
        until_s=None if last is None else _midnight(last + timedelta(days=1)),
        code_begins=check_code(code) if code.strip() else None,
    )
    found = hub_of(request).store.find(wanted)
    rows = [row_of(reading, texts) for reading in found.readings]
    return page(request, "worklist", rows=rows, chosen=filters, code=code, next=found.next_seq)


def _midnight(day: date) -> float:
    return datetime.combine(day, time()).timestamp()


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        if _DAY.fullmatch(text) and (day := date.fromisoformat(text)).year in _YEARS:
            return day
    except ValueError:
        pass
    raise InvalidArgument("a date is written 2024-05-31, and no reading is older than 1970")


@pages.get("/readings/{reading_id:id}/view")
def reading_page(request: Request, reading_id: Id) -> Response:
    """One reading and what it means for the child."""
    hub, caller = hub_of(request), caller_of(request)
    reading = hub.store.get(reading_id)
    if reading.state == "queued":
        return page(request, "queued", row=row_of(reading, texts_of(request)))
    hub.store.viewed([reading], caller.name)
    past = hub.store.children.before(reading)
    return page(request, "reading", it=shown(reading, past, texts_of(request)), may_delete=caller.role == "admin")


@pages.get("/readings/{reading_id:id}/row")
def outcome(request: Request, reading_id: Id) -> Response:
    """One reading in a few lines, for the page that has sent it."""
    return page(request, "outcome", row=row_of(hub_of(request).store.get(reading_id), texts_of(request)))


@pages.post("/readings/{reading_id:id}/again")
async def read_again(
    request: Request,
    reading_id: Id,
    sex: Annotated[Optional[Sex], Form()] = None,
    accept_anything: Annotated[bool, Form()] = False,
) -> JSONResponse:
    """Have the same radiograph read once more: whatever it shows, or as that sex. Answers the new reading's id."""
    hub = hub_of(request)
    old = await run_in_threadpool(hub.store.get, reading_id)
    new = await run_in_threadpool(_accept_again, hub, old, _order(old, caller_of(request).name, sex, accept_anything))
    hub.pool.wake()
    return JSONResponse({"id": new.id}, 202)


def _order(old: StoredReading, who: str, sex: Sex | None, accept_anything: bool) -> Order:
    return Order(who, sex or old.sex, old.age_months, accept_anything or old.accept_anything, old.facts, "web")


def _accept_again(hub: Hub, old: StoredReading, order: Order) -> StoredReading:
    try:
        with hub.store.blobs.path(old.file_sha256).open("rb") as file, while_there_is_room():
            return hub.store.accept(file, order, None, hub.settings.queue)[0]
    except FileNotFoundError:  # it was deleted just now
        raise NotFound("there is no such reading") from None


@pages.get("/children/{child_id:id}/view")
def child_page(request: Request, child_id: Id) -> Response:
    """The history of a child."""
    store = hub_of(request).store
    child = store.children.get(child_id)
    store.viewed([reading for reading in child.readings if reading.state != "queued"], caller_of(request).name)
    return page(request, "child", child=child_shown(child, texts_of(request)))


@pages.post("/said")
def said(request: Request, english: Annotated[str, Form(max_length=2000)]) -> JSONResponse:
    """A sentence of carpal's in the language of the page, as far as it is known there."""
    sentence = capital(texts_of(request).sentence(english.removeprefix("refused: ")))
    return JSONResponse({"text": sentence.text, "language": sentence.language})
