"""Figures of an evaluation, one function each, written as PNG.

Colours are Okabe and Ito's, which people with any kind of colour vision tell apart; girls and boys also differ in
marker. Canvases are made directly, because pyplot keeps state for the whole process.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from carpal.distribution import CLASS_NAMES
from carpal.evaluation.bootstrap import Estimate
from carpal.evaluation.calibrate import Coverage
from carpal.evaluation.metrics import Evaluation
from carpal.evaluation.predictions import Predictions
from carpal.files import replacing

__all__ = [
    "draw_bland_altman",
    "draw_changes",
    "draw_confusion",
    "draw_coverage",
    "draw_error_by_age",
    "draw_forest",
    "draw_scatter",
    "wilson",
]

INK, SOFT, FAINT, BAND = "#1f2933", "#5b6770", "#d9dee3", "#eef1f4"
_SEXES = {"F": ("girls", "#D55E00", "o"), "M": ("boys", "#0072B2", "^")}
_DPI = 130
_LONGEST_NAME = 42
_BESIDE = ("axes fraction", "data")


def draw_scatter(predictions: Predictions, path: Path) -> None:
    """Predicted against reference age, with the line of agreement and 12 months to either side of it."""
    figure, axes = _new(6.6, 6.4)
    low, high = _limits(np.concatenate([predictions.reference_months, predictions.predicted_months]))
    line = np.array([low, high])
    axes.fill_between(line, line - 12, line + 12, color=BAND, linewidth=0, zorder=0)
    axes.plot(line, line, color=SOFT, linewidth=1, zorder=1)
    _points(axes, predictions, predictions.reference_months, predictions.predicted_months)
    corner = low + max(0.16 * (high - low), 18)  # few children are that young
    axes.text(corner + 2, corner - 14, "±12 months", color=SOFT, fontsize=9, ha="left", va="center")
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    _month_ticks(axes, low, high)
    axes.set_yticks(axes.get_xticks())
    axes.set_xlabel("Reference bone age (months)")
    axes.set_ylabel("Predicted bone age (months)")
    _save(figure, path)


def draw_bland_altman(predictions: Predictions, evaluation: Evaluation, path: Path) -> None:
    """Error against the mean of both ages, with the bias and the limits of agreement (bias ± 1.96 SD)."""
    figure, axes = _new(8.2, 5.0)
    error = predictions.errors_months
    mean = (predictions.reference_months + predictions.predicted_months) / 2
    axes.axhline(0, color=FAINT, linewidth=1, zorder=0)
    _points(axes, predictions, mean, error)
    low, high = _limits(mean)
    axes.set_xlim(low, high)
    _month_ticks(axes, low, high)
    bias, spread = evaluation.overall.bias_months.value or 0.0, evaluation.overall.sd_of_error_months.value
    lines = {"bias": (bias, "-")}
    if spread is not None:
        lines |= {"+1.96 SD": (bias + 1.96 * spread, "--"), "−1.96 SD": (bias - 1.96 * spread, "--")}
    heights = _spread_apart([height for height, _ in lines.values()], error, bias)
    for (name, (height, style)), label_height in zip(lines.items(), heights, strict=True):
        axes.axhline(height, color=INK, linewidth=1.1, linestyle=style, zorder=3)
        text = f"{name}\n{_signed(height)}"
        axes.annotate(text, (1.01, label_height), xycoords=_BESIDE, va="center", color=INK, fontsize=9)
    reach = 1.08 * max(np.abs(error).max(), *(abs(height) for height, _ in lines.values()), 3.0)
    axes.set_ylim(-reach, reach)
    axes.set_xlabel("Mean of reference and predicted bone age (months)")
    axes.set_ylabel("Predicted minus reference (months)")
    _save(figure, path)


def draw_confusion(evaluation: Evaluation, path: Path) -> None:
    """Counts of reference class by predicted class; the shade is the share of the row."""
    figure, axes = _new(6.4, 5.6)
    counts = evaluation.confusion
    totals = counts.sum(axis=1)
    shares = counts / np.maximum(totals, 1)[:, None]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(*counts.shape):
        colour = "white" if shares[row, column] > 0.55 else INK if counts[row, column] else "#9aa5ae"
        axes.text(column, row - 0.1, f"{counts[row, column]}", ha="center", va="center", color=colour, fontsize=12)
        if totals[row]:
            text = f"{100 * shares[row, column]:.0f} %"
            axes.text(column, row + 0.22, text, ha="center", va="center", color=colour, fontsize=8.5)
    places = range(len(CLASS_NAMES))
    axes.set_xticks(places, labels=CLASS_NAMES)
    axes.set_yticks(places, labels=[f"{name}\nn = {n}" for name, n in zip(CLASS_NAMES, totals, strict=True)])
    edges = np.arange(len(CLASS_NAMES) + 1) - 0.5
    axes.set_xticks(edges, minor=True)
    axes.set_yticks(edges, minor=True)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("Predicted class (months)")
    axes.set_ylabel("Reference class (months)")
    _save(figure, path)


def draw_error_by_age(evaluation: Evaluation, path: Path) -> None:
    """MAE with its 95 % interval by band of reference age, girls beside boys, with n under each."""
    figure, axes = _new(8.2, 4.8)
    bands = [cell.band_months or (0, 0) for cell in evaluation.by_band]
    overall = evaluation.overall.mae_months.value or 0.0
    axes.axhline(overall, color=SOFT, linewidth=1, linestyle=":", zorder=0)
    beside = (1.01, overall)
    axes.annotate(f"all\n{overall:.1f}", beside, xycoords=_BESIDE, va="center", color=SOFT, fontsize=9)
    tops = [overall]
    for cell in evaluation.by_sex_and_band:
        _, colour, marker = _SEXES[cell.sex or "F"]
        place = bands.index(cell.band_months or (0, 0)) + (-0.14 if cell.sex == "F" else 0.14)
        _with_whiskers(axes, place, cell.metrics.mae_months, colour, marker)
        tops.append(cell.metrics.mae_months.high or cell.metrics.mae_months.value or 0.0)
    axes.set_ylim(0, 1.08 * max(tops) or 1)
    axes.set_xlim(-0.6, len(bands) - 0.4)
    axes.set_xticks(range(len(bands)), labels=[f"{low}–{high}" for low, high in bands])
    _numbers_below(axes, evaluation, bands)
    _name_sexes(axes, {cell.sex for cell in evaluation.by_sex})
    axes.set_xlabel("Reference bone age (months)", labelpad=38)
    axes.set_ylabel("Mean absolute error (months)")
    axes.grid(axis="y", color=FAINT, linewidth=0.7)
    _save(figure, path)


def _numbers_below(axes: Axes, evaluation: Evaluation, bands: Sequence[tuple[int, int]]) -> None:
    """Under each band the n of girls and of boys, a line each."""
    numbers = {(cell.sex, cell.band_months): cell.metrics.n for cell in evaluation.by_sex_and_band}
    for line, (sex, (name, colour, _)) in enumerate(_SEXES.items()):
        height = -0.1 - 0.055 * line
        axes.text(-0.015, height, f"n {name}", transform=axes.transAxes, ha="right", va="top", color=colour, fontsize=9)
        for place, band in enumerate(bands):
            text = str(numbers.get((sex, band), 0))
            where = axes.get_xaxis_transform()
            axes.text(place, height, text, transform=where, ha="center", va="top", color=colour, fontsize=9)


def draw_forest(names: Sequence[str], maes: Sequence[Estimate], reference: str, path: Path) -> None:
    """MAE of each model with its 95 % interval, best on top; the dotted line is the reference model."""
    figure, axes = _new(8.2, 1.3 + 0.42 * len(names))
    places = range(len(names))
    level = maes[list(names).index(reference)].value or 0.0
    axes.axvline(level, color=SOFT, linewidth=1, linestyle=":", zorder=0)
    for place, name, mae in zip(places, names, maes, strict=True):
        value = mae.value or 0.0
        low, high = (value, value) if mae.low is None or mae.high is None else (mae.low, mae.high)
        colour = "#D55E00" if name == reference else "#0072B2"
        axes.plot([low, high], [place, place], color=colour, linewidth=2, solid_capstyle="butt")
        axes.plot(value, place, marker="s", color=colour, markersize=6)
        text = f"{value:.2f} [{low:.2f}, {high:.2f}]"
        axes.annotate(text, (1.02, place), xycoords=_BESIDE, va="center", color=INK, fontsize=9)
    axes.set_yticks(places, labels=[_short(name) for name in names], parse_math=False)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=FAINT, linewidth=0.7)
    axes.set_xlabel("Mean absolute error (months), 95 % interval")
    _save(figure, path)


def draw_changes(
    names: Sequence[str],
    kinds: Sequence[str],
    changes: Sequence[Estimate],
    path: Path,
    *,
    label: str,
    both_ways: bool = False,
) -> None:
    """A figure in months of each thing with its 95 % interval, grouped by kind; 0 is the dotted line. An interval
    above it is orange, one below it too with ``both_ways``."""
    figure, axes = _new(8.6, 1.2 + 0.24 * len(names))
    axes.axvline(0, color=SOFT, linewidth=1, linestyle=":", zorder=0)
    order = list(dict.fromkeys(kinds))
    for place, (kind, change) in enumerate(zip(kinds, changes, strict=True)):
        if order.index(kind) % 2 == 0:
            axes.axhspan(place - 0.5, place + 0.5, color=BAND, linewidth=0, zorder=-1)
        if change.value is None:
            continue
        low, high = (
            (change.value, change.value) if change.low is None or change.high is None else (change.low, change.high)
        )
        stands_out = change.excludes_zero and (both_ways or change.value > 0)
        colour = "#D55E00" if stands_out else "#0072B2"
        axes.plot([low, high], [place, place], color=colour, linewidth=1.6, solid_capstyle="butt")
        axes.plot(change.value, place, marker="s", color=colour, markersize=4)
    axes.set_yticks(range(len(names)), labels=[_short(name) for name in names], parse_math=False, fontsize=8)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(label)
    _save(figure, path)


# --------------------------------------------------------------------------- common parts


def draw_coverage(cells: Sequence[Coverage], tenths: Sequence[tuple[float, float]], path: Path) -> None:
    """Left: the share that the 90 % interval held in each cell. Right: mean absolute error by tenth of its width."""
    figure, (left, right) = _new_row(11.0, 0.34 * len(cells) + 1.2, 2)
    wanted = cells[0].wanted if cells else 0.9
    left.axvline(100 * wanted, color=SOFT, linewidth=1, linestyle="--", zorder=0)
    for row, cell in enumerate(cells):
        low, high = wilson(cell.held, cell.n)
        left.plot([100 * low, 100 * high], [row, row], color=SOFT, linewidth=1.4)
        left.plot(100 * cell.held, row, "o", color=INK, markersize=5)
    left.set_yticks(range(len(cells)), [f"{cell.name} (n {cell.n})" for cell in cells])
    left.invert_yaxis()
    left.set_xlim(min(70, *(100 * cell.held - 4 for cell in cells)) if cells else 70, 101)
    left.set_xlabel(f"References inside the {100 * wanted:g} % interval (%)")
    right.plot([width for width, _ in tenths], [error for _, error in tenths], "o-", color=INK, markersize=4)
    right.set_ylim(bottom=0)
    right.set_xlabel("Mean width of the 90 % interval, by tenths (months)")
    right.set_ylabel("Mean absolute error (months)")
    _save(figure, path)


def wilson(share: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of n (Wilson 1927)."""
    z = 1.96
    middle, room = share + z**2 / (2 * n), z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return float((middle - room) / (1 + z**2 / n)), float((middle + room) / (1 + z**2 / n))


def _new(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of this size in inches with calm axes."""
    figure, (axes,) = _new_row(width, height, 1)
    return figure, axes


def _new_row(width: float, height: float, columns: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    row = [figure.add_subplot(1, columns, k + 1) for k in range(columns)]
    for axes in row:
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(SOFT)
        axes.tick_params(colors=SOFT, labelcolor=INK, labelsize=9)
        axes.xaxis.label.set(color=INK, fontsize=10)
        axes.yaxis.label.set(color=INK, fontsize=10)
    return figure, row


def _points(axes: Axes, predictions: Predictions, x: np.ndarray, y: np.ndarray) -> None:
    """A marker per radiograph, fainter and smaller the more there are."""
    n = len(predictions)
    size, alpha = float(np.clip(9000 / n, 7, 26)), float(np.clip(120 / n**0.75, 0.3, 0.8))
    for rows in np.array_split(np.random.default_rng(0).permutation(n), 20):  # by turns, or boys would cover girls
        for sex, (_, colour, marker) in _SEXES.items():
            shown = rows[predictions.sexes[rows] == sex]
            axes.scatter(x[shown], y[shown], s=size, c=colour, marker=marker, alpha=alpha, linewidths=0, zorder=2)
    _name_sexes(axes, set(predictions.sexes.tolist()))


def _name_sexes(axes: Axes, present: set[str | None]) -> None:
    """The words in their colours, above the axes: nothing to look up in a legend."""
    place = 0.0
    for sex, (name, colour, marker) in _SEXES.items():
        if sex not in present:
            continue
        axes.plot(place + 0.012, 1.035, marker, transform=axes.transAxes, color=colour, clip_on=False, markersize=6)
        axes.text(place + 0.03, 1.035, name, transform=axes.transAxes, color=colour, fontsize=10, va="center")
        place += 0.13


def _with_whiskers(axes: Axes, place: float, found: Estimate, colour: str, marker: str) -> None:
    if found.value is None:
        return
    if found.low is not None and found.high is not None:
        axes.plot([place, place], [found.low, found.high], color=colour, linewidth=1.8, solid_capstyle="butt")
    axes.plot(place, found.value, marker=marker, color=colour, markersize=6.5)


def _limits(months: np.ndarray) -> tuple[float, float]:
    """Whole years around the ages, with a little room, six years at least."""
    low, high = np.floor((months.min() - 3) / 12), np.ceil((months.max() + 3) / 12)
    missing = max(0.0, 6 - (high - low))
    return float(12 * (low - missing // 2)), float(12 * (high + missing - missing // 2))


def _month_ticks(axes: Axes, low: float, high: float) -> None:
    step = 24 if high - low > 84 else 12
    axes.set_xticks(np.arange(np.ceil(low / step) * step, high + 1, step))


def _spread_apart(heights: Sequence[float], error: np.ndarray, centre: float) -> list[float]:
    """Heights for labels of these lines: outer ones pushed away from the bias where the lines lie too close."""
    room = 0.2 * max(float(np.abs(error).max()), 3.0)
    return [h if h == centre else centre + np.sign(h - centre) * max(abs(h - centre), room) for h in heights]


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "−") if round(value, 1) else "0.0"


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as part:
        figure.savefig(part, format="png", dpi=_DPI)
