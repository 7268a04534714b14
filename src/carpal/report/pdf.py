"""The page as a PDF of exactly one sheet, A4 or Letter: fonts embedded, no date within, the same page the same bytes.

ReportLab (BSD) sets it: plain Python that installs by itself, where others need Cairo and Pango beside it. It writes no
structure for screen readers; the HTML page has one.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from reportlab.lib import pagesizes
from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Frame, HRFlowable, Image, Paragraph, Spacer, Table

from carpal.errors import InvalidArgument
from carpal.report import page as words
from carpal.report.figures import Picture
from carpal.report.look import Paper
from carpal.report.page import Page, Section

__all__ = ["pdf_page"]

_SHEETS = {"a4": pagesizes.A4, "letter": pagesizes.LETTER}
_ASIDE, _ABOVE = 36.0, 30.0  # margins in points; printers leave out less
_GAP = 10.0
_INK, _QUIET, _RULE, _TINT = HexColor("#1c2530"), HexColor("#4a5560"), HexColor("#b9c3cd"), HexColor("#eef3f8")
_ALERT = HexColor("#9a1f1f")
_BODY, _BOLD = "carpal-sans", "carpal-sans-bold"


@dataclass(frozen=True)
class _Size:
    """Sizes in points: of the text, and of the pictures' height; then all of it by ``scale``."""

    text: float
    pictures: float
    scale: float = 1.0


_TOO_FULL = "the report does not fit on one page: shorten the history"
_TEXTS = (8.0, 7.5, 7.0, 6.5)
_PICTURES = range(260, 130, -10)
_SCALES = [0.95**step for step in range(1, 24)]  # of a very full page, down to a third


def pdf_page(page: Page, paper: Paper) -> bytes:
    """The PDF file: the largest text and pictures that fit on one sheet. Raises InvalidArgument where nothing fits."""
    _register_fonts()
    width, height = _SHEETS[paper]
    inside = (width - 2 * _ASIDE, height - 2 * _ABOVE)
    size = _largest(page, inside)
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=(width, height), invariant=1, lang=page.language)
    canvas.setTitle(page.title)
    canvas.setSubject(page.disclaimer)
    canvas.setCreator("carpal")
    canvas.translate(_ASIDE, _ABOVE)
    canvas.scale(size.scale, size.scale)
    box = [length / size.scale for length in inside]
    frame = Frame(0, 0, *box, leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0)
    story = _story(page, size, box[0])
    frame.addFromList(story, canvas)
    if story:  # what did not fit is left in it, and nothing may be lost
        raise InvalidArgument(_TOO_FULL)
    canvas.showPage()
    canvas.save()
    return file.getvalue()


def _largest(page: Page, inside: tuple[float, float]) -> _Size:
    """Large text before large pictures, and only a page that is too full for both is made smaller as a whole."""
    for text in _TEXTS:
        if _fits(page, _Size(text, _PICTURES[-1]), inside):
            sizes = (_Size(text, high) for high in _PICTURES)
            return next(size for size in sizes if _fits(page, size, inside))
    scaled = [_Size(_TEXTS[-1], _PICTURES[-1], scale) for scale in _SCALES]
    if not _fits(page, scaled[-1], inside):
        raise InvalidArgument(_TOO_FULL)
    return next(size for size in scaled if _fits(page, size, inside))


def _fits(page: Page, size: _Size, inside: tuple[float, float]) -> bool:
    width, height = (length / size.scale for length in inside)
    needed = (part.wrap(width, height)[1] + part.getSpaceAfter() for part in _story(page, size, width))
    return sum(needed) + 2 <= height  # two points for what rounding adds


@cache
def _register_fonts() -> None:
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"  # DejaVu: Latin, Greek and Cyrillic, free to embed
    pdfmetrics.registerFont(TTFont(_BODY, str(folder / "DejaVuSans.ttf")))
    pdfmetrics.registerFont(TTFont(_BOLD, str(folder / "DejaVuSans-Bold.ttf")))
    pdfmetrics.registerFontFamily(_BODY, normal=_BODY, bold=_BOLD, italic=_BODY, boldItalic=_BOLD)


def _story(page: Page, size: _Size, width: float) -> list[Flowable]:
    return [
        *_head(page, size, width),
        *_first_row(page, size, width),
        *_second_row(page, size, width),
        *_section(page.heights, size, width, shares=(0.22, 0.09, 0.16, 0.14, 0.39)),
        *_section(page.history, size, width),
        *_section(page.remarks, size, width),
        *_section(page.references, size, width, small=True),
        *_section(page.made, size, width, small=True),
    ]


def _style(size: float, *, bold: bool = False, **more: Any) -> ParagraphStyle:
    settings = {"fontName": _BOLD if bold else _BODY, "fontSize": size, "leading": 1.25 * size, "textColor": _INK}
    return ParagraphStyle("carpal", **(settings | more))


def _paragraph(text: str, style: ParagraphStyle) -> Paragraph:
    return Paragraph(escape(text, quote=False).replace("\n", "<br/>"), style)


def _head(page: Page, size: _Size, width: float) -> Iterator[Flowable]:
    title = _paragraph(page.title, _style(15, bold=True))
    disclaimer = _paragraph(page.disclaimer, _style(size.text, textColor=_QUIET, alignment=TA_RIGHT))
    yield _grid([[title, disclaimer]], [0.45 * width, 0.55 * width], valign="BOTTOM")
    yield HRFlowable(width="100%", thickness=1, color=_INK, spaceBefore=0, spaceAfter=4)
    # A line ends between facts, not within one.
    whole = ((escape(text, quote=False).replace(" ", "\u00a0") for text in fact) for fact in page.child)
    facts = "&nbsp;&nbsp; ".join(f'<font color="#4a5560">{name}:</font>\u00a0<b>{value}</b>' for name, value in whole)
    yield Paragraph(facts, _style(size.text + 0.5))
    yield Spacer(1, 7)


def _first_row(page: Page, size: _Size, width: float) -> Iterator[Flowable]:
    """Radiograph and evidence on the left, the bone age on the right; a refused radiograph has the reason there."""
    left = (0.56 if page.evidence else 0.5) * width
    pictures = [picture for picture in (page.radiograph, page.evidence) if picture is not None]
    each = (left - _GAP * (len(pictures) - 1)) / len(pictures)
    caption = _style(size.text - 1, textColor=_QUIET)
    high = size.pictures if page.evidence else 1.4 * size.pictures
    cells = [[_image(picture, each, high), _paragraph(picture.caption, caption)] for picture in pictures]
    widths = [each + _GAP if k < len(pictures) - 1 else each for k in range(len(pictures))]
    right = width - left - _GAP
    row = [_grid([cells], widths), _refusal(page, size) if page.refusal else _result(page, size, right)]
    yield _grid([row], [left + _GAP, right])
    if page.evidence is not None:
        yield _paragraph(page.evidence_told, _style(size.text - 1, textColor=_QUIET))
    yield Spacer(1, 6)


def _result(page: Page, size: _Size, width: float) -> list[Flowable]:
    months, years, interval, method, *verdict = page.result
    said: list[Flowable] = [
        _paragraph(page.bone_age, _style(size.text + 1, textColor=_QUIET)),
        _paragraph(months, _style(21, bold=True)),
        _paragraph(years, _style(13, spaceAfter=4)),
        _paragraph(interval, _style(size.text + 1)),
        _paragraph(method, _style(size.text, textColor=_QUIET, spaceAfter=4)),
        *(_paragraph(text, _style(size.text + 1, bold=True)) for text in verdict),
        Spacer(1, 6),
    ]
    if page.distribution is not None:
        said.append(_paragraph(page.distribution.caption, _style(size.text, bold=True)))
        said.append(_image(page.distribution, width, 0.5 * size.pictures))
    return said


def _refusal(page: Page, size: _Size) -> list[Flowable]:
    section = page.refusal
    assert section is not None
    return [
        _paragraph(page.result[0], _style(15, bold=True, textColor=_ALERT, spaceAfter=10)),
        _paragraph(section.heading, _style(size.text + 2, bold=True, spaceAfter=3)),
        *(_paragraph(s.text, _style(size.text + 2, spaceAfter=5)) for s in section.sentences),
    ]


def _second_row(page: Page, size: _Size, width: float) -> Iterator[Flowable]:
    if page.chart is None:
        yield from _section(page.sds, size, width)
        return
    left = 0.47 * width
    right = width - left - _GAP
    chart = [_paragraph(page.chart.caption, _style(size.text + 1, bold=True)), _image(page.chart, left, size.pictures)]
    scores = list(_section(page.sds, size, right, shares=(0.46, 0.27, 0.27)))
    yield _grid([[chart, scores]], [left + _GAP, right])
    yield Spacer(1, 4)


def _section(
    section: Section | None, size: _Size, width: float, *, shares: tuple[float, ...] = (), small: bool = False
) -> Iterator[Flowable]:
    if section is None:
        return
    text = size.text - 1 if small else size.text
    yield _paragraph(section.heading, _style(text + 1, bold=True, spaceAfter=1.5))
    if section.table is not None:
        yield _table(section.table, text, width, shares)
    for sentence in section.sentences:
        yield _paragraph(sentence.text, _style(text, textColor=_QUIET if small else _INK))
    yield Spacer(1, 5)


def _table(table: words.Table, text: float, width: float, shares: tuple[float, ...]) -> Table:
    plain, head, name = _style(text), _style(text - 0.5, textColor=_QUIET), _style(text, bold=True)
    columns = len(table.rows[0])
    shares = shares or tuple([1 / columns] * columns)
    rows = [[_paragraph(cell, head) for cell in table.heads]] if table.heads else []
    rows += [[_paragraph(cell, plain if k else name) for k, cell in enumerate(row)] for row in table.rows]
    lines = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, _RULE),
        ("LEFTPADDING", (0, 0), (-1, -1), 2),
        ("RIGHTPADDING", (0, 0), (-1, -1), 4),
        ("TOPPADDING", (0, 0), (-1, -1), 1.2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 1.8),
        ("BACKGROUND", (0, 0), (-1, 0), _TINT),
    ]
    return Table(rows, colWidths=[share * width for share in shares], style=lines, hAlign="LEFT")


def _grid(rows: list[list[Any]], widths: list[float], valign: str = "TOP") -> Table:
    """Cells beside each other without lines or padding."""
    style = [(f"{side}PADDING", (0, 0), (-1, -1), 0) for side in ("LEFT", "RIGHT", "TOP", "BOTTOM")]
    return Table(rows, colWidths=widths, style=[*style, ("VALIGN", (0, 0), (-1, -1), valign)], hAlign="LEFT")


def _image(picture: Picture, width: float, height: float) -> Image:
    """As large as fits into the box, never distorted."""
    scale = min(width / picture.width, height / picture.height)
    image = Image(io.BytesIO(picture.data), picture.width * scale, picture.height * scale)
    image.hAlign = "LEFT"
    return image
