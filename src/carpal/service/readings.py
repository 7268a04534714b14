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
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update

from carpal.errors import Busy, KeyReused, NotFound
from carpal.service import tables
from carpal.service.audit import add_entry
from carpal.service.blobs import Blobs, stream_digest
from carpal.service.database import Database
from carpal.service.records import Claim, Order, Outcome, Page, Query, StoredReading

__all__ = ["ReadingStore"]

_T = tables.readings
_DEATHS = 2  # workers that one radiograph may cost


class ReadingStore:
    """Readings in ``database``, their radiographs and pictures in ``folder``."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.blobs = Blobs(folder / "files")
        self._pictures = folder / "pictures"
        self._pictures.mkdir(parents=True, exist_ok=True, mode=0o700)

    def picture(self, reading: StoredReading) -> Path:
        """Where its picture lies, or would lie."""
        return self._pictures / f"{reading.id}.png"

    # ----------------------------------------------------------------- in

    def accept(self, file: IO[bytes], order: Order, key: str | None, most_waiting: int) -> tuple[StoredReading, bool]:
        """Keep a radiograph to be read, and whether it is new: with the ``key`` of an earlier request of the same
        caller it is that request's. When this returns it is on the disk. Raises Busy, KeyReused."""
        digest = stream_digest(file)
        request = _request_digest(digest, order)
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
                return _insert(connection, digest, order, key, request), True

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
        return Claim(row["id"], ticket, row["file_sha256"], row["sex"], row["accept_anything"])

    def finish(self, claim: Claim, outcome: Outcome) -> bool:
        """Keep what came of it; False, and nothing is kept, where the claim no longer holds."""
        with self.database.writing() as connection:
            return _finish(connection, claim, outcome)

    def give_back(self, claim: Claim) -> None:
        """End a claim without a result: somebody else may take it up."""
        with self.database.writing() as connection:
            connection.execute(update(_T).where(_held(claim)).values(claimed_by=None, lease_until_s=None))

    def lost_worker(self, claim: Claim, outcome: Outcome) -> bool:
        """A worker died of it or had to be ended: it is tried once more, then ``outcome`` is kept. True if it was."""
        with self.database.writing() as connection:
            deaths = connection.execute(select(_T.c.deaths).where(_held(claim))).scalar()
            if deaths is None:
                return False
            if deaths + 1 >= _DEATHS:
                return _finish(connection, claim, outcome)
            values = {"claimed_by": None, "lease_until_s": None, "deaths": deaths + 1}
            connection.execute(update(_T).where(_held(claim)).values(values))
            return False

    def release_all(self) -> int:
        """End every claim, at the start of the only server of this store; how many a killed one has left behind."""
        with self.database.writing() as connection:
            claimed = (_T.c.state == "queued") & _T.c.claimed_by.is_not(None)
            return connection.execute(update(_T).where(claimed).values(claimed_by=None, lease_until_s=None)).rowcount

    # ----------------------------------------------------------------- out

    def get(self, reading_id: str) -> StoredReading:
        """Raises NotFound."""
        with self.database.reading() as connection:
            row = connection.execute(select(_T).where(_T.c.id == reading_id)).mappings().first()
        if row is None:
            raise NotFound("there is no such reading")
        return _stored(row)

    def viewed(self, reading: StoredReading, who: str, *, picture: bool = False) -> None:
        """Write down that somebody has seen it."""
        with self.database.writing() as connection:
            add_entry(connection, who, "pictured" if picture else "viewed", reading.id, reading.model_digest)

    def find(self, query: Query) -> Page:
        """The newest first."""
        wanted = select(_T)
        if query.before_seq is not None:
            wanted = wanted.where(_T.c.seq < query.before_seq)
        if query.state is not None:
            wanted = wanted.where(_T.c.state == query.state)
        if query.since_s is not None:
            wanted = wanted.where(_T.c.created_s >= query.since_s)
        if query.until_s is not None:
            wanted = wanted.where(_T.c.created_s < query.until_s)
        with self.database.reading() as connection:
            rows = connection.execute(wanted.order_by(_T.c.seq.desc()).limit(query.limit + 1)).mappings().all()
        found = tuple(_stored(row) for row in rows[: query.limit])
        return Page(found, found[-1].seq if len(rows) > query.limit else None)

    def count_by_state(self) -> dict[str, int]:
        """How many readings there are of each state."""
        with self.database.reading() as connection:
            rows = connection.execute(select(_T.c.state, func.count()).group_by(_T.c.state)).all()
        return {state: count for state, count in rows}

    # ----------------------------------------------------------------- away

    def delete(self, reading_id: str, who: str) -> None:
        """Forget a reading, and its radiograph unless another reading is of the same file. Raises NotFound."""
        reading = self.get(reading_id)
        with self.database.writing() as connection:
            if not connection.execute(delete(_T).where(_T.c.id == reading_id)).rowcount:
                raise NotFound("there is no such reading")
            add_entry(connection, who, "deleted", reading_id, reading.model_digest)
        self.picture(reading).unlink(missing_ok=True)
        self._remove_file(reading.file_sha256)

    def purge(self, before_s: float, who: str) -> int:
        """Delete every finished reading that was accepted before then, and files that no reading is of; how many
        readings went."""
        old = (_T.c.created_s < before_s) & (_T.c.state != "queued")
        with self.database.writing() as connection:
            gone = connection.execute(select(_T.c.id).where(old)).scalars().all()
            connection.execute(delete(_T).where(old))
            for reading_id in gone:
                add_entry(connection, who, "purged", reading_id)
        for digest in list(self.blobs.digests()):
            self._remove_file(digest)
        for path in self._pictures.glob("*.png"):
            with self.database.reading() as connection:
                if connection.execute(select(_T.c.seq).where(_T.c.id == path.stem)).first() is None:
                    path.unlink(missing_ok=True)
        return len(gone)

    def _remove_file(self, digest: str) -> None:
        # Within a writer's transaction, so that no reading of the same file is accepted meanwhile.
        with self.database.writing() as connection:
            if connection.execute(select(_T.c.seq).where(_T.c.file_sha256 == digest).limit(1)).first() is None:
                self.blobs.remove(digest)


def _request_digest(digest: str, order: Order) -> str:
    facts = json.dumps([digest, order.sex, order.age_months, order.accept_anything])
    return hashlib.sha256(facts.encode()).hexdigest()


def _by_key(connection: Connection, who: str, key: str | None, request: str) -> StoredReading | None:
    if key is None:
        return None
    table = tables.keys
    row = connection.execute(select(table).where((table.c.caller == who) & (table.c.key == key))).mappings().first()
    if row is None:
        return None
    if row["request_sha256"] != request:
        raise KeyReused("this Idempotency-Key belongs to another request: give each radiograph its own")
    return _stored(connection.execute(select(_T).where(_T.c.id == row["reading_id"])).mappings().one())


def _check_room(connection: Connection, most_waiting: int) -> None:
    waiting = _waiting(connection)
    if waiting >= most_waiting:
        raise Busy(f"{waiting} radiographs are waiting already: try again a little later", max(1, waiting // 10))


def _waiting(connection: Connection) -> int:
    return connection.execute(select(func.count()).where(_T.c.state == "queued")).scalar_one()


def _insert(connection: Connection, digest: str, order: Order, key: str | None, request: str) -> StoredReading:
    reading_id = uuid.uuid4().hex
    values: dict[str, Any] = {
        "id": reading_id,
        "state": "queued",
        "file_sha256": digest,
        "sex": order.sex,
        "age_months": order.age_months,
        "accept_anything": order.accept_anything,
        "created_by": order.who,
        "created_s": time.time(),
        "deaths": 0,
    }
    connection.execute(insert(_T).values(values))
    if key is not None:
        row = {"caller": order.who, "key": key, "reading_id": reading_id, "request_sha256": request}
        connection.execute(insert(tables.keys).values(row))
    add_entry(connection, order.who, "accepted", reading_id)
    return _stored(connection.execute(select(_T).where(_T.c.id == reading_id)).mappings().one())


def _held(claim: Claim) -> Any:
    return (_T.c.id == claim.reading_id) & (_T.c.claimed_by == claim.ticket) & (_T.c.state == "queued")


def _finish(connection: Connection, claim: Claim, outcome: Outcome) -> bool:
    values = {
        "state": outcome.state,
        "finished_s": time.time(),
        "claimed_by": None,
        "lease_until_s": None,
        "result": outcome.result and json.dumps(outcome.result),
        "problem": outcome.problem and json.dumps(outcome.problem),
    }
    who = connection.execute(select(_T.c.created_by).where(_held(claim))).scalar()
    if who is None:
        return False
    connection.execute(update(_T).where(_held(claim)).values(values))
    add_entry(connection, who, outcome.state, claim.reading_id, outcome.model_digest)
    return True


def _stored(row: RowMapping) -> StoredReading:
    return StoredReading(
        seq=row["seq"],
        id=row["id"],
        state=row["state"],
        file_sha256=row["file_sha256"],
        sex=row["sex"],
        age_months=row["age_months"],
        accept_anything=row["accept_anything"],
        created_s=row["created_s"],
        finished_s=row["finished_s"],
        result=json.loads(row["result"]) if row["result"] else None,
        problem=json.loads(row["problem"]) if row["problem"] else None,
    )
