"""A report into a file, in the form that the file's name asks for."""

from __future__ import annotations

import json
from pathlib import Path

from carpal.errors import InvalidArgument
from carpal.files import replacing
from carpal.report.look import Look
from carpal.report.make import Report
from carpal.report.texts import Texts

__all__ = ["FORMATS", "format_of", "report_bytes", "write_report"]

FORMATS = (".fhir.json", ".pdf", ".html", ".json")  # a name that ends in two of them is of the first


def format_of(path: str | Path) -> str:
    """Which of FORMATS a file's name asks for. Raises InvalidArgument, for a folder too."""
    if Path(path).is_dir():
        raise InvalidArgument(f"{path} is a folder: name a file in it")
    name = Path(path).name.lower()
    for suffix in FORMATS:
        if name.endswith(suffix):
            return suffix
    raise InvalidArgument(f"{path}: a report is written as {', '.join(FORMATS)}: end the name in one of them")


def report_bytes(report: Report, suffix: str, look: Look | None = None) -> bytes:
    """The whole file of one of FORMATS. The same report gives the same bytes. Raises InvalidArgument."""
    look = look or Look()
    if suffix == ".json":
        from carpal.report.record import record

        return _json(record(report))
    if suffix == ".fhir.json":
        from carpal.report.fhir import observation

        return _json(observation(report))
    from carpal.report.page import page_of

    page = page_of(report, Texts(look.language))
    if suffix == ".html":
        from carpal.report.html import html_page

        return html_page(page, look.paper).encode()
    if suffix == ".pdf":
        from carpal.report.pdf import pdf_page

        return pdf_page(page, look.paper)
    raise InvalidArgument(f"{suffix!r} is no form of a report: {', '.join(FORMATS)}")


def write_report(report: Report, path: str | Path, look: Look | None = None) -> None:
    """Write the report in the form that the name of ``path`` asks for, whole or not at all. Raises InvalidArgument."""
    data = report_bytes(report, format_of(path), look)
    with replacing(path) as part:
        part.write_bytes(data)


def _json(values: dict[str, object]) -> bytes:
    return (json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
