"""A PDF report filed beside the radiograph it is about: Encapsulated PDF."""

from __future__ import annotations

from datetime import datetime

from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import EncapsulatedPDFStorage

from carpal.dicom.codes import coded_item
from carpal.dicom.objects import new_object, seal
from carpal.dicom.source import reference
from carpal.errors import InvalidArgument
from carpal.silence import QUIET

__all__ = ["encapsulated_pdf"]

_SERIES_NUMBER = 903


def encapsulated_pdf(source: Dataset, pdf: bytes, title: str, written_at: datetime) -> Dataset:
    """An Encapsulated PDF of ``pdf``, the bytes of a whole file, about ``source``; ``title`` is what a list shows.

    The caller's pages may show the radiograph, but neither name nor id: whether a patient's identity is burnt in is
    what the radiograph's header says; where it is silent the object says YES, so that nobody takes it for clean. Raises
    InvalidArgument for bytes that are no whole PDF file and where the header says that the identity is burnt in,
    UnreadableRadiograph where it has no valid UIDs.
    """
    if not pdf.startswith(b"%PDF-") or b"%%EOF" not in pdf[-1024:]:
        raise InvalidArgument("the report is no whole PDF file")
    burnt_in = source.get("BurnedInAnnotation")
    if burnt_in not in (None, "", "NO"):
        raise InvalidArgument("by its header the patient's identity may be burnt into it: no page with it is made")
    with QUIET:
        answer = new_object(source, EncapsulatedPDFStorage, (title,), written_at)
        answer.Modality, answer.ConversionType = "DOC", "WSD"
        answer.AcquisitionDateTime = ""
        answer.BurnedInAnnotation = "NO" if burnt_in == "NO" else "YES"
        answer.RecognizableVisualFeatures = "NO"
        answer.VerificationFlag = "UNVERIFIED"
        answer.SourceInstanceSequence = [reference(source)]
        answer.DocumentTitle = title
        answer.ConceptNameCodeSequence = [coded_item(codes.DCM.ImagingMeasurementReport)]
        answer.MIMETypeOfEncapsulatedDocument = "application/pdf"
        answer.EncapsulatedDocumentLength = len(pdf)
        answer.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
        return seal(answer, "Bone age by carpal, report", _SERIES_NUMBER)
