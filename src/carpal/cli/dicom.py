"""``carpal dicom``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from carpal.cli import child
from carpal.cli.options import need_highdicom
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
    sex: child.Sex = None,
    age: child.Age = None,
    birth: child.Birth = None,
    study: child.Study = None,
    height_cm: child.HeightCm = None,
    weight_kg: child.WeightKg = None,
    mother_cm: child.MotherCm = None,
    father_cm: child.FatherCm = None,
    menarche: child.Menarche = None,
    history: child.History = None,
    language: child.Language = "en",
    paper: child.PaperName = "a4",
    model: Annotated[str, typer.Option(help="A shipped model or an ONNX file made by carpal export.")] = "default",
) -> None:
    """Read DICOM radiographs and write a structured report (sr.dcm), a picture (sc.dcm) and a page (report.dcm) of the
    same study.

    One file is answered in DIR itself, several and folders in a folder each. Exit code 0: all read; 1: some failed or
    were refused; 2: none read, or a wrong argument.
    """
    need_highdicom()
    from carpal.deliver import Request, deliver_all, format_deliveries
    from carpal.report import Look

    facts = (height_cm, weight_kg, mother_cm, father_cm, menarche)
    given = child.given(sex, (age, birth, study), facts, history)
    request = Request(model, given, Look(language, paper))  # type: ignore[arg-type]  # Look refuses what is no paper
    with progress_bar("reading") as tell:
        deliveries = deliver_all(files, out, request, progress=tell)
    print(format_deliveries(deliveries, request))
    failed = sum(delivery.error is not None for delivery in deliveries)
    if failed:
        raise typer.Exit(2 if all(delivery.reading is None for delivery in deliveries) else 1)
