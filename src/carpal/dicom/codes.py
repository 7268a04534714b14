"""The coded concepts that carpal writes. ``docs/how-to/dicom.md`` lists them for people.

Codes of DICOM's own (DCM), SNOMED CT (SCT), RadLex and UCUM are those of PS3.16 edition 2024, by pydicom's dictionary.
LOINC 37362-1 is "Bones X-ray bone age". What none of them has is in a private scheme.
"""

from __future__ import annotations

import re

from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from carpal.errors import InvalidArgument

__all__ = [
    "BONE_AGE",
    "HAND",
    "INTERVAL_HIGH",
    "INTERVAL_LOW",
    "MONTH",
    "PRIVATE_SCHEME",
    "coded_item",
    "private_scheme",
    "sds_reference",
]

PRIVATE_SCHEME = "99CARPAL"

BONE_AGE = Code("37362-1", "LN", "Bones X-ray bone age")
INTERVAL_LOW = Code("INTERVAL90LOW", PRIVATE_SCHEME, "Lower limit of the 90 % interval of the bone age")
INTERVAL_HIGH = Code("INTERVAL90HIGH", PRIVATE_SCHEME, "Upper limit of the 90 % interval of the bone age")
HAND = codes.SCT.Hand
MONTH = codes.UCUM.Month


def sds_reference(name: str) -> Code:
    """The reference by which a standard deviation score was taken, coded by its name. Raises InvalidArgument."""
    value = "SDS-" + re.sub(r"[^A-Z0-9]+", "-", name.upper()).strip("-")
    if value == "SDS-" or len(name) > 64:
        raise InvalidArgument(f"{name!r} is no name of a reference: give one of letters, at most 64")
    return Code(value, PRIVATE_SCHEME, name)


def coded_item(concept: Code) -> Dataset:
    """An item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = concept.value, concept.scheme_designator
    item.CodeMeaning = concept.meaning
    return item


def private_scheme() -> Dataset:
    """The item of the Coding Scheme Identification Sequence that says whose codes these are."""
    item = Dataset()
    item.CodingSchemeDesignator = PRIVATE_SCHEME
    item.CodingSchemeName = "Concepts of carpal, bone age from radiographs"
    item.CodingSchemeResponsibleOrganization = "carpal"
    return item
