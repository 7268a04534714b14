"""``carpal evaluate``, ``average``, ``coverage``, ``bias``, ``compare``"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from carpal.cli.options import Cache, Groups, Split, Views, print_problems, view_set
from carpal.cli.progress import progress_bar

if TYPE_CHECKING:
    from carpal.evaluation import Candidate, Evaluation, Predictions
    from carpal.evaluation.bootstrap import Estimate
    from carpal.evaluation.distributions import Distributions
    from carpal.training.assess import Assessed
    from carpal.training.datasets import Dataset

Side = Annotated[str, typer.Option(help="Which side of the split: test, validation, train or all.")]


def evaluate(
    models: Annotated[
        Optional[list[str]],
        typer.Argument(metavar="[RUN|MODEL|PREDICTIONS.csv]...", help="What is to be judged; several runs are pooled."),
    ] = None,
    predictions: Annotated[
        Optional[list[Path]], typer.Option(metavar="FILE.csv", help="A table of predictions; repeatable.")
    ] = None,
    out: Annotated[
        Optional[Path], typer.Option(help="Folder for the page, the figures, the metrics and the predictions.")
    ] = None,
    data: Annotated[Optional[Path], typer.Option(help="The data set to read; not with PREDICTIONS.csv.")] = None,
    split: Split = None,
    side: Side = "test",
    group: Groups = None,
    views: Views = 1,
    cache: Cache = Path("cache"),
) -> None:
    """Measure how well a run, a model file or a table of predictions does, with intervals, figures and a page.

    Several runs, each on the radiographs that it held back, make one out-of-fold evaluation.
    """
    from carpal.errors import InvalidArgument
    from carpal.evaluation.metrics import evaluate as measure_all

    named = [*(models or []), *map(str, predictions or [])]
    if not named:
        raise InvalidArgument("say what is to be judged: a run, a model, or --predictions FILE.csv")
    tables = [name for name in models or [] if Path(name).suffix.lower() == ".csv"] + list(map(str, predictions or []))
    if tables:
        if data is not None:
            raise InvalidArgument("a table of predictions brings its own references: leave --data out")
        if split is not None or group or side != "test" or views != 1:
            raise InvalidArgument("a table of predictions is measured whole: no --split, --side, --group or --views")
        if len(tables) < len(named):
            raise InvalidArgument("tables of predictions cannot be pooled with runs or models")
        for result, name in _judge_tables(tables, out):
            print(f"{name}: {result}" if len(tables) > 1 else result)
        return
    if data is None:
        raise InvalidArgument("say which data set to read with --data")
    for name in named:
        _check_there(name)
    assessed = _assess_all(named, _read_data(data, group), split, side, view_set(views), cache)
    title = f"Evaluation of {', '.join(Path(name).name for name in named)}"
    if out is None:
        print(_mae_line(measure_all(assessed.predictions)))
        return
    for line in assessed.unreadable:
        print(f"left out: {line}")
    print(_write_folder(assessed.distributions, assessed.predictions, assessed.facts, out, title))


def _judge_tables(tables: list[str], out: Path | None) -> Iterator[tuple[str, str]]:
    """(line, table) of each: measured, and written to ``out`` where there is one table."""
    from carpal.errors import InvalidArgument
    from carpal.evaluation import read_predictions, write_evaluation
    from carpal.evaluation.metrics import evaluate as measure_all

    if out is not None and len(tables) > 1:
        raise InvalidArgument("--out takes one table of predictions")
    if out is not None:
        _spare(Path(tables[0]), out / "predictions.csv")
    for table in tables:
        found = read_predictions(table)
        if out is None:
            yield _mae_line(measure_all(found)), table
        else:
            facts = {"predictions": Path(table).name}
            title = f"Evaluation of {Path(table).name}"
            yield (
                f"{_mae_line(write_evaluation(found, out, title=title, facts=facts))}; page {out / 'index.html'}",
                table,
            )


def _spare(given: Path, written: Path) -> None:
    """Raises InvalidArgument where the file that is given is the one that would be written: its further columns would
    be lost."""
    from carpal.errors import InvalidArgument

    if given.exists() and written.exists() and written.samefile(given):
        raise InvalidArgument(f"{given} would be replaced: choose another folder for --out")


def _mae_line(result: Evaluation) -> str:
    mae, reported = result.overall.mae_months, result.overall.mae_as_reported_months
    text = f"n {result.n}: MAE {mae.value:.2f} months{_brackets(mae)}"
    if reported.value is not None:
        text += f", as reported {reported.value:.2f}{_brackets(reported)}"
    return f"{text}, five-class accuracy {result.overall.class_accuracy.value:.3f}"


def _brackets(found: Estimate) -> str:
    """The interval; nothing where there is none, as of a single radiograph."""
    return "" if found.low is None or found.high is None else f" [{found.low:.2f}, {found.high:.2f}]"


def _check_there(model: str) -> None:
    """Raises ModelError for what is neither a folder nor a model file, before anything is asked about its data."""
    from carpal.modelfile import find_model

    if not Path(model).is_dir():
        find_model(model)


def _read_data(data: Path, group: list[str] | None) -> Dataset:
    """The data set; what is wrong with it is said, for its radiographs that cannot be used lack in every figure."""
    from carpal.training.datasets import read_dataset

    dataset = read_dataset(data, groups=group or ())
    print_problems(dataset.problems)
    return dataset


def _assess_all(
    models: list[str], dataset: Dataset, split: Path | None, side: str, views: tuple[str, ...], cache: Path
) -> Assessed:
    from carpal.training.assess import assess, pool_assessed
    from carpal.training.validation import choose_side

    parts = []
    for model in models:
        chosen = choose_side(dataset, _split_of(model, split), side)
        if (Path(model) / "config.json").is_file():
            _mind_training(model, chosen, side)
        with progress_bar("preparing") as tell:
            parts.append(assess(model, chosen, cache, views=views, progress=tell))
    return pool_assessed(parts) if len(parts) > 1 else parts[0]


def _mind_training(model: str, dataset: Dataset, side: str) -> None:
    from carpal.training.validation import on_training_side

    trained = on_training_side(Path(model), dataset)
    if trained:
        told = f"{trained} of these {len(dataset.samples)} radiographs are on the training side of {model}"
        print(f"mind: {told}", file=sys.stderr)
    elif trained is None and side == "all":
        print("mind: side all may hold radiographs that this run was trained on", file=sys.stderr)


def _write_folder(
    distributions: Distributions, predictions: Predictions, facts: dict[str, str | float], out: Path, title: str
) -> str:
    """Write the folder of an evaluation; the line to print."""
    from carpal.evaluation import write_evaluation
    from carpal.evaluation.distributions import write_distributions
    from carpal.files import replacing

    shown = {name: f"{value:.4g}" if isinstance(value, float) else str(value) for name, value in facts.items()}
    result = write_evaluation(predictions, out, title=title, facts=shown)
    write_distributions(distributions, out / "distributions.npz")
    with replacing(out / "facts.json") as part:
        part.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return f"{_mae_line(result)}; page {out / 'index.html'}"


def average(
    evaluations: Annotated[list[Path], typer.Argument(metavar="EVALUATION...", help="Folders of carpal evaluate.")],
    out: Annotated[Path, typer.Option(help="Folder for the averaged evaluation.")],
) -> None:
    """Average what several models said about the same radiographs: the evaluation of an ensemble."""
    from carpal.errors import InvalidArgument
    from carpal.evaluation.distributions import average as average_all
    from carpal.evaluation.distributions import read_distributions

    if len(evaluations) < 2:
        raise InvalidArgument("an average needs at least two evaluations")
    for folder in evaluations:
        _spare(folder / "distributions.npz", out / "distributions.npz")
    parts = [read_distributions(folder / "distributions.npz") for folder in evaluations]
    facts: dict[str, str | float] = {"model": " + ".join(folder.name for folder in evaluations)}
    found = average_all(parts)
    print(_write_folder(found, found.predictions(), facts, out, f"Average of {facts['model']}"))


def coverage(
    evaluation: Annotated[Path, typer.Argument(metavar="EVALUATION", help="An out-of-fold folder of carpal evaluate.")],
    folds: Annotated[Path, typer.Option(help="Folder of split files: the validation side of each is a fold.")],
) -> None:
    """Calibrate the intervals of an out-of-fold evaluation, by sex and age, and measure whether they hold.

    Adds calibration.json (for carpal export) and coverage.md, .csv and .png, and puts the calibrated 90 % intervals,
    each fold's learned on the others, into the evaluation's predictions and page.
    """
    from carpal.errors import InvalidArgument
    from carpal.evaluation.coverage_report import fold_numbers, write_coverage
    from carpal.evaluation.distributions import read_distributions
    from carpal.training.splits import read_split

    files = sorted(folds.glob("fold-*.json"))
    if len(files) < 2:
        raise InvalidArgument(f"{folds}: needs two or more files called fold-*.json")
    found = read_distributions(evaluation / "distributions.npz")
    numbers = fold_numbers(found, [read_split(file).validation for file in files])
    source = f"{len(found)} radiographs out of fold ({len(files)} folds)"
    result = write_coverage(found, numbers, evaluation, source=source)
    facts = _read_facts(evaluation)
    facts["intervals"] = "calibrated on the other folds"
    title = f"Evaluation of {facts.get('model', evaluation.name)}, out of fold"
    line = _write_folder(found, found.predictions(result.intervals[0.9]), facts, evaluation, title)
    worst = result.worst_cell()
    print(f"the 90 % interval holds {100 * result.held():.1f} %, least in {worst.name} ({100 * worst.held:.1f} %)")
    print(line)


def bias(
    predictions: Annotated[
        Path, typer.Argument(metavar="PREDICTIONS.csv", help="A table of carpal evaluate, or yours.")
    ],
    facts: Annotated[
        Optional[Path], typer.Option(metavar="TABLE.csv", help="What else is known of each id: group by that, too.")
    ] = None,
    out: Annotated[Optional[Path], typer.Option(help="Folder for the page, the table and the figure.")] = None,
) -> None:
    """Show whom a model reads worse, too old or too young: by sex and age, and by any further column (site, device)."""
    from carpal.errors import InvalidArgument
    from carpal.evaluation.bias import bias_table, sentences, write_bias
    from carpal.evaluation.page import figure_text
    from carpal.evaluation.predictions import read_facts, read_further_columns, read_predictions

    if out is not None:
        for given in (predictions, facts):
            if given is not None:
                _spare(given, out / "bias.csv")
    found, columns = read_predictions(predictions), read_further_columns(predictions)
    if facts is not None:
        told = read_facts(facts, found.ids)
        if both := [name for name in told if name in columns and columns[name] != told[name]]:
            raise InvalidArgument(f"{predictions} and {facts} differ in the column {both[0]}: keep one of them")
        columns |= told
    table = bias_table(found, columns)
    print("\n".join(sentences(table)))
    for cell in table.cells:
        mae, off = figure_text(cell.metrics.mae_months), figure_text(cell.metrics.bias_months, signed=True)
        print(f"  {cell.value} (n {cell.metrics.n}): MAE {mae}, bias {off}")
    if out is not None:
        write_bias(table, out, title=f"Bias in {predictions.name}")
        print(f"page {out / 'index.html'}")


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
    fresh = [model for model in models if not (Path(model) / "predictions.csv").is_file()]
    if not fresh and (data is not None or split is not None or group or side != "test"):
        raise InvalidArgument("evaluations are compared as they are: leave --data, --split, --side and --group out")
    for model in fresh:
        _check_there(model)
        if data is None:
            raise InvalidArgument(f"{model} has not been evaluated yet: say on which data set with --data")
    dataset = _read_data(data, group) if fresh and data is not None else None
    candidates = []
    with progress_bar("models") as tell:
        for number, (name, model) in enumerate(zip(names, models, strict=True), start=1):
            candidates.append(_candidate(name, model, dataset, split, side, cache))
            tell(number, len(models))
    comparison = write_comparison(candidates, out, reference=reference)
    for candidate, metrics in zip(comparison.candidates, comparison.metrics, strict=True):
        mae = metrics.mae_months
        print(f"{candidate.name}: MAE {mae.value:.2f} months{_brackets(mae)}, n {metrics.n}")
    print(f"page {out / 'index.html'}")


def _read_facts(folder: Path) -> dict[str, Any]:
    """What stands beside an evaluation, nothing where there is no such file. Raises DatasetError."""
    from carpal.errors import DatasetError

    file = folder / "facts.json"
    if not file.is_file():
        return {}
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise DatasetError(f"{file}: not the facts that carpal evaluate wrote") from error


def _candidate(name: str, model: str, dataset: Dataset | None, split: Path | None, side: str, cache: Path) -> Candidate:
    from carpal.evaluation import Candidate, read_predictions

    folder = Path(model)
    if dataset is None or (folder / "predictions.csv").is_file():
        return Candidate(name, read_predictions(folder / "predictions.csv"), _read_facts(folder))
    assessed = _assess_all([model], dataset, split, side, ("",), cache)
    return Candidate(name, assessed.predictions, assessed.facts)


def _split_of(model: str, split: Path | None) -> Path | None:
    """The split that is given, else the one a run folder was trained by."""
    own = Path(model) / "split.json"
    return own if split is None and own.is_file() else split
