"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

__all__ = ["Cache", "Groups", "Split", "need_torch"]

Groups = Annotated[
    Optional[list[str]], typer.Option("--group", help="Only this folder of the data set (highres, lowres); repeatable.")
]
Cache = Annotated[Path, typer.Option(help="Folder for prepared radiographs; may be shared by runs.")]
Split = Annotated[Optional[Path], typer.Option(metavar="FILE.json", help="Which ids are held back.")]


def need_torch() -> None:
    """Raises MissingDependency, naming what to install, where the train extra is absent."""
    from importlib.util import find_spec

    from carpal.errors import MissingDependency

    missing = [name for name in ("torch", "timm") if find_spec(name) is None]
    if missing:
        raise MissingDependency(f"this command needs {' and '.join(missing)}: pip install 'carpal[train]'")
