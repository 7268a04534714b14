"""``carpal serve``: the parts put together, started, and stopped without losing anything."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from carpal.errors import Forbidden, InvalidArgument
from carpal.service.app import create_app
from carpal.service.database import Database
from carpal.service.demo import Demo, make_demo
from carpal.service.exchange import Exchange
from carpal.service.folder import private_folder
from carpal.service.hub import Arrivals, Hub
from carpal.service.incoming import Incoming
from carpal.service.metrics import Metrics
from carpal.service.outbox import Outbox
from carpal.service.pool import Pool
from carpal.service.protocol import patient_for
from carpal.service.readings import ReadingStore
from carpal.service.reception import Reception
from carpal.service.refusals import Refusals
from carpal.service.settings import Settings
from carpal.service.tls import Identity, client_context, server_context
from carpal.service.tokens import Tokens

__all__ = ["serve", "serve_demo"]


def serve(settings: Settings, demo: Demo | None = None) -> None:
    """Serve until SIGTERM or Ctrl-C; as a demonstration nothing but that. Raises Forbidden where others could reach a
    service that asks for no token, InvalidArgument, ModelError, MissingDependency."""
    _check_certificates(settings)
    os.umask(0o077)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("carpal.service").setLevel(logging.INFO)
    private_folder(settings.data)
    with _alone(settings.data):
        database = Database(settings.data, settings.database_url)
        try:
            _serve(settings, database, demo)
        finally:
            database.close()


def serve_demo(settings: Callable[[Path], Settings]) -> None:
    """Serve drawn hands from a store that is gone at the end; ``settings`` are made for its folder. Raises as
    ``serve``, and Forbidden where others could reach it."""
    with tempfile.TemporaryDirectory(prefix="carpal-demo-") as folder:
        chosen = settings(Path(folder))
        if not chosen.is_loopback:
            raise Forbidden("a demonstration is for this machine only: leave out --host")
        serve(chosen, make_demo())


def _serve(settings: Settings, database: Database, demo: Demo | None) -> None:
    only = None if demo is None else demo.digests
    store = ReadingStore(database, settings.data, settings.dicom.posting, only)
    tokens, refusals, metrics = Tokens(database), Refusals(database), Metrics()
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
    reception = Reception(store, settings, metrics, pool.wake)
    hub = Hub(settings, store, tokens, refusals, pool, metrics, arrivals, reception, Outbox(database), demo)
    exchange = Exchange(hub, Incoming(settings.data))
    store.blobs.sweep()
    store.shelf.sweep()
    store.release_all()
    signal.signal(signal.SIGTERM, _stop)  # uvicorn takes it over and, when it has stopped, gives it back and repeats it
    try:
        pool.start()
        if demo is not None:
            demo.send(store)
        exchange.start()
        app = create_app(hub)
        server = _Server(_config(app, settings), arrivals)
        asyncio.run(_run(server, listener, arrivals, _address(settings, listener)))
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        exchange.stop(settings.shutdown_seconds)
        pool.stop(settings.shutdown_seconds)
        listener.close()


def _check_certificates(settings: Settings) -> None:
    """Before anything says that it serves. Raises InvalidArgument."""
    if settings.tls_cert is not None and settings.tls_key is not None:
        server_context(Identity(settings.tls_cert, settings.tls_key))
    node = settings.dicom.node
    if node is not None and node.identity is not None:
        server_context(node.identity, node.authority)
    for destination in settings.dicom.destinations:
        if destination.tls:
            client_context(destination.authority, destination.identity)


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
