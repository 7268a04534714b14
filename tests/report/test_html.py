"""The HTML page: one file that needs nothing else, and that can be read aloud."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from carpal.report import Look, Report
from carpal.report.look import PAPERS, Paper
from carpal.report.texts import languages
from carpal.report.write import report_bytes

VOID = {"meta", "img", "br", "hr", "link", "input"}


class Outline(HTMLParser):
    """Elements with their attributes, in order; complains of what is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag in tags]


def html(report: Report, language: str = "en", paper: Paper = "a4") -> str:
    return report_bytes(report, ".html", Look(language, paper)).decode()


@pytest.mark.parametrize("language", languages())
def test_a_page_can_be_read_aloud(language: str, any_report: Report) -> None:
    outline = Outline(html(any_report, language))
    assert outline.all("html")[0]["lang"] == language
    assert len(outline.all("h1")) == len(outline.all("main")) == len(outline.all("title")) == 1
    assert all(image["alt"] for image in outline.all("img"))
    assert all(cell["scope"] in {"col", "row"} for cell in outline.all("th"))
    levels = [int(tag[1]) for tag, _ in outline.elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1 and set(levels[1:]) == {2}


def test_a_page_needs_nothing_beside_it(any_report: Report) -> None:
    outline = Outline(html(any_report))
    assert all((image["src"] or "").startswith("data:image/") for image in outline.all("img"))
    assert outline.all("script", "link", "iframe", "object", "form") == []
    assert not re.search(r"https?://|@import|url\(", html(any_report))


@pytest.mark.parametrize("paper", PAPERS)
def test_the_paper_is_named_for_printing(paper: Paper, bare: Report) -> None:
    assert f"size: {'A4' if paper == 'a4' else 'letter'};" in html(bare, paper=paper)


def test_the_same_report_gives_the_same_page(full: Report) -> None:
    assert html(full) == html(full)


def test_what_looks_like_markup_is_written_as_it_is(full: Report) -> None:
    page = html(replace(full, calibration="<script>alert(1)</script>"))
    assert "<script>" not in page and "&lt;script&gt;" in page


def test_a_sentence_in_another_language_is_marked(full: Report) -> None:
    assert full.reading is not None
    page = html(replace(full, reading=replace(full.reading, notes=("something new",))), "de")
    assert '<p lang="en">Something new</p>' in page


def luminance(colour: str) -> float:
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_text_stands_out_from_its_ground(full: Report) -> None:
    colours = set(re.findall(r"(?<!-)color: (#[0-9a-f]{6})", html(full)))
    assert len(colours) >= 3
    for colour in colours:  # WCAG 2 AA: 4.5 to 1, on the tinted heads of tables too
        assert (luminance("#eef3f8") + 0.05) / (luminance(colour) + 0.05) >= 4.5
