"""A radiograph as the rest of carpal sees it, and how to read one from a file, bytes or a file object.

Everything that reaches a decoder is looked at first: the size of the file, then the dimensions its header claims; only
then pixels are decoded, once. Grey values become 0..1 by one rule (`_full_scale`), so that the same 12-bit exposure
gives the same radiograph out of a DICOM, a PNG and a TIFF file.
"""

from __future__ import annotations

import hashlib
import io
import math
import os
import stat
import zlib
from collections.abc import Callable
from dataclasses import InitVar, dataclass
from datetime import date
from typing import Any, BinaryIO, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import BmpImagePlugin, Image, ImageChops, ImageFile, ImageOps, JpegImagePlugin, PngImagePlugin, TiffImagePlugin

from carpal.errors import CarpalError, ImageTooLarge, InvalidArgument, UnreadableRadiograph
from carpal.files import shown
from carpal.plain import SEXES, Sex
from carpal.silence import QUIET

__all__ = ["DRAWN", "SEXES", "Laterality", "Radiograph", "Sex", "is_dicom", "read_radiograph"]

Laterality = Literal["L", "R"]

MAX_FILE_BYTES = 512 * 1024**2
MAX_PIXELS = 100_000_000  # a 43 x 35 cm film at 50 micrometres has 60 million
MAX_SIDE = 20_000
MIN_SIDE = 32

DRAWN = "carpal read --annotate"  # what a picture with a bone age beside the radiograph says of its software

_ROUNDING = 1e-3  # of a filter or a resampling

_READABLE = "carpal reads DICOM, PNG, JPEG, TIFF and BMP"
_NOT_SQUARE = "its pixels were not square: it was brought to the film's own shape"
_TRUNCATED = "it is truncated (the file ends before the image does); copy or export it again"


@dataclass(frozen=True, eq=False)
class Radiograph:
    """One radiograph, upright or not, with what its header says about the child.

    ``pixels`` is (H, W) float32 in 0..1, bone bright, read-only. ``digest`` is the SHA-256 of the file's bytes.
    Names and patient ids are never kept; ``notes`` say what of the header was passed over or put right.
    ``age_in_years``: the age is said in whole years, the child may be nearly a year older. Raises InvalidArgument for
    values that cannot be meant; whoever says ``finite`` vouches that all pixels are such numbers.
    """

    pixels: NDArray[np.float32]
    digest: str
    spacing_mm: tuple[float, float] | None = None  # (row, column)
    laterality: Laterality | None = None
    sex: Sex | None = None
    age_months: float | None = None
    study_date: date | None = None
    study_uid: str | None = None
    series_uid: str | None = None
    instance_uid: str | None = None
    notes: tuple[str, ...] = ()
    age_in_years: bool = False
    finite: InitVar[bool] = False  # looking at millions of pixels is spared

    def __post_init__(self, finite: bool) -> None:
        pixels = self.pixels
        if pixels.ndim != 2 or pixels.dtype != np.float32 or pixels.size == 0:
            raise InvalidArgument(f"a radiograph is (H, W) float32, not {pixels.shape} {pixels.dtype}")
        if self.laterality is not None and self.laterality not in get_args(Laterality):
            raise InvalidArgument(f"laterality is 'L', 'R' or None, not {self.laterality!r}")
        if self.sex is not None and self.sex not in get_args(Sex):
            raise InvalidArgument(f"sex is 'F', 'M' or None, not {self.sex!r}")
        if self.age_months is not None and not 0 <= self.age_months < math.inf:
            raise InvalidArgument(f"age in months is 0 or more, not {self.age_months!r}")
        spacing = self.spacing_mm
        if spacing is not None and not (len(spacing) == 2 and all(0 < s < math.inf for s in spacing)):
            raise InvalidArgument(f"spacing is two positive numbers of mm, row and column, not {spacing!r}")
        if not finite and not -_ROUNDING <= float(pixels.min()) <= float(pixels.max()) <= 1 + _ROUNDING:  # nor is NaN
            raise InvalidArgument("a radiograph's grey values are finite numbers from 0 (black) to 1 (white)")
        view = pixels.view()  # the caller's own array stays as it was
        view.flags.writeable = False
        object.__setattr__(self, "pixels", view)


def read_radiograph(source: str | os.PathLike[str] | bytes | BinaryIO, *, least_side: int | None = None) -> Radiograph:
    """Read one radiograph from a path, from a file's bytes or from a binary file object.

    PNG, JPEG, TIFF, BMP and DICOM are told apart by content, never by name. Colour becomes grey by ITU-R 601 luma,
    transparent pixels become black (as dark as air), EXIF and TIFF orientation are applied. With ``least_side`` a
    JPEG 2000 may be decoded at a half, a quarter ... of its size, as long as its long side has that many pixels.

    Raises ImageTooLarge (nothing was decoded) or UnreadableRadiograph for whatever cannot be read as one radiograph,
    InvalidArgument for a source that is none of the three kinds. Each message is one sentence naming the file.
    """
    name = _name_of(source)
    try:
        with QUIET:
            data = _bytes_of(source)
            return _read(data, least_side)
    except CarpalError as refusal:
        raise type(refusal)(f"cannot read {name}: {refusal}") from None
    except MemoryError:
        raise UnreadableRadiograph(f"cannot read {name}: there is not enough memory to decode it") from None
    except Exception as error:
        # Decoders fail in many ways, and their messages may quote the header: only the kind of failure is told.
        kind = type(error).__name__
        cut_off = isinstance(error, OSError) and "truncated" in str(error)
        reason = _TRUNCATED if cut_off else f"it is damaged or in a form carpal does not know ({kind})"
        raise UnreadableRadiograph(f"cannot read {name}: {reason}") from None


# --------------------------------------------------------------------------- from a source to bytes


def _name_of(source: object) -> str:
    if isinstance(source, (bytes, bytearray, memoryview)):
        return "the given bytes"
    name = source if isinstance(source, (str, os.PathLike)) else getattr(source, "name", None)
    if isinstance(name, (str, os.PathLike)):
        return shown(name)
    return "the given file object" if hasattr(source, "read") else f"a {type(source).__name__}"


def _bytes_of(source: object) -> bytes:
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
    elif isinstance(source, (str, os.PathLike)):
        data = _bytes_at(os.fsdecode(source))
    elif isinstance(source, io.TextIOBase):
        raise UnreadableRadiograph("it was opened as text; open it in binary mode ('rb')")
    elif hasattr(source, "read"):
        data = source.read(MAX_FILE_BYTES + 1)
        if not isinstance(data, bytes):
            raise UnreadableRadiograph("it was opened as text; open it in binary mode ('rb')")
    else:
        raise InvalidArgument("give a path, the bytes of a file, or a binary file object")
    if not data:
        raise UnreadableRadiograph("it is empty")
    _check_bytes(len(data))
    return data


def _bytes_at(path: str) -> bytes:
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise UnreadableRadiograph("it is a directory; give one image file")
        if not stat.S_ISREG(status.st_mode):  # a pipe or device may never end
            raise UnreadableRadiograph("it is not a regular file")
        _check_bytes(status.st_size)
        with open(path, "rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UnreadableRadiograph((error.strerror or "the system refuses it").lower()) from None
    except ValueError:  # a NUL inside the path
        raise UnreadableRadiograph("it is no possible path") from None


def _check_bytes(size: int) -> None:
    if size > MAX_FILE_BYTES:
        raise ImageTooLarge(f"it has more than {MAX_FILE_BYTES // 1024**2} MiB ({size} bytes), as no radiograph has")


# --------------------------------------------------------------------------- from bytes to a radiograph


def _read(data: bytes, least_side: int | None) -> Radiograph:
    digest = hashlib.sha256(data).hexdigest()
    if is_dicom(data):
        return _read_dicom(data, digest, least_side)
    for magic, decode in _RASTERS.items():
        if data.startswith(magic):
            values, minimum_is_white = decode(data)
            return Radiograph(_to_unit(values, minimum_is_white), digest, finite=True)
    for magic, what in _OTHERS.items():
        if data.startswith(magic):
            raise UnreadableRadiograph(f"it is {what}; {_READABLE}")
    raise UnreadableRadiograph(f"it is not an image carpal knows; {_READABLE}")


def is_dicom(data: bytes) -> bool:
    """Whether a file begins as DICOM does: with its prefix, or as a bare data set, whose first group is 0002 or 0008 in
    either byte order. 132 bytes are enough."""
    if data[128:132] == b"DICM":
        return True
    little = data[:2] in (b"\x02\x00", b"\x08\x00") and data[3:4] == b"\x00"
    return little or data[:3] == b"\x00\x08\x00"


def _read_dicom(data: bytes, digest: str, least_side: int | None) -> Radiograph:
    from carpal.dicom import grey, header, read  # pydicom costs 0.3 s to import: only those pay who read DICOM

    dataset = read.parse(data, MAX_FILE_BYTES)
    rows, columns = read.dimensions(dataset)
    _check_dimensions(columns, rows)
    values, minimum_is_white = read.decode(dataset, least_side)
    facts = header.read_facts(dataset)
    decoded = _to_unit(values, minimum_is_white)
    pixels = _with_square_pixels(decoded, facts.pixel_aspect)
    spacing = facts.spacing_mm
    if spacing is not None:  # of what was decoded
        spacing = (spacing[0] * (rows / pixels.shape[0]), spacing[1] * (columns / pixels.shape[1]))
    return Radiograph(
        pixels=pixels,
        digest=digest,
        spacing_mm=spacing,
        laterality=facts.laterality,
        sex=facts.sex,
        age_months=facts.age_months,
        study_date=facts.study_date,
        study_uid=facts.study_uid,
        series_uid=facts.series_uid,
        instance_uid=facts.instance_uid,
        notes=(*facts.notes, *grey.not_applied(dataset), *((_NOT_SQUARE,) if pixels is not decoded else ())),
        age_in_years=facts.age_in_years,
        finite=True,
    )


def _with_square_pixels(pixels: NDArray[np.float32], aspect: float) -> NDArray[np.float32]:
    """The picture as wide and as high as the film, by fewer pixels along the side where they are finer; as it is where
    pixels are square, or by a header that cannot be meant."""
    if not 1.01 < max(aspect, 1 / aspect) <= 3:
        return pixels
    height, width = pixels.shape
    size = (round(width / aspect), height) if aspect > 1 else (width, round(height * aspect))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))


def _check_dimensions(width: int, height: int) -> None:
    if width > MAX_SIDE or height > MAX_SIDE or width * height > MAX_PIXELS:
        raise ImageTooLarge(
            f"it is {width} x {height} pixels, more than any radiograph has "
            f"(at most {MAX_SIDE} a side and {MAX_PIXELS // 10**6} million in all)"
        )
    if width < MIN_SIDE or height < MIN_SIDE:
        raise UnreadableRadiograph(f"it is {width} x {height} pixels, too few for a hand (at least {MIN_SIDE} a side)")


def _to_unit(values: NDArray[Any], minimum_is_white: bool) -> NDArray[np.float32]:
    """Grey values of any kind to C-contiguous, finite float32 in 0..1, bone bright."""
    if values.dtype == np.uint8:
        full = 255.0
    else:
        lowest, highest = float(values.min()), float(values.max())
        if not (math.isfinite(lowest) and math.isfinite(highest)):  # NaN comes through min and max
            raise UnreadableRadiograph("it holds values that are not finite numbers")
        if lowest < 0:
            raise UnreadableRadiograph(f"it holds negative values (down to {lowest:g}), which have no known grey")
        full = _full_scale(highest, floating=values.dtype.kind == "f")
    pixels = np.divide(values, np.float32(full), dtype=np.float32, order="C")
    if minimum_is_white:
        np.subtract(np.float32(1), pixels, out=pixels)
    return pixels


def _full_scale(highest: float, *, floating: bool) -> float:
    """What counts as white: the smallest of the bit depths detectors have (8, 10, 12, 14, 16) that holds ``highest``.

    A 12-bit exposure in a 16-bit file thus reads as it would from a 12-bit file. Floating point that stays below 2 is
    taken for 0..1, with overshoot from resampling brought back to 1.
    """
    if floating and highest < 2:
        return max(1.0, highest)
    for bits in (8, 10, 12, 14, 16):
        if highest <= 2**bits - 1:
            return 2.0**bits - 1
    raise UnreadableRadiograph(f"it holds values up to {highest:g}, more than 16 bits of grey")


# --------------------------------------------------------------------------- PNG, JPEG, TIFF, BMP

_Decoded = tuple[NDArray[Any], bool]  # grey values in their own units; is the minimum white?


def _decode_png(data: bytes) -> _Decoded:
    image = _checked(PngImagePlugin.PngImageFile(io.BytesIO(data)))
    if image.info.get("Software") == DRAWN:
        raise UnreadableRadiograph("it is a picture that carpal drew; give the radiograph itself")
    _check_png_chunks(data)
    _set_upright(image)
    values = _grey(image)
    _check_depth(values, bits=data[24])  # of the header, which comes first in every PNG file
    return values, False


def _check_png_chunks(data: bytes) -> None:
    """Pillow skips the checksums of pixel data and accepts a file without its end; a radiograph must be whole."""
    view, start = memoryview(data), 8
    while start + 12 <= len(data):
        end = start + 8 + int.from_bytes(view[start : start + 4], "big")
        kind = bytes(view[start + 4 : start + 8])
        if end + 4 > len(data):
            break
        critical = kind[:1].isupper()
        if critical and zlib.crc32(view[start + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            raise UnreadableRadiograph("it is damaged (a checksum of its pixel data does not match)")
        if kind == b"IEND":
            return
        start = end + 4
    raise UnreadableRadiograph(_TRUNCATED)


def _decode_jpeg(data: bytes) -> _Decoded:
    file = io.BytesIO(data)
    image = _checked(JpegImagePlugin.JpegImageFile(file))
    # Coded data never contain an end marker, so a file without one after the start of scan is cut off, whatever
    # Pillow's process-wide LOAD_TRUNCATED_IMAGES is set to. One that somebody put behind a cut is not found out here.
    if data.find(b"\xff\xd9", file.tell()) < 0:
        raise UnreadableRadiograph(_TRUNCATED)
    image.draft("L", None)  # YCbCr: luma alone is decoded
    _set_upright(image)
    return _grey(image), False


def _decode_tiff(data: bytes) -> _Decoded:
    image = TiffImagePlugin.TiffImageFile(io.BytesIO(data))
    white_is_zero = image.tag_v2.get(262) == 0
    values = _grey(_checked(image))  # Pillow turns it upright and inverts 8-bit white-is-zero, but nothing deeper
    _check_depth(values, bits=max(image.tag_v2.get(258, (8,))))
    return values, white_is_zero and values.dtype != np.uint8


def _decode_bmp(data: bytes) -> _Decoded:
    return _grey(_checked(BmpImagePlugin.BmpImageFile(io.BytesIO(data)))), False


_RASTERS: dict[bytes, Callable[[bytes], _Decoded]] = {
    b"\x89PNG\r\n\x1a\n": _decode_png,
    b"\xff\xd8\xff": _decode_jpeg,
    b"II*\x00": _decode_tiff,
    b"MM\x00*": _decode_tiff,
    b"II+\x00": _decode_tiff,  # BigTIFF
    b"MM\x00+": _decode_tiff,
    b"BM": _decode_bmp,
}

_OTHERS = {
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"GIF8": "a GIF image",
    b"RIFF": "a WebP image or another RIFF file",
    b"\x00\x00\x00\x0cjP  ": "a JPEG 2000 image outside DICOM",
    b"\xff\x4f\xff\x51": "a JPEG 2000 image outside DICOM",
}


def _checked(image: ImageFile.ImageFile) -> ImageFile.ImageFile:
    """The opened, not yet decoded image, if it is one frame of possible size. Plugins are called directly because
    Image.open would first warn or raise by its own, process-wide limit."""
    _check_dimensions(*image.size)
    if getattr(image, "is_animated", False):
        raise UnreadableRadiograph("it holds several pages or frames; give one radiograph per file")
    if image.mode == "1":
        raise UnreadableRadiograph("it has one bit per pixel, black or white; a radiograph needs grey levels")
    return image


def _check_depth(values: NDArray[Any], bits: int) -> None:
    """Of colour and transparency of 16 bits Pillow keeps the upper 8: of a 12-bit exposure, 16 grey levels."""
    if bits > 8 and values.dtype == np.uint8 and values.max() < 64:  # 14 bits at most were used
        raise UnreadableRadiograph(
            "it holds at most 14 bits of grey in colours of 16, of which only the upper 8 can be read; export it in "
            "grey, without transparency"
        )


def _set_upright(image: ImageFile.ImageFile) -> None:
    image.load()
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except Exception:
        return  # damaged EXIF is no damage to the pixels; the quality gate finds a quarter turn by itself


def _grey(image: ImageFile.ImageFile) -> NDArray[Any]:
    """(H, W) grey values: uint8, uint16, int32 or float32 as the file has them."""
    image.load()
    clear = image.info.get("transparency")  # of PNG: one grey or colour, or what each colour of a palette lets through
    if image.mode == "L" or image.mode.startswith(("I", "F")):
        values = np.asarray(image)
        return values if clear is None else np.where(values == clear, 0, values).astype(values.dtype)
    if clear is not None:
        rgba = image.convert("RGBA")
        return np.asarray(ImageChops.multiply(rgba.convert("L"), rgba.getchannel("A")))
    grey = image.convert("L")
    if "A" in image.getbands():
        grey = ImageChops.multiply(grey, image.getchannel("A"))
    return np.asarray(grey)
