"""Results on their way back to the archives: one thread has the documents made, one more for each destination sends
them, so that a destination that is away keeps nobody else waiting."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from carpal.errors import CarpalError, Gone, NotFound
from carpal.files import replacing
from carpal.report import Look
from carpal.service.destinations import Away, Declined, Destination, Line
from carpal.service.dicomweb import web_line
from carpal.service.documents import document_of
from carpal.service.hub import Hub
from carpal.service.outbox import Parcel
from carpal.service.problems import retry_after_s

__all__ = ["Sender"]

_LOG = logging.getLogger("carpal.service")
_IDLE_SECONDS = 0.5  # how long until a thread looks again whether there is work
_AFTER_ERROR_SECONDS = 5.0
_LEASE_SECONDS = 600.0
_AT_ONCE = 16  # parcels over one connection
_TRIES_TO_MAKE = 3


class Sender:
    """``start`` and ``stop`` it."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._outbox = hub.outbox
        self._destinations = hub.settings.dicom.destinations
        self._own_title = hub.settings.dicom.ae_title
        self._stopping = threading.Event()
        self._threads = [self._thread("maker", self._make_some)]
        self._threads += [
            self._thread(f"sender-{number}", partial(self._send_some, destination))
            for number, destination in enumerate(self._destinations)
        ]

    def start(self) -> None:
        """Go to work, also on what an earlier server has left. Only where this is the only server of its store."""
        self._outbox.release_all()
        for thread in self._threads:
            thread.start()

    def stop(self, patience_s: float) -> None:
        """Let what is in work be finished for ``patience_s`` seconds; the next server sends the rest."""
        self._stopping.set()
        until = time.monotonic() + patience_s
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, until - time.monotonic()))

    def _thread(self, name: str, work: Callable[[], bool]) -> threading.Thread:
        return threading.Thread(target=self._repeat, args=(work,), name=name, daemon=True)

    def _repeat(self, work: Callable[[], bool]) -> None:
        while not self._stopping.is_set():
            try:
                if not work():
                    self._stopping.wait(_IDLE_SECONDS)
            except Exception as error:
                # Such as a full disk or a database that is away: what was in work is taken up when its lease has ended.
                _LOG.error("sending results met %s and goes on", type(error).__name__)
                self._stopping.wait(_AFTER_ERROR_SECONDS)

    # ----------------------------------------------------------------- made

    def _make_some(self) -> bool:
        urls = [destination.url for destination in self._destinations]
        parcels = self._outbox.claim("new", _LEASE_SECONDS, 1, urls)
        for parcel in parcels:
            self._make(parcel)
        return bool(parcels)

    def _make(self, parcel: Parcel) -> None:
        try:
            _, data = asyncio.run(document_of(self._hub, parcel.reading_id, parcel.document, Look()))
        except (NotFound, Gone) as error:
            # A worker that died of something else cannot be told from one that can never make it.
            if parcel.tries + 1 < _TRIES_TO_MAKE:
                self._outbox.put_off(parcel, str(error))
            else:
                self._outbox.give_up(parcel, str(error))
                self._hub.metrics.sending_failed("impossible")
            return
        except CarpalError as error:  # too much to do, no room or memory for it, or the service is being stopped
            self._outbox.give_back(parcel)
            self._stopping.wait(min(retry_after_s(error) or _IDLE_SECONDS, _AFTER_ERROR_SECONDS))
            return
        # A copy of its own: what is sent again is the very same object, whatever is known of the child by then.
        with replacing(self._path(parcel), durable=True) as part:
            part.write_bytes(data)
        if not self._outbox.made(parcel):  # the reading was deleted meanwhile
            self._path(parcel).unlink(missing_ok=True)

    def _path(self, parcel: Parcel) -> Path:
        return self._hub.store.shelf.path(parcel.reading_id, f"outbox-{parcel.seq}.dcm")

    # ----------------------------------------------------------------- sent

    def _send_some(self, destination: Destination) -> bool:
        if not self._outbox.may_try(destination.url):
            return False
        parcels = self._outbox.claim("ready", _LEASE_SECONDS, _AT_ONCE, [destination.url])
        if not parcels:
            return False
        left = list(parcels)
        try:
            with _connect(destination, self._own_title) as line:
                while left and not self._stopping.is_set():
                    self._send(line, left[0])
                    left.pop(0)
            self._outbox.reached(destination.url)
        except Away as error:
            self._outbox.away(destination.url, str(error))
            self._hub.metrics.sending_failed("away")
            _LOG.warning("results cannot be sent to %s: %s", destination.url, error)
        finally:
            for parcel in left:
                self._outbox.give_back(parcel)
        return True

    def _send(self, line: Line, parcel: Parcel) -> None:
        path = self._path(parcel)
        if not path.is_file():
            self._outbox.give_back(parcel, to_make=True)
            return
        try:
            line.send(path)
        except Declined as error:
            self._outbox.put_off(parcel, str(error))
            self._hub.metrics.sending_failed("declined")
            _LOG.warning("a destination of results declines %s: %s", parcel.document, error)
            return
        self._outbox.sent(parcel)
        self._hub.metrics.sent(parcel.document)
        path.unlink(missing_ok=True)


def _connect(destination: Destination, own_title: str) -> AbstractContextManager[Line]:
    """A line to a destination, for several objects. Raises Away where there is none."""
    if destination.is_dicomweb:
        return web_line(destination)
    from carpal.service.association import associate  # who sends by STOW-RS alone does without pynetdicom

    return associate(destination, own_title)
