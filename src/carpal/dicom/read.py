"""A DICOM object in: is it one radiographic image, how large is it, and what are its grey values.

`parse`, then `dimensions` (nothing is decoded yet, so the caller can refuse), then `decode`. Each raises
UnreadableRadiograph with a reason that does not name the file; the caller knows its name. Nothing of the header is
quoted that could identify a person.
"""

from __future__ import annotations

import io
import re
import zlib
from datetime import date
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom import uid
from pydicom.encaps import get_frame
from pydicom.filereader import read_dataset
from pydicom.pixels import apply_color_lut, get_decoder, pixel_array

from carpal.dicom.apart import decode_frame
from carpal.dicom.codestream import claimed_dimensions, is_complete
from carpal.dicom.grey import to_display
from carpal.dicom.header import read_facts
from carpal.dicom.reduced import decode_reduced
from carpal.errors import ImageTooLarge, UnreadableRadiograph
from carpal.silence import QUIET

__all__ = ["check_inflated_size", "decode", "dimensions", "parse", "study_date"]

_MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
_CONVERT = "convert it to an uncompressed transfer syntax or to PNG"

# Fastest first where there is a choice: pydicom's own order would take 8 times as long for RLE.
_PLUGINS = {
    uid.JPEGBaseline8Bit: "pillow",
    uid.JPEGExtended12Bit: "pillow",
    uid.JPEGLossless: "gdcm",
    uid.JPEGLosslessSV1: "gdcm",
    uid.JPEGLSLossless: "gdcm",
    uid.JPEGLSNearLossless: "gdcm",
    uid.JPEG2000Lossless: "pylibjpeg",
    uid.JPEG2000: "pylibjpeg",
    uid.HTJ2KLossless: "pylibjpeg",
    uid.HTJ2KLosslessRPCL: "pylibjpeg",
    uid.HTJ2K: "pylibjpeg",
    uid.RLELossless: "pylibjpeg",
}

# Damaged frames of these make their decoder abort the process (GDCM) or panic past every handler (Rust's RLE).
_APART = {syntax for syntax, plugin in _PLUGINS.items() if plugin == "gdcm"} | {uid.RLELossless}

# What the codestream says of its bits goes before the header.
_OWN_PRECISION = set(_PLUGINS) - {uid.RLELossless, uid.JPEGLossless, uid.JPEGLosslessSV1}

_PIXEL_MODULE = (
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
)


def parse(data: bytes, max_bytes: int) -> pydicom.Dataset:
    """The data set in ``data``, if it holds one frame of pixels. A deflated one may inflate to ``max_bytes``."""
    check_inflated_size(data, max_bytes)
    dataset = pydicom.dcmread(io.BytesIO(data), force=True)
    if "PixelData" not in dataset:
        raise UnreadableRadiograph(_why_no_pixels(dataset))
    frames = _integer(dataset, "NumberOfFrames", 1)
    if frames > 1:
        raise UnreadableRadiograph(f"it holds {frames} frames; give one radiograph per file")
    if _is_own_picture(dataset):
        raise UnreadableRadiograph("it is a picture that carpal drew; give the radiograph itself")
    return dataset


def _is_own_picture(dataset: pydicom.Dataset) -> bool:
    """Whether it is a secondary capture of carpal's, which lies in the archive beside the radiograph: the small hand in
    it would be read again, and otherwise."""
    try:
        return bool(dataset.get("Manufacturer") == dataset.get("ManufacturerModelName") == "carpal")
    except Exception:  # pydicom converts on access, and raises many kinds of error for malformed values
        return False


def study_date(data: bytes, max_bytes: int) -> date | None:
    """When the study was, by the header alone; None where it does not say it. A damaged header says nothing."""
    try:
        with QUIET:  # a warning may quote the header
            check_inflated_size(data, max_bytes)
            header = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True, force=True)
            return read_facts(header).study_date
    except Exception:  # pydicom raises many kinds of error
        return None


def dimensions(dataset: pydicom.Dataset) -> tuple[int, int]:
    """(rows, columns) as the header claims them."""
    return _integer(dataset, "Rows"), _integer(dataset, "Columns")


def decode(dataset: pydicom.Dataset, least_side: int | None = None) -> tuple[NDArray[Any], bool]:
    """Grey values (rows, columns), in display order or as plain unsigned counts, and whether the minimum is white.

    With ``least_side`` JPEG 2000 may come at a half, a quarter ... of its size, its long side no shorter than that.
    """
    syntax = _transfer_syntax(dataset)
    _check_pixel_format(dataset)
    if syntax.is_encapsulated:
        _check_codestream(dataset, syntax)
    else:
        _check_length(dataset)
    if least_side is not None and (small := decode_reduced(dataset, syntax, least_side)) is not None:
        return to_display(small, dataset)
    pixels = _decode_aligned(dataset, syntax)
    if pixels.shape[:2] != dimensions(dataset):
        raise UnreadableRadiograph("its pixel data are not of the size its header claims")
    photometric = str(dataset.PhotometricInterpretation)
    if photometric in _MONOCHROME:
        return to_display(pixels, dataset)
    if photometric == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, dataset)
    return _luma(pixels), False


def _decode_aligned(dataset: pydicom.Dataset, syntax: uid.UID) -> NDArray[Any]:
    """Stored values, moved down where the high bit says that they lie further up in their words, as in old objects.
    pydicom takes the lowest bits all the same, and what is left of a hand without its highest ones may be read."""
    allocated = _integer(dataset, "BitsAllocated")
    stored = _integer(dataset, "BitsStored", allocated)
    high = min(_integer(dataset, "HighBit", stored - 1), allocated - 1)
    if high >= stored and syntax not in _OWN_PRECISION:
        dataset.BitsStored = high + 1
        pixels = _decode_frame(dataset, syntax)
        dataset.BitsStored = stored
        if int(pixels.max()) >= 1 << stored:  # else it is the high bit that is wrong
            return pixels >> (high + 1 - stored)
    return _decode_frame(dataset, syntax)


def _decode_frame(dataset: pydicom.Dataset, syntax: uid.UID) -> NDArray[Any]:
    plugin = _PLUGINS.get(syntax, "")
    twelve_bit_jpeg = syntax == uid.JPEGExtended12Bit and _integer(dataset, "BitsAllocated") == 16
    try:
        if syntax in _APART or twelve_bit_jpeg:
            frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
            description = {keyword: dataset[keyword].value for keyword in _PIXEL_MODULE if keyword in dataset}
            return decode_frame(frame, description, syntax)
        return pixel_array(dataset, decoding_plugin=plugin)
    except Exception:
        how = "" if syntax == uid.ExplicitVRLittleEndian else f" ({syntax.name})"
        raise UnreadableRadiograph(
            f"its pixel data{how} cannot be decoded: they are damaged or of a rare kind; export it again"
        ) from None


def _luma(pixels: NDArray[Any]) -> NDArray[Any]:
    """(H, W, 3 or 4) to ITU-R 601 luma, for 8 bits the very one that PNG and JPEG get."""
    if pixels.ndim != 3:
        raise UnreadableRadiograph("its colour pixel data have no colour")
    if pixels.dtype == np.uint8:
        return np.asarray(Image.fromarray(np.ascontiguousarray(pixels[..., :3])).convert("L"))
    weights = np.array([0.299, 0.587, 0.114], np.float64)
    return np.rint(pixels[..., :3] @ weights).astype(np.uint16)


# --------------------------------------------------------------------------- what is refused before decoding


def check_inflated_size(data: bytes, max_bytes: int) -> None:
    """pydicom inflates a deflated data set whatever it grows to; a small file must not fill the memory. Raises
    ImageTooLarge, UnreadableRadiograph."""
    if data[128:132] != b"DICM" or uid.DeflatedExplicitVRLittleEndian.encode() not in data[:4096]:
        return
    file = io.BytesIO(data)
    file.seek(132)
    read_dataset(file, is_implicit_VR=False, is_little_endian=True, stop_when=lambda tag, vr, length: tag >> 16 != 2)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflater.decompress(data[file.tell() :], max_bytes)
    if inflater.unconsumed_tail:
        raise ImageTooLarge(f"it inflates to more than {max_bytes // 1024**2} MiB, as no radiograph does")
    if not inflater.eof:
        raise UnreadableRadiograph("it is truncated (its deflated data set has no end); copy or export it again")


def _why_no_pixels(dataset: pydicom.Dataset) -> str:
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
        return "it is a DICOM object with floating point pixels, which no radiograph has"
    # Of a data set that ends within an element pydicom keeps nothing; the file meta information still says what it was.
    sop_class = uid.UID(dataset.get("SOPClassUID") or dataset.file_meta.get("MediaStorageSOPClassUID") or "")
    name = "" if sop_class.name == sop_class else sop_class.name.removesuffix(" Storage")
    if "Rows" in dataset or "Image" in name:
        return "it is truncated or stripped: a DICOM image without its pixel data"
    if name:
        return f"it is a DICOM {name}, which holds no radiograph"
    return "it is no DICOM image: neither pixel data nor a known SOP class"


def _transfer_syntax(dataset: pydicom.Dataset) -> uid.UID:
    """The stated transfer syntax, or for a bare data set the encoding it was read by, put where pydicom wants it."""
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    if not syntax:
        implicit, little = dataset.original_encoding
        if dataset["PixelData"].is_undefined_length:
            raise UnreadableRadiograph("its pixel data are compressed but its header does not say how; export it again")
        explicit = uid.ExplicitVRLittleEndian if little else uid.ExplicitVRBigEndian
        syntax = uid.ImplicitVRLittleEndian if implicit else explicit
        dataset.file_meta.TransferSyntaxUID = syntax
    try:
        available = get_decoder(syntax).is_available
    except NotImplementedError:  # what pydicom raises for a syntax that it does not know
        available = False
    if not available:
        name = syntax.name if re.fullmatch(r"[0-9.]{1,64}", syntax) else "unknown"
        raise UnreadableRadiograph(f"its transfer syntax ({name}) cannot be decoded; {_CONVERT}")
    return uid.UID(syntax)


def _check_pixel_format(dataset: pydicom.Dataset) -> None:
    allocated, samples = _integer(dataset, "BitsAllocated"), _integer(dataset, "SamplesPerPixel", 1)
    stored = _integer(dataset, "BitsStored", allocated)
    if allocated not in (8, 16) or not 8 <= stored <= allocated:
        raise UnreadableRadiograph(f"it stores {stored} of {allocated} bits per sample; radiographs have 8 to 16")
    photometric = str(dataset.get("PhotometricInterpretation", "missing"))
    one = (*_MONOCHROME, "PALETTE COLOR")
    three = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "YBR_PARTIAL_420", "YBR_PARTIAL_422")
    if photometric not in (*one, *three):
        raise UnreadableRadiograph("its photometric interpretation is missing or none that a radiograph has")
    if samples != (1 if photometric in one else 3):
        raise UnreadableRadiograph(f"its header contradicts itself: {photometric} with {samples} samples per pixel")


def _check_length(dataset: pydicom.Dataset) -> None:
    rows, columns = dimensions(dataset)
    samples, allocated = _integer(dataset, "SamplesPerPixel", 1), _integer(dataset, "BitsAllocated")
    row_bytes = columns * samples * allocated // 8
    if dataset.PhotometricInterpretation in ("YBR_FULL_422", "YBR_PARTIAL_422"):
        row_bytes = row_bytes * 2 // 3
    length = len(dataset.PixelData)
    if length < rows * row_bytes:
        raise UnreadableRadiograph(
            f"it is truncated: {length} of {rows * row_bytes} bytes of pixel data are there; copy or export it again"
        )
    # One more row cannot be padding: rows and columns are not those of the pixels, which would come out sheared.
    if length >= (rows + 1) * row_bytes:
        raise UnreadableRadiograph(
            f"its header claims {columns} x {rows} pixels but {length} bytes of pixel data are more than that"
        )


def _check_codestream(dataset: pydicom.Dataset, syntax: uid.UID) -> None:
    if syntax == uid.RLELossless:
        return
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    if not is_complete(frame):
        raise UnreadableRadiograph("it is truncated: its compressed pixel data have no end; copy or export it again")
    rows, columns, precision = claimed_dimensions(frame)
    if (rows, columns) != dimensions(dataset):
        raise UnreadableRadiograph("its compressed pixel data are not of the size its header claims")
    if precision > _integer(dataset, "BitsAllocated"):
        raise UnreadableRadiograph("its compressed pixel data have more bits per sample than its header claims")


def _integer(dataset: pydicom.Dataset, keyword: str, default: int | None = None) -> int:
    try:
        value = dataset.get(keyword)
        return default if value in (None, "") and default is not None else int(value)
    except Exception:
        raise UnreadableRadiograph(f"its header has no valid {keyword}") from None
