"""The radiographs' files, each under its SHA-256: the same radiograph sent twice is kept once, and no name that a
client gives ever becomes a path."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from carpal.files import replacing

__all__ = ["Blobs", "stream_digest"]

_DIGEST = re.compile(r"[0-9a-f]{64}")
_CHUNK = 1024**2


class Blobs:
    """Files below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def path(self, digest: str) -> Path:
        """Where the file of that SHA-256 lies, or would lie."""
        if not _DIGEST.fullmatch(digest):
            raise ValueError("that is no SHA-256")
        return self.folder / digest[:2] / digest

    def put(self, digest: str, source: IO[bytes]) -> None:
        """Write a file, whole and on the disk."""
        source.seek(0)
        with replacing(self.path(digest), durable=True) as part, part.open("wb") as target:
            shutil.copyfileobj(source, target, _CHUNK)

    def has(self, digest: str) -> bool:
        """Whether it is there."""
        return self.path(digest).is_file()

    def remove(self, digest: str) -> None:
        """Remove it if it is there."""
        self.path(digest).unlink(missing_ok=True)

    def digests(self) -> Iterator[str]:
        """Of all files that are there."""
        for path in self.folder.glob("??/*"):
            if _DIGEST.fullmatch(path.name):
                yield path.name

    def sweep(self) -> None:
        """Remove what a killed server has left half written. Only while no server is at work."""
        for path in self.folder.glob("??/.*.part"):
            path.unlink(missing_ok=True)


def stream_digest(source: IO[bytes]) -> str:
    """SHA-256 of a file object from its beginning."""
    source.seek(0)
    digest = hashlib.sha256()
    while chunk := source.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
