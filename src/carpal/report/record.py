"""A report as one JSON object, described by ``reading.schema.json`` beside this file: units are in the names."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from carpal.report.make import Report
from carpal.report.texts import ENGLISH, Texts

__all__ = ["SCHEMA_VERSION", "reading_schema", "record"]

SCHEMA_VERSION = 1


def reading_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of what ``record`` gives."""
    text = (resources.files("carpal.report") / "reading.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def record(report: Report) -> dict[str, Any]:
    """Plain values; the same keys whether the radiograph was read or refused. No name, no id, no birth date."""
    radiograph, child = report.radiograph, report.assessment.child
    return {
        "schema_version": SCHEMA_VERSION,
        "carpal_version": report.carpal_version,
        "disclaimer": Texts(ENGLISH).say("disclaimer"),
        "model": {"name": report.model, "sha256": report.model_digest, "calibration": report.calibration},
        "radiograph": {
            "sha256": radiograph.digest,
            "rows": radiograph.pixels.shape[0],
            "columns": radiograph.pixels.shape[1],
            "spacing_mm": None if radiograph.spacing_mm is None else list(radiograph.spacing_mm),
            "laterality": radiograph.laterality,
            "study_uid": radiograph.study_uid,
            "series_uid": radiograph.series_uid,
            "instance_uid": radiograph.instance_uid,
        },
        "sex": child.sex,
        "sex_origin": report.sex_origin,
        "age_months": child.age_months,
        "age_origin": report.age_origin,
        "study_date": None if report.study_date is None else report.study_date.isoformat(),
        "refused": None
        if report.refusal is None
        else {"reason": report.refusal.reason, "advice": report.refusal.advice},
        "reading": _reading(report),
        "assessment": report.assessment.to_dict(),
        "notes": list(report.all_notes),
    }


def _reading(report: Report) -> dict[str, Any] | None:
    reading, evidence = report.reading, report.evidence
    if reading is None:
        return None
    quality = reading.quality
    shares = evidence.shares if evidence is not None else None
    return {
        "bone_age_months": reading.bone_age_months,
        "reported_months": reading.reported_months,
        "interval_90_months": list(reading.interval_90_months),
        "bone_age_class": reading.bone_age_class,
        "class_probabilities": list(reading.class_masses),
        "hand_found": reading.hand_found,
        "hand_probability": quality.hand_probability,
        "corrections": list(quality.corrections),
        "turned_degrees": quality.turned_degrees,
        "refused_because": quality.refusal and quality.refusal.reason,
        "strongest_evidence_months": None if evidence is None else float(evidence.months_moved.max()),
        "evidence_shares": shares and dict(shares),
    }
