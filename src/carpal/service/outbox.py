"""What is to be sent to whom, kept in the store until it has arrived.

A parcel is one document of one reading for one destination. It is posted in the transaction that keeps the reading, so
that no kill loses it, then made (``ready``), then sent. A destination that does not answer is tried again after ever
longer, up to an hour, for ever; so is a parcel that it declines, while the others go on. What can never be made, such
as a picture of a radiograph that may show a name, is ``impossible`` and stays on record.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, func, insert, select, update

from carpal.service import tables
from carpal.service.audit import add_entry
from carpal.service.database import Database

__all__ = ["Outbox", "Parcel", "Posting", "PostedFor", "wait_after"]

_T, _D = tables.outbox, tables.destinations
_SENT_BACK = ("dicom", "stow")  # sources of readings that have an archive to go to
_STATES = {"sr.dcm": ("done", "refused", "failed"), "sc.dcm": ("done",), "report.dcm": ("done", "refused")}
_LONGEST_WAIT_S = 3600.0
_WHO = "service"

ParcelState = Literal["new", "ready", "sent", "impossible"]


@dataclass(frozen=True)
class Posting:
    """Which documents of every new reading go to which destinations (their URLs)."""

    urls: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()

    def wanted(self, source: str, state: str) -> tuple[str, ...]:
        """What is to be sent of such a reading. Of a radiograph that was refused, or could not be read, there is a
        report that says why, and no picture."""
        if not self.urls or source not in _SENT_BACK:
            return ()
        return tuple(name for name in self.documents if state in _STATES[name])

    def post(self, connection: Connection, reading_id: str, source: str, state: str) -> None:
        """Within the transaction that keeps the reading."""
        documents = self.wanted(source, state)
        values = {"reading_id": reading_id, "state": "new", "tries": 0, "next_s": 0.0}
        for url in self.urls:
            for document in documents:
                connection.execute(insert(_T).values(values | {"destination": url, "document": document}))


@dataclass(frozen=True)
class Parcel:
    """One worker's right to make or send one document; ``ticket`` is unlike that of any other."""

    ticket: str
    seq: int
    reading_id: str
    destination: str
    document: str
    tries: int


@dataclass(frozen=True)
class PostedFor:
    """What the outbox has for one destination. ``next_s`` is when it is tried again, 0 where nothing keeps it from
    that; ``last_error`` says why it was not reached, or why a parcel was declined or could not be made."""

    url: str
    waiting: int
    sent: int
    impossible: int
    next_s: float
    last_error: str | None


class Outbox:
    """The parcels of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, state: ParcelState, lease_s: float, most: int, urls: Sequence[str]) -> list[Parcel]:
        """The oldest parcels of a state for these destinations that are due and nobody's, for ``lease_s`` seconds."""
        now = time.time()
        wanted = (_T.c.state == state) & _T.c.destination.in_(urls) & (_T.c.next_s <= now)
        wanted &= _T.c.claimed_by.is_(None) | (_T.c.lease_until_s < now)
        look = select(_T).where(wanted).order_by(_T.c.seq).limit(most)
        with self._database.reading() as connection:
            if connection.execute(look).first() is None:
                return []
        ticket = uuid.uuid4().hex
        with self._database.writing() as connection:
            rows = connection.execute(look).mappings().all()
            claimed = {"claimed_by": ticket, "lease_until_s": now + lease_s}
            connection.execute(update(_T).where(_T.c.seq.in_([row["seq"] for row in rows])).values(claimed))
        columns = ("seq", "reading_id", "destination", "document", "tries")
        return [Parcel(ticket, *(row[name] for name in columns)) for row in rows]

    def made(self, parcel: Parcel) -> bool:
        """Its document is there: it may be sent. False where the parcel is gone, with the reading."""
        with self._database.writing() as connection:
            return _release(connection, parcel, state="ready", tries=0)

    def sent(self, parcel: Parcel) -> None:
        """It has arrived."""
        with self._database.writing() as connection:
            if _release(connection, parcel, state="sent", sent_s=time.time(), last_error=None):
                detail = f"{parcel.document} to {parcel.destination}"
                add_entry(connection, _WHO, "sent", parcel.reading_id, None, detail)

    def put_off(self, parcel: Parcel, why: str) -> None:
        """It was declined, or could not be made just now: later again."""
        tries = parcel.tries + 1
        self._move(parcel, tries=tries, next_s=time.time() + wait_after(tries), last_error=why[:255])

    def give_up(self, parcel: Parcel, why: str) -> None:
        """It can never be made."""
        with self._database.writing() as connection:
            if _release(connection, parcel, state="impossible", last_error=why[:255]):
                detail = f"{parcel.document} to {parcel.destination}"
                add_entry(connection, _WHO, "not sent", parcel.reading_id, None, detail)

    def give_back(self, parcel: Parcel, *, to_make: bool = False) -> None:
        """End a claim without having done anything; with ``to_make`` its document is to be made again."""
        self._move(parcel, **({"state": "new"} if to_make else {}))

    def release_all(self) -> None:
        """End every claim, at the start of the only server of this store."""
        with self._database.writing() as connection:
            claimed = _T.c.claimed_by.is_not(None)
            connection.execute(update(_T).where(claimed).values(claimed_by=None, lease_until_s=None))

    # ----------------------------------------------------------------- destinations

    def may_try(self, url: str) -> bool:
        """Whether it is time to try a destination."""
        with self._database.reading() as connection:
            next_s = connection.execute(select(_D.c.next_s).where(_D.c.url == url)).scalar()
        return next_s is None or next_s <= time.time()

    def away(self, url: str, why: str) -> None:
        """A destination was not reached: nothing is sent there for a while."""
        with self._database.writing() as connection:
            failures = connection.execute(select(_D.c.failures).where(_D.c.url == url)).scalar()
            if failures is None:
                connection.execute(insert(_D).values(url=url, failures=0, next_s=0.0))
            failures = (failures or 0) + 1
            values = {"failures": failures, "next_s": time.time() + wait_after(failures), "last_error": why[:255]}
            connection.execute(update(_D).where(_D.c.url == url).values(values))

    def reached(self, url: str) -> None:
        """A destination takes parcels."""
        with self._database.writing() as connection:
            connection.execute(update(_D).where(_D.c.url == url).values(failures=0, next_s=0.0, last_error=None))

    # ----------------------------------------------------------------- for people

    def waiting(self) -> int:
        """How many parcels have not arrived yet."""
        with self._database.reading() as connection:
            return connection.execute(
                select(func.count()).select_from(_T).where(_T.c.state.in_(("new", "ready")))
            ).scalar_one()

    def overview(self) -> list[PostedFor]:
        """By destination, those too to which nothing is sent any more."""
        with self._database.reading() as connection:
            counts = connection.execute(
                select(_T.c.destination, _T.c.state, func.count(), func.max(_T.c.last_error)).group_by(
                    _T.c.destination, _T.c.state
                )
            ).all()
            known = {row["url"]: row for row in connection.execute(select(_D)).mappings()}
        found = []
        for url in sorted({row[0] for row in counts}):
            states = {state: count for destination, state, count, _ in counts if destination == url}
            errors = [error for destination, state, _, error in counts if destination == url and error is not None]
            own = known.get(url)
            found.append(
                PostedFor(
                    url,
                    states.get("new", 0) + states.get("ready", 0),
                    states.get("sent", 0),
                    states.get("impossible", 0),
                    own["next_s"] if own else 0.0,
                    (own and own["last_error"]) or (errors[0] if errors else None),
                )
            )
        return found

    def hurry(self) -> int:
        """Let everything that waits be tried at once; how many parcels that are."""
        with self._database.writing() as connection:
            connection.execute(update(_D).values(next_s=0.0))
            waits = _T.c.state.in_(("new", "ready"))
            return connection.execute(update(_T).where(waits).values(next_s=0.0)).rowcount

    def _move(self, parcel: Parcel, **values: Any) -> None:
        with self._database.writing() as connection:
            _release(connection, parcel, **values)


def wait_after(failures: int) -> float:
    """Seconds until the next try, twice as long after each failure up to an hour; chance keeps many from coming back at
    the same moment."""
    chance = random.uniform(0.5, 1.0)  # nosec B311  # nobody gains by guessing it
    return min(_LONGEST_WAIT_S, 2.0 ** min(failures, 12)) * chance


def _release(connection: Connection, parcel: Parcel, **values: Any) -> bool:
    """End a claim with a change; False, and nothing is changed, where it no longer holds."""
    held = (_T.c.seq == parcel.seq) & (_T.c.claimed_by == parcel.ticket)
    done = {"claimed_by": None, "lease_until_s": None} | values
    return connection.execute(update(_T).where(held).values(done)).rowcount > 0
