"""``carpal train``, ``tune``, ``export``"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Optional, cast

import typer

from carpal.cli.options import Cache, Groups, Split, Views, need_torch, print_problems, view_set
from carpal.cli.progress import progress_bar


def _take_preset(context: typer.Context, name: Optional[str]) -> Optional[str]:
    """Its options become the defaults: what is given on the command line goes first."""
    if name is not None:
        from carpal.training.presets import preset

        context.default_map = {**(context.default_map or {}), **preset(name)}
    return name


def train(
    data: Annotated[Path, typer.Argument(metavar="DIR|TABLE", help="A data set.")],
    out: Annotated[Path, typer.Option(help="Run folder; an unfinished run in it goes on.")],
    preset: Annotated[
        Optional[str],
        typer.Option(
            callback=_take_preset, is_eager=True, help="A set of options: fine-tune, rsna-full or rsna-full-light."
        ),
    ] = None,
    backbone: Annotated[str, typer.Option(help="custom, or any network of timm's.")] = "efficientnet_lite0",
    init: Annotated[str, typer.Option(help="imagenet, random, FILE.safetensors, or another run folder.")] = "imagenet",
    target: Annotated[str, typer.Option(help="distribution, regression or classes.")] = "distribution",
    sex: Annotated[bool, typer.Option("--sex/--no-sex", help="Tell the network the child's sex.")] = True,
    recipe: Annotated[str, typer.Option(help="Preparation: hand, narrow, plain or classic.")] = "hand",
    size: Annotated[int, typer.Option(help="Side of the prepared square in pixels.")] = 288,
    split: Split = None,
    validation: Annotated[int, typer.Option(help="Ids held back where no split file is given.")] = 100,
    limit: Annotated[int, typer.Option(help="Train on so many ids only; 0 takes all.")] = 0,
    group: Groups = None,
    group_weight: Annotated[
        Optional[list[float]], typer.Option(help="How often to draw from each --group, in their order.")
    ] = None,
    epochs: Annotated[int, typer.Option(help="Passes.")] = 20,
    samples_per_epoch: Annotated[int, typer.Option(help="Radiographs per epoch; 0 means each one once.")] = 0,
    batch_size: Annotated[int, typer.Option()] = 32,
    learning_rate: Annotated[float, typer.Option(help="At its highest.")] = 8e-4,
    layer_decay: Annotated[float, typer.Option(help="Learning rate from one layer to the one below.")] = 0.95,
    frozen_layers: Annotated[
        int, typer.Option(help="How many of the first layers (stem, stages) stay as --init left them; 0 trains all.")
    ] = 0,
    start_share: Annotated[
        float, typer.Option(help="Share of --init's weights in those that are kept; 0 keeps what was learned.")
    ] = 0.0,
    head_epochs: Annotated[int, typer.Option(help="First train the head alone for so many epochs.")] = 0,
    patience: Annotated[int, typer.Option(help="Stop after so many epochs without gain; 0 never.")] = 0,
    keep: Annotated[str, typer.Option(help="Which epoch's weights to keep: best (on validation) or last.")] = "best",
    ema_decay: Annotated[float, typer.Option(help="Memory of the weight average, per step.")] = 0.998,
    augment: Annotated[float, typer.Option(help="Strength of augmentation; 0 none, 1 usual.")] = 1.0,
    rare_ages: Annotated[float, typer.Option(help="0 draws ages as they come, 1 evenly.")] = 0.0,
    precision: Annotated[str, typer.Option(help="auto, float32 or bfloat16.")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    workers: Annotated[int, typer.Option(help="Processes that load and augment; 0 does it in place.")] = 0,
    seed: Annotated[int, typer.Option()] = 0,
    cache: Cache = Path("cache"),
) -> None:
    """Train or fine-tune a network; killed at any moment, the same command goes on.

    Started by torchrun, its processes train one network together; --batch-size is each one's.
    """
    need_torch()
    from carpal.training.augment import Augmentation
    from carpal.training.config import TrainConfig
    from carpal.training.network import NetworkConfig
    from carpal.training.team import join_team
    from carpal.training.train import prepare_sides
    from carpal.training.train import train as run_training

    config = TrainConfig(
        data=str(data),
        split=str(split or ""),
        validation=validation,
        limit=limit,
        groups=tuple(group or ()),
        group_weights=tuple(group_weight or ()),
        recipe=recipe,
        size=size,
        network=NetworkConfig(backbone=backbone, target=cast(Any, target), use_sex=sex),
        init=init,
        epochs=epochs,
        samples_per_epoch=samples_per_epoch,
        batch_size=batch_size,
        learning_rate=learning_rate,
        layer_decay=layer_decay,
        frozen_layers=frozen_layers,
        start_share=start_share,
        head_epochs=head_epochs,
        patience=patience,
        keep=cast(Any, keep),
        ema_decay=ema_decay,
        rare_ages=rare_ages,
        augmentation=Augmentation(strength=augment),
        precision=cast(Any, precision),
        device=device,
        workers=workers,
        seed=seed,
    )
    team = join_team()
    with team.leader_first(), progress_bar("preparing") as tell:
        sides = prepare_sides(config, cache, tell, run=out)
    if team.leads:
        print_problems([*sides.dataset.problems, *sides.train.problems])
        print(f"{len(sides.train)} radiographs train, {len(sides.validation)} validate", file=sys.stderr)
    with progress_bar("training") as tell:
        steps = _step_bar(tell, epochs)
        history = run_training(config, sides, out, team=team, after_step=steps, after_epoch=_print_epoch)
    if not team.leads:
        return
    environment = json.loads((out / "environment.json").read_text(encoding="utf-8"))
    print(f"began from {environment['initial_weights']}", file=sys.stderr)
    kept = history[-1] if config.keep == "last" else min(history, key=lambda row: row["validation_mae"])
    print(f"{keep} epoch {kept['epoch']}: validation MAE {kept['validation_mae']:.2f} months; run folder {out}")


def _step_bar(tell: Callable[[int, int], None], epochs: int) -> Callable[[int, int, int, float], None]:
    return lambda epoch, step, steps, loss: tell(epoch * steps + step, epochs * steps)


def _print_epoch(row: dict[str, float]) -> None:
    print(
        f"epoch {row['epoch']}: loss {row['train_loss']:.3f}, validation MAE {row['validation_mae']:.2f} months, "
        f"bias {row['validation_bias']:+.2f}, {row['seconds']:.0f} s",
        file=sys.stderr,
    )


def tune(
    data: Annotated[Path, typer.Argument(metavar="DIR|TABLE", help="A data set.")],
    out: Annotated[Path, typer.Option(help="Study folder; an unfinished study in it goes on.")],
    trials: Annotated[int, typer.Option(help="Trials in all, those already done counted.")] = 20,
    backbone: Annotated[str, typer.Option(help="custom, or any network of timm's.")] = "efficientnet_lite0",
    init: Annotated[str, typer.Option(help="imagenet, random, FILE.safetensors, or a run folder.")] = "imagenet",
    recipe: Annotated[str, typer.Option(help="Preparation: hand, narrow, plain or classic.")] = "hand",
    size: Annotated[Optional[list[int]], typer.Option(help="Input sizes to choose from; repeatable.")] = None,
    split: Split = None,
    validation: Annotated[int, typer.Option(help="Ids held back where no split file is given.")] = 100,
    group: Groups = None,
    epochs: Annotated[int, typer.Option(help="Epochs of a trial that is not pruned.")] = 5,
    samples_per_epoch: Annotated[int, typer.Option(help="Radiographs per epoch; 0 means each one once.")] = 2000,
    seed: Annotated[int, typer.Option()] = 0,
    cache: Cache = Path("cache"),
) -> None:
    """Search learning rate, augmentation, head and input size with Optuna; killed at any moment, it goes on."""
    need_torch()
    from carpal.training.config import TrainConfig
    from carpal.training.network import NetworkConfig
    from carpal.training.tune import tune as run_study

    base = TrainConfig(
        data=str(data),
        split=str(split or ""),
        validation=validation,
        groups=tuple(group or ()),
        recipe=recipe,
        network=NetworkConfig(backbone=backbone),
        init=init,
        epochs=epochs,
        samples_per_epoch=samples_per_epoch,
        seed=seed,
    )
    with progress_bar("trials") as tell:
        result = run_study(base, out, cache, trials=trials, sizes=tuple(size or (128, 192)), progress=tell)
    for error in result.errors:
        print(f"a trial failed: {error}", file=sys.stderr)
    print(
        f"{result.finished} trials finished, {result.pruned} pruned; best validation MAE {result.best_mae:.2f} months"
    )
    for name, value in result.best_params.items():
        print(f"  {name}: {value:g}" if isinstance(value, float) else f"  {name}: {value}")
    print(f"study in {out}: report.md with its pictures, trials.csv, study.sqlite3")


def export(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="A run folder or its best.pt; several answer together.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE.onnx", help="The model file to write.")],
    name: Annotated[str, typer.Option(help="What the model calls itself in every reading.")],
    views: Views = 1,
    calibration: Annotated[
        Optional[Path], typer.Option(metavar="FILE.json", help="Interval widths from carpal calibrate.")
    ] = None,
    half: Annotated[bool, typer.Option("--half/--single", help="Store the weights in half precision.")] = True,
    data: Annotated[Optional[Path], typer.Option(help="Where the run's data set lies now, if it was moved.")] = None,
    group: Groups = None,
    cache: Cache = Path("cache"),
) -> None:
    """Write the networks of one or several runs as one ONNX file, with preparation, calibration and card inside."""
    need_torch()
    from carpal.errors import InvalidArgument
    from carpal.evaluation.calibrate import read_calibration
    from carpal.training.config import read_config
    from carpal.training.export import export_onnx
    from carpal.training.validation import validation_side

    for run in runs:
        if not run.exists():
            raise InvalidArgument(f"{run}: no such run folder")
    with progress_bar("preparing") as tell:
        largest = max(runs, key=lambda run: read_config(run if run.is_dir() else run.parent).size)
        side = validation_side(largest, cache, data=data, groups=tuple(group or ()), progress=tell)
    done = export_onnx(
        runs,
        out,
        name=name,
        validation=side,
        views=view_set(views),
        calibration=read_calibration(calibration) if calibration else None,
        half=half,
    )
    print(
        f"{done.path}: {done.size_bytes / 1e6:.1f} MB; ONNX Runtime and torch differ by at most "
        f"{done.parity_months:.4f} months on {done.compared} radiographs"
        + (f", half precision moves them by {done.rounding_months:.3f} on average" if half else "")
        + f"; intervals calibrated on {done.calibrated_on}"
    )
