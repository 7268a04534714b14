"""``carpal evaluate``, ``compare``"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from carpal.cli.options import Cache, Groups, Split
from carpal.cli.progress import progress_bar

if TYPE_CHECKING:
    from carpal.evaluation import Candidate
    from carpal.training.assess import Assessed
    from carpal.training.datasets import Dataset

Side = Annotated[str, typer.Option(help="Which side of the split: test, validation, train or all.")]


def evaluate(
    model: Annotated[str, typer.Argument(metavar="RUN|MODEL|PREDICTIONS.csv", help="What is to be judged.")],
    out: Annotated[Path, typer.Option(help="Folder for the page, the figures, the metrics and the predictions.")],
    data: Annotated[Optional[Path], typer.Option(help="The data set to read; not with PREDICTIONS.csv.")] = None,
    split: Split = None,
    side: Side = "test",
    group: Groups = None,
    cache: Cache = Path("cache"),
) -> None:
    """Measure how well a run, a model file or a table of predictions does, with intervals, figures and a page."""
    from carpal.errors import InvalidArgument
    from carpal.evaluation import read_predictions, write_evaluation
    from carpal.files import replacing

    if Path(model).suffix.lower() == ".csv":
        if data is not None:
            raise InvalidArgument("a table of predictions brings its own references: leave --data out")
        predictions = read_predictions(model)
        facts: dict[str, str | float] = {"predictions": Path(model).name}
    else:
        if data is None:
            raise InvalidArgument("say which data set to read with --data")
        if side == "all" and (Path(model) / "config.json").is_file():
            print("mind: side all may hold radiographs that this run was trained on", file=sys.stderr)
        with progress_bar("preparing") as tell:
            assessed = _assess(model, _side(data, _split_of(model, split), side, group), cache, tell)
        predictions, facts = assessed.predictions, assessed.facts
        for line in assessed.unreadable:
            print(f"left out: {line}")
    shown = {name: f"{value:.4g}" if isinstance(value, float) else str(value) for name, value in facts.items()}
    result = write_evaluation(predictions, out, title=f"Evaluation of {Path(model).name}", facts=shown)
    with replacing(out / "facts.json") as part:
        part.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    mae = result.overall.mae_months
    print(f"n {result.n}: MAE {mae.value:.2f} months [{mae.low:.2f}, {mae.high:.2f}]; page {out / 'index.html'}")


def compare(
    models: Annotated[list[str], typer.Argument(metavar="RUN|MODEL|EVALUATION...", help="Two or more.")],
    out: Annotated[Path, typer.Option(help="Folder for the page, the table and the figure.")],
    data: Annotated[
        Optional[Path], typer.Option(help="The data set to read; not needed for evaluation folders.")
    ] = None,
    split: Split = None,
    side: Side = "test",
    group: Groups = None,
    reference: Annotated[Optional[str], typer.Option(help="The model the others are held against.")] = None,
    cache: Cache = Path("cache"),
) -> None:
    """Put models side by side on the same radiographs, with paired differences and what each costs."""
    from carpal.errors import InvalidArgument
    from carpal.evaluation import write_comparison

    if len(models) < 2:
        raise InvalidArgument("a comparison needs at least two models")
    names = [Path(model).name for model in models]
    if len(set(names)) < len(names):
        raise InvalidArgument("two of the models have the same name: rename a folder")
    candidates = []
    with progress_bar("models") as tell:
        for number, (name, model) in enumerate(zip(names, models, strict=True), start=1):
            candidates.append(_candidate(name, model, data, split, side, group, cache))
            tell(number, len(models))
    comparison = write_comparison(candidates, out, reference=reference)
    for candidate, metrics in zip(comparison.candidates, comparison.metrics, strict=True):
        mae = metrics.mae_months
        print(f"{candidate.name}: MAE {mae.value:.2f} months [{mae.low:.2f}, {mae.high:.2f}], n {metrics.n}")
    print(f"page {out / 'index.html'}")


def _candidate(
    name: str, model: str, data: Path | None, split: Path | None, side: str, group: list[str] | None, cache: Path
) -> Candidate:
    from carpal.errors import InvalidArgument
    from carpal.evaluation import Candidate, read_predictions

    folder = Path(model)
    if (folder / "predictions.csv").is_file():
        facts_file = folder / "facts.json"
        facts = json.loads(facts_file.read_text(encoding="utf-8")) if facts_file.is_file() else {}
        return Candidate(name, read_predictions(folder / "predictions.csv"), facts)
    if data is None:
        raise InvalidArgument(f"{model} has not been evaluated yet: say on which data set with --data")
    assessed = _assess(model, _side(data, _split_of(model, split), side, group), cache, lambda done, total: None)
    return Candidate(name, assessed.predictions, assessed.facts)


def _side(data: Path, split: Path | None, side: str, group: list[str] | None) -> Dataset:
    from carpal.training.datasets import read_dataset
    from carpal.training.validation import choose_side

    return choose_side(read_dataset(data, groups=group or ()), split, side)


def _split_of(model: str, split: Path | None) -> Path | None:
    """The split that is given, else the one a run folder was trained by."""
    own = Path(model) / "split.json"
    return own if split is None and own.is_file() else split


def _assess(model: str, dataset: Dataset, cache: Path, progress) -> Assessed:  # type: ignore[no-untyped-def]
    from carpal.training.assess import assess

    return assess(model, dataset, cache, progress=progress)
