"""The DICOM side of the service put together: what comes in by C-STORE and STOW-RS, and what is sent back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carpal.service.hub import Hub
from carpal.service.incoming import Incoming
from carpal.service.sender import Sender

if TYPE_CHECKING:
    from carpal.service.node import Node

__all__ = ["Exchange"]


class Exchange:
    """``start`` and ``stop`` it."""

    def __init__(self, hub: Hub, incoming: Incoming) -> None:
        wanted = hub.settings.dicom
        self._node: Node | None = None
        self._sender = Sender(hub) if wanted.destinations else None
        if wanted.node is not None:
            from carpal.service.node import Node  # a service without a node does without pynetdicom

            self._node = Node(wanted.node, hub.reception, incoming, hub.refusals)

    def start(self) -> None:
        """Listen and send, where that is wanted. Raises InvalidArgument."""
        if self._node is not None:
            print(f"carpal receives on {self._node.start()}", flush=True)
        if self._sender is not None:
            self._sender.start()

    def stop(self, patience_s: float) -> None:
        """Hang up, and send no more."""
        if self._node is not None:
            self._node.stop()
        if self._sender is not None:
            self._sender.stop(patience_s)
