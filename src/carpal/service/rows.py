"""Rows of the database as records and back."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, select

from carpal.service import tables
from carpal.service.facts import Facts
from carpal.service.records import Header, Order, Outcome, Page, Query, StoredReading

__all__ = ["claimed_facts", "order_values", "outcome_values", "page_of", "query_of", "select_readings", "stored"]

_T, _C = tables.readings, tables.children
_MEASURES = ("height_cm", "weight_kg", "mother_height_cm", "father_height_cm", "menarche")


_CONDITIONS: dict[str, Callable[[Any], ColumnElement[bool]]] = {
    "before_seq": lambda seq: _T.c.seq < seq,
    "state": lambda state: _T.c.state == state,
    "since_s": lambda moment: _T.c.created_s >= moment,
    "until_s": lambda moment: _T.c.created_s < moment,
    "sex": lambda sex: (_T.c.sex == sex) | (_T.c.sex.is_(None) & (_T.c.header_sex == sex)),
    "source": lambda source: _T.c.source == source,
    "child_id": lambda child_id: _T.c.child_id == child_id,
    "code_begins": lambda begins: _C.c.code.istartswith(begins, autoescape=True),
}


def select_readings() -> Select[Any]:
    """Readings with the codes of their children."""
    return select(_T, _C.c.code.label("child_code")).join_from(_T, _C, _T.c.child_id == _C.c.id, isouter=True)


def query_of(query: Query) -> Select[Any]:
    """The rows of a page, newest first, and one more where there is another page."""
    wanted = select_readings()
    for name, condition in _CONDITIONS.items():
        if (value := getattr(query, name)) is not None:
            wanted = wanted.where(condition(value))
    return wanted.order_by(_T.c.seq.desc()).limit(query.limit + 1)


def page_of(rows: list[RowMapping], query: Query) -> Page:
    """What ``query_of`` has found."""
    found = tuple(stored(row) for row in rows[: query.limit])
    return Page(found, found[-1].seq if len(rows) > query.limit else None)


def order_values(order: Order) -> dict[str, Any]:
    """The columns that an order fills, all but the child's."""
    facts = order.facts
    return {
        "sex": order.sex,
        "age_months": order.age_months,
        "accept_anything": order.accept_anything,
        "created_by": order.who,
        "source": order.source,
        "study_date": _text(facts.study_date),
    } | {name: getattr(facts, name) for name in _MEASURES}


def outcome_values(outcome: Outcome) -> dict[str, Any]:
    """The columns that an outcome fills."""
    return {
        "state": outcome.state,
        "result": outcome.result and json.dumps(outcome.result),
        "problem": outcome.problem and json.dumps(outcome.problem),
        "header_sex": outcome.header.sex,
        "header_age_months": outcome.header.age_months,
        "header_study_date": _text(outcome.header.study_date),
    }


def claimed_facts(row: RowMapping) -> Facts:
    """What is told of the child, but for its code, which no worker needs."""
    return Facts(_date(row["study_date"]), **{name: row[name] for name in _MEASURES})


def stored(row: RowMapping) -> StoredReading:
    """A row of ``select_readings``."""
    measures = {name: row[name] for name in _MEASURES}
    return StoredReading(
        seq=row["seq"],
        id=row["id"],
        state=row["state"],
        source=row["source"],
        file_sha256=row["file_sha256"],
        is_dicom=row["is_dicom"],
        sex=row["sex"],
        age_months=row["age_months"],
        accept_anything=row["accept_anything"],
        created_s=row["created_s"],
        finished_s=row["finished_s"],
        result=json.loads(row["result"]) if row["result"] else None,
        problem=json.loads(row["problem"]) if row["problem"] else None,
        facts=Facts(_date(row["study_date"]), **measures, child=row["child_code"]),
        child_id=row["child_id"],
        header=Header(row["header_sex"], row["header_age_months"], _date(row["header_study_date"])),
    )


def _text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _date(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
