"""One page about one radiograph, for a person (PDF, HTML) or another system (JSON, FHIR).

    report = make_report(Reader(), read_radiograph("hand.png"), Given(sex="F", age_months=112, height_cm=131))
    write_report(report, "report.pdf")

``make`` joins reading, evidence and growth; ``page`` says it in words of one language, the same ones for ``pdf`` and
``html``; ``record`` and ``fhir`` are for machines. All words come from ``texts.csv``.
"""

from __future__ import annotations

from carpal.report.look import Look
from carpal.report.make import Given, Report, make_report
from carpal.report.write import FORMATS, write_report

__all__ = ["FORMATS", "Given", "Look", "Report", "make_report", "write_report"]
