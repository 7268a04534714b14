"""The store's database: SQLite in its data folder, or any that SQLAlchemy reaches by URL; PostgreSQL is meant."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from carpal.errors import Busy, InvalidArgument, MissingDependency
from carpal.service.folder import private_folder

__all__ = ["Database"]

_LOG = logging.getLogger("carpal.service")
_BUSY_SECONDS = 60
_FORGET_SECONDS = 1
_RETRY_SECONDS = 5
_AWAY = ("08", "53", "57")  # SQLSTATE's classes: no connection, no resources, an operator's intervention
_LOCK = 0x63617270  # "carp": PostgreSQL's advisory lock for whoever writes


class Database:
    """An engine whose tables are those of this version of carpal. Writers come one after the other, so that what a
    transaction has looked up still holds when it commits. Raises InvalidArgument, MissingDependency."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        private_folder(folder)
        self.engine = _engine(url or f"sqlite:///{folder / 'carpal.sqlite'}")
        self._sqlite = self.engine.dialect.name == "sqlite"
        self._turn = threading.Lock()
        self._owes_forgetting = False
        try:
            self._migrate()
        except DBAPIError as error:
            where = make_url(self.engine.url).render_as_string(hide_password=True)
            raise InvalidArgument(f"the database {where} cannot be used ({type(error.orig).__name__})") from None
        self._forget(0)  # what a server that was ended still owed

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that excludes every other writer, committed at the end or undone by an exception. Raises Busy
        where the database is away, as do the others."""
        with _answering(), self._writing() as connection:
            yield connection
        if self._owes_forgetting:
            self._forget(0)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._turn, self.engine.begin() as connection:
            if not self._sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only looks."""
        with _answering(), self.engine.connect().execution_options(carpal_reads=True) as connection:
            yield connection

    def forget(self) -> None:
        """Let what was deleted vanish from the disk too: until then SQLite's write-ahead log may still hold it. Where
        somebody is reading, it does after one of the next writes: nobody is made to wait for that."""
        self._forget(_FORGET_SECONDS)

    def _forget(self, wait_s: float) -> None:
        if self._sqlite:
            with self._turn:
                self._owes_forgetting = not self._emptied_log(wait_s)

    def _emptied_log(self, wait_s: float) -> bool:
        try:
            with self.engine.connect().execution_options(carpal_reads=True) as connection:
                cursor = connection.connection.cursor()
                try:
                    cursor.execute(f"PRAGMA busy_timeout={wait_s * 1000:.0f}")
                    busy, *_ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                finally:
                    cursor.execute(f"PRAGMA busy_timeout={_BUSY_SECONDS * 1000}")
        except (sqlite3.Error, DBAPIError, NoFreeConnection) as error:
            _LOG.warning("deleted readings are still in the database's log (%s)", type(error).__name__)
            return False
        return not busy

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()

    def _migrate(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(resources.files("carpal.service") / "migrations"))
        with self._writing() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (DBAPIError, NoFreeConnection) as error:
        if not _is_away(error):
            raise
        _LOG.warning("the database does not answer (%s)", type(error).__name__)  # its text may quote what was sent
        raise Busy("the store's database does not answer: try again a little later", _RETRY_SECONDS) from None


def _is_away(error: DBAPIError | NoFreeConnection) -> bool:
    if isinstance(error, (InterfaceError, OperationalError, NoFreeConnection)):
        return True
    # pg8000 has one class of error for a wrong statement and for a server that is just starting.
    told = error.orig.args[0] if error.orig is not None and error.orig.args else None
    return isinstance(told, dict) and str(told.get("C", ""))[:2] in _AWAY


def _engine(url: str) -> Engine:
    try:
        backend = make_url(url).get_backend_name()
        if backend not in ("sqlite", "postgresql"):
            raise InvalidArgument(f"a store is kept in SQLite or PostgreSQL, not in {backend}")
        if backend != "sqlite":
            return create_engine(url, pool_pre_ping=True)
        engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS, "isolation_level": None})
    except (ArgumentError, NoSuchModuleError):
        raise InvalidArgument("that is no database URL: give one as postgresql+pg8000://user@host/name") from None
    except ModuleNotFoundError as error:
        raise MissingDependency(f"this database needs {error.name}: pip install {error.name}") from None
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _: object) -> None:
    # FULL: what was acknowledged outlives a loss of power, not only of the process.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")
    # SQLite's own knows the letters of ASCII alone; PostgreSQL's knows all.
    connection.create_function("lower", 1, _lower, deterministic=True)


def _lower(text: object) -> object:
    return text.lower() if isinstance(text, str) else text


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock at once: a transaction that first reads and then writes could be refused it half-way.
    reads = connection.get_execution_options().get("carpal_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
