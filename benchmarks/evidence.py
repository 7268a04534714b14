"""Whether the evidence map can be believed, on radiographs that the model has not seen.

usage: python benchmarks/evidence.py [DATA] [--n 100]      about ten minutes on one CPU core

Three tests (after Adebayo et al. 2018): the map moves with the hand; a network whose weights are shuffled has another
map; blurring the brightest place of the map moves the age more than blurring a random place on the hand. Writes
results/evidence.md, results/evidence/radiographs.csv and the gallery results/evidence/gallery.png of phantoms.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import numpy_helper

from carpal.distribution import expected_months
from carpal.errors import RefusedRadiograph
from carpal.evaluation.bootstrap import estimate
from carpal.evaluation.page import figure_text
from carpal.explain import REGIONS, Evidence, explain, hide
from carpal.modelfile import find_model
from carpal.phantom import draw_phantom
from carpal.reader import Reader
from carpal.training.datasets import load_radiograph, read_dataset
from carpal.training.splits import read_split

ROOT = Path(__file__).resolve().parents[1]
RESULTS, LOCKED = ROOT / "results", ROOT / "recipes" / "folds" / "fold-4.json"
RANDOM_PLACES = 8
COLUMNS = ("followed", "kept_when_shuffled", "moved_by_brightest", "moved_by_random", "difference", "brightest_more")


def shuffled_model(path: Path, out: Path, seed: int = 0) -> Path:
    """The same network with the numbers of each of its weights in another order."""
    model, rng = onnx.load(path), np.random.default_rng(seed)
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype.kind == "f" and values.size > 1000:
            changed = numpy_helper.from_array(rng.permutation(values.ravel()).reshape(values.shape), weight.name)
            weight.CopyFrom(changed)
    onnx.save(model, out)
    return out


def alike(first: np.ndarray, second: np.ndarray, where: np.ndarray) -> float:
    """Correlation of two maps over the hand."""
    return float(np.corrcoef(first[where], second[where])[0, 1])


def laid_otherwise(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tilted by 12 degrees, made a tenth smaller and moved; and the (2, 3) matrix that did it."""
    height, width = pixels.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 12, 0.9)
    matrix[:, 2] += (0.04 * width, -0.03 * height)
    return cv2.warpAffine(pixels, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), matrix


def moved_by(reader: Reader, evidence: Evidence, sex: str, rng: np.random.Generator) -> tuple[float, float]:
    """Months by which the age moves when the brightest place is blurred away, and on average of random places."""
    image = evidence.prepared
    age = float(expected_months(reader.distributions(image[None], [sex], views=("",))[0]))
    brightest = np.unravel_index(int(evidence.months_moved.argmax()), image.shape)
    hand = np.argwhere(image > 40)
    places = [brightest, *hand[rng.integers(len(hand), size=RANDOM_PLACES)]]
    hidden = np.array([hide(image, float(row), float(column)) for row, column in places])
    ages = expected_months(reader.distributions(hidden, [sex] * len(places), views=("",)))
    return abs(float(ages[0]) - age), float(np.abs(ages[1:] - age).mean())


def gallery(reader: Reader, out: Path) -> None:
    """Drawn hands with their maps: no child's radiograph is in this repository."""
    tiles = []
    for k, age in enumerate((24, 60, 96, 120, 150, 190)):
        evidence = explain(reader, draw_phantom(age, "FM"[k % 2], seed=k), "FM"[k % 2], accept_anything=True)
        strength = (evidence.months_moved / max(float(evidence.months_moved.max()), 1e-6))[..., None]
        heat = cv2.applyColorMap((255 * strength[..., 0]).astype(np.uint8), cv2.COLORMAP_INFERNO)
        grey = cv2.cvtColor(evidence.prepared, cv2.COLOR_GRAY2BGR)
        tiles.append((grey * (1 - 0.6 * strength) + heat * 0.6 * strength).astype(np.uint8))
    out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(out), np.hstack(tiles))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/rsna"))
    parser.add_argument("--n", type=int, default=100)
    chosen = parser.parse_args()
    held_back = read_dataset(chosen.data, groups=["highres"]).only(read_split(LOCKED).validation)
    reader, rng = Reader(), np.random.default_rng(0)
    rows, shares, ids = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        other = Reader(shuffled_model(find_model("default"), Path(folder) / "shuffled.onnx"))
        for sample in held_back.samples:
            if len(ids) == chosen.n:
                break
            radiograph = load_radiograph(sample)
            try:
                evidence = explain(reader, radiograph, sample.sex)
                pixels, matrix = laid_otherwise(radiograph.pixels)
                moved = explain(reader, replace(radiograph, pixels=pixels), sample.sex).on_source()
            except RefusedRadiograph:
                continue
            without_weights = explain(other, radiograph, sample.sex)
            top, random = moved_by(reader, evidence, sample.sex, rng)
            size = radiograph.pixels.shape[::-1]
            moved_back = cv2.warpAffine(moved, matrix, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
            there = evidence.on_source()
            followed = alike(there, moved_back, there > 0)
            kept = alike(evidence.months_moved, without_weights.months_moved, evidence.prepared > 40)
            rows.append((followed, kept, top, random, top - random, float(top > random)))
            shares.append([(evidence.shares or dict.fromkeys(REGIONS, np.nan))[name] for name in REGIONS])
            ids.append(sample.id)
    found = estimate(ids, lambda w: (w @ np.array(rows)) / w.sum(1, keepdims=True), 2000, 0)
    spread = estimate(ids, lambda w: (w @ np.nan_to_num(np.array(shares))) / w.sum(1, keepdims=True), 2000, 0)
    gallery(reader, RESULTS / "evidence" / "gallery.png")
    with (RESULTS / "evidence" / "radiographs.csv").open("w", newline="", encoding="utf-8") as handle:
        table = csv.writer(handle, lineterminator="\n")
        table.writerow(["id", *COLUMNS, *(f"share_{name}" for name in REGIONS)])
        table.writerows([i, *np.round([*row, *share], 4)] for i, row, share in zip(ids, rows, shares, strict=True))
    names = [
        "correlation of the map with that of the same hand tilted, smaller and moved, laid back",
        "correlation of the map with that of the network with shuffled weights",
        "months the age moves when the brightest place is blurred away",
        f"the same for {RANDOM_PLACES} random places on the hand",
        "difference",
        "share of radiographs in which the brightest place moves it more",
    ]
    text = [
        "# Can the evidence map be believed?",
        "",
        f"`python benchmarks/evidence.py` on {len(ids)} radiographs of fold 4, which `default` has not seen. Means,",
        "95 % bootstrap intervals; correlations over the hand. A line per radiograph:",
        f"[radiographs.csv](evidence/radiographs.csv). Data {held_back.digest()[:16]}.",
        "",
        "| test | mean |",
        "|---|---|",
        *(f"| {name} | {figure_text(value)} |" for name, value in zip(names, found, strict=True)),
        "",
        "| where the age comes from | share of the map |",
        "|---|---|",
        *(f"| {name} | {figure_text(value)} |" for name, value in zip(REGIONS, spread, strict=True)),
        "",
        "![Drawn hands with their evidence](evidence/gallery.png)",
        "",
        "Drawn hands of 24, 60, 96, 120, 150 and 190 months, girls and boys in turn: what the map looks like.",
    ]
    (RESULTS / "evidence.md").write_text("\n".join(text) + "\n", encoding="utf-8")
    print("\n".join(text))


if __name__ == "__main__":
    main()
