"""A phantom as a file, PNG or DICOM: SYNTHETIC in pixels and header, written under a temporary name first."""

from __future__ import annotations

import io
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from carpal.errors import InvalidArgument
from carpal.files import replacing
from carpal.phantom.drawing import draw_phantom
from carpal.radiograph import Radiograph

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["write_phantom"]

_NOTICE = "SYNTHETIC drawing by carpal.phantom, no patient; not for statements about accuracy"
_STUDY_DATE = date(2020, 7, 1)
_DAYS_PER_MONTH = 365.25 / 12
_DX_FOR_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.1"


def write_phantom(
    path: str | Path,
    age_months: float,
    sex: str,
    *,
    seed: int = 0,
    shape: tuple[int, int] = (1024, 800),
    collimated: bool = False,
    png_bits: Literal[8, 16] = 8,
    photometric: Literal["MONOCHROME1", "MONOCHROME2"] = "MONOCHROME2",
) -> Path:
    """Draw a phantom and write it to ``path``: a grey PNG for ".png", a DX object of 12 bits for ".dcm".

    The same arguments give the same bytes. Another phantom is replaced whole or not at all, any other file never.
    ``png_bits`` matters to PNG only, ``photometric`` to DICOM only. Returns the path. Raises InvalidArgument for
    anything that cannot be meant (suffix, folder, a file in the way, age outside 0..240 months, sex not F or M) before
    it touches the disk, and OSError from the disk.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (".png", ".dcm"):
        raise InvalidArgument(f"{path.name!r} must end in .png or .dcm, which says what to write.")
    if not path.parent.is_dir():
        raise InvalidArgument(f"the folder {str(path.parent)!r} does not exist; make it first.")
    if png_bits not in (8, 16):
        raise InvalidArgument(f"png_bits must be 8 or 16, not {png_bits!r}.")
    if photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise InvalidArgument(f"photometric must be MONOCHROME1 or MONOCHROME2, not {photometric!r}.")
    radiograph = draw_phantom(age_months, sex, seed=seed, shape=shape, collimated=collimated)
    data = _png(radiograph, png_bits) if suffix == ".png" else _dicom(radiograph, seed, photometric)
    if path.exists() and not _is_phantom(path):
        raise InvalidArgument(f"{path} is there already and was not drawn by carpal: choose another name")
    with replacing(path) as part:
        part.write_bytes(data)
    return path


def _is_phantom(path: Path) -> bool:
    """Whether it says so itself: drawings alone may be replaced by another, never a child's radiograph."""
    return path.is_file() and _NOTICE.encode() in path.read_bytes()


def _quantised(radiograph: Radiograph, bits: int) -> np.ndarray[Any, Any]:
    top = (1 << bits) - 1
    return np.round(radiograph.pixels * np.float32(top)).astype(np.uint8 if bits == 8 else np.uint16)


def _png(radiograph: Radiograph, bits: int) -> bytes:
    text = PngInfo()
    text.add_text("Title", "SYNTHETIC hand radiograph")
    text.add_text("Comment", _NOTICE)
    buffer = io.BytesIO()
    Image.fromarray(_quantised(radiograph, bits)).save(buffer, "PNG", pnginfo=text)
    return buffer.getvalue()


def _dicom(radiograph: Radiograph, seed: int, photometric: str) -> bytes:
    """A Digital X-Ray Image for presentation, explicit little endian."""
    # Here, so that drawing and PNG work without the quarter of a second that pydicom takes to load.
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    dataset = Dataset()
    child = f"carpal phantom {radiograph.sex} {radiograph.age_months} {seed}"
    dataset.StudyInstanceUID = generate_uid(entropy_srcs=[child, "study"])
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=[child, "series"])
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=[child, radiograph.digest, photometric])
    dataset.SOPClassUID = _DX_FOR_PRESENTATION
    _describe_patient(dataset, radiograph, seed)
    _describe_acquisition(dataset)
    _describe_pixels(dataset, radiograph, photometric)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _describe_patient(dataset: Dataset, radiograph: Radiograph, seed: int) -> None:
    age_months = radiograph.age_months or 0.0
    days = round(age_months * _DAYS_PER_MONTH)
    dataset.PatientName = "SYNTHETIC^PHANTOM"
    dataset.PatientID = f"SYNTHETIC-{seed}"
    dataset.PatientSex = radiograph.sex
    dataset.PatientAge = f"{int(age_months):03d}M" if age_months >= 1 else f"{days:03d}D"
    dataset.PatientBirthDate = (_STUDY_DATE - timedelta(days=days)).strftime("%Y%m%d")
    dataset.PatientComments = _NOTICE


def _describe_acquisition(dataset: Dataset) -> None:
    from pydicom.dataset import Dataset

    hand = Dataset()
    hand.CodeValue, hand.CodingSchemeDesignator, hand.CodeMeaning = "85562004", "SCT", "Hand"
    today, noon = _STUDY_DATE.strftime("%Y%m%d"), "120000"
    facts: dict[str, Any] = {
        "Modality": "DX", "PresentationIntentType": "FOR PRESENTATION", "ImageType": ["DERIVED", "PRIMARY"],
        "DerivationDescription": "SYNTHETIC drawing", "SeriesDescription": "SYNTHETIC hand phantom",
        "StudyDescription": "SYNTHETIC bone age", "ImageComments": _NOTICE,
        "StudyDate": today, "SeriesDate": today, "AcquisitionDate": today, "ContentDate": today,
        "StudyTime": noon, "SeriesTime": noon, "AcquisitionTime": noon, "ContentTime": noon,
        "AccessionNumber": "", "ReferringPhysicianName": "", "StudyID": "SYNTHETIC",
        "SeriesNumber": 1, "InstanceNumber": 1, "AcquisitionContextSequence": [],
        "Manufacturer": "carpal", "ManufacturerModelName": "carpal.phantom",
        "DetectorType": "", "PositionerType": "NONE",
        "BodyPartExamined": "HAND", "AnatomicRegionSequence": [hand], "ViewPosition": "PA",
        # Rows run towards the thumb, which in the anatomical position is the patient's left; columns towards the head.
        "Laterality": "L", "ImageLaterality": "L", "PatientOrientation": ["L", "H"],
    }  # fmt: skip
    for keyword, value in facts.items():
        setattr(dataset, keyword, value)


def _describe_pixels(dataset: Dataset, radiograph: Radiograph, photometric: str) -> None:
    stored = _quantised(radiograph, 12)
    bright_is_high = photometric == "MONOCHROME2"
    if not bright_is_high:
        stored = 4095 - stored
    dataset.Rows, dataset.Columns = stored.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, photometric
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.PixelIntensityRelationship = "LOG"
    dataset.PixelIntensityRelationshipSign = -1 if bright_is_high else 1
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "US"
    dataset.PresentationLUTShape = "IDENTITY" if bright_is_high else "INVERSE"
    dataset.WindowCenter, dataset.WindowWidth, dataset.VOILUTFunction = 2048, 4096, "LINEAR"
    dataset.LossyImageCompression, dataset.BurnedInAnnotation = "00", "NO"  # the text burnt in names nobody
    spacing = [f"{side:.6f}" for side in radiograph.spacing_mm or (1.0, 1.0)]
    dataset.PixelSpacing = dataset.ImagerPixelSpacing = spacing
    dataset.PixelData = stored.astype("<u2").tobytes()
    dataset["PixelData"].VR = "OW"
