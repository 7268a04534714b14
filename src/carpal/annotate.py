"""A radiograph with its bone age written beside it, for a person to look at."""

from __future__ import annotations

import io
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from carpal.distribution import MONTHS
from carpal.explain import Evidence
from carpal.files import replacing
from carpal.radiograph import DRAWN, Radiograph
from carpal.reader import Reading, years_and_months

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["annotated_picture", "annotated_png", "is_annotation", "write_annotated"]

_LINE = 60  # characters of a note beside the radiograph


def write_annotated(radiograph: Radiograph, reading: Reading, out: Path, evidence: Evidence | None = None) -> None:
    """A PNG file: the radiograph, the bone age, its interval and distribution, and what the reader must know; with
    ``evidence`` also where in the radiograph the age comes from."""
    data = annotated_png(radiograph, reading, evidence)
    with replacing(out) as part:
        part.write_bytes(data)


def annotated_png(radiograph: Radiograph, reading: Reading, evidence: Evidence | None = None) -> bytes:
    """The bytes of that file."""
    figure, file = _draw(radiograph, reading, evidence), io.BytesIO()
    figure.savefig(file, format="png", dpi=120, facecolor=figure.get_facecolor(), metadata={"Software": DRAWN})
    return file.getvalue()


def annotated_picture(
    radiograph: Radiograph, reading: Reading, evidence: Evidence | None = None, dpi: int = 160
) -> NDArray[np.uint8]:
    """The same picture as ``write_annotated``'s as (H, W, 3) uint8 RGB, 1600 x 1024 pixels unless told otherwise."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = _draw(radiograph, reading, evidence)
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _draw(radiograph: Radiograph, reading: Reading, evidence: Evidence | None) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    pixels = radiograph.pixels
    layout = ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.15)
    figure = Figure(figsize=(10, 6.4), facecolor="#11151a", layout=layout)
    FigureCanvasAgg(figure)
    # Each half has a layout of its own: however much is written, the hand is as large.
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(1.15, 1))[0]
    picture, chart = left.subplots(), right.subplots()
    low, high = np.percentile(pixels[::4, ::4], (0.5, 99.7))
    step = max(1, max(pixels.shape) // 1000)
    picture.imshow(pixels[::step, ::step], cmap="gray", vmin=low, vmax=max(high, low + 1e-3))
    picture.set_axis_off()
    if evidence is not None:
        _draw_evidence(picture, evidence, step)
    _draw_distribution(chart, reading)
    return figure


def _draw_evidence(picture, evidence: Evidence, step: int) -> None:  # type: ignore[no-untyped-def]
    moved = evidence.on_source()[::step, ::step]
    strength = moved / max(float(moved.max()), 1e-6)
    picture.imshow(moved, cmap="inferno", alpha=0.6 * strength)
    lines = [f"blurring the brightest place moves the answer by {moved.max():.1f} months"]
    if evidence.shares is not None:
        shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in evidence.shares.items())
        lines.append(f"evidence: {shares}")
    place = {"transform": picture.transAxes, "ha": "center", "va": "top", "fontsize": 9, "color": "#ffd166"}
    picture.text(0.5, -0.015, "\n".join(lines), **place)


def is_annotation(path: Path) -> bool:
    """Whether a file is a picture that ``write_annotated`` drew: nothing else may be replaced by one."""
    from PIL import PngImagePlugin

    if path.suffix.lower() != ".png" or not path.is_file():
        return False
    try:
        # The plugin itself: Image.open warns of, or refuses, large pictures by a process-wide limit of its own.
        with PngImagePlugin.PngImageFile(path) as image:
            return image.info.get("Software") == DRAWN
    except (OSError, SyntaxError, ValueError):
        return False


def _draw_distribution(chart, reading: Reading) -> None:  # type: ignore[no-untyped-def]  # matplotlib's Axes
    light, quiet, accent = "#eef2f6", "#8b98a5", "#4cc2ff"
    low, high = reading.interval_90_months
    chart.set_facecolor("#11151a")
    chart.fill_between(MONTHS, reading.distribution, color=accent, alpha=0.35, linewidth=0)
    chart.axvspan(low, high, color=accent, alpha=0.12, linewidth=0)
    chart.axvline(reading.bone_age_months, color=accent)
    chart.set_xlim(max(0, low - 36), min(239, high + 36))
    chart.set_ylim(bottom=0)
    chart.set_yticks([])
    chart.tick_params(colors=quiet)
    chart.set_xlabel("bone age (months)\nprobability, mean (line), 90 % interval (shaded)", color=quiet)
    for side in chart.spines.values():
        side.set_visible(False)
    made = f"sex {reading.sex} ({reading.sex_origin}), model {reading.model}"
    made += f", calibrated for {reading.calibration}" if reading.calibration else ""
    told = (made, "research use, not a medical device", *reading.notes)
    facts = [line for fact in told for line in textwrap.wrap(fact, _LINE)]
    heading = f"{reading.bone_age_months:.1f} months   ({years_and_months(reading.bone_age_months)})"
    chart.set_title(heading, color=light, fontsize=20, loc="left", pad=42 + 12 * len(facts))
    lines = [f"90 % interval {low:.0f} to {high:.0f} months", *facts]
    place = {"transform": chart.transAxes, "color": quiet, "fontsize": 10, "va": "bottom"}
    chart.text(0, 1.02, "\n".join(lines), parse_math=False, **place)  # a $ in a name begins no formula
