"""The store of readings. What it has accepted it never loses, and has read exactly once:

- a radiograph is accepted when its file is on the disk and its row is committed, not before;
- work is claimed with a lease in the database, and a result counts only for whoever still holds the claim;
- a result, its audit entry and the end of the claim are one transaction.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, delete, func, insert, select, update

from carpal.errors import Busy, Forbidden, KeyReused, NotFound
from carpal.radiograph import is_dicom
from carpal.service import tables
from carpal.service.audit import Deed, add_entry
from carpal.service.blobs import Blobs, stream_digest
from carpal.service.children import Children, child_for, drop_childless
from carpal.service.database import Database
from carpal.service.facts import Facts
from carpal.service.outbox import Posting
from carpal.service.records import Claim, Order, Outcome, Page, Query, StoredReading
from carpal.service.rows import (
    claimed_facts,
    order_values,
    outcome_values,
    page_of,
    query_of,
    select_readings,
    stored,
)
from carpal.service.shelf import Shelf

__all__ = ["ReadingStore"]

_T = tables.readings
_DEATHS = 2  # workers that one radiograph may cost


class ReadingStore:
    """Readings in ``database``, their radiographs and documents in ``folder``; ``posting`` says what of them is to be
    sent where. With ``only`` no other files are taken than those of these SHA-256."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        posting: Posting | None = None,
        only: frozenset[str] | None = None,
    ) -> None:
        self.database = database
        self._posting = posting or Posting()
        self._only = only
        self.blobs = Blobs(folder / "files")
        self.shelf = Shelf(folder / "documents")
        self.children = Children(database)

    # ----------------------------------------------------------------- in

    def accept(self, file: IO[bytes], order: Order, key: str | None, most_waiting: int) -> tuple[StoredReading, bool]:
        """Keep a radiograph to be read, and whether it is new: with the ``key`` of an earlier request of the same
        caller it is that request's. When this returns it is on the disk. Raises Busy, KeyReused, Forbidden."""
        digest = stream_digest(file)
        if self._only is not None and digest not in self._only:
            raise Forbidden("this is a demonstration: only its own drawn hands are read")
        request = _request_digest(digest, order)
        file.seek(0)
        dicom = is_dicom(file.read(132))
        while True:
            with self.database.reading() as connection:
                known = _by_key(connection, order.who, key, request)
                if known is not None:
                    return known, False
                _check_room(connection, most_waiting)
            self.blobs.put(digest, file)
            with self.database.writing() as connection:
                known = _by_key(connection, order.who, key, request)
                if known is not None:
                    return known, False
                _check_room(connection, most_waiting)
                # Between writing the file and this transaction another reading of it may have been deleted, and the
                # file with it. From here on no delete can come between.
                if not self.blobs.has(digest):
                    continue
                reading_id = _insert(connection, {"file_sha256": digest, "is_dicom": dicom}, order)
                _keep_key(connection, order.who, key, reading_id, request)
                return _get(connection, reading_id), True

    def waiting(self) -> int:
        """How many radiographs are accepted and not yet read."""
        with self.database.reading() as connection:
            return _waiting(connection)

    # ----------------------------------------------------------------- work

    def claim(self, worker: str, lease_s: float) -> Claim | None:
        """The oldest radiograph that waits and is nobody's, for ``lease_s`` seconds; None if there is none."""
        if not self.waiting():
            return None
        now = time.time()
        free = (_T.c.state == "queued") & ((_T.c.claimed_by.is_(None)) | (_T.c.lease_until_s < now))
        with self.database.writing() as connection:
            row = connection.execute(select(_T).where(free).order_by(_T.c.seq).limit(1)).mappings().first()
            if row is None:
                return None
            ticket = f"{worker}:{uuid.uuid4().hex}"
            values = {"claimed_by": ticket, "lease_until_s": now + lease_s}
            connection.execute(update(_T).where(_T.c.seq == row["seq"]).values(values))
        return Claim(
            reading_id=row["id"],
            ticket=ticket,
            file_sha256=row["file_sha256"],
            sex=row["sex"],
            age_months=row["age_months"],
            accept_anything=row["accept_anything"],
            facts=claimed_facts(row),
        )

    def finish(self, claim: Claim, outcome: Outcome) -> bool:
        """Keep what came of it; False, and nothing is kept, where the claim no longer holds."""
        with self.database.writing() as connection:
            return self._finish(connection, claim, outcome)

    def give_back(self, claim: Claim) -> None:
        """End a claim without a result: somebody else may take it up."""
        with self.database.writing() as connection:
            connection.execute(update(_T).where(_held(claim)).values(claimed_by=None, lease_until_s=None))

    def try_once_more(self, claim: Claim, outcome: Outcome) -> bool:
        """A worker died of it or had to be ended, or had no room or memory: it is tried once more, then ``outcome`` is
        kept. True if it was."""
        with self.database.writing() as connection:
            deaths = connection.execute(select(_T.c.deaths).where(_held(claim))).scalar()
            if deaths is None:
                return False
            if deaths + 1 >= _DEATHS:
                return self._finish(connection, claim, outcome)
            values = {"claimed_by": None, "lease_until_s": None, "deaths": deaths + 1}
            connection.execute(update(_T).where(_held(claim)).values(values))
            return False

    def release_all(self) -> int:
        """End every claim, at the start of the only server of this store; how many a killed one has left behind."""
        with self.database.writing() as connection:
            claimed = (_T.c.state == "queued") & _T.c.claimed_by.is_not(None)
            return connection.execute(update(_T).where(claimed).values(claimed_by=None, lease_until_s=None)).rowcount

    def _finish(self, connection: Connection, claim: Claim, outcome: Outcome) -> bool:
        values = {"finished_s": time.time(), "claimed_by": None, "lease_until_s": None} | outcome_values(outcome)
        held = connection.execute(select(_T.c.created_by, _T.c.source).where(_held(claim))).first()
        if held is None:
            return False
        who, source = held
        connection.execute(update(_T).where(_held(claim)).values(values))
        add_entry(connection, who, outcome.state, claim.reading_id, outcome.model_digest)
        self._posting.post(connection, claim.reading_id, source, outcome.state)
        return True

    # ----------------------------------------------------------------- out

    def get(self, reading_id: str) -> StoredReading:
        """Raises NotFound."""
        with self.database.reading() as connection:
            return _get(connection, reading_id)

    def viewed(
        self, readings: Iterable[StoredReading], who: str, how: Deed = "viewed", what: str | None = None
    ) -> None:
        """Write down that somebody has seen them, or a document of theirs."""
        with self.database.writing() as connection:
            for reading in readings:
                add_entry(connection, who, how, reading.id, reading.model_digest, what)

    def find(self, query: Query) -> Page:
        """The newest first."""
        with self.database.reading() as connection:
            return page_of(list(connection.execute(query_of(query)).mappings()), query)

    def count_by_state(self) -> dict[str, int]:
        """How many readings there are of each state."""
        with self.database.reading() as connection:
            rows = connection.execute(select(_T.c.state, func.count()).group_by(_T.c.state)).all()
        return {state: count for state, count in rows}

    # ----------------------------------------------------------------- away

    def delete(self, reading_id: str, who: str) -> None:
        """Forget a reading, whatever was made of it, and its radiograph unless another reading is of the same file.
        Raises NotFound."""
        reading = self.get(reading_id)
        with self.database.writing() as connection:
            if not connection.execute(delete(_T).where(_T.c.id == reading_id)).rowcount:
                raise NotFound("there is no such reading")
            add_entry(connection, who, "deleted", reading_id, reading.model_digest)
            drop_childless(connection, [reading.child_id] if reading.child_id else [])
        self._clear_shelf([reading_id], [reading.child_id])
        self._remove_file(reading.file_sha256)
        self.database.forget()

    def purge(self, before_s: float, who: str) -> int:
        """Delete every finished reading that was accepted before then, and files that no reading is of; how many
        readings went."""
        old = (_T.c.created_s < before_s) & (_T.c.state != "queued")
        with self.database.writing() as connection:
            gone = connection.execute(select(_T.c.id, _T.c.child_id).where(old)).all()
            connection.execute(delete(_T).where(old))
            for reading_id, _ in gone:
                add_entry(connection, who, "purged", reading_id)
            drop_childless(connection, {child_id for _, child_id in gone if child_id})
        self._clear_shelf([row.id for row in gone], {row.child_id for row in gone})
        self._clear_shelf_of_nobody()
        for digest in list(self.blobs.digests()):
            self._remove_file(digest)
        self.database.forget()
        return len(gone)

    def _clear_shelf(self, reading_ids: Iterable[str], child_ids: Iterable[str | None]) -> None:
        """Of these readings, of their children, and of the children's other readings, whose reports tell of these."""
        owners = set(reading_ids)
        with self.database.reading() as connection:
            for child_id in filter(None, child_ids):
                owners |= {child_id, *connection.execute(select(_T.c.id).where(_T.c.child_id == child_id)).scalars()}
        for owner in owners:
            self.shelf.clear(owner)

    def _clear_shelf_of_nobody(self) -> None:
        owners = list(self.shelf.owners())
        with self.database.reading() as connection:
            known = set(connection.execute(select(_T.c.id)).scalars())
            known |= set(connection.execute(select(tables.children.c.id)).scalars())
        for owner in owners:
            if owner not in known:
                self.shelf.clear(owner)

    def _remove_file(self, digest: str) -> None:
        # Within a writer's transaction, so that no reading of the same file is accepted meanwhile.
        with self.database.writing() as connection:
            if connection.execute(select(_T.c.seq).where(_T.c.file_sha256 == digest).limit(1)).first() is None:
                self.blobs.remove(digest)


def _request_digest(digest: str, order: Order) -> str:
    told: list[Any] = [digest, order.sex, order.age_months, order.accept_anything]
    if order.facts != Facts():
        told.append({name: str(value) for name, value in asdict(order.facts).items() if value is not None})
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _by_key(connection: Connection, who: str, key: str | None, request: str) -> StoredReading | None:
    if key is None:
        return None
    table = tables.keys
    row = connection.execute(select(table).where((table.c.caller == who) & (table.c.key == key))).mappings().first()
    if row is None:
        return None
    if row["request_sha256"] != request:
        raise KeyReused("this Idempotency-Key belongs to another request: give each radiograph its own")
    return _get(connection, row["reading_id"])


def _check_room(connection: Connection, most_waiting: int) -> None:
    waiting = _waiting(connection)
    if waiting >= most_waiting:
        raise Busy(f"{waiting} radiographs are waiting already: try again a little later", max(1, waiting // 10))


def _waiting(connection: Connection) -> int:
    return connection.execute(select(func.count()).where(_T.c.state == "queued")).scalar_one()


def _insert(connection: Connection, file: dict[str, Any], order: Order) -> str:
    reading_id = uuid.uuid4().hex
    code = order.facts.child
    values = {
        "id": reading_id,
        "state": "queued",
        "created_s": time.time(),
        "deaths": 0,
        "child_id": None if code is None else child_for(connection, code),
    }
    connection.execute(insert(_T).values(values | file | order_values(order)))
    add_entry(connection, order.who, "accepted", reading_id)
    return reading_id


def _keep_key(connection: Connection, who: str, key: str | None, reading_id: str, request: str) -> None:
    if key is not None:
        row = {"caller": who, "key": key, "reading_id": reading_id, "request_sha256": request}
        connection.execute(insert(tables.keys).values(row))


def _get(connection: Connection, reading_id: str) -> StoredReading:
    row = connection.execute(select_readings().where(_T.c.id == reading_id)).mappings().first()
    if row is None:
        raise NotFound("there is no such reading")
    return stored(row)


def _held(claim: Claim) -> Any:
    return (_T.c.id == claim.reading_id) & (_T.c.claimed_by == claim.ticket) & (_T.c.state == "queued")
