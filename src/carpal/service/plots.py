"""The pages' two plots as SVG that takes its colours from the page: how bone ages are distributed, and bone age
against age."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from carpal.growth import band
from carpal.growth.sds import SdsReference
from carpal.plain import Sex
from carpal.report.texts import Texts

__all__ = ["Point", "age_plot", "distribution_plot"]

_REFERENCE: SdsReference = "Brush Foundation"
_LAST_MONTH = 240.0
_AROUND_MONTHS = 36.0
_PART = Markup('<{name} class="{kind}" {rest}/>')


@dataclass(frozen=True)
class Point:
    """One reading in the plot of bone age against age, in months."""

    age_months: float
    bone_age_months: float
    interval_90_months: tuple[float, float]


@dataclass(frozen=True)
class _Plane:
    """Where months lie in a drawing of ``width`` by ``height``: the plot's edges within it, and the months there."""

    width: int
    height: int
    left: int
    bottom: int
    x_months: tuple[float, float]
    y_range: tuple[float, float]
    top: int = 10
    right: int = 10

    def x(self, months: float) -> float:
        low, high = self.x_months
        return round(self.left + (months - low) / (high - low) * (self.width - self.left - self.right), 1)

    def y(self, value: float) -> float:
        low, high = self.y_range
        inner = self.height - self.bottom - self.top
        return round(self.height - self.bottom - (value - low) / (high - low) * inner, 1)

    def path(self, points: Iterable[tuple[float, float]], *, closed: bool = False) -> str:
        told = " L".join(f"{self.x(a)} {self.y(b)}" for a, b in points)
        return f"M{told}{' Z' if closed else ''}"


def distribution_plot(
    distribution: Sequence[float], mean: float, interval_90_months: tuple[float, float], texts: Texts
) -> Markup:
    """``distribution`` is 240 probabilities, entry k that of a bone age of k months."""
    low, high = interval_90_months
    edges = max(0.0, low - 18), min(_LAST_MONTH - 1, high + 18)
    plane = _Plane(400, 128, 12, 36, edges, (0.0, 1.06 * max(distribution)), right=12)
    shown = [(float(k), mass) for k, mass in enumerate(distribution) if edges[0] <= k <= edges[1]]
    area = plane.path([(shown[0][0], 0.0), *shown, (shown[-1][0], 0.0)], closed=True)
    parts = [
        _rectangle("band", plane, low, high),
        _path("area", area),
        _line("mean", plane, (mean, 0.0), (mean, plane.y_range[1])),
        *_years_below(plane, texts.say("chart.y")),
    ]
    told = texts.say(
        "distribution.alt",
        mean=texts.say("unit.months", x=texts.number(mean, 1)),
        range=texts.range(texts.number(low), texts.say("unit.months", x=texts.number(high))),
    )
    return _svg(plane, parts, told)


def age_plot(sex: Sex, points: Sequence[Point], texts: Texts) -> Markup:
    """Readings of one child, at least one, by age; the last stands out. With the band of +-2 SD."""
    ages = [point.age_months for point in points]
    bone_ages = [edge for point in points for edge in point.interval_90_months]
    x_months = _window(ages, _AROUND_MONTHS)
    plane = _Plane(400, 300, 38, 38, x_months, _window([*bone_ages, *x_months], 0.0))
    ticks = [*_years_below(plane, texts.say("chart.x")), *_years_beside(plane, texts.say("chart.y"))]
    line = plane.path((point.age_months, point.bone_age_months) for point in points)
    parts = [
        *_band(plane, sex),
        *ticks,
        *([_path("trace", line)] if len(points) > 1 else []),
        *(part for point in points for part in _dot(plane, point, now=point is points[-1])),
    ]
    told = texts.say(
        "chart.alt",
        reference=_REFERENCE,
        age=texts.age(points[-1].age_months),
        bone_age=texts.age(points[-1].bone_age_months),
    )
    return _svg(plane, parts, told)


def _window(months: Sequence[float], around: float) -> tuple[float, float]:
    return max(0.0, min(months) - around), min(_LAST_MONTH, max(months) + around)


def _band(plane: _Plane, sex: Sex) -> list[Markup]:
    # Only as far as the plot reaches: the last row before it and the first after it lie outside and are cut off.
    rows = band(sex, _REFERENCE)
    low, high = plane.x_months
    inside = [k for k, row in enumerate(rows) if low <= row.age_months <= high]
    if not inside:
        return []
    used = rows[max(0, inside[0] - 1) : inside[-1] + 2]
    outline = [(row.age_months, row.low_months) for row in used]
    outline += [(row.age_months, row.high_months) for row in reversed(used)]
    mean = [(row.age_months, row.mean_months) for row in used]
    cut = Markup('clip-path="url(#inside)"')
    return [
        _inside(plane),
        _path("band", plane.path(outline, closed=True), cut),
        _path("middle", plane.path(mean), cut),
    ]


def _inside(plane: _Plane) -> Markup:
    width, height = plane.width - plane.left - plane.right, plane.height - plane.bottom - plane.top
    area = Markup('<clipPath id="inside"><rect x="{}" y="{}" width="{}" height="{}"/></clipPath>')
    return area.format(plane.left, plane.top, width, height)


def _dot(plane: _Plane, point: Point, *, now: bool) -> list[Markup]:
    x, (low, high) = point.age_months, point.interval_90_months
    place = Markup('cx="{}" cy="{}" r="{}"').format(plane.x(x), plane.y(point.bone_age_months), 5 if now else 4)
    kind = "dot now" if now else "dot"
    return [
        _line("reach", plane, (x, low), (x, high)),
        _PART.format(name="circle", kind=kind, rest=place),
    ]


def _years_below(plane: _Plane, name: str) -> list[Markup]:
    base = plane.height - plane.bottom
    parts = [_line("axis", plane, (plane.x_months[0], plane.y_range[0]), (plane.x_months[1], plane.y_range[0]))]
    for year in _years(plane.x_months, 12 if plane.width > 300 else 6):
        parts.append(_line("tick", plane, (12 * year, plane.y_range[0]), (12 * year, plane.y_range[0]), down=4))
        parts.append(_text(plane.x(12 * year), base + 16, str(year)))
    return [*parts, _text((plane.left + plane.width - plane.right) / 2, plane.height - 4, name, "name")]


def _years_beside(plane: _Plane, name: str) -> list[Markup]:
    parts = []
    for year in _years(plane.y_range, 10):
        parts.append(_line("grid", plane, (plane.x_months[0], 12 * year), (plane.x_months[1], 12 * year)))
        parts.append(_text(plane.left - 6, plane.y(12 * year) + 4, str(year), "beside"))
    middle = (plane.top + plane.height - plane.bottom) / 2
    turned = Markup('<text class="name" transform="translate(11 {}) rotate(-90)">{}</text>').format(middle, name)
    return [*parts, turned]


def _years(months: tuple[float, float], most: int) -> range:
    first, last = -int(-months[0] // 12), int(months[1] // 12)
    step = next(step for step in (1, 2, 5, 10) if (last - first) / step <= most)
    return range(-(-first // step) * step, last + 1, step)


def _rectangle(kind: str, plane: _Plane, low: float, high: float) -> Markup:
    x, top = plane.x(low), plane.y(plane.y_range[1])
    place = Markup('x="{}" y="{}" width="{:.1f}" height="{:.1f}"')
    place = place.format(x, top, plane.x(high) - x, plane.y(plane.y_range[0]) - top)
    return _PART.format(name="rect", kind=kind, rest=place)


def _path(kind: str, path: str, more: str = "") -> Markup:
    return _PART.format(name="path", kind=kind, rest=Markup('d="{}" {}').format(path, more))


def _line(kind: str, plane: _Plane, begin: tuple[float, float], end: tuple[float, float], *, down: int = 0) -> Markup:
    ends = (plane.x(begin[0]), plane.y(begin[1]), plane.x(end[0]), plane.y(end[1]) + down)
    return _PART.format(name="line", kind=kind, rest=Markup('x1="{}" y1="{}" x2="{}" y2="{}"').format(*ends))


def _text(x: float, y: float, text: str, kind: str = "below") -> Markup:
    return Markup('<text class="{}" x="{}" y="{}">{}</text>').format(kind, x, y, text)


def _svg(plane: _Plane, parts: Iterable[Markup], told: str) -> Markup:
    drawing = Markup('<svg class="plot" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>')
    return drawing.format(plane.width, plane.height, told, Markup("").join(parts))
