"""Where results are sent: to a DICOM node by C-STORE, or to a DICOMweb server by STOW-RS."""

from __future__ import annotations

import http.client
import ipaddress
import json
import secrets
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from carpal.errors import InvalidArgument
from carpal.service.peers import check_ae_title

__all__ = ["Away", "Declined", "Destination", "Line", "connect", "parse_destination", "read_authorizations"]

_SECONDS = 60.0
_ANSWER_BYTES = 1024**2


class Away(Exception):
    """The destination does not answer, or takes nothing now: it is to be tried again later. The text is for a person
    and holds nothing of the object."""


class Declined(Exception):
    """It answers, and does not take this object."""


@dataclass(frozen=True)
class Destination:
    """``url`` is its name, in the store and on the command line: ``dicom://AET@host:port`` or ``http(s)://host/path``.
    ``authorization`` is the value of that HTTP header."""

    url: str
    host: str
    port: int
    ae_title: str = ""
    path: str = ""
    tls: bool = False
    authorization: str | None = field(default=None, repr=False)

    @property
    def is_dicomweb(self) -> bool:
        """Whether it is reached by STOW-RS."""
        return not self.ae_title


class Line(Protocol):
    """A connection to a destination."""

    def send(self, path: Path) -> None:
        """One DICOM file. Raises Away, Declined."""


def parse_destination(url: str, authorizations: Mapping[str, str]) -> Destination:
    """``authorizations`` has header values by host, or host:port. Raises InvalidArgument."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not host or parts.query or parts.fragment:
        raise InvalidArgument(f"--send-to {url}: give dicom://AET@host:port or https://host/path")
    if parts.scheme == "dicom":
        if parts.username is None or port is None or parts.path.strip("/"):
            raise InvalidArgument(f"--send-to {url}: give dicom://AET@host:port")
        return Destination(url, host, port, ae_title=check_ae_title(parts.username))
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
    return Destination(url, host, port or (443 if tls else 80), "", parts.path.rstrip("/"), tls, authorization)


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


@contextmanager
def connect(destination: Destination, own_title: str) -> Iterator[Line]:
    """A line to a destination, for several objects. Raises Away where there is none."""
    if destination.is_dicomweb:
        with _web(destination) as line:
            yield line
    else:
        from carpal.service.association import associate

        with associate(destination, own_title) as line:
            yield line


@contextmanager
def _web(destination: Destination) -> Iterator[Line]:
    where = (destination.host, destination.port)
    if destination.tls:
        context = ssl.create_default_context()
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(*where, timeout=_SECONDS, context=context)
    else:
        connection = http.client.HTTPConnection(*where, timeout=_SECONDS)
    try:
        yield _WebLine(destination, connection)
    finally:
        connection.close()


class _WebLine:
    def __init__(self, destination: Destination, connection: http.client.HTTPConnection) -> None:
        self._destination = destination
        self._connection = connection

    def send(self, path: Path) -> None:
        boundary = secrets.token_hex(16)
        head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        body = b"".join((head, path.read_bytes(), f"\r\n--{boundary}--\r\n".encode()))
        headers = {
            "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
            "Accept": "application/dicom+json",
        }
        if self._destination.authorization is not None:
            headers["Authorization"] = self._destination.authorization
        try:
            self._connection.request("POST", f"{self._destination.path}/studies", body, headers)
            answer = self._connection.getresponse()
            said = answer.read(_ANSWER_BYTES)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Away(f"no answer ({_reason(error)})") from None
        _judge(answer.status, said)


def _judge(status: int, said: bytes) -> None:
    """Whether one object was taken (PS3.18 10.5.3). Raises Away, Declined."""
    if status == 200:
        return
    if status == 202:
        if not _failures(said):
            return
        raise Declined("it refused the object")
    # Whoever is asked for a password, or sent elsewhere, has to be told so by a person: all objects wait for that.
    if status < 400 or status in (401, 403, 404, 405, 408, 425, 429) or status >= 500:
        raise Away(f"it answered {status}")
    raise Declined(f"it answered {status}")


def _failures(said: bytes) -> bool:
    try:
        answer = json.loads(said)
        return bool(answer.get("00081198", {}).get("Value"))
    except (ValueError, AttributeError):
        return False


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not trusted"
    return (getattr(error, "strerror", None) or type(error).__name__).lower()
