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


def html_page(page: Page, paper: Paper) -> str:
    """The whole file."""
    return _template().render(page=page, sheet=_SHEETS[paper], uri=_data_uri)


@cache
def _template() -> Template:
    text = (resources.files("carpal.report") / "page.html.j2").read_text(encoding="utf-8")
    settings = {"autoescape": True, "undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    return Environment(**settings).from_string(text)  # type: ignore[arg-type]


def _data_uri(picture: Picture) -> str:
    return f"data:{picture.mime};base64,{base64.b64encode(picture.data).decode()}"
