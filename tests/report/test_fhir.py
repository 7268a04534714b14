"""FHIR R4: the Observation is one, says what the report says, and names nobody."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.device import Device
from fhir.resources.R4B.observation import Observation

from carpal import Reader, read_radiograph
from carpal.report import Given, Report, make_report
from carpal.report.fhir import CODE_SYSTEM, observation
from carpal.report.write import report_bytes


def component(values: dict[str, Any], code: str) -> dict[str, Any]:
    (found,) = [c for c in values["component"] if c["code"]["coding"][0]["code"] == code]
    return found


def test_every_report_is_an_observation(any_report: Report) -> None:
    values = json.loads(report_bytes(any_report, ".fhir.json"))
    parsed = Observation.model_validate(values)
    assert json.loads(parsed.model_dump_json(exclude_none=True)) == values
    Device.model_validate(values["contained"][0])


def test_what_r4_demands_is_there(any_report: Report) -> None:
    values = observation(any_report)
    assert values["resourceType"] == "Observation"
    assert values["status"] in {"preliminary", "cancelled"}
    assert values["code"]["coding"] == [
        {"system": "http://loinc.org", "code": "37362-1", "display": "Bones X-ray bone age"}
    ]
    assert ("valueQuantity" in values) != ("dataAbsentReason" in values)  # obs-6
    for part in values.get("component", ()):
        assert part["code"]["coding"]
        assert sum(key in part for key in ("valueQuantity", "valueRange", "dataAbsentReason")) == 1
    assert f"#{values['contained'][0]['id']}" == values["device"]["reference"]


def test_the_numbers_are_those_of_the_report(full: Report) -> None:
    values, reading = observation(full), full.reading
    assert reading is not None
    assert values["valueQuantity"] == {
        "value": round(reading.bone_age_months, 2),
        "unit": "mo",
        "system": "http://unitsofmeasure.org",
        "code": "mo",
    }
    interval = component(values, "interval-90")["valueRange"]
    assert [interval[end]["value"] for end in ("low", "high")] == [round(e, 2) for e in reading.interval_90_months]
    assert component(values, "30525-0")["valueQuantity"]["value"] == 112
    for score in full.assessment.sds:
        said = component(values, "sds-" + score.reference.lower().replace(" ", "-"))
        assert score.sds is not None and said["valueQuantity"]["value"] == round(score.sds, 2)
        assert said["interpretation"][0]["text"] == score.verdict
        assert said["code"]["coding"][0]["system"] == CODE_SYSTEM
    assert values["note"][-1]["text"].startswith("Decision support for research use")


def test_a_refused_radiograph_is_cancelled_and_says_why(refused: Report) -> None:
    values = observation(refused)
    assert values["status"] == "cancelled"
    assert "nothing can be seen" in values["dataAbsentReason"]["text"]


def test_the_radiograph_is_named_by_its_study_and_nobody_by_name(reader: Reader, phantom_dicom: Path) -> None:
    radiograph = replace(read_radiograph(phantom_dicom), laterality="R")
    values = observation(make_report(reader, radiograph, Given(study_date=date(2024, 5, 31))))
    assert values["derivedFrom"][0]["identifier"]["value"] == f"urn:oid:{radiograph.study_uid}"
    assert values["bodySite"]["coding"][0]["display"] == "Structure of right hand"
    assert values["effectiveDateTime"] == "2024-05-31"
    assert not {"subject", "performer", "encounter"} & set(values)
    Observation.model_validate(values)


@pytest.mark.parametrize("laterality", [None, "L"])
def test_the_side_is_said_only_where_it_is_known(laterality: str | None, full: Report) -> None:
    told = replace(full, radiograph=replace(full.radiograph, laterality=laterality))
    code = {None: "85562004", "L": "85151006"}[laterality]
    assert observation(told)["bodySite"]["coding"][0]["code"] == code
