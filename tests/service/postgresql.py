"""A PostgreSQL to test against: Debian's, on loopback, with a folder of its own; or one that is named from outside."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from orthanc import free_ports
from sqlalchemy import create_engine, make_url, text

__all__ = ["cluster", "empty_database"]

NAMED = "CARPAL_TEST_POSTGRES"  # one in which databases may be made, as postgresql+pg8000://user@host/name


@contextmanager
def cluster() -> Iterator[str]:
    """The URL of a PostgreSQL. Skips the test where there is none to start."""
    pytest.importorskip("pg8000", reason="needs pip install '.[postgres]'")
    if NAMED in os.environ:
        yield os.environ[NAMED]
        return
    programs = _programs()
    as_user = []
    if os.geteuid() == 0:  # which PostgreSQL refuses to run as
        as_user = ["runuser", "-u", "postgres", "--"]
    folder = Path(tempfile.mkdtemp(prefix="carpal-postgresql-"))
    if as_user:
        shutil.chown(folder, "postgres")
    [port] = free_ports(1)
    control = [*as_user, str(programs / "pg_ctl"), "--pgdata", str(folder / "data"), "--wait"]
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories= -c fsync=off"
    try:
        _run([*as_user, str(programs / "initdb"), "--username=postgres", "--auth=trust", str(folder / "data")], folder)
        _run([*control, "--log", str(folder / "log"), "--options", options, "start"], folder)
        try:
            yield f"postgresql+pg8000://postgres@127.0.0.1:{port}/postgres"
        finally:
            _run([*control, "--mode=immediate", "stop"], folder)
    finally:
        shutil.rmtree(folder)


def _programs() -> Path:
    """Where Debian keeps what only the server's owner needs: not on the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    beside = shutil.which("initdb")
    if not found and beside is None:
        pytest.skip("no PostgreSQL is installed (Debian package postgresql)")
    return (found[-1] if found else Path(str(beside))).parent


def _run(command: list[str], folder: Path) -> None:
    # A server that is started keeps what it was given to write to: a pipe would never end.
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=sys.stderr, timeout=120)
    assert done.returncode == 0, command


@contextmanager
def empty_database(server: str) -> Iterator[str]:
    """The URL of a database of its own in ``server``."""
    engine, name = create_engine(server, isolation_level="AUTOCOMMIT"), f"carpal_test_{uuid.uuid4().hex}"
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        try:
            yield make_url(server).set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
