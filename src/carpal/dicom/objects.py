"""What all DICOM objects of carpal's have in common: patient and study of the radiograph, equipment, times and UIDs.

UIDs are derived from what an object says, never from the clock: saying the same of the same radiograph twice gives the
same UID, so that an archive that is sent both keeps one. Whatever differs, the text or the version, gives another.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from datetime import datetime

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from carpal import __version__
from carpal.dicom.source import local_time, patient_and_study

__all__ = ["IMPLEMENTATION_UID", "derived_uid", "describe_equipment", "new_object", "seal", "stamp"]

_NAMESPACE = uuid.UUID("7d3b7a52-5c0e-5f0e-9f0b-1f7a4f1c6c1d")  # drawn once for carpal
_TIMES = (
    "InstanceCreationDate", "InstanceCreationTime", "ContentDate", "ContentTime",
    "DateOfSecondaryCapture", "TimeOfSecondaryCapture",
)  # fmt: skip


def derived_uid(*parts: str) -> UID:
    """The UID that stands for these words, always the same one: a name-based UUID below 2.25 (PS3.5 B.2)."""
    return UID(f"2.25.{uuid.uuid5(_NAMESPACE, chr(0).join(parts)).int}")


IMPLEMENTATION_UID = derived_uid("implementation")


def new_object(source: Dataset, sop_class: str, texts: Iterable[str], written_at: datetime) -> Dataset:
    """An object of the radiograph's study: patient, study, equipment, times and a character set that holds ``texts``.

    ``written_at`` comes from the clock at the edge. Its UIDs are given by ``seal``. Raises UnreadableRadiograph.
    """
    answer = patient_and_study(source, texts)
    answer.SOPClassUID = UID(sop_class)
    answer.InstanceNumber = 1
    describe_equipment(answer)
    stamp(answer, source, written_at)
    return answer


def describe_equipment(answer: Dataset) -> None:
    """Who made the object, and that it is made for research."""
    answer.Manufacturer = answer.ManufacturerModelName = "carpal"
    answer.SoftwareVersions = __version__
    answer.ContentQualification = "RESEARCH"


def stamp(answer: Dataset, source: Dataset, written_at: datetime) -> None:
    """When the object was made, in the time zone of the radiograph's header."""
    moment = local_time(source, written_at)
    answer.InstanceCreationDate = answer.ContentDate = moment.strftime("%Y%m%d")
    answer.InstanceCreationTime = answer.ContentTime = moment.strftime("%H%M%S")


def seal(answer: Dataset, description: str, number: int) -> Dataset:
    """Give the finished object its UIDs and a series of its own, and make it ready to be saved."""
    answer.SeriesDescription, answer.SeriesNumber = description, number
    answer.SOPInstanceUID = answer.SeriesInstanceUID = ""
    said = _digest(answer)
    answer.SOPInstanceUID = derived_uid("instance", said)
    answer.SeriesInstanceUID = derived_uid("series", said)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = answer.SOPClassUID, answer.SOPInstanceUID
    meta.ImplementationClassUID = IMPLEMENTATION_UID
    meta.ImplementationVersionName = f"CARPAL_{__version__}".upper()[:16]
    answer.file_meta, answer.preamble = meta, bytes(128)
    return answer


def _digest(answer: Dataset) -> str:
    timeless = Dataset()
    for element in answer:
        if element.keyword not in _TIMES:
            timeless.add(element)
    file = DicomBytesIO()
    file.is_implicit_VR, file.is_little_endian = False, True
    write_dataset(file, timeless)
    return hashlib.sha256(file.getvalue()).hexdigest()
