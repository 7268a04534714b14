"""The store alone, without a server: nothing lost, nothing twice, nothing left behind."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy")
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, ProgrammingError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from carpal.errors import Busy, InvalidArgument, KeyReused, NotFound, Unauthenticated
from carpal.service.audit import entries
from carpal.service.blobs import stream_digest
from carpal.service.database import Database
from carpal.service.facts import Facts
from carpal.service.readings import ReadingStore
from carpal.service.records import LAST_SEQ, Claim, Order, Outcome, Query, StoredReading
from carpal.service.tables import METADATA
from carpal.service.tokens import Caller, Tokens

DONE = Outcome("done", {"bone_age_months": 100.0, "model_sha256": "m"}, None, "m")
FAILED = Outcome("failed", None, {"status": 422}, "m")


@pytest.fixture
def database(tmp_path: Path, url: str | None) -> Iterator[Database]:
    database = Database(tmp_path, url)
    yield database
    database.close()


@pytest.fixture
def store(database: Database, tmp_path: Path) -> ReadingStore:
    return ReadingStore(database, tmp_path)


def accept(store: ReadingStore, data: bytes = b"radiograph", key: str | None = None, **facts: object) -> StoredReading:
    order = Order(**({"who": "anna", "sex": "F"} | facts))  # type: ignore[arg-type]
    return store.accept(io.BytesIO(data), order, key, most_waiting=10)[0]


def claimed(store: ReadingStore, lease_s: float = 60) -> Claim:
    claim = store.claim("w", lease_s)
    assert claim is not None
    return claim


def test_migrations_make_the_tables_that_the_code_knows(database: Database) -> None:
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_an_opened_store_can_be_opened_again(tmp_path: Path, url: str | None) -> None:
    accept(ReadingStore(Database(tmp_path, url), tmp_path))
    assert len(ReadingStore(Database(tmp_path, url), tmp_path).find(Query()).readings) == 1


def test_a_store_with_the_first_tables_only_keeps_what_it_holds(tmp_path: Path, url: str | None) -> None:
    engine = create_engine(url or f"sqlite:///{tmp_path / 'carpal.sqlite'}")
    config = Config()
    config.set_main_option("script_location", str(resources.files("carpal.service") / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(
            text(
                "INSERT INTO readings (id, state, file_sha256, sex, accept_anything, created_by, created_s, deaths) "
                f"VALUES ('{'a' * 32}', 'queued', '{'0' * 64}', 'F', false, 'anna', 1, 0)"
            )
        )
        connection.execute(text(f"INSERT INTO idempotency_keys VALUES ('anna', 'k', '{'a' * 32}', 'digest')"))
    engine.dispose()
    database = Database(tmp_path, url)
    kept = ReadingStore(database, tmp_path).get("a" * 32)
    assert (kept.sex, kept.source, kept.is_dicom, kept.facts, kept.child_id) == ("F", "rest", False, Facts(), None)
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM idempotency_keys")).scalar() == 1
    database.close()


def test_readings_with_one_code_are_of_one_child_until_the_last_is_gone(store: ReadingStore) -> None:
    first, second, other = (accept(store, facts=Facts(child=code)) for code in ("K 7", " K 7 ", "k 7"))
    assert first.child_id == second.child_id != other.child_id
    store.delete(first.id, "anna")
    assert store.children.get(second.child_id or "").code == "K 7"
    assert store.purge(before_s=2e10, who="anna") == 0  # it waits
    store.delete(second.id, "anna")
    with pytest.raises(NotFound):
        store.children.get(second.child_id or "")


def test_the_code_of_a_deleted_child_is_on_the_disk_no_more(store: ReadingStore, tmp_path: Path) -> None:
    reading = accept(store, facts=Facts(child="ZZTOP-77"))
    if store.database.engine.dialect.name != "sqlite":
        pytest.skip("a PostgreSQL's files are its own")
    files = [path for path in tmp_path.iterdir() if path.name.startswith("carpal.sqlite")]
    assert any(b"ZZTOP-77" in path.read_bytes() for path in files)
    store.delete(reading.id, "anna")
    assert not any(b"ZZTOP-77" in path.read_bytes() for path in files)


def test_who_reads_keeps_no_delete_waiting_and_the_code_goes_with_the_next_write(
    store: ReadingStore, tmp_path: Path
) -> None:
    if store.database.engine.dialect.name != "sqlite":
        pytest.skip("a PostgreSQL's files are its own")
    reading = accept(store, facts=Facts(child="ZZTOP-77"))

    def left() -> bool:
        return any(b"ZZTOP-77" in path.read_bytes() for path in tmp_path.glob("carpal.sqlite*"))

    with store.database.reading() as connection:  # as carpal serve audit does for as long as it prints
        assert connection.execute(text("SELECT count(*) FROM readings")).scalar() == 1
        begun = time.monotonic()
        store.delete(reading.id, "anna")
        assert time.monotonic() - begun < 30  # where it waited for the reader, a minute
        assert left()
    accept(store, b"another")
    assert not left()


def test_a_code_is_found_in_either_case_of_any_letter(store: ReadingStore) -> None:
    accept(store, facts=Facts(child="Äb-1"))
    found = [len(store.find(Query(code_begins=begins)).readings) for begins in ("äB", "Äb", "ab")]
    assert found == [1, 1, 0]


def test_the_last_place_of_a_page_is_a_place_in_either_database(store: ReadingStore) -> None:
    accept(store)
    assert len(store.find(Query(before_seq=LAST_SEQ)).readings) == 1


def test_whatever_tells_of_a_deleted_reading_goes_with_it(store: ReadingStore) -> None:
    first, second = (accept(store, facts=Facts(child="K 7")) for _ in range(2))
    other = accept(store, facts=Facts(child="K 8"))
    owners = [second.id, first.child_id or "", other.id]
    for owner in owners:
        path = store.shelf.path(owner, "report.pdf")
        path.parent.mkdir()
        path.write_bytes(b"pdf")
    store.delete(first.id, "anna")
    assert list(store.shelf.owners()) == [other.id]
    store.shelf.path("0" * 32, "report.pdf").parent.mkdir()
    store.purge(before_s=0, who="anna")
    assert list(store.shelf.owners()) == [other.id]  # what belongs to nobody is swept up


def test_what_is_accepted_lies_under_its_digest(store: ReadingStore) -> None:
    stored = accept(store)
    assert store.blobs.path(stored.file_sha256).read_bytes() == b"radiograph"
    assert stored.file_sha256 == stream_digest(io.BytesIO(b"radiograph"))
    assert stored.state == "queued"


def test_the_same_file_is_kept_once_and_goes_with_its_last_reading(store: ReadingStore) -> None:
    first, second = accept(store), accept(store)
    assert len(list(store.blobs.digests())) == 1
    store.delete(first.id, "anna")
    assert store.blobs.has(second.file_sha256)
    store.delete(second.id, "anna")
    assert not store.blobs.has(second.file_sha256)
    with pytest.raises(NotFound):
        store.get(second.id)


def test_a_claim_excludes_others_until_its_lease_ends(store: ReadingStore) -> None:
    stored = accept(store)
    late = claimed(store, lease_s=-1)  # has run out already
    claim = claimed(store)
    assert store.claim("w", 60) is None
    assert not store.finish(late, FAILED)
    assert store.finish(claim, DONE)
    assert not store.finish(claim, FAILED)
    assert store.get(stored.id).result == DONE.result


def test_each_radiograph_is_claimed_by_one_of_many_threads(store: ReadingStore) -> None:
    wanted = {accept(store, bytes([number])).id for number in range(8)}
    found: list[str] = []

    def work() -> None:
        while (claim := store.claim("w", 60)) is not None:
            found.append(claim.reading_id)
            store.finish(claim, DONE)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(wanted)


def test_what_a_killed_server_had_claimed_is_taken_up_again(store: ReadingStore) -> None:
    stored = accept(store)
    claim = claimed(store, lease_s=1000)
    assert store.release_all() == 1
    assert not store.finish(claim, DONE)
    assert claimed(store).reading_id == stored.id


def test_a_radiograph_that_costs_two_workers_has_failed(store: ReadingStore) -> None:
    stored = accept(store)
    assert not store.try_once_more(claimed(store), FAILED)
    assert store.get(stored.id).state == "queued"
    assert store.try_once_more(claimed(store), FAILED)
    assert store.get(stored.id).problem == {"status": 422}


def test_a_deleted_radiograph_gets_no_result(store: ReadingStore) -> None:
    stored = accept(store)
    claim = claimed(store)
    store.delete(stored.id, "anna")
    assert not store.finish(claim, DONE)
    assert store.find(Query()).readings == ()


def test_a_key_means_one_reading_of_one_caller(store: ReadingStore) -> None:
    first = accept(store, key="k")
    assert accept(store, key="k").id == first.id
    assert accept(store, key="k", who="ben").id != first.id
    assert accept(store).id != first.id
    with pytest.raises(KeyReused):
        accept(store, key="k", sex="M")
    with pytest.raises(KeyReused):
        accept(store, b"another radiograph", key="k")


def test_a_full_queue_takes_nothing_but_knows_its_keys(store: ReadingStore) -> None:
    first = accept(store, key="k")
    for number in range(9):
        accept(store, bytes([number]))
    with pytest.raises(Busy):
        accept(store, b"one too many")
    assert not store.blobs.has(stream_digest(io.BytesIO(b"one too many")))
    assert accept(store, key="k").id == first.id


def test_purging_spares_what_waits_and_sweeps_files_of_nobody(store: ReadingStore) -> None:
    done, waiting = accept(store, b"a"), accept(store, b"b")
    store.finish(claimed(store), DONE)
    page = store.shelf.path(done.id, "report.pdf")
    page.parent.mkdir()
    page.write_bytes(b"pdf")
    store.blobs.put(orphan := "0" * 64, io.BytesIO(b"left by a kill"))
    assert store.purge(before_s=0, who="anna") == 0
    assert not store.blobs.has(orphan)
    assert store.purge(before_s=2e10, who="anna") == 1
    assert [stored.id for stored in store.find(Query()).readings] == [waiting.id]
    assert [entry.reading_id for entry in entries(store.database) if entry.what == "purged"] == [done.id]
    assert not page.parent.exists()
    assert list(store.blobs.digests()) == [waiting.file_sha256]


def test_pages_do_not_shift_when_readings_come_and_go(store: ReadingStore) -> None:
    ids = [accept(store, bytes([number])).id for number in range(5)]
    page = store.find(Query(limit=2))
    assert [stored.id for stored in page.readings] == ids[:2:-1]
    accept(store, b"new")
    store.delete(ids[2], "anna")
    page = store.find(Query(limit=2, before_seq=page.next_seq))
    assert [stored.id for stored in page.readings] == [ids[1], ids[0]]
    assert page.next_seq is None


def test_the_audit_log_says_who_and_can_only_be_added_to(store: ReadingStore) -> None:
    stored = accept(store)
    store.finish(claimed(store), DONE)
    store.viewed([store.get(stored.id)], "ben")
    store.delete(stored.id, "clara")
    log = [(entry.who, entry.what, entry.model_sha256) for entry in entries(store.database)]
    expected = [("anna", "accepted", None), ("anna", "done", "m"), ("ben", "viewed", "m"), ("clara", "deleted", "m")]
    assert log == expected
    for statement in ("DELETE FROM audit", "UPDATE audit SET who = 'nobody'"):
        with pytest.raises(DBAPIError, match="only be added to"), store.database.writing() as connection:
            connection.execute(text(statement))


def test_a_token_is_shown_once_and_kept_as_a_hash(database: Database) -> None:
    tokens = Tokens(database)
    token = tokens.add("ward 3", "reader", "root")
    assert tokens.caller(token) == Caller("ward 3", "reader")
    assert tokens.remembered(token)
    secret = token.split("_", 2)[2]
    with database.reading() as connection:
        kept = connection.execute(text("SELECT * FROM tokens")).mappings().one()
    assert not any(secret in str(value) for value in kept.values())
    changed = token[:-1] + ("A" if token[-1] != "A" else "B")
    for wrong in (changed, "carpal_", "", token + "\n"):
        with pytest.raises(Unauthenticated):
            tokens.caller(wrong)


def test_a_revoked_token_opens_nothing_at_once(database: Database) -> None:
    tokens = Tokens(database)
    token = tokens.add("ward 3", "admin", "root")
    tokens.caller(token)
    Tokens(database).revoke("ward 3", "root")  # another process
    with pytest.raises(Unauthenticated):
        tokens.caller(token)
    with pytest.raises(NotFound):
        tokens.revoke("ward 3", "root")
    assert tokens.exist()
    for name, role in (("ward 3", "reader"), ("ward 4", "owner"), ("a\nb", "reader"), ("", "reader")):
        with pytest.raises(InvalidArgument):
            tokens.add(name, role, "root")


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (ProgrammingError("SELECT 1", {}, Exception({"C": "57P03"})), True),  # pg8000: the server is just starting
        (ProgrammingError("SELECT 1", {}, Exception({"C": "53300"})), True),  # or has too many clients
        (InterfaceError("SELECT 1", {}, Exception("network error")), True),
        (NoFreeConnection(), True),
        (ProgrammingError("SELEC 1", {}, Exception({"C": "42601"})), False),
        (IntegrityError("INSERT", {}, Exception("UNIQUE")), False),
    ],
)
def test_a_database_that_is_away_is_told_from_a_mistake(error: Exception, away: bool, tmp_path: Path) -> None:
    database = Database(tmp_path)
    for transaction in (database.reading, database.writing):
        with pytest.raises(Busy if away else DBAPIError), transaction():
            raise error


@pytest.mark.parametrize("url", ["nonsense", "mysql://a/b", "postgresql+nothing://a/b"])
def test_other_databases_are_refused_in_one_sentence(url: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument):
        Database(tmp_path, url)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "carpal.sqlite").write_bytes(b"this is no database at all" * 100)
    with pytest.raises(InvalidArgument, match="cannot be used"):
        Database(tmp_path)
