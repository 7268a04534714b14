"""Synthetic DICOM objects for tests: a small drawn hand in every form a detector, archive or converter gives it."""

from __future__ import annotations

import base64
import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate

ROWS, COLUMNS = 96, 80
NATIVE = (
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
)
LOSSLESS = (uid.RLELossless, uid.JPEG2000Lossless, uid.JPEGLossless, uid.JPEGLosslessSV1, uid.JPEGLSLossless)
LOSSY = (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEG2000, uid.JPEGLSNearLossless)

# (40, 48) counts 60 x + 30 y as 12-bit lossy JPEG (process 4), which no encoder among carpal's dependencies makes;
# made with imagecodecs.jpeg_encode(level=75, bitspersample=12, optimize=True), at most 4 counts off.
TWELVE_BIT_JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwcKDcpLDAxNDQ0Hyc5"
    "PTgyPC4zNDL/wQALDAAoADABAREA/8QAFgABAQEAAAAAAAAAAAAAAAAACQwL/8QAGhAAAAcAAAAAAAAAAAAAAAAAAAcIJDRBUv/aAAgBAQAA"
    "PwDE6SSUkFvmg8CSSkgt80HgSSUkFvmg8CSSkgt80HgSSUkFvmg8CSSkgt80J49JJSQW+aDwJJKSC3zQeBJJSQW+aDwJJKSC3zQeBJJSQW+a"
    "DwJJKSC3zQnj0klJBb5oPAkkpILfNB4EklJBb5oPAkkpILfNB4EklJBb5oPAkkpILfNCePSSUkFvmg8CSSkgt80HgSSUkFvmg8CSSkgt80Hg"
    "SSUkFvmg8CSSkgt80J49JJSQW+aDwJJKSC3zQeBJJSQW+aDwJJKSC3zQeBJJSQW+aDwJJKSC3zQ//9k="
)

_GDCM_SYNTAX = {
    uid.JPEGLossless: "JPEGLosslessProcess14",
    uid.JPEGLosslessSV1: "JPEGLosslessProcess14_1",
    uid.JPEGLSLossless: "JPEGLSLossless",
    uid.JPEGLSNearLossless: "JPEGLSNearLossless",
}


def hand(bits: int = 12) -> NDArray[Any]:
    """(96, 80) counts of ``bits`` bits: a dark field, a soft gradient, three bright bones; no symmetry at all."""
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    grey = 0.1 + 0.3 * x / COLUMNS + 0.2 * y / ROWS
    for left, top in ((12, 10), (32, 4), (52, 20)):
        grey[top : top + 60, left : left + 9] += 0.3
    grey[0, 0], grey[0, 1] = 0.0, 1.0  # the whole range is used
    return np.rint(grey * (2**bits - 1)).astype(np.uint8 if bits <= 8 else np.uint16)


def make(pixels: NDArray[Any] | None = None, bits: int = 12, **header: Any) -> Dataset:
    """A DX object (explicit little endian) of ``pixels``, by default a 12-bit hand; ``header`` adds, None deletes."""
    pixels = hand(bits) if pixels is None else pixels
    dataset = Dataset()
    dataset.SOPClassUID = uid.DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID, dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3.4", "1.2.3", "1.2.3.5"
    dataset.Modality, dataset.PatientName, dataset.PatientID = "DX", "Secret^Name", "SECRET-ID"
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.SamplesPerPixel = 1 if pixels.ndim == 2 else 3
    dataset.PhotometricInterpretation = "MONOCHROME2" if pixels.ndim == 2 else "RGB"
    if pixels.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = 8 * pixels.dtype.itemsize
    dataset.BitsStored = min(bits, dataset.BitsAllocated)
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    dataset["PixelData"].VR = "OB" if pixels.dtype.itemsize == 1 else "OW"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    for keyword, value in header.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return dataset


def encode(dataset: Dataset, syntax: uid.UID = uid.ExplicitVRLittleEndian) -> bytes:
    """The DICOM file of ``dataset`` in any transfer syntax of NATIVE, LOSSLESS and LOSSY."""
    if syntax in _GDCM_SYNTAX:
        return _encode_gdcm(dataset, syntax)
    if syntax in (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit):
        dataset.PixelData = encapsulate([_jpeg(dataset)])
        dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
        dataset.file_meta.TransferSyntaxUID = syntax
    elif syntax in (uid.RLELossless, uid.JPEG2000Lossless):
        dataset.compress(syntax, encoding_plugin="pylibjpeg", generate_instance_uid=False)
    elif syntax == uid.JPEG2000:
        dataset.compress(syntax, encoding_plugin="pylibjpeg", j2k_psnr=[60], generate_instance_uid=False)
    elif syntax == uid.ExplicitVRBigEndian:
        dataset["PixelData"].value = _swapped(dataset)
        dataset.file_meta.TransferSyntaxUID = syntax
    else:
        dataset.file_meta.TransferSyntaxUID = syntax
    return write(dataset)


def write(dataset: Dataset) -> bytes:
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def write_bare(dataset: Dataset, *, implicit: bool) -> bytes:
    """The data set alone: no preamble, no file meta information."""
    file = io.BytesIO()
    bare = Dataset(dataset)
    bare.save_as(file, implicit_vr=implicit, little_endian=True)
    return file.getvalue()


def lut(values: list[int], first: int, bits: int) -> Dataset:
    item = Dataset()
    item.LUTDescriptor = [len(values), first, bits]
    item["LUTDescriptor"].VR = "US"
    item.add_new(0x00283006, "US", values)
    return item


def _swapped(dataset: Dataset) -> bytes:
    data: bytes = dataset.PixelData
    return data if dataset.BitsAllocated == 8 else np.frombuffer(data, "<u2").astype(">u2").tobytes()


def _jpeg(dataset: Dataset) -> bytes:
    shape = (dataset.Rows, dataset.Columns, 3)[: 2 if dataset.SamplesPerPixel == 1 else 3]
    file = io.BytesIO()
    image = Image.fromarray(np.frombuffer(dataset.PixelData, np.uint8)[: int(np.prod(shape))].reshape(shape))
    image.save(file, "JPEG", quality=95)
    if dataset.SamplesPerPixel == 3:
        dataset.PhotometricInterpretation = "YBR_FULL_422"
    return file.getvalue()


def _encode_gdcm(dataset: Dataset, syntax: uid.UID) -> bytes:
    import gdcm

    with tempfile.TemporaryDirectory() as folder:
        plain, packed = str(Path(folder, "plain.dcm")), str(Path(folder, "packed.dcm"))
        Path(plain).write_bytes(write(dataset))
        reader = gdcm.ImageReader()
        reader.SetFileName(plain)
        assert reader.Read()
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, _GDCM_SYNTAX[syntax])))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFileName(packed)
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
        return Path(packed).read_bytes()
