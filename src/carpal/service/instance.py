"""What the service looks at in the header of a DICOM object that comes in; pixels are the workers' business.

The header is read within bounds, because it is read in the server's own process: no decoder is at work here.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from carpal.dicom.read import check_inflated_size
from carpal.dicom.source import UID
from carpal.errors import UnreadableRadiograph
from carpal.plain import child_code
from carpal.silence import QUIET

__all__ = ["INFLATED_BYTES", "Instance", "header_bytes", "read_instance"]

_HEADER_BYTES = 8 * 1024**2  # what stands before the pixels is some kilobytes; icons and private groups seldom more
INFLATED_BYTES = 128 * 1024**2

_SERIES_TEXTS = (
    "SeriesDescription", "ProtocolName", "PerformedProcedureStepDescription", "AcquisitionDeviceProcessingDescription",
)  # fmt: skip
_STUDY_TEXTS = ("StudyDescription", "RequestedProcedureDescription")
_SERIES_CODES = ("AnatomicRegionSequence", "PerformedProtocolCodeSequence")
_STUDY_CODES = ("ProcedureCodeSequence", "RequestedProcedureCodeSequence")
_TAGS = (
    "SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality",
    "Manufacturer", "ManufacturerModelName", "BodyPartExamined", "PatientID", "Rows",
    "RequestAttributesSequence", *_SERIES_TEXTS, *_STUDY_TEXTS, *_SERIES_CODES, *_STUDY_CODES,
)  # fmt: skip


@dataclass(frozen=True)
class Instance:
    """One DICOM object as its header describes it; texts as they stand. ``patient_id`` is None
    where it cannot be a child's code, of which the reading has a note (``dicom.header``)."""

    sop_class_uid: str
    sop_instance_uid: str
    study_uid: str
    series_uid: str
    modality: str = ""
    body_part: str = ""
    region_codes: frozenset[str] = frozenset()
    series_texts: tuple[str, ...] = field(default=(), repr=False)
    study_texts: tuple[str, ...] = field(default=(), repr=False)
    manufacturer: str = ""
    model_name: str = ""
    has_pixels: bool = True
    patient_id: str | None = field(default=None, repr=False)


def read_instance(file: IO[bytes]) -> Instance:
    """The header of a DICOM file. Raises UnreadableRadiograph where it is none or has no valid UIDs."""
    try:
        with QUIET:
            return _instance(_header(file))
    except UnreadableRadiograph:
        raise
    except OSError:
        raise
    except Exception as error:  # pydicom raises many kinds of error, and their messages may quote the header
        raise UnreadableRadiograph(f"its DICOM header is damaged ({type(error).__name__})") from None


def header_bytes(file: IO[bytes]) -> bytes:
    """As much of a DICOM file as holds its header: of a deflated one, all."""
    file.seek(0)
    head = file.read(_HEADER_BYTES)
    return head + file.read() if DeflatedExplicitVRLittleEndian.encode() in head[:4096] else head


def _header(file: IO[bytes]) -> Dataset:
    head = header_bytes(file)
    if head[128:132] != b"DICM":
        raise UnreadableRadiograph("it is no DICOM file")
    check_inflated_size(head, INFLATED_BYTES)
    return pydicom.dcmread(io.BytesIO(head), stop_before_pixels=True, specific_tags=list(_TAGS))


def _instance(header: Dataset) -> Instance:
    request = list(_items(header, "RequestAttributesSequence"))
    requested = [_text(item, name) for item in request for name in ("RequestedProcedureDescription",)]
    scheduled = [_text(item, name) for item in request for name in ("ScheduledProcedureStepDescription",)]
    series = [_text(header, name) for name in _SERIES_TEXTS] + scheduled + _meanings(header, _SERIES_CODES)
    study = [_text(header, name) for name in _STUDY_TEXTS] + requested + _meanings(header, _STUDY_CODES)
    return Instance(
        sop_class_uid=_uid(header, "SOPClassUID"),
        sop_instance_uid=_uid(header, "SOPInstanceUID"),
        study_uid=_uid(header, "StudyInstanceUID"),
        series_uid=_uid(header, "SeriesInstanceUID"),
        modality=_text(header, "Modality"),
        body_part=_text(header, "BodyPartExamined"),
        region_codes=frozenset(_text(item, "CodeValue") for item in _items(header, "AnatomicRegionSequence")),
        series_texts=tuple(text for text in series if text),
        study_texts=tuple(text for text in study if text),
        manufacturer=_text(header, "Manufacturer"),
        model_name=_text(header, "ManufacturerModelName"),
        has_pixels=_value(header, "Rows") is not None,
        patient_id=child_code(_text(header, "PatientID")),
    )


def _value(dataset: Dataset, keyword: str) -> Any:
    try:
        return dataset.get(keyword)
    except Exception:  # pydicom converts on access, and raises many kinds of error for malformed values
        return None


def _text(dataset: Dataset, keyword: str) -> str:
    """A value as text, the parts of several after one another; a malformed one counts as none."""
    value = _value(dataset, keyword)
    if value is None:
        return ""
    parts = value if isinstance(value, (list, pydicom.multival.MultiValue)) else [value]
    return " ".join(str(part) for part in parts).strip(" \0")


def _items(dataset: Dataset, keyword: str) -> Iterator[Dataset]:
    value = _value(dataset, keyword)
    return iter(value if isinstance(value, pydicom.sequence.Sequence) else ())


def _meanings(dataset: Dataset, keywords: tuple[str, ...]) -> list[str]:
    return [_text(item, "CodeMeaning") for keyword in keywords for item in _items(dataset, keyword)]


def _uid(dataset: Dataset, keyword: str) -> str:
    uid = _text(dataset, keyword)
    if not UID.fullmatch(uid):
        raise UnreadableRadiograph(f"its header has no valid {keyword}, so that no answer could refer to it")
    return uid
