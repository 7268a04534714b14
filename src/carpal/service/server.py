"""``carpal serve``: the parts put together, started, and stopped without losing anything."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from carpal.errors import Forbidden, InvalidArgument
from carpal.service.app import create_app
from carpal.service.database import Database
from carpal.service.hub import Arrivals, Hub
from carpal.service.metrics import Metrics
from carpal.service.pool import Pool
from carpal.service.protocol import patient_for
from carpal.service.readings import ReadingStore
from carpal.service.settings import Settings
from carpal.service.tokens import Tokens

__all__ = ["serve"]


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C. Raises Forbidden where others could reach a service that asks for no token,
    InvalidArgument, ModelError, MissingDependency."""
    os.umask(0o077)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("carpal.service").setLevel(logging.INFO)
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone(settings.data):
        database = Database(settings.data, settings.database_url)
        try:
            _serve(settings, database)
        finally:
            database.close()


def _serve(settings: Settings, database: Database) -> None:
    tokens, store, metrics = Tokens(database), ReadingStore(database, settings.data), Metrics()
    if not settings.is_loopback and not tokens.exist():
        raise Forbidden(
            f"--host {settings.host} lets others in, so they need tokens: make one with carpal serve token add NAME"
        )
    listener = _listen(settings.host, settings.port)
    arrivals = Arrivals(metrics)
    pool = Pool(
        store,
        arrivals,
        workers=settings.workers,
        seconds_per_file=settings.seconds_per_file,
        model=settings.model,
        calibration=settings.calibration,
    )
    store.blobs.sweep()
    store.shelf.sweep()
    store.release_all()
    signal.signal(signal.SIGTERM, _stop)  # uvicorn takes it over and, when it has stopped, gives it back and repeats it
    try:
        pool.start()
        app = create_app(Hub(settings, store, tokens, pool, metrics, arrivals))
        server = _Server(_config(app, settings), arrivals)
        asyncio.run(_run(server, listener, arrivals, _address(settings, listener)))
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        pool.stop(settings.shutdown_seconds)
        listener.close()


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


class _Server(uvicorn.Server):
    """uvicorn's, which on its way out lets requests that wait for a reading go with a 202."""

    def __init__(self, config: uvicorn.Config, arrivals: Arrivals) -> None:
        super().__init__(config)
        self._arrivals = arrivals

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._arrivals.release()
        await super().shutdown(sockets)


async def _run(server: uvicorn.Server, listener: socket.socket, arrivals: Arrivals, address: str) -> None:
    arrivals.attach(asyncio.get_running_loop())
    print(f"carpal serves on {address}", flush=True)  # the socket listens: whoever connects now is answered
    await server.serve(sockets=[listener])


def _config(app: object, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        http=patient_for(settings.header_seconds),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=4 * settings.requests_at_once,  # connections; requests are counted in guard
        backlog=1024,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=int(settings.shutdown_seconds) or 1,
        h11_max_incomplete_event_size=settings.header_bytes,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two servers on one folder would each take the other's work for abandoned. Raises InvalidArgument."""
    import fcntl

    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InvalidArgument(f"{folder}: another carpal serve is at work in this folder") from None
        yield


def _listen(host: str, port: int) -> socket.socket:
    """Raises InvalidArgument."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError as error:
        raise InvalidArgument(
            f"cannot listen on {host} port {port}: {(error.strerror or 'no such host').lower()}"
        ) from None
    return listener


def _address(settings: Settings, listener: socket.socket) -> str:
    scheme = "http" if settings.tls_cert is None else "https"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{scheme}://{host}:{listener.getsockname()[1]}"
