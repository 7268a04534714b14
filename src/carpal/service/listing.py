"""Finding readings over REST: newest first, a page at a time. A child's code is never part of a URL."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Annotated, Literal, Optional

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from carpal.service import schemas
from carpal.service.common import MALFORMED, PROBLEMS, hub_of
from carpal.service.facts import check_code
from carpal.service.records import LAST_SEQ
from carpal.service.records import Query as Wanted

__all__ = ["router"]

router = APIRouter()


def _no_number(text: object) -> object:
    if isinstance(text, (int, float)) or (isinstance(text, str) and re.fullmatch(r"\s*[-+]?[0-9.]+\s*", text)):
        raise ValueError("give a date and time as 2024-05-31T12:00:00Z")
    return text


# By itself pydantic takes a bare number for seconds, or milliseconds, since 1970.
_Moment = Annotated[Optional[datetime], BeforeValidator(_no_number)]


class Filters(BaseModel):
    """Which readings; whatever is left out does not matter."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["queued", "done", "refused", "failed"] | None = None
    since: _Moment = Field(None, description="accepted then or later")
    until: _Moment = Field(None, description="accepted before then")
    sex: Literal["F", "M"] | None = Field(None, description="as given, else as the header says")
    source: Literal["rest", "web", "dicom", "stow"] | None = None
    child: str | None = Field(None, pattern="^[0-9a-f]{32}$", description="the child's id")
    cursor: str | None = Field(None, pattern="^[0-9]{1,18}$", description="next of the page before")
    limit: int = Field(50, ge=1, le=200)

    def wanted(self, code_begins: str | None = None) -> Wanted:
        """As the store takes it."""
        return Wanted(
            limit=self.limit,
            before_seq=None if self.cursor is None else min(int(self.cursor), LAST_SEQ),
            state=self.state,
            since_s=_seconds(self.since),
            until_s=_seconds(self.until),
            sex=self.sex,
            source=self.source,
            child_id=self.child,
            code_begins=code_begins,
        )


class Search(Filters):
    """The same, and the beginning of a child's code."""

    child_code: Annotated[str, AfterValidator(check_code)] | None = Field(None, description="how it begins")


@router.get("/readings", response_model=schemas.Readings, responses=PROBLEMS)
def list_readings(request: Request, filters: Annotated[Filters, Query()]) -> JSONResponse:
    """Readings, newest first, a page at a time."""
    return JSONResponse(schemas.page_json(hub_of(request).store.find(filters.wanted())))


@router.post("/readings/search", response_model=schemas.Readings, responses=PROBLEMS | MALFORMED)
def search_readings(request: Request, search: Search) -> JSONResponse:
    """The same by the beginning of a child's code, which stands in the body because URLs are written to logs."""
    return JSONResponse(schemas.page_json(hub_of(request).store.find(search.wanted(search.child_code))))


def _seconds(moment: datetime | None) -> float | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)).total_seconds()
