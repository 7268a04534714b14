"""``carpal phantom``, ``prepare``, ``explore``, ``features``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional, cast

import typer

from carpal.cli.options import Cache, Groups, need_torch, print_problems
from carpal.cli.progress import progress_bar


def phantom(
    out: Annotated[Path, typer.Argument(metavar="OUT.png|OUT.dcm")],
    age_months: Annotated[float, typer.Option(help="Bone age to draw, in months.")],
    sex: Annotated[str, typer.Option(metavar="F|M")],
    seed: Annotated[int, typer.Option(help="Another seed, another hand.")] = 0,
) -> None:
    """Draw a synthetic hand radiograph, for demonstrations and tests."""
    from carpal.phantom import write_phantom

    write_phantom(out, age_months, sex, seed=seed)
    print(out)


def prepare(
    folder: Annotated[Path, typer.Argument(metavar="DIR")],
    out: Annotated[Path, typer.Option(help="Where the prepared PNG files go; never the input folder.")],
    recipe: Annotated[str, typer.Option(help="hand, narrow, plain or classic.")] = "hand",
    size: Annotated[Optional[int], typer.Option(help="Side of the prepared square in pixels.")] = None,
    gallery: Annotated[
        Optional[Path], typer.Option(metavar="FILE.png", help="Also show some before and after.")
    ] = None,
    workers: Annotated[Optional[int], typer.Option(help="Processes; all cores by default.")] = None,
) -> None:
    """Prepare a folder of radiographs as a network would see them. Goes on where it was stopped.

    Exit code 0: all prepared; 1: some failed; 2: none prepared, or a wrong argument.
    """
    from carpal.prepare import recipe_named
    from carpal.prepare_folder import check_gallery, prepare_folder, write_gallery

    chosen = recipe_named(recipe, size)
    if gallery:
        check_gallery(gallery)
    with progress_bar("preparing") as tell:
        report = prepare_folder(folder, out, chosen, workers=workers, progress=tell)
    print(f"{report.written} prepared, {report.kept} already there, {len(report.failed)} failed, in {out}")
    for name in report.without_hand:
        print(f"{name}: no hand found, the whole picture was kept")
    for name, reason in report.failed.items():
        print(f"{name}: {reason}")
    if gallery:
        print(f"{write_gallery(folder, chosen, gallery)} of the radiographs, before and after, in {gallery}")
    if report.failed:
        raise typer.Exit(1 if report.written or report.kept else 2)


def explore(
    data: Annotated[Path, typer.Argument(metavar="DIR|TABLE", help="A data set.")],
    out: Annotated[Path, typer.Option(help="Folder for the page and its figures.")],
    group: Groups = None,
    check_content: Annotated[
        bool, typer.Option("--check-content", help="Also read every file to find copies of the same picture.")
    ] = False,
) -> None:
    """Look at a data set before anything is trained: one page with figures, and what is wrong with the set."""
    from carpal.explore import explore as make_page
    from carpal.training.datasets import read_dataset

    dataset = read_dataset(data, groups=group or (), check_content=check_content)
    with progress_bar("looking") as tell:
        made = make_page(dataset, out, progress=tell)
    count = f"{len(dataset)} radiographs under {len(dataset.ids)} ids"
    print(f"{count}, problems: {len(made.problems)}; page {made.page}")
    print_problems(made.problems)


def features(
    data: Annotated[Path, typer.Argument(metavar="DIR|TABLE", help="A data set.")],
    out: Annotated[Path, typer.Option(metavar="FILE.parquet|FILE.npz", help="The table to write.")],
    backbone: Annotated[Optional[str], typer.Option(help="Any network carpal can train.")] = None,
    init: Annotated[str, typer.Option(help="imagenet, random, FILE.safetensors, or a run folder.")] = "imagenet",
    recipe: Annotated[str, typer.Option(help="hand, narrow, plain or classic; a run folder brings its own.")] = "hand",
    size: Annotated[int, typer.Option(help="Side of the prepared square in pixels.")] = 224,
    group: Groups = None,
    picture: Annotated[Optional[Path], typer.Option("--map", metavar="FILE.png", help="Also draw a 2-D map.")] = None,
    method: Annotated[str, typer.Option(help="pca, tsne or umap.")] = "pca",
    folds: Annotated[int, typer.Option(help="Folds of the ridge probe.")] = 5,
    cache: Cache = Path("cache"),
) -> None:
    """Features of a frozen network as a table, and the ridge regression on them that every network must beat."""
    need_torch()
    from carpal.prepare import recipe_named
    from carpal.training.datasets import read_dataset
    from carpal.training.features import check_suffix, extract_features
    from carpal.training.probe import feature_map, ridge_probe

    check_suffix(out)  # now, not after an hour of work
    trained = Path(init).is_dir() or Path(init).suffix == ".pt"
    chosen = None if trained else recipe_named(recipe, size)
    dataset = read_dataset(data, groups=group or ())
    print_problems(dataset.problems)
    with progress_bar("features") as tell:
        table = extract_features(dataset, backbone=backbone, init=init, recipe=chosen, cache=cache, progress=tell)
    table.write(out)
    for problem in table.problems:
        print(f"left out: {problem.where}: {problem.message}")
    print(f"{table.features.shape[0]} radiographs x {table.features.shape[1]} features: {out}")
    probe = ridge_probe(table, folds=folds)
    low, high = probe.interval_months
    print(f"ridge probe, {folds} folds: MAE {probe.mae_months:.2f} months [{low:.2f}, {high:.2f}]")
    print(f"median by sex, same folds: MAE {probe.baseline_mae_months:.2f} months")
    if picture:
        print(feature_map(table, picture, method=cast(Any, method)))
