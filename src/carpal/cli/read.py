"""``carpal read`` and ``carpal check``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from carpal.cli.progress import progress_bar


def read(
    files: Annotated[
        Optional[list[Path]], typer.Argument(metavar="FILE|DIR...", help="Radiographs or folders.")
    ] = None,
    sex: Annotated[
        Optional[str], typer.Option(metavar="F|M", help="The child's sex; needed unless the header has it.")
    ] = None,
    sex_from_header: Annotated[
        bool, typer.Option("--sex-from-header", help="Let the DICOM header's sex go before --sex.")
    ] = False,
    table: Annotated[
        Optional[Path], typer.Option(metavar="FILE.csv", help="Read the radiographs of a table with columns path, sex.")
    ] = None,
    model: Annotated[str, typer.Option(help="A shipped model or an ONNX file made by carpal export.")] = "default",
    calibration: Annotated[
        Optional[Path], typer.Option(metavar="FILE.json", help="A site's own, made by carpal calibrate.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    evidence: Annotated[
        bool,
        typer.Option("--evidence", help="Also find where the age comes from; drawn with --annotate. Half a second."),
    ] = False,
    accept_anything: Annotated[
        bool, typer.Option("--accept-anything", help="Read also what the quality gate refuses; a note says so.")
    ] = False,
    annotate: Annotated[
        Optional[Path], typer.Option(metavar="FILE.png|DIR", help="Also draw each radiograph with its bone age.")
    ] = None,
) -> None:
    """Read bone age. Exit code 0: all read; 1: some failed, or a picture was not written; 2: none read, or a wrong
    argument."""
    from carpal import batch
    from carpal.errors import InvalidArgument

    if as_json and as_csv:
        raise InvalidArgument("choose --json or --csv, not both")
    if bool(files) == bool(table):
        raise InvalidArgument("give radiographs to read, or a table of them with --table FILE.csv")
    if table and (sex or sex_from_header):
        raise InvalidArgument("--table brings each radiograph's own sex: leave --sex and --sex-from-header out")
    tasks = (
        batch.tasks_from_table(table, accept_anything)
        if table
        else batch.tasks_from_paths(files or [], sex, sex_from_header, accept_anything)
    )
    with progress_bar("reading") as tell:
        results = batch.read_all(
            tasks, model, calibration=calibration, annotate=annotate, with_evidence=evidence, progress=tell
        )
    print(batch.format_results(results, "json" if as_json else "csv" if as_csv else "text"))
    failed = sum(result.error is not None for result in results)
    if failed or any(result.undrawn for result in results):
        raise typer.Exit(2 if failed == len(results) else 1)


def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE|DIR...", help="Radiographs or folders.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Say which pictures may be read, and why not. Exit code 0: all accepted; 1: some refused; 2: none accepted."""
    from carpal.batch import files_among
    from carpal.check import check_all, format_verdicts
    from carpal.errors import InvalidArgument

    if as_json and as_csv:
        raise InvalidArgument("choose --json or --csv, not both")
    with progress_bar("checking") as tell:
        verdicts = check_all(files_among(files), tell)
    print(format_verdicts(verdicts, "json" if as_json else "csv" if as_csv else "text"))
    refused = sum(not verdict.accepted for verdict in verdicts)
    if refused:
        raise typer.Exit(2 if refused == len(verdicts) else 1)
