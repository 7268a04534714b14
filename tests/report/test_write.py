"""The name of the file says in which form a report is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from carpal.errors import InvalidArgument
from carpal.report import FORMATS, Look, Report, write_report
from carpal.report.write import format_of, report_bytes

BEGINS = {
    ".pdf": b"%PDF-",
    ".html": b"<!DOCTYPE html>",
    ".json": b"{",
    ".fhir.json": b'{\n "resourceType": "Observation"',
}


@pytest.mark.parametrize("suffix", FORMATS)
def test_each_form_is_written_by_its_name(suffix: str, bare: Report, tmp_path: Path) -> None:
    write_report(bare, tmp_path / f"report{suffix.upper()}")
    (written,) = tmp_path.iterdir()
    assert written.read_bytes().startswith(BEGINS[suffix])
    assert written.read_bytes() == report_bytes(bare, suffix)


@pytest.mark.parametrize("name", ["report", "report.docx", "report.pdf.zip", "pdf"])
def test_another_name_is_refused(name: str, bare: Report, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"\.pdf, \.html, \.json"):
        write_report(bare, tmp_path / name)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InvalidArgument):
        report_bytes(bare, ".docx")


def test_fhir_is_told_from_json() -> None:
    assert format_of("a.fhir.json") == ".fhir.json"
    assert format_of("fhir.json") == ".json"


def test_an_unknown_paper_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="a4, letter"):
        Look(paper="a5")  # type: ignore[arg-type]
