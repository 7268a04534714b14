"""``carpal bulk``"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from carpal.cli.options import need_bulk
from carpal.cli.progress import progress_bar

if TYPE_CHECKING:
    from carpal.bulk.run import Shard


def bulk(
    source: Annotated[
        str,
        typer.Argument(
            metavar="TABLE|DIR|URL",
            help="A table (.csv, .parquet) with columns path, sex and if known id; a folder; or either at a URL that "
            "fsspec knows.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where the Parquet parts go.")],
    sex: Annotated[
        Optional[str],
        typer.Option(metavar="F|M", help="Of every child in the folder; else DICOM headers must have it."),
    ] = None,
    model: Annotated[str, typer.Option(help="A shipped model or an ONNX file made by carpal export.")] = "default",
    accept_anything: Annotated[
        bool, typer.Option("--accept-anything", help="Read also what the quality gate refuses; a note says so.")
    ] = False,
    reduced: Annotated[
        bool, typer.Option("--reduced", help="Decode JPEG 2000 no larger than the network needs, in half the time.")
    ] = False,
    workers: Annotated[
        Optional[int],
        typer.Option(metavar="N", help="Processes, each with a network of its own; 0: this one. Else one per core."),
    ] = None,
    shard: Annotated[
        Optional[str], typer.Option(metavar="I/N", help="Only the I-th of N shares, 1/N to N/N, for a cluster's array.")
    ] = None,
    ray: Annotated[
        Optional[str], typer.Option(metavar="ADDRESS|local", help="Read on a Ray cluster, or a Ray of this machine.")
    ] = None,
    part_rows: Annotated[
        Optional[int], typer.Option(metavar="K", help="Radiographs per part: what a kill costs at most.")
    ] = None,
) -> None:
    """Read very many radiographs into Parquet parts. The same command goes on where a killed one stopped.

    Exit code 0: all read; 1: some failed; 2: none read, or a wrong argument.
    """
    need_bulk()
    from carpal.bulk.run import Settings, Workers, run_bulk

    settings = Settings(model, sex, accept_anything, part_rows, reduced)
    with progress_bar("reading", long_job=True) as tell:
        done = run_bulk(source, out, settings, Workers(workers, ray), shard=_shard(shard), progress=tell)
    before = f", {done.kept} of both by an earlier run" if done.kept else ""
    print(f"{out}: {done.read} read, {done.failed} failed or refused{before}")
    if done.failed:
        raise typer.Exit(1 if done.read else 2)


def _shard(text: str | None) -> Shard | None:
    from carpal.bulk.run import Shard
    from carpal.errors import InvalidArgument

    if text is None:
        return None
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal()):
        raise InvalidArgument(f"--shard {text}: give which of how many, such as 1/4")
    return Shard(int(number), int(count))
