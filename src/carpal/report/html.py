"""The page as one HTML file that needs nothing beside it: pictures within, no script, prints on one sheet."""

from __future__ import annotations

import base64
from functools import cache
from importlib import resources

from jinja2 import Environment, StrictUndefined, Template

from carpal.report.figures import Picture
from carpal.report.look import Paper
from carpal.report.page import Page

__all__ = ["html_page"]

_SHEETS = {"a4": "A4", "letter": "letter"}
_SPARE_ROWS = {"a4": 4, "letter": 0}  # that fit beside all the rest
_SHRINK = 0.013  # of the page for each row more


def html_page(page: Page, paper: Paper) -> str:
    """The whole file."""
    return _template().render(page=page, sheet=_SHEETS[paper], zoom=_zoom(page, paper), uri=_data_uri)


@cache
def _template() -> Template:
    text = (resources.files("carpal.report") / "page.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(text)


def _zoom(page: Page, paper: Paper) -> float:
    """By how much print must shrink: what varies in length is the history, the remarks and the notes on heights."""
    rows = len(page.history.table.rows) + 3 if page.history and page.history.table else 0
    rows += len(page.remarks.sentences) if page.remarks else 0
    if page.heights and page.heights.table:
        rows += sum(len(row[-1]) for row in page.heights.table.rows) // 110
    spare = rows - _SPARE_ROWS[paper]
    return round(max(0.45, min(1.0, 1 - _SHRINK * spare)), 2)


def _data_uri(picture: Picture) -> str:
    return f"data:{picture.mime};base64,{base64.b64encode(picture.data).decode()}"
