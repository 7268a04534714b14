"""The DICOM options of ``carpal serve`` as settings."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from carpal.cli.options import need_highdicom, need_pynetdicom

if TYPE_CHECKING:
    from carpal.service.outbox import PostedFor
    from carpal.service.settings import DicomSettings
    from carpal.service.tls import Identity

__all__ = ["DicomOptions", "format_outbox"]

_AUTHORIZATION = "CARPAL_SEND_AUTHORIZATION"


@dataclass(frozen=True)
class DicomOptions:
    """As they stand on the command line."""

    port: int | None
    host: str
    ae_title: str
    peers: str
    rule: Path | None
    others: str
    max_mib: float
    send_to: tuple[str, ...]
    send: str
    authorization: Path | None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_ca: Path | None = None
    send_ca: Path | None = None

    def settings(self) -> DicomSettings:
        """Raises InvalidArgument, MissingDependency."""
        from carpal.errors import InvalidArgument
        from carpal.service.destinations import parse_destination
        from carpal.service.peers import parse_peers
        from carpal.service.rule import Rule, read_rule
        from carpal.service.settings import SENDABLE, DicomSettings, NodeSettings

        if self.others not in ("pass", "refuse"):
            raise InvalidArgument(f"--dicom-others {self.others}: give pass or refuse")
        kinds = [kind.strip() for kind in self.send.split(",") if kind.strip()]
        if not kinds or not set(kinds) <= set(SENDABLE):
            raise InvalidArgument(f"--send {self.send}: give some of {', '.join(SENDABLE)} with commas between")
        if self.port is None and (self.peers or self.host != "127.0.0.1"):
            raise InvalidArgument("--dicom-host and --dicom-peers are of the DICOM node, which needs --dicom-port")
        if self.authorization is not None and not self.send_to:
            raise InvalidArgument("--send-authorization is for --send-to, which is not there")
        identity = self._identity()
        if self.send_ca is not None and not any(url.startswith(("dicom+tls:", "https:")) for url in self.send_to):
            raise InvalidArgument("--send-ca is for --send-to dicom+tls://... or https://..., which is not there")
        if self.send_to:
            need_highdicom()
        if self.port is not None or any(url.startswith(("dicom:", "dicom+tls:")) for url in self.send_to):
            need_pynetdicom()
        node = None
        if self.port is not None:
            node = NodeSettings(
                self.port,
                self.host,
                self.ae_title,
                parse_peers(self.peers),
                identity,
                self.tls_ca,
                object_mib=self.max_mib,
            )
        authorizations = self._authorizations()
        return DicomSettings(
            rule=Rule() if self.rule is None else read_rule(self.rule),
            refuse_others=self.others == "refuse",
            node=node,
            destinations=tuple(parse_destination(url, authorizations, self.send_ca, identity) for url in self.send_to),
            documents=tuple(SENDABLE[kind] for kind in dict.fromkeys(kinds)),
            ae_title=self.ae_title,
        )

    def _identity(self) -> Identity | None:
        from carpal.errors import InvalidArgument
        from carpal.service.tls import Identity

        if self.tls_ca is not None and (self.tls_cert is None or self.port is None):
            raise InvalidArgument("--dicom-tls-ca is of a DICOM node over TLS: --dicom-port and --dicom-tls-cert")
        if self.tls_cert is None and self.tls_key is None:
            return None
        if self.tls_cert is None or self.tls_key is None:
            raise InvalidArgument("DICOM over TLS needs certificate and key: --dicom-tls-cert and --dicom-tls-key")
        if self.port is None and not any(url.startswith("dicom+tls:") for url in self.send_to):
            raise InvalidArgument("--dicom-tls-cert is for --dicom-port or --send-to dicom+tls://..., neither is there")
        return Identity(self.tls_cert, self.tls_key)

    def _authorizations(self) -> dict[str, str]:
        from carpal.errors import InvalidArgument
        from carpal.service.destinations import read_authorizations

        if self.authorization is None:
            return read_authorizations(os.environ.get(_AUTHORIZATION, ""))
        try:
            return read_authorizations(self.authorization.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            raise InvalidArgument(f"--send-authorization {self.authorization}: this file cannot be read") from None


def format_outbox(overview: Sequence[PostedFor]) -> str:
    """One line for each destination."""
    return "".join(f"{_line(posted)}\n" for posted in overview) or "nothing is to be sent\n"


def _line(posted: PostedFor) -> str:
    from carpal.service.audit import in_utc

    counts = f"{posted.waiting} waiting, {posted.sent} sent"
    if posted.impossible:
        counts += f", {posted.impossible} that cannot be made"
    if posted.last_error:
        counts += f"; last: {posted.last_error}"
    if posted.next_s > time.time():
        counts += f"; next try {in_utc(posted.next_s)}"
    return f"{posted.url}: {counts}"
