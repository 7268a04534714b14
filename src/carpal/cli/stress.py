"""``carpal stress``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from carpal.cli.options import Groups, Split, print_problems
from carpal.cli.progress import progress_bar


def stress(
    data: Annotated[Path, typer.Argument(metavar="DATASET", help="Radiographs whose bone age is known.")],
    out: Annotated[Path, typer.Option(help="Folder for the page, the figure and every reading.")],
    model: Annotated[str, typer.Option(help="A shipped model or an ONNX file made by carpal export.")] = "default",
    command: Annotated[
        Optional[str],
        typer.Option(
            metavar="COMMAND",
            help="Another system: it gets a CSV (path,sex) as its last argument and prints one (file,bone_age_months).",
        ),
    ] = None,
    accept_anything: Annotated[
        bool, typer.Option("--accept-anything", help="Read what the quality gate refuses as well.")
    ] = False,
    split: Split = None,
    side: Annotated[str, typer.Option(help="Which side of the split: test, validation, train or all.")] = "all",
    group: Groups = None,
    limit: Annotated[Optional[int], typer.Option(help="Only that many radiographs, evenly drawn.")] = None,
) -> None:
    """Measure what is lost when radiographs come turned, flipped, exposed otherwise, inverted, marked, shrunk ..."""
    from carpal.errors import InvalidArgument
    from carpal.evaluation.page import figure_text, make_folder
    from carpal.evaluation.stress import Case, command_answer, reader_answer
    from carpal.evaluation.stress import stress as put_under_stress
    from carpal.evaluation.stress.report import write_stress
    from carpal.reader import Reader
    from carpal.training.datasets import load_radiograph, read_dataset
    from carpal.training.validation import choose_side

    if limit is not None and limit < 1:
        raise InvalidArgument(f"--limit {limit}: a stress test takes one radiograph or more")
    if command and accept_anything:
        raise InvalidArgument("--accept-anything is carpal's own: what another command refuses is its business")
    if split is not None and side == "all":
        raise InvalidArgument("--split without a side: say which to read, as in --side validation")
    answer = (
        command_answer(command)
        if command is not None
        else reader_answer(Reader(model), accept_anything=accept_anything)
    )
    make_folder(out, "readings.csv")  # before the readings, which may take hours
    dataset = read_dataset(data, groups=group or ())
    print_problems(dataset.problems)
    samples = choose_side(dataset, split, side).samples
    if limit is not None and limit < len(samples):
        samples = tuple(samples[k * len(samples) // limit] for k in range(limit))
    cases = [Case(s.id, s.sex, s.age_months, lambda sample=s: load_radiograph(sample)) for s in samples]  # type: ignore[misc]
    with progress_bar("readings") as tell:
        found = put_under_stress(cases, answer, progress=tell)
    name = Path(command.split()[0]).name if command else Path(model).name
    summary = write_stress(found, out, title=f"{name} under stress")
    mae, change = figure_text(summary.mae_months), figure_text(summary.mean_change_months, signed=True)
    worst = figure_text(summary.worst.mae_change_months, signed=True)
    print(f"n {summary.n}: MAE {mae} months; over {len(summary.lines)} transformations {change}")
    print(f"worst: {summary.worst.name} ({worst}); page {out / 'index.html'}")
