"""The DICOM side of the service put together: what comes in by C-STORE and STOW-RS, and what is sent back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carpal.service.incoming import Incoming
from carpal.service.metrics import Metrics
from carpal.service.pool import Pool
from carpal.service.readings import ReadingStore
from carpal.service.reception import Reception
from carpal.service.settings import Settings

if TYPE_CHECKING:
    from carpal.service.node import Node

__all__ = ["Exchange"]


class Exchange:
    """``start`` and ``stop`` it; ``reception`` serves STOW-RS too."""

    def __init__(
        self, settings: Settings, store: ReadingStore, pool: Pool, metrics: Metrics, incoming: Incoming
    ) -> None:
        self._settings = settings.dicom
        self._incoming = incoming
        self._node: Node | None = None
        self.reception = Reception(
            store,
            settings.dicom.rule,
            metrics,
            pool.wake,
            refuse_others=settings.dicom.refuse_others,
            most_waiting=settings.queue,
        )

    def start(self) -> None:
        """Listen, where that is wanted. Raises InvalidArgument."""
        if self._settings.node is not None:
            from carpal.service.node import Node  # a service without a node does without pynetdicom

            self._node = Node(self._settings.node, self.reception, self._incoming)
            print(f"carpal receives on {self._node.start()}", flush=True)

    def stop(self) -> None:
        """Hang up, and send no more."""
        if self._node is not None:
            self._node.stop()
