"""Objects sent to a DICOMweb server by STOW-RS, by Python's own HTTP client: no redirect is followed and no proxy is
asked, so that patients' data and the authorization go nowhere but to the host that was named."""

from __future__ import annotations

import http.client
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from carpal.errors import InvalidArgument
from carpal.service.destinations import Away, Declined, Destination, Line
from carpal.service.tls import client_context, trouble

__all__ = ["web_line"]

_SECONDS = 60.0
_ANSWER_BYTES = 1024**2
_THERE_ALREADY = 0x0111  # a duplicate: its first answer was lost on the way


@contextmanager
def web_line(destination: Destination) -> Iterator[Line]:
    """A connection to a DICOMweb server. Raises Away."""
    where = (destination.host, destination.port)
    if destination.tls:
        try:
            context = client_context(destination.authority)
        except InvalidArgument as error:  # since the service was started
            raise Away(str(error)) from None
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
            raise Away(f"no answer ({trouble(error)})") from None
        _judge(answer.status, said)


def _judge(status: int, said: bytes) -> None:
    """Whether one object was taken (PS3.18 10.5.3). Raises Away, Declined."""
    if status == 200:
        return
    if status in (202, 409):
        reasons = _failures(said)
        if reasons == {_THERE_ALREADY} or (status == 202 and not reasons):
            return
    if status == 202:
        raise Declined("it refused the object")
    # Whoever is asked for a password, or sent elsewhere, has to be told so by a person: all objects wait for that.
    if status < 400 or status in (401, 403, 404, 405, 408, 425, 429) or status >= 500:
        raise Away(f"it answered {status}")
    raise Declined(f"it answered {status}")


def _failures(said: bytes) -> set[int | None]:
    """The FailureReasons of FailedSOPSequence, None where one is not told."""
    try:
        failed = json.loads(said).get("00081198", {}).get("Value") or []
        return {(item.get("00081197", {}).get("Value") or [None])[0] for item in failed}
    except (ValueError, AttributeError, TypeError):
        return set()
