"""The bone age as numbers that another system can read: a Comprehensive SR by TID 1500, Measurement Report.

A refused radiograph gets a report too, without any measurement: an archive that shows nothing would leave open whether
it was refused or never looked at.
"""

from __future__ import annotations

from datetime import datetime

from highdicom.sr import (
    AlgorithmIdentification,
    CodeContentItem,
    ComprehensiveSR,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    Measurement,
    MeasurementProperties,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    NumContentItem,
    ObservationContext,
    ObserverContext,
    QualitativeEvaluation,
    RelationshipTypeValues,
    SourceImageForMeasurementGroup,
    TextContentItem,
    TrackingIdentifier,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from carpal.dicom.codes import BONE_AGE, HAND, INTERVAL_HIGH, INTERVAL_LOW, MONTH, private_scheme, sds_reference
from carpal.dicom.findings import DISCLAIMER, Findings
from carpal.dicom.objects import derived_uid, describe_equipment, seal, stamp
from carpal.dicom.source import laterality, patient_and_study
from carpal.errors import UnreadableRadiograph
from carpal.silence import QUIET

__all__ = ["structured_report"]

_SERIES_NUMBER = 901
_SEXES = {"F": codes.DCM.Female, "M": codes.DCM.Male}
_SIDES = {"L": codes.SCT.Left, "R": codes.SCT.Right}
_PROCEDURE = Code("43468-8", "LN", "XR unspecified body region")  # what CID 100 has for a radiograph


def structured_report(source: Dataset, findings: Findings, written_at: datetime) -> Dataset:
    """A Comprehensive SR about ``source``, the header of a DICOM radiograph: unverified and preliminary.

    Raises UnreadableRadiograph where the header has no valid UIDs or a private SOP class.
    """
    with QUIET:
        texts = _comments(findings)
        names = [name for name, _ in findings.sds]
        carried = patient_and_study(source, (*texts, *names, findings.model, findings.calibration or ""))
        report = ComprehensiveSR(
            evidence=[_evidence(source)],
            content=_content(source, findings, texts)[0],
            series_instance_uid=derived_uid("to be sealed"),
            sop_instance_uid=derived_uid("to be sealed"),
            series_number=_SERIES_NUMBER,
            instance_number=1,
            is_complete=findings.refused_because is None,
        )
        report.update(carried)
        if findings.refused_because is not None:
            why = "was refused" if findings.refused_for_quality else "could not be read"
            report.CompletionFlagDescription = f"No bone age: the radiograph {why}"
        report.pop("ContributingEquipmentSequence", None)  # highdicom's own entry is stamped by another clock
        report.CodingSchemeIdentificationSequence = [private_scheme()]
        describe_equipment(report)
        stamp(report, source, written_at)
        return seal(report, "Bone age by carpal", _SERIES_NUMBER)


def _evidence(source: Dataset) -> Dataset:
    """What highdicom wants of the radiograph: its UIDs. It takes fewer headers than archives hold, so that patient and
    study are carried over afterwards. Raises UnreadableRadiograph."""
    if source.SOPClassUID.is_private:
        raise UnreadableRadiograph("its SOP class is a maker's own, of which no structured report can be written")
    keywords = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID")
    evidence = Dataset()
    for keyword in (*keywords, "StudyDate", "StudyTime"):
        setattr(evidence, keyword, "")
    for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        evidence[keyword] = source[keyword]
    return evidence


def _comments(findings: Findings) -> tuple[str, ...]:
    """What a person must read beside the numbers."""
    if findings.refused_because is not None:
        return (f"No bone age: {findings.refused_because}", *findings.notes, DISCLAIMER)
    read_as = f"Read as sex {findings.sex} ({findings.sex_origin})"
    calibrated = f"; calibrated for {findings.calibration}" if findings.calibration else ""
    # Meant to: of a model that was never calibrated a note says so, and nobody has counted.
    told = f"{read_as}; the interval is meant to hold the bone age in 90 % of cases{calibrated}"
    return (told, *findings.notes, DISCLAIMER)


def _content(source: Dataset, findings: Findings, texts: tuple[str, ...]) -> MeasurementReport:
    group = MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(
            uid=derived_uid("bone age of", str(source.SOPInstanceUID)), identifier="bone age"
        ),
        finding_sites=[_site(source)],
        algorithm_id=_algorithm(findings),
        source_images=[SourceImageForMeasurementGroup(source.SOPClassUID, source.SOPInstanceUID)],
        measurements=_measurements(findings),
        qualitative_evaluations=_evaluations(findings),
    )
    for text in texts:
        comment = TextContentItem(codes.DCM.Comment, text, relationship_type=RelationshipTypeValues.CONTAINS)
        group[0].ContentSequence.append(comment)
    return MeasurementReport(
        observation_context=_context(findings),
        procedure_reported=_PROCEDURE,
        imaging_measurements=[group],
        title=codes.DCM.ImagingMeasurementReport,
    )


def _context(findings: Findings) -> ObservationContext:
    """Carpal as the observer; of the subject (TID 1007) what the numbers depend on."""
    device = DeviceObserverIdentifyingAttributes(
        uid=derived_uid("device", findings.carpal_version),
        name="carpal",
        manufacturer_name="carpal",
        model_name=f"carpal {findings.carpal_version}",
    )
    context = ObservationContext(observer_device_context=ObserverContext(codes.DCM.Device, device))
    has = RelationshipTypeValues.HAS_OBS_CONTEXT
    context.append(CodeContentItem(codes.DCM.SubjectClass, codes.DCM.Patient, relationship_type=has))
    if findings.sex is not None:
        context.append(CodeContentItem(codes.DCM.SubjectSex, _SEXES[findings.sex], relationship_type=has))
    if findings.age_months is not None:
        context.append(NumContentItem(codes.DCM.SubjectAge, findings.age_months, unit=MONTH, relationship_type=has))
    return context


def _site(source: Dataset) -> FindingSite:
    side = laterality(source)
    return FindingSite(anatomic_location=HAND, laterality=_SIDES[side] if side else None)


def _algorithm(findings: Findings) -> AlgorithmIdentification:
    parameters = [f"model={findings.model}", f"model_sha256={findings.model_digest}"]
    if findings.calibration:
        parameters.append(f"calibration={findings.calibration}")
    return AlgorithmIdentification("carpal", findings.carpal_version, parameters=parameters, manufacturer="carpal")


def _measurements(findings: Findings) -> list[Measurement]:
    if findings.bone_age_months is None or findings.interval_90_months is None:
        return []
    low, high = findings.interval_90_months
    scores = [
        Measurement(codes.DCM.ZScoreOfMeasurement, score, codes.UCUM.NoUnits, method=sds_reference(name))
        for name, score in findings.sds
    ]
    return [
        Measurement(
            BONE_AGE, findings.bone_age_months, MONTH, properties=_uncertainty(findings.bone_age_months, low, high)
        ),
        Measurement(INTERVAL_LOW, low, MONTH),
        Measurement(INTERVAL_HIGH, high, MONTH),
        *scores,
    ]


def _uncertainty(months: float, low: float, high: float) -> MeasurementProperties:
    """The interval in DICOM's own terms (CID 225), for whoever does not know the private ones. Months, as TID 310 asks:
    highdicom itself would call them numbers without a unit."""
    properties = MeasurementProperties()
    has = RelationshipTypeValues.HAS_PROPERTIES
    for concept, width in (
        (codes.SCT.RangeOfUpperMeasurementUncertainty, high - months),
        (codes.SCT.RangeOfLowerMeasurementUncertainty, months - low),
    ):
        properties.append(NumContentItem(concept, round(width, 6), unit=MONTH, relationship_type=has))
    return properties


def _evaluations(findings: Findings) -> list[QualitativeEvaluation]:
    if findings.refused_because is None or not findings.refused_for_quality:
        return []
    return [QualitativeEvaluation(codes.DCM.QualityAssessment, codes.RADLEX.NonDiagnosticQuality)]
