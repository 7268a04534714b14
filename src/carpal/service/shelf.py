"""Documents that were made of a reading or of a child, kept as files until that is deleted."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

__all__ = ["Shelf"]

_ID = re.compile(r"[0-9a-f]{32}")


class Shelf:
    """Files below ``folder``, a folder for each reading and child."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def path(self, owner_id: str, name: str) -> Path:
        """Where a document of that reading or child lies, or would lie; ``name`` is one of carpal's own making."""
        return self._of(owner_id) / name

    def clear(self, owner_id: str) -> None:
        """Remove whatever was made of it."""
        shutil.rmtree(self._of(owner_id), ignore_errors=True)

    def owners(self) -> Iterator[str]:
        """Of what there are documents."""
        for path in self.folder.iterdir():
            if _ID.fullmatch(path.name):
                yield path.name

    def sweep(self) -> None:
        """Remove what a killed worker has left half written. Only while no server is at work."""
        for path in self.folder.glob("*/.*.part"):
            path.unlink(missing_ok=True)

    def _of(self, owner_id: str) -> Path:
        if not _ID.fullmatch(owner_id):
            raise ValueError("that is no id")
        return self.folder / owner_id
