"""Options that several commands share."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

if TYPE_CHECKING:
    from carpal.training.datasets import Problem

__all__ = [
    "Cache",
    "Groups",
    "Split",
    "Views",
    "need_bulk",
    "need_fastapi",
    "need_highdicom",
    "need_pynetdicom",
    "need_torch",
    "print_problems",
    "view_set",
]

Groups = Annotated[
    Optional[list[str]], typer.Option("--group", help="Only this folder of the data set (highres, lowres); repeatable.")
]
Cache = Annotated[Path, typer.Option(help="Folder for prepared radiographs; may be shared by runs.")]
Split = Annotated[Optional[Path], typer.Option(metavar="FILE.json", help="Which ids are held back.")]
Views = Annotated[
    int,
    typer.Option(
        help="Views of each radiograph to average: 1, 2 (mirrored), 3 (smaller and larger) or 6 (turned too)."
    ),
]


def view_set(count: int) -> tuple[str, ...]:
    """The views behind ``--views``. Raises InvalidArgument."""
    from carpal.errors import InvalidArgument
    from carpal.views import VIEW_SETS

    if count not in VIEW_SETS:
        raise InvalidArgument(f"--views {count} is none of {', '.join(map(str, VIEW_SETS))}")
    return VIEW_SETS[count]


def print_problems(problems: Sequence[Problem], most: int = 5) -> None:
    """The first few things that are wrong with a data set, on standard error."""
    for problem in problems[:most]:
        print(f"  {problem.kind}: {problem.where}: {problem.message}", file=sys.stderr)
    if len(problems) > most:
        print(f"  ... and {len(problems) - most} more (carpal explore lists them)", file=sys.stderr)


def need_torch() -> None:
    """Raises MissingDependency, naming what to install, where the train extra is absent."""
    _need("train", "torch", "timm")


def need_fastapi() -> None:
    """Raises MissingDependency, naming what to install, where the serve extra is absent."""
    _need("serve", "fastapi", "uvicorn", "python_multipart", "sqlalchemy", "alembic", "prometheus_client")


def need_highdicom() -> None:
    """Raises MissingDependency, naming what to install, where the dicom extra is absent."""
    _need("dicom", "highdicom")


def need_pynetdicom() -> None:
    """Raises MissingDependency, naming what to install, where the DICOM node's part of the serve extra is absent."""
    _need("serve", "pynetdicom")


def need_bulk() -> None:
    """Raises MissingDependency, naming what to install, where the bulk extra is absent."""
    _need("bulk", "pyarrow", "fsspec")


def _need(extra: str, *modules: str) -> None:
    from importlib.util import find_spec

    from carpal.errors import MissingDependency

    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise MissingDependency(f"this command needs {' and '.join(missing)}: pip install 'carpal[{extra}]'")
