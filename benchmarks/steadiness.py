"""How far a bone age moves by what nobody sees: a film in 12 bits, a third of a grey level of noise, a copy in good
JPEG, a row and a column of pixels cut off. Radiographs that neither model nor gate has seen.

usage: python benchmarks/steadiness.py [DATA]      a minute on one CPU core; writes results/steadiness.md and
results/steadiness.csv, a line per copy
"""

from __future__ import annotations

import csv
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from carpal.errors import RefusedRadiograph
from carpal.evaluation.bootstrap import estimate
from carpal.evaluation.page import figure_text
from carpal.reader import Reader
from carpal.training.datasets import load_radiograph, read_dataset
from carpal.training.splits import read_split

ROOT = Path(__file__).resolve().parents[1]
RESULTS, LOCKED = ROOT / "results", ROOT / "recipes" / "folds" / "fold-4.json"


def in_12_bits(pixels: np.ndarray, seed: int) -> np.ndarray:
    return np.round(pixels * 4095) / np.float32(4095)


def noisy(pixels: np.ndarray, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 0.3 / 255, pixels.shape)
    return np.clip(pixels + noise, 0, 1).astype(np.float32)


def as_jpeg(pixels: np.ndarray, seed: int) -> np.ndarray:
    coded = cv2.imencode(".jpg", np.round(pixels * 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
    return cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255


def cut(pixels: np.ndarray, seed: int) -> np.ndarray:
    return np.ascontiguousarray(pixels[1:, 1:])


COPIES = {
    "12 bits": in_12_bits,
    "noise, SD 0.3 of 255": noisy,
    "JPEG, quality 95": as_jpeg,
    "a row and column cut": cut,
}


def main() -> None:
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("../shared/rsna")
    held_back = read_dataset(data, groups=["highres"]).only(read_split(LOCKED).validation)
    reader, rows = Reader(), []
    for seed, sample in enumerate(held_back.samples):
        radiograph = load_radiograph(sample)
        try:
            age = reader.read(radiograph, sample.sex).bone_age_months
        except RefusedRadiograph:
            continue
        for name, changed in COPIES.items():
            copy = replace(radiograph, pixels=changed(radiograph.pixels, seed))
            moved = reader.read(copy, sample.sex, accept_anything=True).bone_age_months
            rows.append((sample.id, name, round(age, 3), round(moved, 3)))
    text = [
        "# How steady a reading is",
        "",
        "`python benchmarks/steadiness.py`: radiographs of fold 4, which `default` has not seen, read as they",
        "are and changed by what nobody sees. Months, 95 % bootstrap intervals. A line per copy:",
        f"[steadiness.csv](steadiness.csv). Data {held_back.digest()[:16]}.",
        "",
        "| copy | n | median of the change's size | mean | by more than 1 month | by more than 3 |",
        "|---|---|---|---|---|---|",
        *(line(name, [row for row in rows if row[1] == name]) for name in COPIES),
    ]
    with (RESULTS / "steadiness.csv").open("w", newline="", encoding="utf-8") as handle:
        table = csv.writer(handle, lineterminator="\n")
        table.writerow(["id", "copy", "predicted_months", "copy_months"])
        table.writerows(rows)
    (RESULTS / "steadiness.md").write_text("\n".join(text) + "\n", encoding="utf-8")
    print("\n".join(text))


def line(name: str, rows: list[tuple[str, str, float, float]]) -> str:
    size = np.abs([moved - age for _, _, age, moved in rows])
    (mean,) = estimate([row[0] for row in rows], lambda w: (w @ size[:, None]) / w.sum(1, keepdims=True), 2000, 0)
    counts = (str(int((size > months).sum())) for months in (1, 3))
    return f"| {' | '.join([name, str(len(rows)), f'{np.median(size):.2f}', figure_text(mean), *counts])} |"


if __name__ == "__main__":
    main()
