"""Reading PNG, JPEG, TIFF and BMP: what the file holds comes out, and what is no radiograph is refused plainly."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import subprocess
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from dicom_samples import encode, hand, make
from PIL import Image, TiffImagePlugin
from pydicom import uid

from carpal.errors import CarpalError, ImageTooLarge, InvalidArgument, UnreadableRadiograph
from carpal.radiograph import MAX_FILE_BYTES, Radiograph, read_radiograph

SHARED = Path(__file__).resolve().parents[2] / "shared"
EIGHT = hand(8)
TWELVE = hand(12)


def save(image: Image.Image | np.ndarray, kind: str, **options: Any) -> bytes:
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\0\0\0\0"
    body = chunk(b"IDAT", zlib.compress(b"\0" * 64))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + body + chunk(b"IEND", b"")


def refusal(source: Any) -> str:
    with pytest.raises(UnreadableRadiograph) as caught:
        read_radiograph(source)
    return str(caught.value)


# --------------------------------------------------------------------------- what is read


@pytest.mark.parametrize(
    "data",
    [
        save(EIGHT, "PNG"),
        save(EIGHT, "TIFF"),
        save(EIGHT, "TIFF", compression="tiff_lzw"),
        save(EIGHT, "TIFF", compression="tiff_adobe_deflate"),
        save(EIGHT, "BMP"),
        save(np.stack([EIGHT] * 3, axis=-1), "PNG"),
        save(np.stack([EIGHT] * 3, axis=-1), "BMP"),
        save(np.stack([EIGHT, np.full_like(EIGHT, 255)], axis=-1), "PNG"),
        save(Image.fromarray(EIGHT).convert("RGBA"), "PNG"),
        save(Image.fromarray(EIGHT).convert("P"), "PNG"),
        save(Image.fromarray(EIGHT).convert("P"), "BMP"),
        save(EIGHT.astype(np.float32) / 255, "TIFF"),
        save(EIGHT.astype(np.uint16), "PNG"),
    ],
    ids=[
        "png",
        "tiff",
        "lzw",
        "deflate",
        "bmp",
        "rgb",
        "rgb-bmp",
        "alpha",
        "rgba",
        "palette",
        "palette-bmp",
        "float",
        "8-in-16",
    ],
)
def test_eight_bits_come_out_exact(data: bytes) -> None:
    pixels = read_radiograph(data).pixels
    assert pixels.dtype == np.float32 and pixels.shape == EIGHT.shape
    assert pixels.flags.c_contiguous and not pixels.flags.writeable
    np.testing.assert_array_equal(pixels, EIGHT / np.float32(255))


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "float TIFF", "int32 TIFF"])
def test_the_detectors_depth_is_full_scale_whatever_the_container(bits: int, kind: str) -> None:
    counts = hand(bits)
    stored = counts.astype({"float TIFF": np.float32, "int32 TIFF": np.int32}.get(kind, np.uint16))
    pixels = read_radiograph(save(stored, kind.split()[-1])).pixels
    np.testing.assert_array_equal(pixels, counts / np.float32(2**bits - 1))


def test_the_same_exposure_reads_the_same_as_png_and_dicom() -> None:
    png, dicom = read_radiograph(save(TWELVE, "PNG")), read_radiograph(encode(make()))
    np.testing.assert_array_equal(png.pixels, dicom.pixels)
    assert png.digest != dicom.digest


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_in_grey_colour_and_cmyk(mode: str, progressive: bool) -> None:
    pixels = read_radiograph(save(Image.fromarray(EIGHT).convert(mode), "JPEG", quality=95, progressive=progressive))
    assert abs(pixels.pixels - EIGHT / 255).mean() < 0.01


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "PNG"])
@pytest.mark.parametrize(
    ("orientation", "undo"),
    [(2, np.fliplr), (3, lambda a: np.rot90(a, 2)), (6, lambda a: np.rot90(a, 1)), (8, lambda a: np.rot90(a, -1))],
)
def test_the_orientation_a_camera_wrote_is_applied(kind: str, orientation: int, undo: Any) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(undo(EIGHT)))
    options: dict[str, Any] = {"quality": 95} if kind == "JPEG" else {}
    pixels = read_radiograph(save(stored, kind, exif=exif, **options)).pixels
    assert pixels.shape == EIGHT.shape
    assert abs(pixels - EIGHT / 255).mean() < 0.01


@pytest.mark.parametrize("counts", [EIGHT, TWELVE], ids=["8-bit", "12-bit"])
def test_tiff_with_white_zero_comes_out_bone_bright(counts: np.ndarray) -> None:
    full = int(counts.max())
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[262] = 0
    image = Image.fromarray(counts if full == 255 else (full - counts).astype(np.uint16))
    data = bytearray(save(image, "TIFF", tiffinfo=tags))
    assert read_radiograph(bytes(data)).pixels[30, 35] == np.float32(counts[30, 35]) / np.float32(full)


def test_transparent_pixels_are_as_dark_as_air() -> None:
    alpha = np.full_like(EIGHT, 255)
    alpha[:, :40] = 0
    pixels = read_radiograph(save(np.stack([EIGHT, alpha], axis=-1), "PNG")).pixels
    assert pixels[:, :40].max() == 0
    np.testing.assert_array_equal(pixels[:, 40:], EIGHT[:, 40:] / np.float32(255))


@pytest.mark.parametrize("kind", ["grey", "colour", "16 bits", "palette"])
def test_a_colour_that_is_called_transparent_is_as_dark_as_air(kind: str) -> None:
    counts = TWELVE if kind == "16 bits" else EIGHT
    image = Image.fromarray(counts).convert({"colour": "RGB", "palette": "P"}.get(kind))
    air = int(counts[50, 70])
    data = save(image, "PNG", transparency=(air,) * 3 if kind == "colour" else air)
    expected = np.where(counts == air, 0, counts) / np.float32(counts.max())
    np.testing.assert_array_equal(read_radiograph(data).pixels, expected)


@pytest.mark.parametrize("kind", [".png", ".tiff"])
def test_colour_of_sixteen_bits_is_read_where_they_are_used(kind: str) -> None:
    pixels = read_radiograph(cv2.imencode(kind, np.dstack([hand(16)] * 3))[1].tobytes()).pixels
    np.testing.assert_allclose(pixels, hand(16) / np.float32(65535), atol=1.01 / 255)


def test_a_uniform_image_is_read_and_left_to_the_quality_gate() -> None:
    assert read_radiograph(save(np.full((64, 64), 7, np.uint8), "PNG")).pixels.max() == np.float32(7 / 255)


def test_path_bytes_and_file_object_give_the_same_radiograph(tmp_path: Path) -> None:
    data = save(EIGHT, "PNG")
    path = tmp_path / "hand.dcm"  # the name says nothing
    path.write_bytes(data)
    with path.open("rb") as file:
        sources = [path, str(path), data, bytearray(data), io.BytesIO(data), file]
        radiographs = [read_radiograph(source) for source in sources]  # type: ignore[arg-type]
    assert {r.digest for r in radiographs} == {hashlib.sha256(data).hexdigest()}
    assert all(np.array_equal(r.pixels, radiographs[0].pixels) for r in radiographs)
    assert path.read_bytes() == data


def test_a_photographic_file_says_nothing_about_the_child() -> None:
    radiograph = read_radiograph(save(EIGHT, "JPEG", dpi=(300, 300)))
    assert radiograph.spacing_mm is radiograph.sex is radiograph.age_months is radiograph.laterality is None


# --------------------------------------------------------------------------- what is refused

PNG, JPEG, TIFF = save(EIGHT, "PNG"), save(EIGHT, "JPEG", quality=95), save(EIGHT, "TIFF")
DEEP_COLOUR = np.dstack([TWELVE] * 3)
PAGES = {"save_all": True, "append_images": [Image.fromarray(EIGHT[::-1])]}
NAN = np.where(EIGHT > 200, np.nan, EIGHT).astype(np.float32)

BAD = {
    "empty": (b"", "it is empty"),
    "text": (b"this is a letter about a hand" * 9, "not an image carpal knows"),
    "pdf": (b"%PDF-1.7\n" + b"0" * 99, "a PDF document"),
    "zip": (b"PK\x03\x04" + b"0" * 99, "a ZIP archive"),
    "gif": (save(EIGHT, "GIF"), "a GIF image"),
    "webp": (save(EIGHT, "WEBP"), "a WebP image"),
    "truncated png": (PNG[: len(PNG) // 2], "truncated"),
    "png without its last byte": (PNG[:-1], "truncated"),
    "png cut at a chunk": (PNG[:-12], "truncated"),
    "png with a flipped bit": (PNG[:100] + bytes([PNG[100] ^ 1]) + PNG[101:], "checksum"),
    "png signature only": (PNG[:8], "damaged"),
    "png whose chunks are whole but too short": (png_header(64, 64), "truncated"),
    "truncated jpeg": (JPEG[: len(JPEG) // 2], "truncated"),
    "jpeg without its end": (JPEG[:-2], "truncated"),
    "truncated progressive jpeg": (save(EIGHT, "JPEG", progressive=True)[:-30], "truncated"),
    "jpeg header only": (JPEG[:200], "damaged"),
    "truncated tiff": (TIFF[:-2000], "truncated"),
    "truncated bmp": (save(EIGHT, "BMP")[:-500], "truncated"),
    "two pages": (save(EIGHT, "TIFF", **PAGES), "several pages or frames"),
    "animation": (save(EIGHT, "PNG", **PAGES), "several pages or frames"),
    "one bit": (save(Image.fromarray(EIGHT).convert("1"), "TIFF"), "one bit per pixel"),
    "nan": (save(NAN, "TIFF"), "not finite"),
    "infinite": (save(np.where(EIGHT > 200, np.inf, 0).astype(np.float32), "TIFF"), "not finite"),
    "negative": (save(EIGHT.astype(np.int32) - 9, "TIFF"), "negative values"),
    "beyond 16 bits": (save(EIGHT.astype(np.int32) * 9999, "TIFF"), "more than 16 bits"),
    "12 bits in a colour png": (cv2.imencode(".png", DEEP_COLOUR)[1].tobytes(), "export it in grey"),
    "12 bits in a colour tiff": (cv2.imencode(".tiff", DEEP_COLOUR)[1].tobytes(), "export it in grey"),
    "thumbnail": (save(EIGHT[:20], "PNG"), "80 x 20 pixels, too few"),
    "no width": (png_header(0, 64), "damaged"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_radiograph_is_refused_in_one_sentence(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    data, fragment = BAD[name]
    message = refusal(data)
    assert fragment in message and message.startswith("cannot read the given bytes: ") and "\n" not in message
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("size", [(20_001, 100), (100, 20_001), (15_000, 15_000), (2**31 - 1, 2**31 - 1)])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    with pytest.raises(ImageTooLarge, match=f"{size[0]} x {size[1]} pixels"):
        read_radiograph(png_header(*size))


def test_files_that_are_none_are_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.png") == f"cannot read {tmp_path / 'none.png'}: no such file or directory"
    assert "it is a directory" in refusal(tmp_path)
    assert "no possible path" in refusal("hand\0.png")
    assert "\\n" in refusal("hand\n.png")
    assert "not a regular file" in refusal(os.devnull)
    (tmp_path / "text.png").write_text("no hand")
    assert f"{tmp_path / 'text.png'}: it is not an image" in refusal(tmp_path / "text.png")
    with (tmp_path / "text.png").open() as file:
        assert "open it in binary mode" in refusal(file)


def test_a_file_of_gigabytes_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(ImageTooLarge, match="more than 512 MiB"):
        read_radiograph(path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "hand.png"
    path.write_bytes(PNG)
    path.chmod(0)
    assert "permission denied" in refusal(path)


@pytest.mark.parametrize("source", [None, 3, [PNG], EIGHT])
def test_what_is_no_source_is_an_invalid_argument(source: Any) -> None:
    with pytest.raises(InvalidArgument, match="give a path, the bytes of a file, or a binary file object"):
        read_radiograph(source)


def test_a_process_that_tolerates_truncated_images_still_gets_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.ImageFile.LOAD_TRUNCATED_IMAGES", True)
    for data in (PNG, JPEG):
        assert "truncated" in refusal(data[: len(data) // 2])


# --------------------------------------------------------------------------- the noun itself


@pytest.mark.parametrize(
    "change",
    [
        {"pixels": np.zeros((4, 4))},
        {"pixels": np.zeros((4, 4, 3), np.float32)},
        {"pixels": np.zeros((0, 4), np.float32)},
        {"sex": "girl"},
        {"laterality": "B"},
        {"age_months": -1.0},
        {"age_months": float("nan")},
        {"spacing_mm": (0.1, 0.0)},
        {"spacing_mm": (0.1,)},
    ],
)
def test_a_radiograph_is_valid_once_constructed(change: dict[str, Any]) -> None:
    good = Radiograph(np.zeros((4, 4), np.float32), "digest", (0.1, 0.1), "L", "F", 120.0)
    with pytest.raises(InvalidArgument):
        dataclasses.replace(good, **change)
    assert dataclasses.replace(good, sex="M").sex == "M"


# --------------------------------------------------------------------------- at large


def test_reading_stays_light_and_pydicom_waits_for_dicom() -> None:
    code = "import sys, carpal.radiograph; print(*sorted({'pydicom', 'cv2', 'torch', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"


def test_warnings_of_others_survive_many_threads() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(read_radiograph, [PNG, JPEG] * 20))
        warnings.warn("mine", UserWarning, stacklevel=1)
    assert [str(w.message) for w in caught] == ["mine"]


SEEDS = {
    "png": PNG,
    "png16": save(TWELVE, "PNG"),
    "jpeg": JPEG,
    "tiff": TIFF,
    "lzw": save(TWELVE, "TIFF", compression="tiff_lzw"),
    "bmp": save(EIGHT, "BMP"),
    **{
        str(s): encode(make(bits=8), s)
        for s in (uid.ExplicitVRLittleEndian, uid.DeflatedExplicitVRLittleEndian, uid.RLELossless)
    },
    **{str(s): encode(make(bits=8), s) for s in (uid.JPEGLosslessSV1, uid.JPEGLSLossless, uid.JPEGBaseline8Bit)},
    "j2k": encode(make(), uid.JPEG2000Lossless),
}


@pytest.mark.parametrize("name", SEEDS)
def test_damage_gives_a_refusal_or_a_radiograph_and_nothing_else(name: str) -> None:
    rng = np.random.default_rng(7)
    for round_ in range(40):
        data = bytearray(SEEDS[name])
        # Half of the damage goes to the header, where it hurts most.
        reach = len(data) if round_ % 2 else min(len(data), 1200)
        for position in rng.integers(0, reach, rng.integers(1, 6)):
            data[position] = rng.integers(256)
        if round_ % 4 == 0:
            del data[rng.integers(1, len(data)) :]
        try:
            radiograph = read_radiograph(bytes(data))
        except CarpalError as error:
            assert "\n" not in str(error) and "Secret" not in str(error)
        else:
            assert np.isfinite(radiograph.pixels).all()
            assert radiograph.pixels.min() >= 0 and radiograph.pixels.max() <= 1


@pytest.mark.parametrize("folder", ["rsna/highres", "negatives"])
def test_real_radiographs(folder: str) -> None:
    files = sorted((SHARED / folder).glob("*.jpg"))[::60]
    if not files:
        pytest.skip(f"no real radiographs here: {SHARED / folder} is absent")
    for path in files:
        pixels = read_radiograph(path).pixels
        with Image.open(path) as image:
            assert pixels.shape == image.size[::-1]
            np.testing.assert_allclose(pixels, np.asarray(image.convert("L")) / np.float32(255), atol=2 / 255)
        assert pixels.std() > 0.02
