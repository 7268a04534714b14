"""Where results are sent: to a DICOM node by C-STORE, or to a DICOMweb server by STOW-RS."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from carpal.errors import InvalidArgument
from carpal.service.peers import check_ae_title
from carpal.service.tls import Identity

__all__ = ["Away", "Declined", "Destination", "Line", "parse_destination", "read_authorizations"]

_LONGEST_URL = 255


class Away(Exception):
    """The destination does not answer, or takes nothing now: it is to be tried again later. The text is for a person
    and holds nothing of the object."""


class Declined(Exception):
    """It answers, and does not take this object."""


@dataclass(frozen=True)
class Destination:
    """``url`` is its name, in the store and on the command line: ``dicom(+tls)://AET@host:port`` or
    ``http(s)://host/path``. ``authority`` is a PEM file of whom to trust about it (None: those whom this machine
    trusts), ``identity`` what a DICOM node is shown that asks who sends, ``authorization`` the value of that HTTP
    header."""

    url: str
    host: str
    port: int
    ae_title: str = ""
    path: str = ""
    tls: bool = False
    authority: Path | None = None
    identity: Identity | None = None
    authorization: str | None = field(default=None, repr=False)

    @property
    def is_dicomweb(self) -> bool:
        """Whether it is reached by STOW-RS."""
        return not self.ae_title


class Line(Protocol):
    """A connection to a destination."""

    def send(self, path: Path) -> None:
        """One DICOM file. Raises Away, Declined."""


def parse_destination(
    url: str, authorizations: Mapping[str, str], authority: Path | None = None, identity: Identity | None = None
) -> Destination:
    """``authorizations`` has header values by host, or host:port. Raises InvalidArgument."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not host or parts.query or parts.fragment or len(url) > _LONGEST_URL or not url.isprintable():
        raise InvalidArgument(f"--send-to {url}: give dicom://AET@host:port or https://host/path")
    if parts.scheme in ("dicom", "dicom+tls"):
        if parts.username is None or port is None or parts.path.strip("/"):
            raise InvalidArgument(f"--send-to {url}: give {parts.scheme}://AET@host:port")
        title, tls = check_ae_title(parts.username), parts.scheme == "dicom+tls"
        return Destination(url, host, port, title, tls=tls, authority=authority, identity=identity)
    if parts.scheme not in ("http", "https"):
        raise InvalidArgument(f"--send-to {url}: give dicom://AET@host:port or https://host/path")
    if parts.username is not None:
        raise InvalidArgument(
            "--send-to: a password in an address would be seen by everybody; give --send-authorization"
        )
    tls = parts.scheme == "https"
    if not tls and not _is_this_machine(host):
        raise InvalidArgument(f"--send-to {url}: beyond this machine only https, or patients' data travel in the clear")
    authorization = authorizations.get(parts.netloc, authorizations.get(host))
    port, path = port or (443 if tls else 80), parts.path.rstrip("/")
    return Destination(url, host, port, path=path, tls=tls, authority=authority, authorization=authorization)


def read_authorizations(text: str) -> dict[str, str]:
    """Lines of ``HOST[:PORT] VALUE`` for the Authorization header, such as ``pacs.example Bearer abc``. Raises
    InvalidArgument, which quotes nothing."""
    found = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        host, _, value = line.strip().partition(" ")
        if not value.strip() or not value.isascii() or not value.isprintable():
            raise InvalidArgument(f"line {number} of the authorizations is not HOST[:PORT] and the header's value")
        found[host] = value.strip()
    return found


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
