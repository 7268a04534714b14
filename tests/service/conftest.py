"""Servers to ask, and a radiograph that is quick to read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs pip install '.[serve]'")

from carpal.phantom import write_phantom

from .serving import Server, Start


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
