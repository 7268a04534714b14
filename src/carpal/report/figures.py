"""The pictures of a report as bytes of image files: radiograph, evidence, distribution, bone age against age.

No clock and no random number goes in: the same report gives the same bytes.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from carpal.distribution import MONTHS
from carpal.growth import Assessment, BandRow, band
from carpal.growth.sds import SdsReference
from carpal.radiograph import Radiograph
from carpal.report.make import Report
from carpal.report.texts import Texts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Picture", "chart", "chart_svg", "distribution", "evidence", "evidence_told", "radiograph"]

_SIDE = 900  # pixels of a radiograph's longer side
_DPI = 220
_INK, _QUIET, _ACCENT, _BAND = "#1c2530", "#5a6672", "#0b62a8", "#d5e3ef"
_REFERENCE: SdsReference = "Brush Foundation"
_YEARS_AROUND = 3.0
_LAST_YEAR = 20.0


@dataclass(frozen=True)
class Picture:
    """The bytes of a PNG or JPEG file, their size in pixels, what stands below and what is to be seen in words."""

    data: bytes
    mime: str
    width: int
    height: int
    caption: str
    alt: str


def radiograph(report: Report, texts: Texts) -> Picture:
    """The radiograph as it was given, grey values stretched between its darkest and brightest parts."""
    return _picture(_grey(report.radiograph), texts.say("picture"), texts.say("picture.alt"))


def evidence(report: Report, texts: Texts) -> Picture | None:
    """What the network saw, with the places that decide the age in colour; None for a refused radiograph."""
    found = report.evidence
    if found is None:
        return None
    import cv2
    from matplotlib import colormaps

    rows, columns = found.prepared.shape
    scale = _SIDE / max(rows, columns)
    size = (round(columns * scale), round(rows * scale))
    seen = cv2.resize(found.prepared, size, interpolation=cv2.INTER_CUBIC).astype(np.float32)[..., None]
    strongest = float(found.months_moved.max())
    strength = cv2.resize(found.months_moved / max(strongest, 1e-6), size, interpolation=cv2.INTER_LINEAR)
    colour = 255 * colormaps["inferno"](np.clip(strength, 0, 1))[..., :3]
    share = 0.6 * np.clip(strength, 0, 1)[..., None]
    mixed = np.rint(seen * (1 - share) + colour * share).clip(0, 255).astype(np.uint8)
    return _picture(mixed, texts.say("evidence"), texts.say("evidence.alt"))


def evidence_told(report: Report, texts: Texts) -> str:
    """The evidence in numbers; empty for a refused radiograph."""
    found = report.evidence
    if found is None:
        return ""
    said = [texts.say("evidence.strongest", x=texts.number(float(found.months_moved.max()), 1))]
    if found.shares is not None:
        told = ", ".join(f"{texts.say(f'region.{name}')} {100 * part:.0f} %" for name, part in found.shares.items())
        said.append(texts.say("evidence.shares", shares=told))
    return " ".join(said)


def distribution(report: Report, texts: Texts) -> Picture | None:
    """The distribution over bone ages with its mean and interval; None for a refused radiograph."""
    reading = report.reading
    if reading is None:
        return None
    low, high = reading.interval_90_months
    figure, axes = _axes(2.9, 1.3)
    axes.axvspan(low, high, color=_BAND, linewidth=0)
    axes.fill_between(MONTHS, reading.distribution, color=_ACCENT, alpha=0.55, linewidth=0)
    axes.axvline(reading.bone_age_months, color=_INK, linewidth=1.1)
    axes.set_xlim(max(0.0, low - 24), min(239.0, high + 24))
    axes.set_ylim(bottom=0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"{texts.say('distribution.axis')}\n{texts.say('distribution.key')}", fontsize=6.5, color=_QUIET)
    told = texts.say(
        "distribution.alt",
        mean=texts.say("unit.months", x=texts.number(reading.bone_age_months, 1)),
        range=texts.range(texts.number(low), texts.say("unit.months", x=texts.number(high))),
    )
    return _drawn(figure, texts.say("distribution"), told)


def chart(report: Report, texts: Texts) -> Picture | None:
    """Bone age against age with the band of +-2 SD, earlier readings as points; None without an age or a bone age."""
    child, bone_age = report.assessment.child, report.assessment.bone_age
    figure = _chart(report.assessment, texts)
    if figure is None or child.age_months is None or bone_age is None:
        return None
    who = texts.say("chart.girls" if child.sex == "F" else "chart.boys")
    told = texts.say(
        "chart.alt", reference=_REFERENCE, age=texts.age(child.age_months), bone_age=texts.age(bone_age.months)
    )
    return _drawn(figure, texts.say("chart", who=who), told)


def chart_svg(assessment: Assessment, texts: Texts) -> bytes | None:
    """The same chart as an SVG file, letters as outlines; None without an age or a bone age."""
    from matplotlib import rc_context

    file = io.BytesIO()
    with rc_context({"svg.hashsalt": "carpal", "svg.fonttype": "path"}):  # without salt its ids are random
        figure = _chart(assessment, texts)
        if figure is None:
            return None
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()


def _chart(assessment: Assessment, texts: Texts) -> Figure | None:
    child, bone_age = assessment.child, assessment.bone_age
    if child.age_months is None or bone_age is None:
        return None
    figure, axes = _axes(3.0, 2.4)
    past = [(entry.age_months / 12, entry.bone_age.months / 12) for entry in assessment.history[:-1]]
    now = (child.age_months / 12, bone_age.months / 12)
    edges = [edge / 12 for edge in bone_age.interval_90_months or (bone_age.months,)]
    _draw_band(axes, band(child.sex, _REFERENCE), texts)
    if past:
        axes.plot(*zip(*past, now, strict=True), color=_ACCENT, linewidth=0.8, zorder=3)
        axes.plot(*zip(*past, strict=True), "o", color=_ACCENT, markerfacecolor="white", markersize=4.5,
                  label=texts.say("chart.past"), zorder=4)  # fmt: skip
    axes.plot([now[0]] * 2, [edges[0], edges[-1]], color=_ACCENT, linewidth=2.2, alpha=0.5, zorder=3)
    axes.plot(*now, "o", color=_ACCENT, markersize=5.5, label=texts.say("chart.now"), zorder=5)
    axes.set_xlim(*_window([now[0], *(age for age, _ in past)]))
    axes.set_ylim(*_window([*axes.get_xlim(), edges[0] - 1, edges[-1] + 1, *(age for _, age in past)], 0.0))
    axes.grid(color="#e6eaee", linewidth=0.5)
    axes.set_xlabel(texts.say("chart.x"))
    axes.set_ylabel(texts.say("chart.y"))
    figure.legend(
        fontsize=6.5,
        loc="outside upper left",
        ncols=2,
        frameon=False,
        labelcolor=_INK,
        borderaxespad=0,
        handlelength=1.5,
    )
    return figure


def _draw_band(axes: Any, rows: tuple[BandRow, ...], texts: Texts) -> None:
    ages = [row.age_months / 12 for row in rows]
    low, high = [row.low_months / 12 for row in rows], [row.high_months / 12 for row in rows]
    label = texts.say("chart.band", reference=_REFERENCE)
    axes.fill_between(ages, low, high, color=_BAND, linewidth=0, label=label)
    axes.plot(ages, [row.mean_months / 12 for row in rows], color=_QUIET, linewidth=0.9, label=texts.say("chart.mean"))


def _window(values: list[float], around: float = _YEARS_AROUND) -> tuple[float, float]:
    return max(0.0, min(values) - around), min(_LAST_YEAR, max(values) + around)


def _axes(width: float, height: float) -> tuple[Figure, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(width, height), layout="constrained", dpi=_DPI)
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.tick_params(labelsize=7, colors=_QUIET, width=0.5, length=2.5)
    axes.xaxis.label.set(fontsize=7, color=_QUIET)
    axes.yaxis.label.set(fontsize=7, color=_QUIET)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    for name, spine in axes.spines.items():
        spine.set(visible=name in ("left", "bottom"), color=_QUIET, linewidth=0.5)
    return figure, axes


def _drawn(figure: Figure, caption: str, alt: str) -> Picture:
    canvas: Any = figure.canvas
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]
    return _picture(pixels, caption, alt, "png")  # lines and letters, which JPEG would smear


def _picture(pixels: NDArray[np.uint8], caption: str, alt: str, kind: Literal["jpeg", "png"] = "jpeg") -> Picture:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, kind, quality=92)
    return Picture(file.getvalue(), f"image/{kind}", pixels.shape[1], pixels.shape[0], caption, alt)


def _grey(given: Radiograph) -> NDArray[np.uint8]:
    import cv2

    pixels = given.pixels
    low, high = np.percentile(pixels[::4, ::4], (0.5, 99.7))
    scale = min(1.0, _SIDE / max(pixels.shape))
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return np.rint(255 * np.clip((small - low) / max(float(high - low), 1e-3), 0, 1)).astype(np.uint8)
