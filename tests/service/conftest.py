"""Servers to ask, and a radiograph that is quick to read."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("fastapi", reason="needs pip install '.[serve]'")

from carpal.phantom import write_phantom

from .postgresql import cluster, empty_database
from .serving import Server, Start

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts servers, one worker each, and ends them."""
    servers: list[Server] = []

    def start(*options: object, data: Path | None = None) -> Server:
        data = data or tmp_path_factory.mktemp("store")
        servers.append(Server(data, "--workers", 1, *options))
        return servers[-1].start()

    yield start
    for server in servers:
        if server.process is not None and server.process.poll() is None:
            server.end()


@pytest.fixture(scope="session")
def small_hand(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small radiograph, quick to read."""
    path = tmp_path_factory.mktemp("small") / "hand.png"
    return write_phantom(path, 100, "F", seed=1, shape=(512, 400)).read_bytes()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. A module's own, because Playwright's event loop runs for as long as it is there."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs pip install playwright")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed: pages cannot be looked at")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL."""
    with cluster() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Of an empty database; None is SQLite in the store's folder."""
    if request.param == "sqlite":
        yield None
        return
    with empty_database(request.getfixturevalue("postgresql")) as url:
        yield url
