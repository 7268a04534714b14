"""Radiographs that neither model nor gate has seen, laid wrongly: are they put right, and is the age the same?

usage: python benchmarks/corrections.py [DATA]      some five minutes on one CPU core; writes
results/corrections.md and results/corrections.csv, a line per copy
"""

from __future__ import annotations

import csv
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from carpal.errors import RefusedRadiograph
from carpal.evaluation.bootstrap import estimate
from carpal.evaluation.figures import wilson
from carpal.evaluation.page import figure_text
from carpal.reader import Reader
from carpal.training.datasets import load_radiograph, read_dataset
from carpal.training.splits import read_split

ROOT = Path(__file__).resolve().parents[1]
RESULTS, LOCKED = ROOT / "results", ROOT / "recipes" / "folds" / "fold-4.json"
COPIES = {
    "inverted": lambda pixels: 1 - pixels,
    "turned by 90°": lambda pixels: np.rot90(pixels, 1),
    "turned by 180°": lambda pixels: np.rot90(pixels, 2),
    "turned by 270°": lambda pixels: np.rot90(pixels, 3),
    "mirrored": lambda pixels: pixels[:, ::-1],
}


def main() -> None:
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("../shared/rsna")
    held_back = read_dataset(data, groups=["highres"]).only(read_split(LOCKED).validation)
    samples = held_back.samples
    reader, refused, mirrored, kept = Reader(), 0, 0, []
    copies: list[tuple[object, ...]] = []
    rows: dict[str, list[tuple[bool, bool, float]]] = {name: [] for name in COPIES}
    for sample in samples:
        radiograph = load_radiograph(sample)
        try:
            upright = reader.read(radiograph, sample.sex)
        except RefusedRadiograph:
            refused += 1
            continue
        kept.append(sample.id)
        mirrored += "mirrored" in upright.quality.corrections
        put_right = reader.gate.examine(radiograph).radiograph.pixels
        for name, copy in COPIES.items():
            other = replace(radiograph, pixels=np.ascontiguousarray(copy(radiograph.pixels)))
            examined = reader.gate.examine(other)
            pixels = examined.radiograph.pixels
            same = pixels.shape == put_right.shape and bool(np.allclose(pixels, put_right, atol=1e-5))
            reading = reader.read(other, sample.sex, accept_anything=True)
            change = reading.bone_age_months - upright.bone_age_months
            rows[name].append((same, not examined.quality.accepted, change))
            ages = (round(upright.bone_age_months, 3), round(reading.bone_age_months, 3))
            copies.append((sample.id, sample.sex, name, same, not examined.quality.accepted, *ages))
    text = [
        "# Radiographs laid wrongly",
        "",
        "`python benchmarks/corrections.py` on the radiographs of fold 4, which neither `default` nor the gate saw",
        f"(n {len(samples)}): {refused} are refused as they are, {mirrored} of the others are taken for mirrored ones.",
        "Brackets: 95 % intervals. Ages are compared with those of the upright radiograph. A line per copy:",
        f"[corrections.csv](corrections.csv). Data {held_back.digest()[:16]}.",
        "",
        "| copies | n | put right | refused | mean change of age (months) | mean size of the change |",
        "|---|---|---|---|---|---|",
    ]
    everything = []
    for name, found in rows.items():
        everything += found
        text.append(line(name, found, kept))
    text.append(line("all", everything, kept * len(rows)))
    with (RESULTS / "corrections.csv").open("w", newline="", encoding="utf-8") as handle:
        table = csv.writer(handle, lineterminator="\n")
        table.writerow(["id", "sex", "copy", "put_right", "refused", "upright_months", "predicted_months"])
        table.writerows(copies)
    (RESULTS / "corrections.md").write_text("\n".join(text) + "\n", encoding="utf-8")
    print("\n".join(text))


def line(name: str, found: list[tuple[bool, bool, float]], ids: list[str]) -> str:
    right, refused, change = (np.array(column, float) for column in zip(*found, strict=True))
    low, high = wilson(right.mean(), len(set(ids)))  # copies of one radiograph are no further radiographs
    terms = np.column_stack([change, np.abs(change)])
    mean, size = estimate(ids, lambda w: (w @ terms) / w.sum(1, keepdims=True), 2000, 0)
    share = f"{100 * right.mean():.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
    cells = (name, str(len(right)), share, str(int(refused.sum())), figure_text(mean, signed=True), figure_text(size))
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
