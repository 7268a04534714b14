"""The service without a server around it: asked in this process, so that a test can see and turn what is inside."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx

from carpal.service.app import create_app
from carpal.service.database import Database
from carpal.service.hub import Hub
from carpal.service.metrics import Metrics
from carpal.service.readings import ReadingStore
from carpal.service.refusals import Refusals
from carpal.service.settings import Settings
from carpal.service.tokens import Tokens

__all__ = ["Inside"]


class Inside:
    """The application on a store in ``folder``, with nobody who reads."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.settings = Settings(folder, **settings)
        self.database = Database(folder)
        self.tokens = Tokens(self.database)
        self.store = ReadingStore(self.database, folder)
        parts = {"pool": SimpleNamespace(model=None, ready=0, wake=lambda: None), "metrics": Metrics(), "demo": None}
        own = {"settings": self.settings, "store": self.store, "tokens": self.tokens}
        own |= {"refusals": Refusals(self.database)}
        self.app = create_app(cast(Hub, SimpleNamespace(**parts, **own)))
        self.base = "http://127.0.0.1" if self.settings.tls_cert is None else "https://127.0.0.1"

    def ask(self, method: str, path: str, *, address: str = "127.0.0.1", **sent: Any) -> httpx.Response:
        async def answer() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=(address, 1))  # type: ignore[arg-type]
            async with httpx.AsyncClient(transport=transport, base_url=self.base) as client:
                return await client.request(method, path, **sent)

        return asyncio.run(answer())
