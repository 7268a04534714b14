"""Finding radiographs in folders, and writing files whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["RADIOGRAPH_SUFFIXES", "find_radiographs", "replacing"]

RADIOGRAPH_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".dcm", ".dicom"})


def find_radiographs(folder: Path) -> list[Path]:
    """Every file below ``folder`` that its suffix calls a radiograph, sorted; hidden files are passed over."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in RADIOGRAPH_SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary name to write to; it becomes ``path`` when all went well, so nobody ever sees half a file."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
