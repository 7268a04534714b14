"""What can be set for ``carpal serve``. The defaults suit one clinic's machine."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from pathlib import Path

from carpal.errors import InvalidArgument

__all__ = ["Settings"]


def _cores() -> int:
    return os.cpu_count() or 1


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

    def __post_init__(self) -> None:
        positive = ("workers", "queue", "seconds_per_file", "body_mib", "requests_per_minute", "requests_at_once")
        for name in positive:
            if not getattr(self, name) > 0:
                raise InvalidArgument(f"{name.replace('_', ' ')} must be more than 0, not {getattr(self, name)}")
        if not 0 <= self.port <= 65535:
            raise InvalidArgument(f"{self.port} is no port")
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
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
