"""JSON: every report is as its schema says, and the schema says what is wrong with others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from carpal.growth import Assessment
from carpal.report import Report
from carpal.report.record import reading_schema, record
from carpal.report.write import report_bytes

VALIDATOR = Draft202012Validator(reading_schema(), format_checker=Draft202012Validator.FORMAT_CHECKER)


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(reading_schema())


def test_every_report_is_as_the_schema_says(any_report: Report) -> None:
    values = json.loads(report_bytes(any_report, ".json"))
    assert list(VALIDATOR.iter_errors(values)) == []
    assert Assessment.from_dict(values["assessment"]) == any_report.assessment


def test_read_and_refused_have_the_same_keys(full: Report, refused: Report) -> None:
    assert record(full).keys() == record(refused).keys()
    assert record(refused)["reading"] is None
    assert record(refused)["refused"]["reason"] == "blank"


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if schema.get("type") == "object" and "properties" in schema and "additionalProperties" in schema:
            yield schema
        for part in schema.values():
            yield from objects(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from objects(part)


def test_the_schema_leaves_nothing_open() -> None:
    found = list(objects(reading_schema()))
    assert len(found) >= 15
    for part in found:
        assert part["additionalProperties"] is False
        assert part["required"] == list(part["properties"])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("reading",), None),  # neither read nor refused
        (("refused",), {"reason": "blank", "advice": "x"}),  # both
        (("sex",), "W"),
        (("age_months",), "112"),
        (("reading", "bone_age_months"), 500),
        (("reading", "interval_90_months"), [100]),
        (("patient_name",), "Secret"),
        (("assessment", "sds"), [{}]),
        (("study_date",), "31.5.2024"),
    ],
)
def test_what_is_no_report_is_told_apart(path: tuple[str, ...], value: Any, full: Report) -> None:
    values = json.loads(report_bytes(full, ".json"))
    place = values
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    assert list(VALIDATOR.iter_errors(values)) != []
