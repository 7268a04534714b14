"""A multipart body that comes in pieces: each part goes to a temporary file of its own as it comes."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import IO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from carpal.errors import RequestTooLarge, ServiceRefusal

__all__ = ["MediaType", "Part", "Parts", "media_type", "new_file"]

_IN_MEMORY = 1024**2
_HEADER_BYTES = 16 * 1024
_DAMAGED = "the multipart body is damaged or has no end"


@dataclass(frozen=True)
class MediaType:
    """A Content-Type: its name in small letters and its parameters."""

    name: str
    parameters: dict[str, str]


@dataclass(frozen=True, eq=False)
class Part:
    """One part. Whoever takes it closes its ``file``, which is gone then."""

    file: IO[bytes]
    content_type: str


def media_type(header: str) -> MediaType:
    """What a Content-Type says; an empty name for none."""
    name, parameters = parse_options_header(header)
    plain = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in parameters.items()}
    return MediaType(name.decode("latin-1").strip().lower(), plain)


def new_file() -> IO[bytes]:
    """A temporary file, on the disk only where it is large; it is gone when it is closed."""
    return tempfile.SpooledTemporaryFile(_IN_MEMORY)


class Parts:
    """Feed it a body; it hands out each part that is complete. Raises ServiceRefusal for a body that is no multipart,
    RequestTooLarge for more than ``most`` parts."""

    def __init__(self, boundary: str, most: int) -> None:
        self._most = most
        self._count = 0
        self._complete: list[Part] = []
        self._file: IO[bytes] | None = None
        self._headers: list[tuple[bytearray, bytearray]] = []
        self._header_bytes = 0
        self._ended = False
        try:
            self._parser = MultipartParser(
                boundary.encode("latin-1", "replace"),
                {
                    "on_part_begin": self._begin,
                    "on_header_begin": self._begin_header,
                    "on_header_field": lambda data, start, end: self._add(0, data[start:end]),
                    "on_header_value": lambda data, start, end: self._add(1, data[start:end]),
                    "on_part_data": self._write,
                    "on_part_end": self._end,
                    "on_end": self._finish,
                },
            )
        except FormParserError:
            raise ServiceRefusal(_DAMAGED) from None

    def feed(self, data: bytes) -> list[Part]:
        """The parts that these bytes complete."""
        try:
            self._parser.write(data)
        except FormParserError:
            raise ServiceRefusal(_DAMAGED) from None
        complete, self._complete = self._complete, []
        return complete

    def end(self) -> None:
        """There is no more to come."""
        if not self._ended:
            raise ServiceRefusal(_DAMAGED)

    def close(self) -> None:
        """Let go of what nobody has taken."""
        for part in self._complete:
            part.file.close()
        if self._file is not None:
            self._file.close()

    # ----------------------------------------------------------------- called by the parser

    def _begin(self) -> None:
        self._count += 1
        if self._count > self._most:
            raise RequestTooLarge(f"the request has more than {self._most} parts, the most that are taken")
        self._headers, self._header_bytes = [], 0
        self._file = new_file()

    def _begin_header(self) -> None:
        self._headers.append((bytearray(), bytearray()))

    def _add(self, which: int, data: bytes) -> None:
        self._header_bytes += len(data)
        if self._header_bytes > _HEADER_BYTES:
            raise RequestTooLarge("the header of a part is too long")
        self._headers[-1][which].extend(data)

    def _write(self, data: bytes, start: int, end: int) -> None:
        assert self._file is not None
        self._file.write(data[start:end])

    def _end(self) -> None:
        assert self._file is not None
        types = [value for name, value in self._headers if name.strip().lower() == b"content-type"]
        self._complete.append(Part(self._file, types[0].decode("latin-1").strip() if types else ""))
        self._file = None

    def _finish(self) -> None:
        self._ended = True
