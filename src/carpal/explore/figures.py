"""The figures of the page. Figure and canvas are made here and now: no pyplot, no state shared between threads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from carpal.distribution import CLASS_EDGES
from carpal.explore.findings import BAND_MONTHS, GALLERY_COLUMNS, Findings, Thumbnail, class_counts, quantile_edges

__all__ = ["Drawn", "draw_figures"]

INK, QUIET, GRID = "#1d2730", "#5c6b78", "#dfe5ea"
SEX_COLOURS = {"F": "#d1662b", "M": "#2f6f9f"}  # told apart by every kind of colour vision
SEX_NAMES = {"F": "girls", "M": "boys"}
_GROUP_COLOURS = ("#33766d", "#b3862a", "#7b5ea7", "#a3475c")


@dataclass(frozen=True)
class Drawn:
    """A figure on disk: ``name`` is its file beside the page, ``alt`` says in words what it shows."""

    name: str
    alt: str


def draw_figures(findings: Findings, folder: Path) -> dict[str, Drawn]:
    """Draw all figures into ``folder`` as PNG; what has nothing to show is left out."""
    drawn = {}
    for name, draw in _FIGURES.items():
        figure = Figure(layout="constrained", facecolor="white")
        FigureCanvasAgg(figure)
        alt = draw(figure, findings)
        if alt:
            figure.savefig(folder / f"{name}.png", format="png", dpi=130)
            drawn[name] = Drawn(f"{name}.png", alt)
    return drawn


def _tidy(axes: Axes, xlabel: str = "", ylabel: str = "", title: str = "") -> None:
    axes.set_xlabel(xlabel, color=INK)
    axes.set_ylabel(ylabel, color=INK)
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(QUIET)
    axes.tick_params(colors=QUIET)
    axes.set_axisbelow(True)
    axes.grid(axis="y", color=GRID, linewidth=0.8)


def _months_axis(axes: Axes, highest: float) -> None:
    step = 24 if highest > 96 else 12
    axes.set_xticks(np.arange(0, highest + step, step))


def _ages(figure: Figure, findings: Findings) -> str:
    figure.set_size_inches(8, 3.8)
    axes = figure.subplots()
    top = 12 * (int(findings.ages().max() // 12) + 1)
    bins = np.arange(0, top + 1, 12)
    sexes = findings.sexes
    axes.hist(
        [findings.ages(sex) for sex in sexes],
        bins.tolist(),
        stacked=True,
        color=[SEX_COLOURS[sex] for sex in sexes],
        label=[f"{SEX_NAMES[sex]} ({len(findings.ages(sex))})" for sex in sexes],
        edgecolor="white",
        linewidth=0.6,
    )
    _tidy(axes, "bone age (months), bins of 12", "ids")
    axes.set_xlim(0, top)
    _months_axis(axes, top)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.legend(frameon=False, loc="upper left")
    counts, _ = np.histogram(findings.ages(), bins)
    peak = int(np.argmax(counts))
    return (
        f"Histogram of bone age in bins of 12 months, girls and boys stacked: {len(findings.children)} ids, "
        f"most ({counts[peak]}) between {bins[peak]} and {bins[peak + 1]} months."
    )


def _violins(figure: Figure, findings: Findings) -> str:
    figure.set_size_inches(8, 3.2)
    axes = figure.subplots()
    told = []
    for place, sex in enumerate(reversed(findings.sexes)):
        ages = findings.ages(sex)
        parts = axes.violinplot([ages], [place], orientation="horizontal", widths=0.8, showextrema=False)
        for body in cast("list[Collection]", parts["bodies"]):
            body.set(facecolor=SEX_COLOURS[sex], alpha=0.55, linewidth=0)
        low, middle, high = np.quantile(ages, [0.25, 0.5, 0.75])
        axes.plot([low, high], [place, place], color=INK, linewidth=5, solid_capstyle="butt")
        axes.plot(middle, place, "o", color="white", markersize=5, markeredgecolor=INK)
        text = f"{low:g} | {middle:g} | {high:g}"
        axes.annotate(text, (middle, place), (0, 9), textcoords="offset points", ha="center", fontsize=9, color=INK)
        told.append(f"{SEX_NAMES[sex]} {low:g}, {middle:g} and {high:g}")
    axes.set_yticks(range(len(findings.sexes)), [SEX_NAMES[sex] for sex in reversed(findings.sexes)])
    axes.set_ylim(-0.6, len(findings.sexes) - 0.4)
    _tidy(axes, "bone age (months); quartiles as a bar, median as a dot")
    axes.grid(False)
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.set_xlim(0, 12 * (int(findings.ages().max() // 12) + 1))
    _months_axis(axes, findings.ages().max())
    return f"Violin plot of bone age by sex; quartiles in months: {'; '.join(reversed(told))}."


def _classes(figure: Figure, findings: Findings) -> str:
    figure.set_size_inches(8, 3.6)
    own = quantile_edges(findings.ages())
    same = own == tuple(map(float, CLASS_EDGES))
    panels = figure.subplots(1, 1 if same else 2, sharey=True, squeeze=False)[0]
    titles = ["quantiles of this data set = carpal's classes"] if same else ["quantiles of this data set", "carpal's"]
    for axes, edges, title in zip(panels, (own, CLASS_EDGES), titles, strict=False):
        bottom = np.zeros(len(edges) - 1)
        for sex in findings.sexes:
            counts = np.array(class_counts(findings.ages(sex), edges))
            bars = axes.bar(range(len(counts)), counts, 0.75, bottom=bottom, color=SEX_COLOURS[sex])
            bars.set_label(SEX_NAMES[sex])
            labels = [str(n) if n > 0.06 * len(findings.children) / 2 else "" for n in counts]
            axes.bar_label(bars, labels, label_type="center", color="white", fontsize=8)
            bottom += counts
        axes.set_xticks(range(len(edges) - 1), class_names(edges), fontsize=8)
        _tidy(axes, "bone age (months)", "ids" if axes is panels[0] else "", title)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    panels[0].set_ylim(0, panels[0].get_ylim()[1] * 1.18)  # room for the legend
    panels[0].legend(frameon=False, loc="upper left", ncols=2)
    return (
        f"Bars of the five quantile classes by sex; edges of this data set: {', '.join(f'{e:g}' for e in own)} months; "
        f"carpal's: {', '.join(f'{e:g}' for e in CLASS_EDGES)}."
    )


def class_names(edges: tuple[float, ...]) -> list[str]:
    """``1–94``, ``>94–120``, ...: a class holds its upper edge, the first one its lower edge as well."""
    return [f"{'' if k == 0 else '>'}{low:g}–{high:g}" for k, (low, high) in enumerate(pairwise(edges))]


def _gallery(figure: Figure, findings: Findings) -> str:
    thumbnails = findings.thumbnails
    if not thumbnails:
        return ""
    bands = sorted({t.band for t in thumbnails})
    sexes = findings.sexes
    columns = GALLERY_COLUMNS
    figure.set_size_inches(4 * len(sexes), 0.3 + 1.72 * len(bands))
    figure.set_layout_engine("constrained", w_pad=0.01, h_pad=0.02, wspace=0.01, hspace=0.02)
    widths = [*[1.0] * columns, 0.12] * len(sexes)  # a narrow gap stands between girls and boys
    grid = figure.add_gridspec(len(bands), len(widths), width_ratios=widths)
    places = {(t.band, t.sex, t.column): t for t in thumbnails}
    for row, band in enumerate(bands):
        for side, sex in enumerate(sexes):
            for column in range(columns):
                axes = figure.add_subplot(grid[row, side * (columns + 1) + column])
                _show(axes, places.get((band, sex, column)))
                if row == 0 and column == columns // 2:
                    axes.set_title(SEX_NAMES[sex], fontsize=12, color=SEX_COLOURS[sex], pad=10)
                if side == 0 and column == 0:
                    axes.set_ylabel(f"{band * BAND_MONTHS} to {(band + 1) * BAND_MONTHS - 1}\nmonths", color=INK)
    return (
        f"Gallery of {len(thumbnails)} radiographs in {len(bands)} age bands of {BAND_MONTHS} months from "
        f"{bands[0] * BAND_MONTHS} months up; columns: {' on the left, '.join(SEX_NAMES[sex] for sex in sexes)}."
    )


def _show(axes: Axes, found: Thumbnail | None) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_frame_on(False)
    axes.set_anchor("S")
    if found:
        axes.imshow(found.pixels, cmap="gray", vmin=0, vmax=1, interpolation="bilinear")  # as dark as it is stored
        axes.set_xlabel(f"{found.age_months:g} mo", fontsize=8, color=QUIET, labelpad=2)


def _sizes(figure: Figure, findings: Findings) -> str:
    if not findings.files:
        return ""
    figure.set_size_inches(8, 3.8)
    left, right = figure.subplots(1, 2)
    for group, colour in _group_colours(findings):
        own = [file for file in findings.files if file.group == group]
        label = f"{group or 'all'} ({len(own)})"
        left.scatter([f.width for f in own], [f.height for f in own], 14, colour, alpha=0.5, linewidths=0, label=label)
    side = 1.06 * max(max(file.width, file.height) for file in findings.files)
    left.plot([0, side], [0, side], color=QUIET, linewidth=0.8, linestyle=":")
    left.set(xlim=(0, side), ylim=(0, side), aspect="equal")
    aspects = [file.height / file.width for file in findings.files]
    _histogram(right, findings, aspects)
    _tidy(left, "width (px)", "height (px)", "sizes as stored; dotted: a square")
    left.legend(frameon=False, loc="best", fontsize=9)
    _tidy(right, "height over width", "files", "shape")
    return (
        f"Width against height of {len(findings.files)} sampled files and a histogram of height over width, "
        f"which lies between {min(aspects):.2f} and {max(aspects):.2f}."
    )


def _grey(figure: Figure, findings: Findings) -> str:
    if not findings.files:
        return ""
    figure.set_size_inches(8, 3.4)
    panels = figure.subplots(1, 2)
    _histogram(panels[0], findings, [file.mean for file in findings.files])
    _histogram(panels[1], findings, [file.sd for file in findings.files])
    _tidy(panels[0], "mean grey value (0 black, 1 white)", "files", "brightness")
    _tidy(panels[1], "SD of the grey values", "", "contrast")
    panels[0].legend(frameon=False, fontsize=9)
    return f"Histograms of brightness (mean grey value) and contrast (SD of it) of {len(findings.files)} files."


def _histogram(axes: Axes, findings: Findings, values: list[float]) -> None:
    """One number per measured file, a colour per group; an outline each, as they lie over one another."""
    bins = _bins(np.array(values), 30)
    for group, colour in _group_colours(findings):
        own = [value for value, file in zip(values, findings.files, strict=True) if file.group == group]
        label = f"{group or 'all'} ({len(own)})"
        axes.hist(own, bins, color=colour, alpha=0.25)
        axes.hist(own, bins, color=colour, histtype="step", linewidth=1.4, label=label)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))


def _bins(values: np.ndarray, count: int) -> list[float]:
    """Edges that also hold when all values are one."""
    low, high = float(values.min()), float(values.max())
    margin = max(0.02, 0.02 * (high - low)) if high - low < 0.05 else 0.0
    return np.linspace(low - margin, high + margin, count + 1).tolist()


def _group_colours(findings: Findings) -> list[tuple[str, str]]:
    return [(group, _GROUP_COLOURS[k % len(_GROUP_COLOURS)]) for k, group in enumerate(findings.groups)]


_FIGURES: dict[str, Callable[[Figure, Findings], str]] = {
    "ages": _ages,
    "ages-by-sex": _violins,
    "classes": _classes,
    "gallery": _gallery,
    "sizes": _sizes,
    "grey-values": _grey,
}
