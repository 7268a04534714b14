"""The header of the radiograph that is answered: what every new object of the same study takes over from it.

Patient and study are copied as they stand, because an archive files an object by them; malformed optional values are
left out, malformed or missing ones that must be present become empty, and without valid UIDs nothing can refer to the
radiograph, so it is refused.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Literal

import pydicom
from pydicom.charset import python_encoding
from pydicom.config import RAISE
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.valuerep import validate_value

from carpal.dicom.header import read_facts
from carpal.errors import UnreadableRadiograph
from carpal.radiograph import is_dicom
from carpal.silence import QUIET

__all__ = ["UID", "laterality", "local_time", "patient_and_study", "read_source", "reference"]

# Type 1 and 2 of the Patient and General Study modules (PS3.3 C.7.1.1, C.7.2.1): present, if only empty.
_REQUIRED = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex",
    "StudyInstanceUID", "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "StudyID",
)  # fmt: skip
_OPTIONAL = (
    "IssuerOfPatientID", "IssuerOfPatientIDQualifiersSequence", "OtherPatientIDsSequence", "PatientBirthTime",
    "PatientComments", "PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence",
    "IssuerOfAccessionNumberSequence", "StudyDescription", "ProcedureCodeSequence",
    "PatientAge", "PatientSize", "PatientWeight", "TimezoneOffsetFromUTC",
)  # fmt: skip
# An object without its patient or its order would be worse than one badly spelt.
_NEVER_DROPPED = ("PatientName", "PatientID", "AccessionNumber")
_SEXES = ("F", "M", "O")
UID = re.compile(r"(?=.{1,64}$)(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")


def read_source(path: Path, name: str | None = None) -> Dataset:
    """The header of a DICOM radiograph, without its pixels; ``name`` is what a message calls it instead of ``path``.

    Raises UnreadableRadiograph where the file is no DICOM object or has no valid UIDs to refer to.
    """
    name = name or str(path)
    try:
        with path.open("rb") as file:
            if not is_dicom(file.read(132)):
                raise UnreadableRadiograph(
                    f"{name} is no DICOM object: carpal dicom answers only DICOM radiographs in DICOM (carpal read "
                    "reads the others)"
                )
        with QUIET:
            source = pydicom.dcmread(path, stop_before_pixels=True, force=True)
            _check_source(source)
        return source
    except UnreadableRadiograph as error:
        text = str(error)
        raise UnreadableRadiograph(text if name in text else f"{name}: {text}") from None
    except OSError as error:
        raise UnreadableRadiograph(
            f"cannot read {name}: {(error.strerror or 'the system refuses it').lower()}"
        ) from None
    except Exception as error:  # pydicom raises many kinds of error, and their messages may quote the header
        raise UnreadableRadiograph(f"cannot read {name}: its header is damaged ({type(error).__name__})") from None


def _check_source(source: Dataset) -> None:
    """Raises UnreadableRadiograph where the header lacks what a reference needs or names an unknown character set."""
    for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        element = _element(source, keyword)
        if element is None or not UID.fullmatch(str(element.value)):
            raise UnreadableRadiograph(
                f"its header has no valid {keyword}, so that no object could refer to it; export it again"
            )
    if any(term not in python_encoding for term in _character_sets(source)):
        raise UnreadableRadiograph("its header names a character set that DICOM does not have; export it again")


def patient_and_study(source: Dataset, texts: Iterable[str]) -> Dataset:
    """A new data set with the patient, the study and the time zone of ``source``, in a character set in which our own
    ``texts`` can be written too: the header's own, or UTF-8 where a text has more than ASCII, which alone every
    character set of DICOM holds. Raises UnreadableRadiograph."""
    _check_source(source)
    answer = Dataset()
    sets = _character_sets(source) if all(text.isascii() for text in texts) else ["ISO_IR 192"]
    if sets:
        answer.SpecificCharacterSet = sets if len(sets) > 1 else sets[0]
    for keyword in (*_REQUIRED, *_OPTIONAL):
        element = _element(source, keyword)
        if element is not None and (keyword in _NEVER_DROPPED or _is_valid(element)):
            _check_spelling(element)
            answer.add(copy.deepcopy(element))
        elif keyword in _REQUIRED:
            setattr(answer, keyword, "")
    return answer


def _check_spelling(element: DataElement) -> None:
    """Decode what lies in a sequence, which may be written in another character set. Raises UnreadableRadiograph where
    the patient or the order is spelt in bytes that the header's character set does not have."""
    if element.VR == "SQ":
        for item in element.value:
            for _ in item.iterall():
                pass
    elif element.keyword in _NEVER_DROPPED and "\ufffd" in str(element.value):
        raise UnreadableRadiograph(
            f"its {element.keyword} holds bytes that the header's character set does not have; export it again"
        )


def local_time(source: Dataset, moment: datetime) -> datetime:
    """``moment`` in the time zone of the header, which then holds for every time in the object; as it stands where the
    header names none or ``moment`` has none."""
    element = _element(source, "TimezoneOffsetFromUTC")
    if element is None or not _is_valid(element) or moment.tzinfo is None:
        return moment
    sign, hours, minutes = str(element.value)[0], int(element.value[1:3]), int(element.value[3:5])
    offset = timedelta(hours=hours, minutes=minutes)
    return moment.astimezone(timezone(-offset if sign == "-" else offset))


def laterality(source: Dataset) -> Literal["L", "R"] | None:
    """The side of the hand, if the header says it."""
    return read_facts(source).laterality


def reference(source: Dataset) -> Dataset:
    """An item that refers to the radiograph (SOP Instance Reference macro)."""
    item = Dataset()
    item.ReferencedSOPClassUID = source.SOPClassUID
    item.ReferencedSOPInstanceUID = source.SOPInstanceUID
    return item


def _element(source: Dataset, keyword: str) -> DataElement | None:
    try:
        element = source[keyword]
    except Exception:  # absent, or malformed: pydicom converts on access, and raises many kinds of error
        return None
    return None if element.is_empty else element


def _is_valid(element: DataElement) -> bool:
    if element.keyword == "PatientSex":
        return element.value in _SEXES
    if element.keyword == "TimezoneOffsetFromUTC":
        return re.fullmatch(r"[+-](0[0-9]|1[0-4])[0-5][0-9]", str(element.value)) is not None
    if element.VR == "SQ":
        return True
    values = element.value if element.VM > 1 else [element.value]
    try:
        for value in values:
            validate_value(element.VR, str(value), RAISE)
    except Exception:
        return False
    return element.VM == 1


def _character_sets(source: Dataset) -> list[str]:
    element = _element(source, "SpecificCharacterSet")
    if element is None:
        return []
    return [str(term) for term in element.value] if element.VM > 1 else [str(element.value)]
