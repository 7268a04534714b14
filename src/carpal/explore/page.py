"""The page: plain HTML that holds without a network, on a phone and in print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from string import Template

import numpy as np

from carpal import __version__
from carpal.distribution import CLASS_EDGES
from carpal.explore.figures import SEX_NAMES, Drawn, class_names
from carpal.explore.findings import SEXES, FileFacts, Findings, class_counts, quantile_edges, spread

__all__ = ["page_of"]

LISTED_PROBLEMS = 50

_MEANING = {
    "no-id": "a row that names no image",
    "no-image": "a row of the table without an image",
    "no-row": "an image without a row in the table",
    "no-sex": "a row that does not say girl or boy",
    "impossible-age": "no number, below 0 or above 240 months",
    "duplicate-row": "the image has an earlier row; that one counts",
    "duplicate-file": "another file of the same name is used",
    "duplicate-image": "the same picture under another id",
    "ages-in-years": "the ages look like years; carpal reads months",
    "unreadable": "the file cannot be read as a radiograph",
}

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light; }
body { margin: 0 auto; padding: 1rem; max-width: 58rem; color: #1d2730; background: #fff;
       font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.6rem; margin: .5rem 0 .25rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; border-top: 1px solid #dfe5ea; padding-top: 1rem; }
p { margin: .5rem 0; max-width: 46rem; }
.quiet { color: #5c6b78; overflow-wrap: anywhere; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(7.2rem, 1fr)); gap: .6rem; margin: 1rem 0;
         padding: 0; list-style: none; }
.facts li { border: 1px solid #dfe5ea; border-radius: .5rem; padding: .6rem .7rem; }
.facts b { display: block; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
figure { margin: 1rem 0; }
img { display: block; max-width: 100%; height: auto; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid #dfe5ea; vertical-align: top; }
th { font-weight: 600; white-space: nowrap; }
td.n, th.n { text-align: right; white-space: nowrap; }
summary { cursor: pointer; margin: .75rem 0; }
@media print { h2 { break-after: avoid; } figure { break-inside: avoid; } img { max-height: 20cm; width: auto; }
  .scroll { overflow: visible; } table { font-size: .7rem; } th, td { padding-right: .5rem; } }
</style>
</head>
<body>
<h1>$title</h1>
<p class="quiet">$root</p>
<ul class="facts">$facts</ul>
<h2>What is wrong with it</h2>
$problems
<h2>Ages</h2>
<p>Each id counts once, however many files show it; once for each age where it has several.</p>
$ages
<h2>Quantile classes</h2>
$classes
<h2>Radiographs by age</h2>
$gallery
<h2>Files</h2>
$files
<h2>About this page</h2>
<p class="quiet">Made by <code>carpal explore</code>, carpal $version. Data digest <code>$digest</code>.
The numbers are in <a href="summary.json">summary.json</a>.</p>
</body>
</html>
""")


def page_of(findings: Findings, figures: dict[str, Drawn]) -> str:
    """The HTML of the page; ``figures`` are those that were drawn."""
    root = findings.dataset.root
    return _PAGE.substitute(
        title=escape(f"Data set {root.resolve().name}"),
        root=escape(str(root)),
        facts=_facts(findings),
        problems=_problems(findings),
        ages=_figure(figures, "ages") + _figure(figures, "ages-by-sex") + _age_table(findings),
        classes=_classes(findings, figures),
        gallery=_gallery(figures, findings.seed),
        files=_files(findings, figures),
        version=escape(__version__),
        digest=findings.dataset.digest()[:16],
    )


def _facts(findings: Findings) -> str:
    dataset = findings.dataset
    facts = [("radiographs", len(dataset)), ("ids", len(dataset.ids))]
    groups = Counter(sample.group for sample in dataset.samples)
    if set(groups) != {""}:
        facts += [(f"in {name}", count) for name, count in groups.items()]
    facts += [(SEX_NAMES[sex], len({c.id for c in findings.children if c.sex == sex})) for sex in SEXES]
    facts.append(("problem" if len(findings.problems) == 1 else "problems", len(findings.problems)))
    return "".join(f"<li><b>{count:,}</b>{escape(name)}</li>" for name, count in facts)


def _problems(findings: Findings) -> str:
    problems = findings.problems
    if not problems:
        return "<p>Nothing was found among the rows and files that were looked at.</p>"
    counts = Counter(problem.kind for problem in problems)
    kinds = _table(["kind", "count", "meaning"], ([k, n, _MEANING.get(k, "")] for k, n in counts.most_common()))
    listed = _table(["kind", "where", "what"], ([p.kind, p.where, p.message] for p in problems[:LISTED_PROBLEMS]))
    which = f"the first {LISTED_PROBLEMS} of {len(problems):,}" if len(problems) > LISTED_PROBLEMS else "all of them"
    return (
        f"{kinds}<details><summary>Show {which}</summary>{listed}</details>"
        '<p><a href="problems.csv">problems.csv</a> lists every one.</p>'
    )


def _age_table(findings: Findings) -> str:
    rows = []
    for name, ages in [("all", findings.ages()), *((SEX_NAMES[s], findings.ages(s)) for s in findings.sexes)]:
        facts = spread(ages)
        rows.append([name, facts["n"], *(f"{facts[key]:.1f}" for key in ("mean", "sd"))])
        rows[-1] += [f"{facts[key]:g}" for key in ("min", "q1", "median", "q3", "max")]
    head = ["months", "n", "mean", "SD", "youngest", "lower quartile", "median", "upper quartile", "oldest"]
    return _table(head, rows)


def _classes(findings: Findings, figures: dict[str, Drawn]) -> str:
    text = (
        "<p>Five classes of about equal size, cut at the quantiles 0, 0.2, 0.4, 0.6, 0.8 and 1 of the ages. A class "
        "holds the ages above its lower edge, up to and including its upper one. carpal's own edges come from the "
        f"12,611 radiographs of the RSNA training set: {', '.join(f'{edge:g}' for edge in CLASS_EDGES)}.</p>"
    )
    own = quantile_edges(findings.ages())
    if own == tuple(map(float, CLASS_EDGES)):
        return text + _figure(figures, "classes") + _class_table(findings, "here and of carpal", own)
    tables = _class_table(findings, "of this data set", own) + "<br>" + _class_table(findings, "of carpal", CLASS_EDGES)
    return text + _figure(figures, "classes") + tables


def _class_table(findings: Findings, whose: str, edges: tuple[float, ...]) -> str:
    girls, boys = (class_counts(findings.ages(sex), edges) for sex in SEXES)
    rows = [[name, f, m, f + m] for name, f, m in zip(class_names(edges), girls, boys, strict=True)]
    outside = int(((findings.ages() < edges[0]) | (findings.ages() > edges[-1])).sum())
    note = f"<p>{outside} lie beyond the outer edges and count in the outer classes.</p>" if outside else ""
    return _table([f"classes {whose} (months)", "girls", "boys", "all"], rows) + note


def _gallery(figures: dict[str, Drawn], seed: int) -> str:
    if "gallery" not in figures:
        return "<p>None of the radiographs that were tried can be read.</p>"
    return f"<p>A random choice (seed {seed}), shape kept; below each its bone age in months.</p>" + _figure(
        figures, "gallery"
    )


def _files(findings: Findings, figures: dict[str, Drawn]) -> str:
    counts = Counter(file.group for file in findings.files)
    parts = ", ".join(f"{n:,} of {name}" for name, n in counts.items() if name)
    whole = len(findings.files) == len(findings.dataset)
    how = "every file" if whole else f"a random sample (seed {findings.seed}) of the files"
    count = f"n = {len(findings.files):,}{f' ({parts})' if parts else ''}"
    text = (
        f"<p>Measured on {how}: {count}, as they are stored. "
        "The table gives medians, in brackets the lowest and the highest.</p>"
    )
    rows = [
        [group or "all", *_file_row([file for file in findings.files if file.group == group])]
        for group in findings.groups
        if counts[group]
    ]
    head = ["group", "n", "width", "height", "height / width", "brightness", "contrast"]
    return text + _figure(figures, "sizes") + _figure(figures, "grey-values") + _table(head, rows)


def _file_row(files: list[FileFacts]) -> list[object]:
    return [
        len(files),
        _range([file.width for file in files], "g"),
        _range([file.height for file in files], "g"),
        _range([file.height / file.width for file in files], ".2f"),
        _range([file.mean for file in files], ".2f"),
        _range([file.sd for file in files], ".2f"),
    ]


def _range(values: Sequence[float], form: str) -> str:
    low, middle, high = np.quantile(values, [0, 0.5, 1])
    return f"{middle:{form}} ({low:{form}}–{high:{form}})"


def _figure(figures: dict[str, Drawn], name: str) -> str:
    if name not in figures:
        return ""
    drawn = figures[name]
    return f'<figure><img src="{escape(drawn.name)}" alt="{escape(drawn.alt)}" loading="lazy"></figure>'


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """An HTML table; columns of numbers, and what begins with one, stand on the right."""
    texts = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    numeric = [k > 0 and all(row[k][:1].isdigit() for row in texts) for k in range(len(head))]
    marks = [' class="n"' if number else "" for number in numeric]
    top = "".join(f"<th{mark}>{escape(name)}</th>" for mark, name in zip(marks, head, strict=True))
    lines = ("".join(f"<td{mark}>{escape(text)}</td>" for mark, text in zip(marks, row, strict=True)) for row in texts)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
