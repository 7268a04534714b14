"""What a DICOM header says about the child and the exposure. A malformed value counts as none; it stops no reading."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import pydicom

from carpal.plain import LONGEST_CODE, child_code

__all__ = ["HeaderFacts", "read_facts"]

DAYS_PER_MONTH = 365.25 / 12
MAX_AGE_MONTHS = 120 * 12
# PatientAge is cut to whole years: a date difference further away than this shows that one of the two is made up.
CONTRADICTION_MONTHS = 24
_CONTRADICTION = "the header's age and its dates contradict each other: no age was taken from it"

_NO_CODE = (
    f"the header's PatientID has more than {LONGEST_CODE} characters, or some that cannot be printed: "
    "no child's code was taken from it"
)

_MONTHS_PER = {"D": 1 / DAYS_PER_MONTH, "W": 7 / DAYS_PER_MONTH, "M": 1.0, "Y": 12.0}


@dataclass(frozen=True)
class HeaderFacts:
    """``spacing_mm`` is (row, column), ``pixel_aspect`` how many times as high as wide a pixel is. Names and patient
    ids are not kept. ``notes`` say what was passed over that somebody may rely on. ``age_in_years``: the age is said in
    whole years, the child may be nearly a year older."""

    spacing_mm: tuple[float, float] | None
    pixel_aspect: float
    laterality: Literal["L", "R"] | None
    sex: Literal["F", "M"] | None
    age_months: float | None
    study_date: date | None
    study_uid: str | None
    series_uid: str | None
    instance_uid: str | None
    notes: tuple[str, ...] = ()
    age_in_years: bool = False


def read_facts(dataset: pydicom.Dataset) -> HeaderFacts:
    """What the header says of the child and the picture; a malformed value counts as none."""
    by_date, stated = _age_by_date(dataset), _stated_age(dataset)
    contradict = by_date is not None and stated is not None and abs(by_date - stated) > CONTRADICTION_MONTHS
    by_date = None if by_date is None else _plausible_age(by_date)
    spacing_mm = _spacing_mm(dataset)
    return HeaderFacts(
        spacing_mm=spacing_mm,
        pixel_aspect=spacing_mm[0] / spacing_mm[1] if spacing_mm else _stated_aspect(dataset),
        laterality=_laterality(dataset),
        sex=_sex(dataset),
        age_months=None if contradict else stated if by_date is None else by_date,
        study_date=_study_date(dataset),
        study_uid=_uid(dataset, "StudyInstanceUID"),
        series_uid=_uid(dataset, "SeriesInstanceUID"),
        instance_uid=_uid(dataset, "SOPInstanceUID"),
        notes=((_CONTRADICTION,) if contradict else ()) + ((_NO_CODE,) if _has_odd_id(dataset) else ()),
        age_in_years=by_date is None and stated is not None and _text(dataset, "PatientAge").endswith("Y"),
    )


def _value(dataset: pydicom.Dataset, keyword: str) -> Any:
    try:
        return dataset.get(keyword)
    except Exception:  # pydicom converts on access, and raises many kinds of error for malformed values
        return None


def _text(dataset: pydicom.Dataset, keyword: str) -> str:
    value = _value(dataset, keyword)
    return value.strip().upper() if isinstance(value, str) else ""


def _spacing_mm(dataset: pydicom.Dataset) -> tuple[float, float] | None:
    """The first valid one of calibrated spacing, spacing at the detector and spacing of the film scanner."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        try:
            row, column = (float(v) for v in _value(dataset, keyword))
        except (TypeError, ValueError):
            continue
        if all(math.isfinite(v) and 0 < v < 10 for v in (row, column)):
            return row, column
    return None


def _stated_aspect(dataset: pydicom.Dataset) -> float:
    """Of an image without a spacing; 1 where the header does not say it (PS3.3 C.7.6.3.1.7)."""
    try:
        height, width = (int(v) for v in _value(dataset, "PixelAspectRatio"))
    except (TypeError, ValueError):
        return 1.0
    return height / width if height > 0 and width > 0 else 1.0


def _sex(dataset: pydicom.Dataset) -> Literal["F", "M"] | None:
    sex = _text(dataset, "PatientSex")
    return "F" if sex == "F" else "M" if sex == "M" else None


def _laterality(dataset: pydicom.Dataset) -> Literal["L", "R"] | None:
    frame = _frame_anatomy(dataset)
    for holder, keyword in ((dataset, "ImageLaterality"), (dataset, "Laterality"), (frame, "FrameLaterality")):
        side = _text(holder, keyword)
        if side:
            return "L" if side == "L" else "R" if side == "R" else None
    return None


def _frame_anatomy(dataset: pydicom.Dataset) -> pydicom.Dataset:
    """Where an enhanced object of one frame keeps its laterality; the data set itself for any other."""
    for group in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        with suppress(Exception):  # pydicom raises many kinds of error for malformed values
            return dataset[group][0].FrameAnatomySequence[0]
    return dataset


def _age_by_date(dataset: pydicom.Dataset) -> float | None:
    """In months by the dates, possible or not: a study before the birth, or 120 years after it, contradicts an age."""
    birth = _date(dataset, "PatientBirthDate")
    exposure = _study_date(dataset)
    if birth is None or exposure is None:
        return None
    return (exposure - birth).days / DAYS_PER_MONTH


def _has_odd_id(dataset: pydicom.Dataset) -> bool:
    """Whether there is a patient id by which readings of one child cannot be found together."""
    value = _value(dataset, "PatientID")
    parts = value if isinstance(value, pydicom.multival.MultiValue) else [value or ""]
    text = " ".join(str(part) for part in parts).strip(" \0")
    return bool(text) and child_code(text) is None


def _study_date(dataset: pydicom.Dataset) -> date | None:
    return _date(dataset, "StudyDate") or _date(dataset, "AcquisitionDate")


def _stated_age(dataset: pydicom.Dataset) -> float | None:
    match = re.fullmatch(r"([0-9]{1,3})([DWMY])", _text(dataset, "PatientAge"))
    return _plausible_age(int(match[1]) * _MONTHS_PER[match[2]]) if match else None


def _plausible_age(months: float) -> float | None:
    return months if 0 <= months <= MAX_AGE_MONTHS else None


def _date(dataset: pydicom.Dataset, keyword: str) -> date | None:
    text = _text(dataset, keyword).replace(".", "")  # ACR-NEMA wrote 2013.05.31
    if not re.fullmatch("[0-9]{8}", text):
        return None
    try:
        return datetime.strptime(text, "%Y%m%d").date()
    except ValueError:
        return None


def _uid(dataset: pydicom.Dataset, keyword: str) -> str | None:
    text = _text(dataset, keyword)
    return text if re.fullmatch(r"[0-9.]{1,64}", text) else None
