"""Finding radiographs in folders, and writing files whole or not at all."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["RADIOGRAPH_SUFFIXES", "find_radiographs", "half_written", "replacing", "shown", "stem_of"]

RADIOGRAPH_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".dcm", ".dicom"})
_LONGEST_STEM = 200  # bytes of a name that leave room in the 255 of file systems for what makes it a temporary one


def find_radiographs(folder: Path) -> list[Path]:
    """Every file below ``folder`` that its suffix calls a radiograph, sorted, and every DICOM file whose name has no
    suffix (``IM000001``) or is a UID, as archives and discs write them; hidden files and folders are passed
    over, and folders that are links are not entered. Raises OSError for a folder that cannot be listed."""
    return sorted(
        path
        for path in _files_below(folder)
        if not path.name.startswith(".")
        and (path.suffix.lower() in RADIOGRAPH_SUFFIXES or (path.is_file() and _is_nameless_dicom(path)))
    )


def shown(path: str | os.PathLike[str]) -> str:
    """A path on one line for a person: escaped where it holds what would break the line or steer a terminal."""
    text = os.fsdecode(path)
    return text if text.isprintable() and text else ascii(text)


def stem_of(path: Path) -> str:
    """A radiograph's name without its suffix; what a UID ends in is none, and tells it from others."""
    return path.stem if path.suffix.lower() in RADIOGRAPH_SUFFIXES else path.name


def _files_below(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise error

    for place, folders, names in os.walk(folder, onerror=refuse):
        # Thumbnails, copies of editors and what was thrown away; such a folder often cannot even be listed.
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place, name) for name in names)


def _is_nameless_dicom(path: Path) -> bool:
    """Whether its name has no suffix, or is made of numbers and dots alone, and it begins with DICOM's prefix. One that
    cannot be opened counts: reading it says why. A DICOMDIR lists files and shows nothing."""
    name = path.name
    if name.upper() == "DICOMDIR" or not ("." not in name or name.replace(".", "").isdecimal()):
        return False
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return True


@contextmanager
def replacing(path: str | Path, *, durable: bool = False) -> Iterator[Path]:
    """A temporary name to write to; it becomes ``path`` when all went well, so nobody ever sees half a file. With
    ``durable`` it is on the disk then, and outlives a loss of power."""
    path = Path(path)
    new = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    fits = len(os.fsencode(path.name)) <= _LONGEST_STEM
    stem = path.name if fits else hashlib.sha256(os.fsencode(path.name)).hexdigest()
    part = path.with_name(f".{stem}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        yield part
        if durable:
            _flush(part)
        os.replace(part, path)
        if durable:
            for folder in (path.parent, *(folder.parent for folder in new)):  # a new folder is an entry of its parent
                _flush(folder)
    except OSError as error:
        if str(error.filename) == str(part):  # whoever is told knows the file by its own name
            error.filename = str(path)
        raise
    finally:
        part.unlink(missing_ok=True)


def half_written(folder: Path) -> Iterator[tuple[Path, str]]:
    """What processes that were killed in ``replacing`` left in a folder, each with the name it was to have (of names
    beyond 200 bytes their SHA-256)."""
    for path in folder.glob(".*.part"):
        yield path, path.name[1:].rsplit(".", 3)[0]


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
