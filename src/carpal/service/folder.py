"""The folder of a store, which holds radiographs with their patients' names: nobody else's business."""

from __future__ import annotations

from pathlib import Path

from carpal.errors import InvalidArgument

__all__ = ["private_folder"]

_OTHERS = 0o007


def private_folder(folder: Path) -> None:
    """Make the folder, for its owner alone, where it is not there. One that was there is left as it is, since it may be
    another program's too; what a group may do there is its owner's decision. Raises InvalidArgument where all users of
    this machine may do anything there."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if folder.stat().st_mode & _OTHERS:
        raise InvalidArgument(
            f"{folder}: every user of this machine may look into this folder, and radiographs are to be kept there: "
            "close it to others (chmod 700), or name another"
        )
