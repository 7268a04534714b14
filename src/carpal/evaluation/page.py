"""A small document of text, tables and pictures, written once and rendered as HTML and as Markdown.

Everything that is not written here is taken for plain text and escaped: names of models and ids come from anywhere.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from carpal.errors import InvalidArgument
from carpal.evaluation.bootstrap import Estimate
from carpal.files import replacing

__all__ = [
    "Block",
    "Heading",
    "Picture",
    "Table",
    "Text",
    "figure_text",
    "make_folder",
    "share_text",
    "to_html",
    "to_markdown",
    "write_json",
    "write_text",
]


@dataclass(frozen=True)
class Heading:
    """A section begins."""

    text: str


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Picture:
    """A file beside the page, with what somebody who cannot see it should know."""

    file: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Table:
    """Rows of cells, the first of which names the row. ``marked`` (row, column) stand out, ``words`` align left."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    marked: frozenset[tuple[int, int]] = field(default=frozenset())
    words: frozenset[int] = field(default=frozenset())


Block = Heading | Text | Picture | Table


def figure_text(found: Estimate, decimals: int = 2, *, signed: bool = False, interval: bool = True) -> str:
    """ "4.25 [3.80, 4.72]"; an en dash where undefined."""

    def write(value: float) -> str:
        rounded = round(value, decimals) + 0.0  # never "-0.00"
        return f"{rounded:{'+' if signed and rounded else ''}.{decimals}f}".replace("-", "−")

    if found.value is None:
        return "–"
    if not interval or found.low is None or found.high is None:
        return write(found.value)
    return f"{write(found.value)} [{write(found.low)}, {write(found.high)}]"


def share_text(found: Estimate, decimals: int = 1, *, signed: bool = False, interval: bool = True) -> str:
    """ "84.1 % [81.9, 86.4]" from a share of 0..1."""
    scaled = Estimate(*(None if v is None else 100 * v for v in (found.value, found.low, found.high)))
    text = figure_text(scaled, decimals, signed=signed, interval=interval)
    number, space, rest = text.partition(" ")
    return text if found.value is None else f"{number} %{space}{rest}"


# --------------------------------------------------------------------------- HTML

_CSS = """
:root { color-scheme: light; --ink: #1f2933; --soft: #5b6770; --line: #d9dee3; --mark: #fff1d6; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1320px; padding: 32px 24px 64px; color: var(--ink); background: #fff;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .6em; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2em 0 .5em; padding-top: .8em; border-top: 1px solid var(--line); }
p { max-width: 78ch; margin: .5em 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; margin: .8em 0 1.2em; }
table { border-collapse: collapse; font-size: .84rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding-bottom: .4em; }
th, td { padding: .35em .65em; text-align: right; border-bottom: 1px solid var(--line); vertical-align: top; }
th:first-child { text-align: left; padding-left: .2em; position: sticky; left: 0; background: #fff; }
th.words, td.words { text-align: left; }
thead th { border-bottom: 2px solid var(--ink); font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: 600; overflow-wrap: anywhere; max-width: 24em; min-width: 15em; }
td { white-space: nowrap; }
td.words { white-space: normal; overflow-wrap: anywhere; min-width: 7em; }
td.marked { background: var(--mark); font-weight: 600; }
figure { margin: 1em 0 1.6em; }
img { display: block; max-width: min(100%, 900px); height: auto; }
figcaption { color: var(--soft); font-size: .9rem; margin-top: .4em; max-width: 78ch; }
@media print { body { max-width: none; padding: 0; } figure, tr { break-inside: avoid; }
  .scroll { overflow: visible; } table { font-size: .54rem; } th, td { padding: .3em .4em; }
  tbody th { min-width: 0; } }
"""


def to_html(title: str, blocks: Sequence[Block]) -> str:
    """One page of plain HTML with its style inside; only pictures are files beside it."""
    body = "\n".join(_html_block(block) for block in blocks)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n"
        f"<h1>{html.escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    )


def _html_block(block: Block) -> str:
    if isinstance(block, Heading):
        return f"<h2>{html.escape(block.text)}</h2>"
    if isinstance(block, Text):
        return f"<p>{html.escape(block.text)}</p>"
    if isinstance(block, Picture):
        image = f'<img src="{quote(block.file)}" alt="{html.escape(block.alt)}">'
        return f"<figure>{image}<figcaption>{html.escape(block.caption)}</figcaption></figure>"
    caption = f"<caption>{html.escape(block.caption)}</caption>" if block.caption else ""
    head = "".join(
        f'<th scope="col"{_kinds(block, -1, j)}>{html.escape(name)}</th>' for j, name in enumerate(block.header)
    )
    rows = "\n".join(_html_row(block, i) for i in range(len(block.rows)))
    return (
        f'<div class="scroll"><table>{caption}\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>'
    )


def _html_row(table: Table, row: int) -> str:
    name, *cells = table.rows[row]
    rest = (f"<td{_kinds(table, row, j)}>{html.escape(cell)}</td>" for j, cell in enumerate(cells, start=1))
    return f'<tr><th scope="row">{html.escape(name)}</th>{"".join(rest)}</tr>'


def _kinds(table: Table, row: int, column: int) -> str:
    kinds = ["marked"] * ((row, column) in table.marked) + ["words"] * (column in table.words)
    return f' class="{" ".join(kinds)}"' if kinds else ""


# --------------------------------------------------------------------------- Markdown


def to_markdown(title: str, blocks: Sequence[Block]) -> str:
    """The same document in GitHub's Markdown."""
    return "\n\n".join([f"# {_plain(title)}", *(_markdown_block(block) for block in blocks)]) + "\n"


def _plain(text: str) -> str:
    """Text that no Markdown reader takes for markup or for HTML."""
    # Brackets stay readable where they make no link, underscores where they stand inside a word.
    markup = r"[\\`*|~]|\](?=[(\[:])|(?<![^\W_])_|_(?![^\W_])"
    escaped = re.sub(markup, r"\\\g<0>", " ".join(text.split()))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _markdown_block(block: Block) -> str:
    if isinstance(block, Heading):
        return f"## {_plain(block.text)}"
    if isinstance(block, Text):
        return _plain(block.text)
    if isinstance(block, Picture):
        return f"![{_plain(block.alt)}]({quote(block.file)})\n\n{_plain(block.caption)}"
    lines = [
        [_plain(name) or " " for name in block.header],
        ["---" if j == 0 or j in block.words else "---:" for j in range(len(block.header))],
    ]
    for i, cells in enumerate(block.rows):
        lines.append([f"**{_plain(c)}**" if (i, j) in block.marked else _plain(c) for j, c in enumerate(cells)])
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"{_plain(block.caption)}\n\n{table}" if block.caption else table


# --------------------------------------------------------------------------- files


# The file by which a folder of each kind is known.
_KINDS = {
    "metrics.json": "an evaluation",
    "comparison.json": "a comparison",
    "bias.csv": "a table of bias",
    "readings.csv": "a stress test",
}


def make_folder(path: str | Path, own: str) -> Path:
    """The folder, made where it is missing, for a page whose kind has the file ``own``. Raises InvalidArgument where
    it cannot be, and where a page of another kind is there, which would be replaced."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidArgument(f"{path} cannot be a folder: {(error.strerror or 'refused').lower()}") from None
    for name, what in _KINDS.items():
        if name != own and (path / name).is_file():
            raise InvalidArgument(f"{path} holds {what}, whose page would be replaced: choose another folder")
    return path


def write_text(path: Path, text: str) -> None:
    """UTF-8, whole or not at all."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Strict JSON: a NaN is an error here, not a token that other readers refuse."""
    write_text(path, json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
