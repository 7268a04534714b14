"""What can be set for ``carpal serve``. The defaults suit one clinic's machine."""

from __future__ import annotations

import ipaddress
import math
import os
from dataclasses import dataclass, field
from pathlib import Path

from carpal.errors import InvalidArgument
from carpal.service.destinations import Destination
from carpal.service.outbox import Posting
from carpal.service.peers import Peer, check_ae_title
from carpal.service.rule import Rule
from carpal.service.tls import Identity

__all__ = ["DicomSettings", "NodeSettings", "SENDABLE", "Settings", "is_loopback"]

SENDABLE = {"sr": "sr.dcm", "sc": "sc.dcm", "pdf": "report.dcm"}  # what --send calls them


def _cores() -> int:
    return os.cpu_count() or 1


@dataclass(frozen=True)
class NodeSettings:
    """The DICOM node's; without ``peers`` whoever reaches it may send. With ``identity`` it speaks TLS; with
    ``authority``, a PEM file, only with those who show a certificate that it has signed. Raises InvalidArgument."""

    port: int
    host: str = "127.0.0.1"
    ae_title: str = "CARPAL"
    peers: tuple[Peer, ...] = ()
    identity: Identity | None = None
    authority: Path | None = None
    associations: int = 8  # at once
    object_mib: float = 128.0
    object_seconds: float = 120.0
    pdu_seconds: float = 20.0
    idle_seconds: float = 60.0

    def __post_init__(self) -> None:
        check_ae_title(self.ae_title)
        _check_port(self.port)
        if not self.object_mib > 0:
            raise InvalidArgument(f"the largest object must be more than 0 MiB, not {self.object_mib}")
        if not is_loopback(self.host) and not self.peers:
            raise InvalidArgument(
                f"--dicom-host {self.host} lets others in, so they need to be named: --dicom-peers AET[@HOST],..."
            )


@dataclass(frozen=True)
class DicomSettings:
    """Which objects are read, by whatever way they come; the ``node``, where there is to be one; where ``documents``
    (``sr.dcm``, ``sc.dcm``, ``report.dcm``) of the readings of DICOM objects are sent. Raises InvalidArgument."""

    rule: Rule = field(default_factory=Rule)
    refuse_others: bool = False
    node: NodeSettings | None = None
    destinations: tuple[Destination, ...] = ()
    documents: tuple[str, ...] = ("sr.dcm", "sc.dcm")
    ae_title: str = "CARPAL"

    @property
    def posting(self) -> Posting:
        """What of each new reading is to be sent where."""
        return Posting(tuple(destination.url for destination in self.destinations), self.documents)

    def __post_init__(self) -> None:
        check_ae_title(self.ae_title)
        if not set(self.documents) <= set(SENDABLE.values()) or not self.documents:
            raise InvalidArgument(f"--send is one or more of {', '.join(SENDABLE)}")
        if len({destination.url for destination in self.destinations}) < len(self.destinations):
            raise InvalidArgument("--send-to names the same destination twice")


@dataclass(frozen=True)
class Settings:
    """``data`` is the folder of the store, ``database_url`` SQLAlchemy's (None: SQLite in ``data``). Raises
    InvalidArgument for values that cannot be meant."""

    data: Path
    database_url: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    model: str = "default"
    calibration: Path | None = None
    workers: int = field(default_factory=_cores)
    queue: int = 100  # radiographs that may wait
    seconds_per_file: float = 60.0
    body_mib: float = 128.0
    body_seconds: float = 120.0
    header_seconds: float = 10.0
    header_bytes: int = 16 * 1024
    requests_per_minute: int = 600  # of one client
    logins_per_minute: int = 30  # from one address
    requests_at_once: int = 256
    shutdown_seconds: float = 10.0
    tls_cert: Path | None = None
    tls_key: Path | None = None
    dicom: DicomSettings = field(default_factory=DicomSettings)

    def __post_init__(self) -> None:
        positive = ("workers", "queue", "seconds_per_file", "body_mib", "requests_per_minute", "requests_at_once")
        for name in positive:
            if not 0 < getattr(self, name) < math.inf:
                raise InvalidArgument(f"{name.replace('_', ' ')} must be more than 0, not {getattr(self, name)}")
        _check_port(self.port)
        if (self.tls_cert is None) != (self.tls_key is None):
            raise InvalidArgument("TLS needs both a certificate and its key: --tls-cert and --tls-key")
        for path in (self.tls_cert, self.tls_key):
            if path is not None and not path.is_file():
                raise InvalidArgument(f"{path}: there is no such file")

    @property
    def body_bytes(self) -> int:
        """The largest request that is taken."""
        return int(self.body_mib * 1024**2)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether a server that listens there is reached by this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_port(port: int) -> None:
    if not 0 <= port <= 65535:
        raise InvalidArgument(f"{port} is no port")
