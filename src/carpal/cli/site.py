"""``carpal calibrate`` and ``carpal drift``"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from carpal.cli.options import print_problems
from carpal.cli.progress import progress_bar

if TYPE_CHECKING:
    from carpal.evaluation.distributions import Distributions
    from carpal.reader import Reader
    from carpal.training.datasets import Sample


def calibrate(
    table: Annotated[
        Path,
        typer.Argument(metavar="TABLE|DATASET", help="30 radiographs or more: path, bone_age_months, sex."),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE.json", help="The calibration, for carpal read --calibration.")],
    name: Annotated[str, typer.Option(help="What it is called in every output, such as the hospital.")],
    model: Annotated[str, typer.Option(help="A shipped model or an ONNX file made by carpal export.")] = "default",
) -> None:
    """Learn from your own radiographs how your readers and machines differ, and write it down if it helps.

    Exit code 0: written; 1: it would not help, nothing was written.
    """
    from carpal.errors import InvalidArgument
    from carpal.evaluation.page import figure_text
    from carpal.evaluation.site import fit_site
    from carpal.reader import Reader
    from carpal.site import write_site_calibration
    from carpal.training.datasets import read_dataset

    if out.suffix.lower() != ".json":
        raise InvalidArgument(f"--out {out}: a calibration is called something.json")
    dataset = read_dataset(table)
    print_problems(dataset.problems)
    reader = Reader(model)
    found = _read(reader, dataset.samples)
    fit = fit_site(found, reader.facts.calibration, name=name, model_digest=reader.digest)
    before, after = figure_text(fit.mae_before), figure_text(fit.mae_after)
    print(f"n {fit.n}, each left out in turn: MAE {before} months before, {after} after", end="")
    print(f" (change {figure_text(fit.mae_change, signed=True)})")
    print(f"the 90 % interval holds {100 * fit.held_before:.0f} % before, {100 * fit.held_after:.0f} % after")
    if fit.calibration is None:
        print("nothing was written: the model suits this site as it is, or there are too few radiographs to tell")
        raise typer.Exit(1)
    for sex, (intercept, slope) in fit.calibration.lines.items():
        print(f"{ {'F': 'girls', 'M': 'boys'}[sex] }: {intercept:+.1f} months {slope:+.3f} x age")
    write_site_calibration(fit.calibration, out)
    print(f"wrote {out}: use it with carpal read --calibration {out}")


def _read(reader: Reader, samples: tuple[Sample, ...]) -> Distributions:
    """What the model says of each; what cannot be read or is refused is named and left out."""
    import numpy as np

    from carpal.errors import CarpalError, InvalidArgument
    from carpal.evaluation.distributions import Distributions
    from carpal.training.datasets import load_radiograph

    kept, values = [], []
    with progress_bar("reading") as tell:
        for number, sample in enumerate(samples, start=1):
            try:
                values.append(reader.read(load_radiograph(sample), sample.sex).distribution)
                kept.append(sample)
            except CarpalError as error:
                print(f"  left out: {sample.path.name}: {error}", file=sys.stderr)
            tell(number, len(samples))
    if not kept:
        raise InvalidArgument("none of the radiographs could be read")
    ids, sexes, groups = ([getattr(s, field) for s in kept] for field in ("id", "sex", "group"))
    ages = np.array([s.age_months for s in kept])
    return Distributions(tuple(ids), tuple(sexes), tuple(groups), ages, np.array(values))


def drift(
    readings: Annotated[
        list[Path], typer.Argument(metavar="READINGS.json...", help="What carpal read --json printed.")
    ],
    reference: Annotated[
        Optional[Path], typer.Option(metavar="FILE.npz", help="Your own reference; else carpal's, of RSNA radiographs.")
    ] = None,
    save: Annotated[
        Optional[Path], typer.Option("--save", metavar="FILE.npz", help="Keep these readings as a reference.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare a stream of readings with a reference: ages, picture quality, refusals, appearance.

    Exit code 0: no flag; 1: a flag is raised.
    """
    import json

    from carpal.errors import InvalidArgument
    from carpal.evaluation.drift import FEWEST, measure_drift, read_stream, reference_stream, write_stream

    stream = read_stream(readings)
    if save is not None:
        if save.suffix != ".npz":
            raise InvalidArgument(f"--save {save}: a reference is called something.npz")
        if len(stream) < FEWEST:
            raise InvalidArgument(f"{len(stream)} readings are too few for a reference: {FEWEST} at least")
        write_stream(stream, save)
        print(f"wrote {save}: a reference of {len(stream)} readings", file=sys.stderr)
        return
    found = measure_drift(stream, reference_stream(reference))
    if as_json:
        print(json.dumps(found.to_dict(), indent=1))
    else:
        print(f"{found.n} readings against {found.reference_n}")
        for flag in found.flags:
            mark = "FLAG" if flag.raised else "  ok"
            print(f"{mark}  {flag.what}: {flag.effect} (p {flag.p_value:.2g})")
    if found.raised:
        raise typer.Exit(1)
