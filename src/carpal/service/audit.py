"""Who did what, when, with which model. One can only add to it: the database itself refuses anything else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Literal

from sqlalchemy import Connection, insert, select

from carpal.service import tables
from carpal.service.database import Database

__all__ = ["AuditEntry", "Deed", "add_entry", "entries", "in_utc"]

Deed = Literal[
    "accepted",
    "done",
    "refused",
    "failed",
    "viewed",
    "pictured",
    "document",
    "sent",
    "not sent",
    "deleted",
    "purged",
    "token added",
    "token revoked",
    "logged in",
    "logged out",
    "log-in refused",
    "token refused",
    "association refused",
]


@dataclass(frozen=True)
class AuditEntry:
    """One line of the log; ``at_s`` is seconds since 1970."""

    at_s: float
    who: str
    what: str
    reading_id: str | None
    model_sha256: str | None
    detail: str | None

    @property
    def at(self) -> str:
        """When, to the millisecond."""
        return in_utc(self.at_s, "milliseconds")


def in_utc(at_s: float, to: Literal["milliseconds", "seconds"] = "seconds") -> str:
    """Seconds since 1970 as ISO 8601 in UTC, such as ``2026-03-01T12:00:00Z``."""
    moment = datetime.fromtimestamp(at_s, timezone.utc)
    return f"{moment.replace(tzinfo=None).isoformat(timespec=to)}Z"


def add_entry(
    connection: Connection,
    who: str,
    what: Deed,
    reading_id: str | None = None,
    model_sha256: str | None = None,
    detail: str | None = None,
) -> None:
    """Add a line within the transaction that does the deed: either both are kept or neither."""
    values = {"at_s": time.time(), "who": who, "what": what, "reading_id": reading_id}
    connection.execute(insert(tables.audit).values(values | {"model_sha256": model_sha256, "detail": detail}))


def entries(database: Database, since_s: float = 0.0) -> Iterator[AuditEntry]:
    """The log from ``since_s`` on, oldest first."""
    table = tables.audit
    columns = (table.c.at_s, table.c.who, table.c.what, table.c.reading_id, table.c.model_sha256, table.c.detail)
    with database.reading() as connection:
        for row in connection.execute(select(*columns).where(table.c.at_s >= since_s).order_by(table.c.seq)):
            yield AuditEntry(*row)
