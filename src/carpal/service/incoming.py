"""Where files lie while they are being received: in the store's own folder, on the store's own disk. The system's
folder for temporary files may be small, may be in memory, and is no place for a patient's radiograph."""

from __future__ import annotations

import errno
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from carpal.errors import Busy

__all__ = ["Incoming", "while_there_is_room"]


class Incoming:
    """The folder; whatever this process makes as a temporary file from now on is made there."""

    def __init__(self, data: Path) -> None:
        self.folder = data / "incoming"
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.sweep(0)  # what a killed server has left
        tempfile.tempdir = str(self.folder)

    def sweep(self, older_than_s: float) -> None:
        """Remove files that nobody has written to for so long: of connections that broke."""
        before = time.time() - older_than_s
        for path in self.folder.iterdir():
            try:
                if path.stat().st_mtime <= before:
                    path.unlink()
            except FileNotFoundError:  # received completely meanwhile
                continue


@contextmanager
def while_there_is_room() -> Iterator[None]:
    """Raises Busy where the disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise Busy("the store's disk is full: nothing can be accepted until there is room", 60) from None
