"""``carpal dicom``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from carpal.cli.options import age_months, need_highdicom
from carpal.cli.progress import progress_bar

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Answer DICOM radiographs in DICOM.")


@app.callback()
def _only_subcommands() -> None:
    pass


@app.command("read")
def read(
    files: Annotated[list[Path], typer.Argument(metavar="FILE|DIR...", help="DICOM radiographs or folders.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where the answers go.")],
    sex: Annotated[
        Optional[str], typer.Option(metavar="F|M", help="The child's sex; goes before the header's.")
    ] = None,
    age: Annotated[
        Optional[str], typer.Option(metavar="9y4m", help="Age at the exposure; goes before the header's.")
    ] = None,
    model: Annotated[str, typer.Option(help="A shipped model or an ONNX file made by carpal export.")] = "default",
) -> None:
    """Read DICOM radiographs and write a structured report (sr.dcm) and a picture (sc.dcm) of the same study.

    One file is answered in DIR itself, several and folders in a folder each. Exit code 0: all read; 1: some failed or
    were refused; 2: none read, or a wrong argument.
    """
    need_highdicom()
    months = None if age is None else age_months(age)
    from carpal.deliver import Request, deliver_all, format_deliveries

    request = Request(model=model, sex=sex, age_months=months)
    with progress_bar("reading") as tell:
        deliveries = deliver_all(files, out, request, progress=tell)
    print(format_deliveries(deliveries, request))
    failed = sum(delivery.error is not None for delivery in deliveries)
    if failed:
        raise typer.Exit(2 if all(delivery.reading is None for delivery in deliveries) else 1)
