"""``carpal report``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from carpal.cli import child

__all__ = ["report"]


def report(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="One radiograph.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="A .pdf, .html, .json or .fhir.json.")],
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
    calibration: Annotated[
        Optional[Path], typer.Option(metavar="FILE.json", help="A site's own, made by carpal calibrate.")
    ] = None,
    accept_anything: Annotated[
        bool, typer.Option("--accept-anything", help="Read also what the quality gate refuses; a note says so.")
    ] = False,
) -> None:
    """Read one radiograph and write a page about it: bone age, SDS, adult height, evidence, references.

    Exit code 0: read; 1: refused, and the page says why; 2: nothing was written.
    """
    from carpal.errors import InvalidArgument
    from carpal.radiograph import read_radiograph
    from carpal.reader import Reader
    from carpal.report import Look, make_report, write_report
    from carpal.report.write import format_of

    format_of(out)
    look = Look(language, paper)  # type: ignore[arg-type]  # Look refuses what is no paper
    sources = [path for path in (file, history, calibration) if path is not None and path.exists()]
    if out.exists() and any(out.samefile(path) for path in sources):
        raise InvalidArgument(f"{out} is what the report is made from: choose another name")
    facts = (height_cm, weight_kg, mother_cm, father_cm, menarche)
    given = child.given(sex, (age, birth, study), facts, history)
    reader, radiograph = Reader(model, calibration=calibration), read_radiograph(file)
    made = make_report(reader, radiograph, given, accept_anything=accept_anything)
    write_report(made, out, look)
    print(f"{file}: {made}\n  wrote {out}")
    if made.reading is None:
        raise typer.Exit(1)
