"""A simulated site: readers who see children as older, boys more than girls, and films exposed otherwise. Is it met?
And is a site that needs nothing left alone?

usage: python benchmarks/site.py [DATA]      some three minutes on one CPU core; writes results/site.md, and
what was read of each radiograph of the test to results/site/*.csv
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from carpal.evaluation.bootstrap import estimate
from carpal.evaluation.distributions import Distributions
from carpal.evaluation.page import figure_text
from carpal.evaluation.predictions import Predictions, write_predictions
from carpal.evaluation.site import fit_site
from carpal.reader import Reader
from carpal.training.datasets import Sample, load_radiograph, read_dataset
from carpal.training.splits import read_split

ROOT = Path(__file__).resolve().parents[1]
RESULTS, LOCKED = ROOT / "results", ROOT / "recipes" / "folds" / "fold-4.json"
GEORGIAN = {"F": 2.85, "M": 5.35}  # what Deeplasia is off by on Georgian children (Sci Rep 2025, s41598-025-20148-w)
# The most of three models on healthy children after a trauma (Pediatr Radiol, June 2026)
TRAUMA = {"F": 7.03, "M": 7.03}
GAMMA = 1.6


def readings(reader: Reader, samples: Sequence[Sample], exposed: float, offsets: dict[str, float]) -> Distributions:
    values = []
    for sample in samples:
        radiograph = load_radiograph(sample)
        radiograph = replace(radiograph, pixels=radiograph.pixels ** np.float32(exposed))
        values.append(reader.read(radiograph, sample.sex, accept_anything=True).distribution)
    ages = np.array([min(239.0, s.age_months + offsets[s.sex]) for s in samples])
    ids, sexes = tuple(s.id for s in samples), tuple(s.sex for s in samples)
    return Distributions(ids, sexes, ("",) * len(ids), ages, np.array(values))


def on_the_rest(reader: Reader, site: Distributions, learned: list[int], rest: list[int], name: str) -> list[str]:
    """The calibration from some of the site's radiographs, measured on the others; ``name`` begins those of CSVs."""
    fit = fit_site(site.take(learned), reader.facts.calibration, name="simulated", model_digest=reader.digest)
    test = site.take(rest)
    before = test.values @ np.arange(240)
    keep(test, before, f"{name}-before")
    change = f"{figure_text(fit.mae_change, signed=True)}"
    if fit.calibration is None:
        mae = estimate(
            list(test.ids),
            lambda w: (w @ np.abs(before - test.reference_months)[:, None]) / w.sum(1, keepdims=True),
            2000,
            0,
        )
        return [str(len(learned)), change, "refused", figure_text(mae[0]), "–", "–"]
    moved = np.array([fit.calibration.distribution(v, s) for v, s in zip(test.values, test.sexes, strict=True)])
    after = moved @ np.arange(240)
    keep(test, after, f"{name}-after-{len(learned)}")
    errors = [np.abs(ages - test.reference_months) for ages in (before, after)]
    terms = np.column_stack([*errors, errors[1] - errors[0]])
    found = estimate(list(test.ids), lambda w: (w @ terms) / w.sum(1, keepdims=True), 2000, 0)
    what = "widths alone" if set(fit.calibration.lines.values()) == {(0.0, 1.0)} else "line"
    return [str(len(learned)), change, what, *(figure_text(f) for f in found[:2]), figure_text(found[2], signed=True)]


def keep(test: Distributions, months: np.ndarray, name: str) -> None:
    folder = RESULTS / "site"
    folder.mkdir(exist_ok=True)
    read = Predictions(test.ids, np.array(test.sexes), test.reference_months, months)
    write_predictions(read, folder / f"{name}.csv")


def main() -> None:
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("../shared/rsna")
    held_back = read_dataset(data, groups=["highres"]).only(read_split(LOCKED).validation)
    samples = held_back.samples
    reader, order = Reader(), np.random.default_rng(0).permutation(len(samples)).tolist()
    sites = {  # name of its CSVs: what it is, how its films are exposed, by how much its readers are older
        "older-boys": ("readers older by 2.9 (girls) and 5.4 (boys) months, gamma 1.6", GAMMA, GEORGIAN),
        "older": ("readers older by 7.0 months, gamma 1.6", GAMMA, TRAUMA),
        "rsna": ("as RSNA", 1.0, {"F": 0.0, "M": 0.0}),
    }
    text = [
        "# Calibration for a site",
        "",
        f"`python benchmarks/site.py`: fold 4 (n {len(samples)}, not seen by `default`), some to learn from, 97 for",
        "the test. Months, with 95 % bootstrap intervals. `carpal evaluate --predictions results/site/FILE.csv` gives",
        f"each MAE again. Data {held_back.digest()[:16]}.",
        "",
        "| site | learned from | change left out in turn | calibration | MAE of the 97 before | after | change |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, (what, exposed, offsets) in sites.items():
        site = readings(reader, samples, exposed, offsets)
        for count in (30, 60, 100):
            cells = on_the_rest(reader, site, order[:count], order[100:], name)
            text.append(f"| {what} | {' | '.join(cells)} |")
    (RESULTS / "site.md").write_text("\n".join(text) + "\n", encoding="utf-8")
    print("\n".join(text))


if __name__ == "__main__":
    main()
