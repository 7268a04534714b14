"""The reading as a picture that any viewer shows: a Secondary Capture of radiograph, evidence and numbers."""

from __future__ import annotations

from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import SecondaryCaptureImageStorage

from carpal.dicom.codes import HAND, coded_item
from carpal.dicom.findings import DISCLAIMER, Findings
from carpal.dicom.objects import new_object, seal
from carpal.dicom.source import laterality, reference
from carpal.errors import InvalidArgument
from carpal.silence import QUIET

__all__ = ["secondary_capture"]

_SERIES_NUMBER = 902


def secondary_capture(source: Dataset, picture: NDArray[np.uint8], findings: Findings, written_at: datetime) -> Dataset:
    """A Secondary Capture Image of ``picture`` (H, W, 3) uint8 RGB, uncompressed, derived from ``source``.

    The caller's picture shows the radiograph and numbers, never a name or an id. Raises InvalidArgument where the
    radiograph was refused, or where its own header says that the patient's identity is burnt in, for then the picture
    would hand it on; UnreadableRadiograph where the header has no valid UIDs.
    """
    if findings.bone_age_months is None or findings.interval_90_months is None:
        raise InvalidArgument("a refused radiograph has no bone age to draw: no secondary capture is made")
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise InvalidArgument(f"a picture is (H, W, 3) uint8, not {picture.shape} {picture.dtype}")
    if source.get("BurnedInAnnotation") not in (None, "", "NO"):
        raise InvalidArgument("by its header the patient's identity may be burnt into it: no secondary capture is made")
    low, high = findings.interval_90_months
    derivation = (
        f"Bone age {findings.bone_age_months:.1f} months, 90 % interval {low:.0f} to {high:.0f}, by carpal "
        f"{findings.carpal_version}, model {findings.model}. {DISCLAIMER}"
    )
    with QUIET:
        answer = new_object(source, SecondaryCaptureImageStorage, (derivation,), written_at)
        _describe_series(answer, source)
        _describe_derivation(answer, source, derivation)
        _describe_pixels(answer, picture)
        return seal(answer, "Bone age by carpal, picture", _SERIES_NUMBER)


def _describe_series(answer: Dataset, source: Dataset) -> None:
    answer.Modality, answer.ConversionType = "OT", "WSD"
    answer.BodyPartExamined = "HAND"
    answer.AnatomicRegionSequence = [coded_item(HAND)]
    answer.Laterality = laterality(source) or ""
    answer.DateOfSecondaryCapture, answer.TimeOfSecondaryCapture = answer.ContentDate, answer.ContentTime


def _describe_derivation(answer: Dataset, source: Dataset, text: str) -> None:
    answer.ImageType = ["DERIVED", "SECONDARY"]
    answer.DerivationDescription = text
    answer.PatientOrientation = ""  # the picture holds a chart beside the hand
    origin = reference(source)
    origin.PurposeOfReferenceCodeSequence = [coded_item(codes.DCM.SourceImageForImageProcessingOperation)]
    answer.SourceImageSequence = [origin]
    if source.get("BurnedInAnnotation") == "NO":
        answer.BurnedInAnnotation = "NO"  # where the radiograph's header is silent, nobody knows what is burnt into it
    answer.LossyImageCompression = "01" if source.get("LossyImageCompression") == "01" else "00"
    for keyword in ("LossyImageCompressionRatio", "LossyImageCompressionMethod"):
        if answer.LossyImageCompression == "01" and keyword in source:
            answer[keyword] = source[keyword]


def _describe_pixels(answer: Dataset, picture: NDArray[np.uint8]) -> None:
    answer.SamplesPerPixel, answer.PhotometricInterpretation, answer.PlanarConfiguration = 3, "RGB", 0
    answer.Rows, answer.Columns = picture.shape[:2]
    answer.BitsAllocated, answer.BitsStored, answer.HighBit, answer.PixelRepresentation = 8, 8, 7, 0
    answer.PixelData = picture.tobytes() + b"\0" * (picture.size % 2)
    answer["PixelData"].VR = "OB"
