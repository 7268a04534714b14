"""A report as a FHIR R4 Observation: LOINC 37362-1, months by UCUM, interval and SDS as components.

FHIR has no component for an interval or a bone-age SDS: theirs are coded in a system of carpal's own, an OID. The
status is ``preliminary``, because nobody has verified it, and ``cancelled`` for a refused radiograph, which has no
value. No patient is named: whoever stores the observation sets ``subject``.
"""

from __future__ import annotations

from typing import Any

from carpal.growth import BoneAgeSds
from carpal.report.make import Report
from carpal.report.texts import ENGLISH, Texts

__all__ = ["CODE_SYSTEM", "observation"]

CODE_SYSTEM = "urn:oid:2.25.3450364361634966174180101661326595342"  # drawn once for carpal's own codes

_UCUM, _LOINC, _SNOMED = "http://unitsofmeasure.org", "http://loinc.org", "http://snomed.info/sct"
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
_HANDS = {
    None: ("85562004", "Hand structure"),
    "L": ("85151006", "Structure of left hand"),
    "R": ("78791008", "Structure of right hand"),
}
_VERDICTS = {"delayed": ("L", "Low"), "normal": ("N", "Normal"), "advanced": ("H", "High")}
_LIMIT_SDS = 2


def observation(report: Report) -> dict[str, Any]:
    """The Observation as plain values."""
    reading = report.reading
    code, display = _HANDS[report.radiograph.laterality]
    values: dict[str, Any] = {
        "resourceType": "Observation",
        "contained": [_device(report)],
        "status": "cancelled" if reading is None else "preliminary",
        "category": [{"coding": [_coding(f"{_TERMINOLOGY}/observation-category", "imaging", "Imaging")]}],
        "code": {"coding": [_coding(_LOINC, "37362-1", "Bones X-ray bone age")], "text": "Bone age"},
    }
    if report.study_date is not None:
        values["effectiveDateTime"] = report.study_date.isoformat()
    if reading is None:
        values["dataAbsentReason"] = _absent(report)
    else:
        values["valueQuantity"] = _months(reading.bone_age_months)
    values["note"] = [{"text": text} for text in (*report.all_notes, Texts(ENGLISH).say("disclaimer"))]
    values["bodySite"] = {"coding": [_coding(_SNOMED, code, display)]}
    values["method"] = {"text": "Greulich-Pyle bone age, read by a network"}
    values["device"] = {"reference": "#carpal", "display": f"carpal {report.carpal_version}, model {report.model}"}
    if report.radiograph.study_uid:
        study = {"system": "urn:dicom:uid", "value": f"urn:oid:{report.radiograph.study_uid}"}
        values["derivedFrom"] = [{"type": "ImagingStudy", "identifier": study}]
    if components := _components(report):
        values["component"] = components
    return values


def _device(report: Report) -> dict[str, Any]:
    versions = [("carpal", report.carpal_version), ("model SHA-256", report.model_digest)]
    versions += [("site calibration", report.calibration)] if report.calibration else []
    return {
        "resourceType": "Device",
        "id": "carpal",
        "deviceName": [{"name": f"carpal, model {report.model}", "type": "model-name"}],
        "version": [{"type": {"text": name}, "value": value} for name, value in versions],
    }


def _absent(report: Report) -> dict[str, Any]:
    why = report.refusal.advice if report.refusal is not None else ""
    coding = _coding(f"{_TERMINOLOGY}/data-absent-reason", "not-performed", "Not Performed")
    return {"coding": [coding], "text": f"The radiograph was refused: {why}"}


def _components(report: Report) -> list[dict[str, Any]]:
    reading, age = report.reading, report.assessment.child.age_months
    found = []
    if reading is not None:
        low, high = reading.interval_90_months
        code = {"coding": [_coding(CODE_SYSTEM, "interval-90", "90 % interval of the bone age")]}
        found.append({"code": code, "valueRange": {"low": _months(low), "high": _months(high)}})
    if age is not None:
        found.append({"code": {"coding": [_coding(_LOINC, "30525-0", "Age")]}, "valueQuantity": _months(age)})
    return found + [_score(score) for score in report.assessment.sds if score.sds is not None or score.verdict]


def _score(score: BoneAgeSds) -> dict[str, Any]:
    name = f"SDS of the bone age, {score.reference}"
    slug = "sds-" + score.reference.lower().replace(" ", "-")
    values: dict[str, Any] = {"code": {"coding": [_coding(CODE_SYSTEM, slug, name)], "text": name}}
    if score.sds is not None:
        values["valueQuantity"] = {"value": round(score.sds, 2), "unit": "SD", "system": _UCUM, "code": "1"}
    else:
        coding = _coding(f"{_TERMINOLOGY}/data-absent-reason", "not-applicable", "Not Applicable")
        values["dataAbsentReason"] = {"coding": [coding], "text": score.reason}
    if score.verdict is not None:
        code, display = _VERDICTS[score.verdict]
        coding = _coding(f"{_TERMINOLOGY}/v3-ObservationInterpretation", code, display)
        values["interpretation"] = [{"coding": [coding], "text": score.verdict}]
    low, high = ({"value": limit, "unit": "SD", "system": _UCUM, "code": "1"} for limit in (-_LIMIT_SDS, _LIMIT_SDS))
    values["referenceRange"] = [{"low": low, "high": high, "text": f"{score.reference}, -2 to +2 SD"}]
    return values


def _months(months: float) -> dict[str, Any]:
    return {"value": round(months, 2), "unit": "mo", "system": _UCUM, "code": "mo"}


def _coding(system: str, code: str, display: str) -> dict[str, str]:
    return {"system": system, "code": code, "display": display}
