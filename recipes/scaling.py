"""From the runs of recipes/scaling.sh: a power law in the number of radiographs, and what it foresees. Writes
results/scaling.md and results/scaling/curves.png.

usage: python recipes/scaling.py
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.optimize import nnls

from carpal.evaluation import read_predictions
from carpal.evaluation.bootstrap import row_weights

RESULTS = Path(__file__).resolve().parents[1] / "results"
FULL, RESAMPLES, STEEPEST = 12_611, 1000, 1.0

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curve:
    """MAE over a rising number (of radiographs or of pixels): ``mae`` (K,), ``drawn`` (K, R) over bootstrap resamples
    of the same ``n`` children in every run."""

    numbers: Numbers
    mae: Numbers
    drawn: Numbers
    n: int

    @property
    def interval(self) -> Numbers:
        """(2, K) ends of the 95 % intervals."""
        return np.percentile(self.drawn, (2.5, 97.5), axis=1)

    def rows(self) -> list[str]:
        return [
            f"| {k:,.0f} | {mae:.2f} [{low:.2f}, {high:.2f}] |"
            for k, mae, low, high in zip(self.numbers, self.mae, *self.interval, strict=True)
        ]


def power_law(n: Numbers, floor: float, scale: float, exponent: float) -> Numbers:
    return floor + scale * (n / 1000) ** -exponent


def fit(n: Numbers, mae: Numbers) -> Numbers:
    """Floor, scale and exponent of least squares, neither floor nor scale below 0: a straight line for each exponent.
    Exponents up to 1: the published ones of learning curves are smaller (Hestness et al. 2017: 0.07 to 0.35)."""
    laws = []
    for exponent in np.linspace(0.05, STEEPEST, 96):
        falling = power_law(n, 0, 1, exponent)
        (floor, scale), _ = nnls(np.column_stack([np.ones_like(n), falling]), mae)
        laws.append(np.array([floor, scale, exponent]))
    return min(laws, key=lambda law: float(((power_law(n, *law) - mae) ** 2).sum()))


def foreseen(curve: Curve) -> tuple[Numbers, str]:
    """The law, and ``6.80 [6.10, 7.40]``: what it gives for the full data set."""
    law = fit(curve.numbers, curve.mae)
    values = [float(power_law(np.array(FULL), *fit(curve.numbers, mae))) for mae in curve.drawn.T]
    low, high = np.percentile(values, (2.5, 97.5))
    return law, f"{power_law(np.array(FULL), *law):.2f} [{low:.2f}, {high:.2f}]"


def at_the_end(law: Numbers) -> list[str]:
    """What must be said of a law whose exponent is the largest that was searched."""
    if law[2] < STEEPEST:
        return []
    return ["Its exponent is the largest that was searched: the figure is the floor of these points, hardly a law."]


def curve(names: dict[int, str]) -> Curve:
    found = {k: read_predictions(RESULTS / "scaling" / name / "predictions.csv") for k, name in sorted(names.items())}
    ids = list(next(iter(found.values())).ids)
    if any(list(p.ids) != ids for p in found.values()):
        raise SystemExit("the runs were tested on different radiographs")
    absolute = np.array([np.abs(p.errors_months) for p in found.values()])
    weights = np.concatenate(list(row_weights(ids, RESAMPLES, 0)))
    return Curve(np.array(list(found), float), absolute.mean(1), absolute @ weights.T / weights.sum(1), len(ids))


def named(prefix: str) -> dict[int, str]:
    folders = (p.name for p in (RESULTS / "scaling").glob(f"{prefix}-*") if p.is_dir())
    return {int(name.split("-")[1]): name for name in folders}


def main() -> None:
    highres, thumbnails = curve(named("highres")), curve(named("images"))
    detail = curve(named("detail") | {192: "highres-789"})
    size = curve(named("size") | {96: "images-11222"})
    law, full = foreseen(highres)
    small_law, small_full = foreseen(thumbnails)
    text = [
        "# Learning curves",
        "",
        "`recipes/scaling.sh`, then `python recipes/scaling.py`. Brackets: 95 % intervals from "
        f"{RESAMPLES} bootstrap resamples of the",
        "children, the same ones in every run of a curve: differences along it are surer than its intervals say.",
        "",
        "![Mean absolute error by number of radiographs and by input size](scaling/curves.png)",
        "",
        "## From thumbnails to radiographs",
        "",
        "MobileNetV2 that has seen 11,025 thumbnails in 19 epochs (the start of 2026-11-25; the shipped one saw 81),",
        "fine-tuned on `highres` radiographs of folds 0 to 3 (7,500 draws, 192 rows, nothing kept of the start; one",
        f"view), tested on fold 4 (n {highres.n}).",
        "",
        "| radiographs | MAE (months) |",
        "|---:|---:|",
        *highres.rows(),
        "",
        f"Power law: MAE = {law[0]:.2f} + {law[1]:.2f} (n / 1000)^-{law[2]:.2f}. It foresees",
        f"**{full} months for {FULL:,} full-resolution radiographs**",
        "with this network, size and budget, sixteen times beyond the last point: the",
        "interval is that of the test children alone and says nothing about whether the law still holds there.",
        *at_the_end(law),
        "",
        "| input rows, all 789 radiographs | MAE (months) |",
        "|---:|---:|",
        *detail.rows(),
        "",
        "The start weights learned at 192 rows, so other sizes have to relearn their scale in 7,500 draws; the",
        "shipped 384 rows see four epochs of thumbnails at that size first.",
        "",
        "## Thumbnails alone",
        "",
        f"MobileNetV2 from ImageNet, 24,000 draws, 96 px, tested on {thumbnails.n} other thumbnails.",
        "",
        "| thumbnails | MAE (months) |",
        "|---:|---:|",
        *thumbnails.rows(),
        "",
        f"Power law: MAE = {small_law[0]:.2f} + {small_law[1]:.2f} (n / 1000)^-{small_law[2]:.2f},",
        f"{small_full} months for {FULL:,}. In this budget the curve is",
        "flat from 2,000 on: with 24,000 draws the network is not done learning, and more variety does not help it.",
        *at_the_end(small_law),
        "",
        "| input px, all thumbnails | MAE (months) |",
        "|---:|---:|",
        *size.rows(),
        "",
    ]
    (RESULTS / "scaling.md").write_text("\n".join(text), encoding="utf-8")
    draw((highres, law), (thumbnails, small_law), detail, size)


def draw(highres: tuple[Curve, Numbers], thumbnails: tuple[Curve, Numbers], detail: Curve, size: Curve) -> None:
    figure = Figure(figsize=(9.6, 4.0), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharey=True)
    blue, orange = "#0072B2", "#D55E00"
    for (points, law), colour, name in (
        (highres, blue, "radiographs, 192 rows"),
        (thumbnails, orange, "thumbnails, 96 px"),
    ):
        grid = np.geomspace(points.numbers.min(), 20_000, 100)
        left.plot(grid, power_law(grid, *law), color=colour, linewidth=1, alpha=0.6)
        dots(left, points, colour, name)
    left.axvline(FULL, color="#d9dee3")
    dots(right, detail, blue, "789 radiographs")
    dots(right, size, orange, "11,222 thumbnails")
    left.set(xlabel="radiographs to learn from", ylabel="MAE on other children (months)")
    right.set(xlabel="input side (px)")
    ticks = sorted({*detail.numbers, *size.numbers})
    right.set_xticks(ticks, [f"{tick:.0f}" for tick in ticks], fontsize=7)
    right.minorticks_off()
    figure.savefig(RESULTS / "scaling" / "curves.png")


def dots(axes: Axes, points: Curve, colour: str, name: str) -> None:
    low, high = points.interval
    bars = (points.mae - low, high - points.mae)
    axes.errorbar(points.numbers, points.mae, bars, fmt="o", color=colour, markersize=4, linewidth=1, label=name)
    axes.set_xscale("log")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)


if __name__ == "__main__":
    main()
