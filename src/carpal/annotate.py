"""A radiograph with its bone age written beside it, for a person to look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from carpal.distribution import MONTHS
from carpal.files import replacing
from carpal.radiograph import Radiograph
from carpal.reader import Reading, years_and_months

__all__ = ["is_annotation", "write_annotated"]

_MARK = "carpal read --annotate"


def write_annotated(radiograph: Radiograph, reading: Reading, out: Path) -> None:
    """A PNG: the radiograph, the bone age, its interval and distribution, and what the reader must know."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    pixels = radiograph.pixels
    layout = ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.15)
    figure = Figure(figsize=(10, 6.4), facecolor="#11151a", layout=layout)
    FigureCanvasAgg(figure)
    picture, chart = figure.subplots(1, 2, width_ratios=(1.15, 1))
    low, high = np.percentile(pixels[::4, ::4], (0.5, 99.7))
    step = max(1, max(pixels.shape) // 1000)
    picture.imshow(pixels[::step, ::step], cmap="gray", vmin=low, vmax=max(high, low + 1e-3))
    picture.set_axis_off()
    _draw_distribution(chart, reading)
    with replacing(out) as part:
        figure.savefig(part, format="png", dpi=120, facecolor=figure.get_facecolor(), metadata={"Software": _MARK})


def is_annotation(path: Path) -> bool:
    """Whether a file is a picture that ``write_annotated`` drew: nothing else may be replaced by one."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return image.info.get("Software") == _MARK
    except (OSError, UnidentifiedImageError, ValueError):
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
    heading = f"{reading.bone_age_months:.1f} months   ({years_and_months(reading.bone_age_months)})"
    chart.set_title(heading, color=light, fontsize=20, loc="left", pad=66 + 12 * len(reading.notes))
    facts = [
        f"90 % interval {low:.0f} to {high:.0f} months",
        f"sex {reading.sex} ({reading.sex_origin}), model {reading.model}",
        "research use, not a medical device",
        *reading.notes,
    ]
    chart.text(0, 1.02, "\n".join(facts), transform=chart.transAxes, color=quiet, fontsize=10, va="bottom")
