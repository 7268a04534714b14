"""From the runs of recipes/scaling.sh: a power law in the number of images, and what it foresees. Writes
results/scaling.md and results/scaling/curves.png.

usage: python recipes/scaling.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy.optimize import curve_fit

from carpal.evaluation import read_predictions
from carpal.evaluation.bootstrap import row_weights

RESULTS = Path(__file__).resolve().parents[1] / "results"
FULL, RESAMPLES = 12_611, 1000


def power_law(n: np.ndarray, floor: float, scale: float, exponent: float) -> np.ndarray:
    return floor + scale * (n / 1000) ** -exponent


def fit(n: np.ndarray, mae: np.ndarray) -> np.ndarray:
    bounds = ([0, 0, 0.05], [20, 60, 2])
    return curve_fit(power_law, n, mae, p0=(8, 8, 0.4), bounds=bounds, maxfev=20_000)[0]


def errors(prefix: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """(K,) numbers in the folders' names, rising, and (K, N) absolute errors on the same ids."""
    folders = {int(p.name.split("-")[1]): p for p in (RESULTS / "scaling").glob(f"{prefix}-*") if p.is_dir()}
    found = {k: read_predictions(folders[k] / "predictions.csv") for k in sorted(folders)}
    ids = list(next(iter(found.values())).ids)
    if any(list(p.ids) != ids for p in found.values()):
        raise SystemExit("the runs were tested on different radiographs")
    return np.array(list(found)), np.array([np.abs(p.errors_months) for p in found.values()]), ids


def rows(numbers: np.ndarray, absolute: np.ndarray, drawn: np.ndarray) -> list[str]:
    low, high = np.percentile(drawn, (2.5, 97.5), axis=1)
    return [
        f"| {k:,} | {a.mean():.2f} [{lo:.2f}, {hi:.2f}] |"
        for k, a, lo, hi in zip(numbers, absolute, low, high, strict=True)
    ]


def main() -> None:
    images, absolute, ids = errors("images")
    weights = np.concatenate(list(row_weights(ids, RESAMPLES, 0)))
    drawn = absolute @ weights.T / weights.sum(1)  # (K, R): the same children in every run
    law = fit(images, absolute.mean(1))
    foreseen = [float(power_law(np.array(FULL), *fit(images, mae))) for mae in drawn.T]
    low, high = np.percentile(foreseen, (2.5, 97.5))
    sizes, by_size, size_ids = errors("size")
    at_96 = absolute[images.argmax()]
    if size_ids != ids:
        raise SystemExit("the runs were tested on different radiographs")
    sizes, by_size = np.append(sizes, 96), np.vstack([by_size, at_96])
    order = np.argsort(sizes)
    sizes, by_size = sizes[order], by_size[order]
    size_drawn = by_size @ weights.T / weights.sum(1)
    print_page(images, absolute, drawn, law, (low, high), sizes, by_size, size_drawn, len(ids))
    draw(images, absolute, drawn, law, sizes, by_size, size_drawn)


def print_page(images, absolute, drawn, law, interval, sizes, by_size, size_drawn, n) -> None:  # type: ignore[no-untyped-def]
    text = [
        "# Learning curves",
        "",
        f"`recipes/scaling.sh`: MobileNetV2 from ImageNet, 24,000 draws of thumbnails, tested on {n} others. Brackets:",
        f"95 % intervals from {RESAMPLES} bootstrap resamples of the children, the same ones in every run.",
        "",
        "![Mean absolute error by number of images and by input size](scaling/curves.png)",
        "",
        "| images at 96 px | MAE (months) |",
        "|---:|---:|",
        *rows(images, absolute, drawn),
        "",
        f"Power law: MAE = {law[0]:.2f} + {law[1]:.2f} (n / 1000)^-{law[2]:.2f}. It foresees "
        f"{power_law(np.array(FULL), *law):.2f} [{interval[0]:.2f}, {interval[1]:.2f}] months for {FULL:,} images of "
        "the same kind and budget: what more images alone would bring.",
        "",
        "| input px, all images | MAE (months) |",
        "|---:|---:|",
        *rows(sizes, by_size, size_drawn),
        "",
    ]
    (RESULTS / "scaling.md").write_text("\n".join(text), encoding="utf-8")


def draw(images, absolute, drawn, law, sizes, by_size, size_drawn) -> None:  # type: ignore[no-untyped-def]
    figure = Figure(figsize=(9.6, 3.8), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharey=True)
    grid = np.geomspace(images.min(), 20_000, 100)
    left.plot(grid, power_law(grid, *law), color="#5b6770", linewidth=1)
    left.axvline(FULL, color="#d9dee3")
    for axes, x, y, d in ((left, images, absolute, drawn), (right, sizes, by_size, size_drawn)):
        low, high = np.percentile(d, (2.5, 97.5), axis=1)
        axes.errorbar(x, y.mean(1), (y.mean(1) - low, high - y.mean(1)), fmt="o", color="#0072B2", markersize=4)
        axes.set_xscale("log")
        axes.spines[["top", "right"]].set_visible(False)
    left.set(xlabel="images", ylabel="MAE on other thumbnails (months)")
    right.set(xlabel="input side (px), all images")
    right.set_xticks(sizes, [str(s) for s in sizes])
    right.minorticks_off()
    figure.savefig(RESULTS / "scaling" / "curves.png")


if __name__ == "__main__":
    main()
