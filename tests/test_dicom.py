"""Reading DICOM: exact pixels in each transfer syntax, grey as a viewer shows it, header facts or None, refusals."""

from __future__ import annotations

import io
import logging
import warnings
from typing import Any

import numpy as np
import pytest
from dicom_samples import (
    COLUMNS,
    LOSSLESS,
    LOSSY,
    NATIVE,
    ROWS,
    encode,
    hand,
    lut,
    make,
    write,
    write_bare,
)
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels import apply_windowing

from carpal.dicom.header import read_facts
from carpal.errors import CarpalError, ImageTooLarge, UnreadableRadiograph
from carpal.radiograph import Radiograph, read_radiograph
from carpal.report.texts import Texts

TWELVE = hand(12)
UNIT = TWELVE / np.float32(4095)


def read(pixels: np.ndarray | None = None, bits: int = 12, **header: Any) -> Radiograph:
    return read_radiograph(encode(make(pixels, bits, **header)))


def refusal(data: bytes) -> str:
    with pytest.raises(UnreadableRadiograph) as caught:
        read_radiograph(data)
    message = str(caught.value)
    assert message.startswith("cannot read the given bytes: ") and "\n" not in message and "Secret" not in message
    return message


# --------------------------------------------------------------------------- pixels


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("syntax", [*NATIVE, *LOSSLESS], ids=lambda s: s.name)
def test_lossless_transfer_syntaxes_are_exact(syntax: uid.UID, bits: int) -> None:
    pixels = read_radiograph(encode(make(bits=bits), syntax)).pixels
    np.testing.assert_array_equal(pixels, hand(bits) / np.float32(2**bits - 1))
    assert pixels.flags.c_contiguous and not pixels.flags.writeable


@pytest.mark.parametrize("syntax", LOSSY, ids=lambda s: s.name)
def test_lossy_transfer_syntaxes_are_close(syntax: uid.UID) -> None:
    pixels = read_radiograph(encode(make(bits=8), syntax)).pixels
    assert abs(pixels - hand(8) / 255).max() < 0.03


@pytest.mark.parametrize("syntax", [*NATIVE, *LOSSLESS])
def test_signed_pixels_are_stretched_from_their_minimum(syntax: uid.UID) -> None:
    signed = (TWELVE.astype(np.int32) - 2048).astype(np.int16)
    np.testing.assert_allclose(read_radiograph(encode(make(signed), syntax)).pixels, UNIT, atol=1e-6)


@pytest.mark.parametrize("syntax", [*NATIVE, uid.RLELossless, uid.JPEGLosslessSV1], ids=lambda s: s.name)
@pytest.mark.parametrize("high", [12, 15])
def test_stored_bits_are_where_the_high_bit_says(syntax: uid.UID, high: int) -> None:
    """Old objects keep 12 bits at the top of a word, with an overlay or nothing below."""
    shifted = (TWELVE << (high - 11)).astype(np.uint16)
    shifted[:, 40:] |= 1
    dataset = make(shifted, bits=16)
    encode(dataset, syntax)
    dataset.BitsStored, dataset.HighBit = 12, high
    np.testing.assert_array_equal(read_radiograph(write(dataset)).pixels, UNIT)


def test_a_high_bit_that_the_pixels_contradict_counts_for_nothing() -> None:
    np.testing.assert_array_equal(read(HighBit=15).pixels, UNIT)
    signed = (TWELVE.astype(np.int32) - 2048).astype(np.int16)
    np.testing.assert_allclose(read(signed, HighBit=15).pixels, UNIT, atol=1e-6)


@pytest.mark.parametrize("implicit", [True, False])
def test_a_bare_data_set_without_preamble_is_read(implicit: bool) -> None:
    np.testing.assert_array_equal(read_radiograph(write_bare(make(), implicit=implicit)).pixels, UNIT)


@pytest.mark.parametrize("shape", [None, "INVERSE", "IDENTITY"])
def test_monochrome1_comes_out_bone_bright_and_is_inverted_once(shape: str | None) -> None:
    header = {"PhotometricInterpretation": "MONOCHROME1"} | ({"PresentationLUTShape": shape} if shape else {})
    np.testing.assert_allclose(read(4095 - TWELVE, **header).pixels, UNIT, atol=1e-6)


def test_an_inverse_presentation_lut_alone_inverts() -> None:
    np.testing.assert_allclose(read(4095 - TWELVE, PresentationLUTShape="INVERSE").pixels, UNIT, atol=1e-6)


@pytest.mark.parametrize("syntax", [*NATIVE, *LOSSLESS], ids=lambda s: s.name)
def test_colour_captures_become_luma(syntax: uid.UID) -> None:
    grey = hand(8)
    same = read_radiograph(encode(make(np.stack([grey] * 3, axis=-1), 8), syntax)).pixels
    np.testing.assert_allclose(same, grey / 255, atol=1.01 / 255)  # RCT of JPEG 2000 is exact, YBR is not
    green = np.zeros((ROWS, COLUMNS, 3), np.uint8)
    green[..., 1] = 200
    assert read(green, 8).pixels[5, 5] == pytest.approx(0.587 * 200 / 255, abs=1 / 255)


def test_jpeg_colour_captures_become_luma() -> None:
    grey = hand(8)
    pixels = read_radiograph(encode(make(np.stack([grey] * 3, axis=-1), 8), uid.JPEGBaseline8Bit)).pixels
    assert abs(pixels - grey / 255).mean() < 0.01


def test_palette_colour_is_looked_up() -> None:
    header: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour in ("Red", "Green", "Blue"):
        header[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        header[f"{colour}PaletteColorLookupTableData"] = (np.arange(256)[::-1] * 257).astype("<u2").tobytes()
    np.testing.assert_allclose(read(255 - hand(8), 8, **header).pixels, hand(8) / 255, atol=1e-4)


# --------------------------------------------------------------------------- from stored values to grey


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID", None])
@pytest.mark.parametrize("intercept", [0, -1000])
def test_a_window_gives_what_the_standard_says(function: str | None, intercept: int) -> None:
    window: dict[str, Any] = {"WindowCenter": [1500 + intercept, 3], "WindowWidth": [1200, 9]}
    if function:
        window["VOILUTFunction"] = function
    dataset = make(RescaleSlope=1, RescaleIntercept=intercept, **window)
    expected = apply_windowing(TWELVE + np.float64(intercept), dataset)  # in the range of the rescaled values
    np.testing.assert_allclose(read_radiograph(encode(dataset)).pixels, (expected - intercept) / 4095, atol=1e-6)


def test_a_window_under_a_negative_slope_keeps_the_polarity() -> None:
    # Stored values fall with exposure; rescaled by -1 they rise again, and the window applies to the rescaled ones.
    pixels = read(4095 - TWELVE, RescaleSlope=-1, RescaleIntercept=4095, WindowCenter=2048, WindowWidth=4096).pixels
    np.testing.assert_allclose(pixels, UNIT, atol=1e-6)


def test_monochrome1_is_inverted_after_its_window() -> None:
    header = {"PhotometricInterpretation": "MONOCHROME1", "WindowCenter": 1000, "WindowWidth": 500}
    pixels = read(**header).pixels
    assert pixels[TWELVE < 700].min() == 1 and pixels[TWELVE > 1300].max() == 0


@pytest.mark.parametrize(
    "window",
    [
        {"WindowCenter": 2048, "WindowWidth": 0},
        {"WindowCenter": 2048, "WindowWidth": -5},
        {"WindowCenter": 9e6, "WindowWidth": 10},
        {"WindowCenter": 2048},
        {"WindowCenter": None, "WindowWidth": None},
    ],
    ids=str,
)
def test_a_window_that_cannot_be_meant_counts_as_none(window: dict[str, Any]) -> None:
    dataset = make()
    for keyword, value in window.items():
        setattr(dataset, keyword, value)
    np.testing.assert_array_equal(read_radiograph(encode(dataset)).pixels, UNIT)


def test_rescale_without_a_window_stretches_what_is_there() -> None:
    np.testing.assert_allclose(read(RescaleSlope=0.001, RescaleIntercept=-1).pixels, UNIT, atol=1e-6)


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_voi_lut_of_any_depth(bits: int) -> None:
    entries = [round((4095 - v) * (2**bits - 1) / 4095) for v in range(4096)]
    pixels = read(4095 - TWELVE, VOILUTSequence=[lut(entries, 0, bits)], WindowCenter=5, WindowWidth=3).pixels
    np.testing.assert_allclose(pixels, UNIT, atol=0.6 / (2**bits - 1))


def test_values_outside_a_voi_lut_take_its_ends() -> None:
    pixels = read(VOILUTSequence=[lut(list(range(0, 4096, 4)), 1000, 12)]).pixels
    assert pixels[TWELVE <= 1000].max() == 0 and pixels[TWELVE >= 2023].min() == 1


def test_modality_lut_comes_before_the_window() -> None:
    halves = [v // 2 for v in range(4096)]
    pixels = read(ModalityLUTSequence=[lut(halves, 0, 16)], WindowCenter=1024, WindowWidth=2048).pixels
    np.testing.assert_allclose(pixels, UNIT, atol=1 / 2047)


@pytest.mark.parametrize("monochrome", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_and_outside_every_range(monochrome: str) -> None:
    padded = TWELVE.copy() // 2 + 500
    padded[:, :10] = 4000
    header: dict[str, Any] = {"PhotometricInterpretation": monochrome, "PixelPaddingValue": 4000}
    pixels = read(padded, **header).pixels
    assert pixels[:, :10].max() == 0
    assert pixels[:, 10:].min() == 0 and pixels[:, 10:].max() == 1


def test_padding_does_not_say_how_white_a_lut_goes() -> None:
    padded = TWELVE.copy()
    padded[:, :10] = 65535
    brightest = lut([*range(4096), 65535], 0, 16)  # the last entry, which values above the LUT take, padding too
    pixels = read(padded, bits=16, PixelPaddingValue=65535, VOILUTSequence=[brightest]).pixels
    assert pixels[:, :10].max() == 0
    shown = TWELVE[:, 10:]
    np.testing.assert_allclose(pixels[:, 10:], shown / shown.max(), atol=1e-3)


# --------------------------------------------------------------------------- header facts


def facts(**header: Any) -> Radiograph:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # malformed values are what is tested
        return read(**header)


@pytest.mark.parametrize(
    ("header", "spacing"),
    [
        ({"PixelSpacing": [0.2, 0.1], "ImagerPixelSpacing": [0.3, 0.3]}, (0.2, 0.1)),
        ({"ImagerPixelSpacing": [0.15, 0.14]}, (0.15, 0.14)),
        ({"NominalScannedPixelSpacing": [0.1, 0.1]}, (0.1, 0.1)),
        ({"PixelSpacing": [0, 0], "ImagerPixelSpacing": [0.3, 0.3]}, (0.3, 0.3)),
        ({"PixelSpacing": [-1, 1]}, None),
        ({"PixelSpacing": 0.2}, None),
        ({}, None),
    ],
)
def test_spacing_is_row_then_column(header: dict[str, Any], spacing: tuple[float, float] | None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # malformed values are what is tested
        assert read_facts(make(**header)).spacing_mm == spacing


@pytest.mark.parametrize(
    ("header", "shape"),
    [
        ({"PixelSpacing": [0.2, 0.1]}, (ROWS, COLUMNS // 2)),
        ({"ImagerPixelSpacing": [0.1, 0.15], "PixelAspectRatio": [2, 1]}, (64, COLUMNS)),
        ({"PixelAspectRatio": [2, 1]}, (ROWS, COLUMNS // 2)),
        ({"PixelAspectRatio": [0, 1]}, (ROWS, COLUMNS)),
        ({"PixelSpacing": [0.1, 0.1005]}, (ROWS, COLUMNS)),
        ({"PixelSpacing": [0.1, 4.0]}, (ROWS, COLUMNS)),
    ],
    ids=str,
)
def test_pixels_that_are_not_square_are_made_so_and_it_is_said(header: dict[str, Any], shape: tuple[int, int]) -> None:
    radiograph = read(**header)
    assert radiograph.pixels.shape == shape
    assert abs(radiograph.pixels.mean() - UNIT.mean()) < 0.01
    if shape == UNIT.shape:
        assert radiograph.notes == ()
        np.testing.assert_array_equal(radiograph.pixels, UNIT)
        return
    (note,) = radiograph.notes
    assert "not square" in note and Texts("de").sentence(note).language == "de"
    if radiograph.spacing_mm is not None:
        assert radiograph.spacing_mm[0] == pytest.approx(radiograph.spacing_mm[1])


@pytest.mark.parametrize(("value", "sex"), [("F", "F"), ("M", "M"), ("O", None), ("", None), ("girl", None)])
def test_sex_is_never_guessed(value: str, sex: str | None) -> None:
    assert facts(PatientSex=value).sex == sex


@pytest.mark.parametrize(
    ("header", "months"),
    [
        ({"PatientAge": "009Y"}, 108),
        ({"PatientAge": "108M"}, 108),
        ({"PatientAge": "030W"}, 6.90),
        ({"PatientAge": "100D"}, 3.29),
        ({"PatientAge": "abc"}, None),
        ({"PatientAge": "999Y"}, None),
        ({"PatientBirthDate": "20100615", "StudyDate": "20191215"}, 114.0),
        ({"PatientBirthDate": "20100615", "AcquisitionDate": "20191215"}, 114.0),
        ({"PatientBirthDate": "20100615", "StudyDate": "20191215", "PatientAge": "009Y"}, 114.0),
        ({"PatientBirthDate": "20191215", "StudyDate": "20100615"}, None),
        ({"PatientBirthDate": "20231399", "StudyDate": "20191215"}, None),
        ({"PatientBirthDate": "20231399", "StudyDate": "20191215", "PatientAge": "009Y"}, 108),
        ({"PatientBirthDate": "19000101", "StudyDate": "20191215"}, 1439.4),
        ({"PatientBirthDate": "19000101", "StudyDate": "20191215", "PatientAge": "009Y"}, None),
        ({"PatientBirthDate": "19000101", "StudyDate": "20251215", "PatientAge": "009Y"}, None),
        ({"PatientBirthDate": "20191215", "StudyDate": "20100615", "PatientAge": "009Y"}, None),
        ({}, None),
    ],
    ids=str,
)
def test_age_in_months(header: dict[str, Any], months: float | None) -> None:
    assert facts(**header).age_months == (months if months is None else pytest.approx(months, abs=0.05))


@pytest.mark.parametrize("syntax", [uid.JPEG2000Lossless, uid.JPEG2000])
def test_jpeg_2000_is_decoded_at_half_its_size_where_that_is_enough(syntax: uid.UID) -> None:
    large = np.kron(TWELVE, np.ones((4, 4), np.uint16))
    data = encode(make(large, PixelSpacing=[0.1, 0.1]), syntax)
    whole, half = read_radiograph(data), read_radiograph(data, least_side=max(large.shape) // 2)
    assert half.pixels.shape == (large.shape[0] // 2, large.shape[1] // 2)
    assert half.spacing_mm == (0.2, 0.2)
    averaged = whole.pixels.reshape(half.pixels.shape[0], 2, half.pixels.shape[1], 2).mean(axis=(1, 3))
    assert np.abs(half.pixels - averaged).mean() < 0.01
    assert read_radiograph(data, least_side=max(large.shape) // 2 + 1).pixels.shape == large.shape


@pytest.mark.parametrize(
    "dataset",
    [
        make(np.kron(TWELVE, np.ones((4, 4), np.uint16)), PixelPaddingValue=0),
        make(np.kron(TWELVE.astype(np.int16) - 2048, np.ones((4, 4), np.int16))),
        make(np.stack([np.kron(hand(8), np.ones((4, 4), np.uint8))] * 3, axis=-1), 8),
    ],
    ids=["padding", "signed", "colour"],
)
def test_what_cannot_be_halved_is_decoded_whole(dataset: Dataset) -> None:
    shape = (int(dataset.Rows), int(dataset.Columns))
    assert read_radiograph(encode(dataset, uid.JPEG2000Lossless), least_side=100).pixels.shape == shape


def test_a_patient_id_that_can_be_a_code_is_no_remark() -> None:
    for patient_id in ("", "  ", "7", "7" * 64, f" {'7' * 64} ", "M\\ller", "\\".join("7" * 32)):
        assert facts(PatientID=patient_id).notes == ()


def test_what_of_the_header_is_passed_over_is_said() -> None:
    whole = encode(make(WindowCenter=1234, WindowWidth=4096, RescaleSlope=5678, RescaleIntercept=0))
    assert read_radiograph(whole).notes == ()
    windowless, unscaled = whole.replace(b"1234", b"dark"), whole.replace(b"5678", b"much")
    contradicting = encode(make(PatientBirthDate="19000101", StudyDate="20191215", PatientAge="009Y"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        long = encode(make(PatientID="7" * 65))
    control = encode(make(PatientID="seven")).replace(b"seven", b"se\x1ben")
    for data, what in (
        (windowless, "WindowCenter"),
        (unscaled, "RescaleSlope"),
        (contradicting, "contradict"),
        (long, "PatientID"),
        (control, "PatientID"),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            (note,) = read_radiograph(data).notes
        assert what in note
        assert "777" not in note
        assert Texts("de").sentence(note).language == "de"


@pytest.mark.parametrize(
    ("header", "side"),
    [
        ({"ImageLaterality": "L"}, "L"),
        ({"Laterality": "R"}, "R"),
        ({"ImageLaterality": "L", "Laterality": "R"}, "L"),
        ({"FrameLaterality": "R"}, "R"),
        ({"ImageLaterality": "B"}, None),
        ({"ImageLaterality": "U", "Laterality": "L"}, None),
        ({"ImageLaterality": ""}, None),
    ],
    ids=str,
)
def test_laterality(header: dict[str, Any], side: str | None) -> None:
    assert facts(**header).laterality == side


def test_laterality_of_an_enhanced_object() -> None:
    anatomy, group = Dataset(), Dataset()
    anatomy.FrameLaterality = "L"
    group.FrameAnatomySequence = [anatomy]
    assert facts(SharedFunctionalGroupsSequence=[group]).laterality == "L"


def test_uids_are_kept_and_names_are_not() -> None:
    radiograph = read(PatientSex="F")
    assert (radiograph.study_uid, radiograph.series_uid, radiograph.instance_uid) == ("1.2.3", "1.2.3.5", "1.2.3.4")
    assert "SECRET" not in repr(radiograph).upper()


def test_reading_is_silent_about_the_patient(capfd: pytest.CaptureFixture[str]) -> None:
    handler = logging.StreamHandler(io.StringIO())
    logging.getLogger().addHandler(handler)
    try:
        data = encode(make()).replace(b"Secret^Name", b"Secret\xff\xfeame").replace(b"1.2.3.4", b"Secret.")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert read_radiograph(data).instance_uid is None
    finally:
        logging.getLogger().removeHandler(handler)
    assert not caught and handler.stream.getvalue() == "" and capfd.readouterr() == ("", "")


# --------------------------------------------------------------------------- what is refused


def without_pixels(sop_class: str, **header: Any) -> bytes:
    return encode(make(SOPClassUID=sop_class, PixelData=None, Rows=None, Columns=None, **header), NATIVE[0])


def cut(syntax: uid.UID, keep: float) -> bytes:
    data = encode(make(), syntax)
    return data[: int(len(data) * keep)]


def recompressed(change: Any, syntax: uid.UID = uid.JPEG2000Lossless, **header: Any) -> bytes:
    """A compressed object whose frame went through ``change``, wrapped properly again."""
    dataset = make()
    encode(dataset, syntax)
    dataset.PixelData = encapsulate([change(get_frame(dataset.PixelData, 0, number_of_frames=1))])
    dataset["PixelData"].is_undefined_length = True
    for keyword, value in header.items():
        setattr(dataset, keyword, value)
    return write(dataset)


def with_syntax(syntax: str) -> bytes:
    dataset = make()
    encode(dataset, uid.RLELossless)
    stated = uid.UID(syntax)
    dataset.file_meta.TransferSyntaxUID = uid.MPEG2MPML
    return write(dataset).replace(uid.MPEG2MPML.encode(), stated.encode().ljust(len(uid.MPEG2MPML), b"\0"))


BAD = {
    "structured report": (without_pixels(uid.BasicTextSRStorage), "a DICOM Basic Text SR, which holds no radiograph"),
    "pdf": (without_pixels(uid.EncapsulatedPDFStorage, EncapsulatedDocument=b"%PDF"), "Encapsulated PDF"),
    "image without pixels": (encode(make(PixelData=None), NATIVE[0]), "truncated or stripped"),
    "frames": (encode(make(np.concatenate([TWELVE] * 3), NumberOfFrames=3, Rows=ROWS)), "it holds 3 frames"),
    "cut in the pixels": (cut(uid.ExplicitVRLittleEndian, 0.7), "truncated"),
    "cut deflated": (cut(uid.DeflatedExplicitVRLittleEndian, 0.7), "truncated"),
    "cut jpeg 2000": (cut(uid.JPEG2000Lossless, 0.7), "truncated"),
    "cut rle": (cut(uid.RLELossless, 0.7), "truncated"),
    "cut in the header": (encode(make())[:420], "truncated or stripped"),
    "prefix only": (b"\0" * 128 + b"DICM", "no DICOM image"),
    "like a bare data set": (b"\x08\0\x05\0" + b"\xff" * 200, "no DICOM image"),
    "short frame": (recompressed(lambda f: f[: len(f) // 2] + b"\0" * (len(f) % 2)), "have no end"),
    "short jpeg-ls": (recompressed(lambda f: f[:900], uid.RLELossless), "RLE Lossless) cannot be decoded"),
    "no codestream": (recompressed(lambda f: b"hello\xff\xd9" * 2), "no frame header"),
    "other size inside": (recompressed(lambda f: f, Rows=ROWS - 1), "not of the size its header claims"),
    "more bits inside": (recompressed(lambda f: f, BitsAllocated=8, BitsStored=8, HighBit=7), "more bits per sample"),
    "no rows": (encode(make(Rows=None)), "no valid Rows"),
    "too few": (encode(make(TWELVE[:20])), "80 x 20 pixels, too few"),
    "pixels shorter than claimed": (encode(make(Rows=ROWS + 5)), "15360 of 16160 bytes"),
    "pixels longer than claimed": (encode(make(Rows=ROWS - 5)), "more than that"),
    "one bit": (encode(make(BitsAllocated=1, BitsStored=1)), "1 of 1 bits"),
    "32 bits": (encode(make(BitsAllocated=32, BitsStored=32)), "32 of 32 bits"),
    "no photometric": (encode(make(PhotometricInterpretation=None)), "photometric interpretation is missing"),
    "contradiction": (encode(make(SamplesPerPixel=3)), "contradicts itself"),
    "video": (with_syntax(uid.MPEG2MPML), "MPEG2 Main Profile / Main Level) cannot be decoded; convert it"),
    "private syntax": (with_syntax("1.2.3.4.5"), "(1.2.3.4.5) cannot be decoded"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_radiograph_is_refused_in_one_sentence(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    data, fragment = BAD[name]
    assert fragment in refusal(data)
    assert capfd.readouterr() == ("", "")


def test_a_frame_that_makes_gdcm_abort_is_refused_and_the_next_one_is_read() -> None:
    whole = encode(make(), uid.JPEGLosslessSV1)
    tables = whole.index(b"\xff\xc4")  # without its marker the Huffman table is gone
    assert "damaged" in refusal(whole[:tables] + b"\0" + whole[tables + 1 :])
    np.testing.assert_array_equal(read_radiograph(whole).pixels, UNIT)


def test_a_frame_that_makes_the_rle_decoder_panic_is_refused_and_the_next_one_is_read(
    capfd: pytest.CaptureFixture[str],
) -> None:
    whole = encode(make(), uid.RLELossless)
    refused = 0
    for at in range(len(whole) - 200, len(whole) - 100):  # one of these runs past the end of its segment
        try:
            read_radiograph(whole[:at] + b"\x7f" + whole[at + 1 :])
        except UnreadableRadiograph:
            refused += 1
    assert refused
    np.testing.assert_array_equal(read_radiograph(whole).pixels, UNIT)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("rows", "columns"), [(60000, 60000), (20001, 64), (15000, 15000)])
def test_claimed_size_is_refused_before_decoding(rows: int, columns: int) -> None:
    with pytest.raises(ImageTooLarge, match=f"{columns} x {rows} pixels"):
        read_radiograph(encode(make(Rows=rows, Columns=columns)))


def test_a_deflated_bomb_is_refused_before_it_fills_the_memory() -> None:
    from carpal.dicom.read import parse

    with pytest.raises(ImageTooLarge, match="inflates to more than 0 MiB"):
        parse(encode(make(), uid.DeflatedExplicitVRLittleEndian), 10_000)


@pytest.mark.parametrize("syntax", [*NATIVE, *LOSSLESS], ids=lambda s: s.name)
def test_truncation_anywhere_is_a_refusal(syntax: uid.UID) -> None:
    data = encode(make(), syntax)
    for end in np.linspace(1, len(data) - 12, 25, dtype=int):
        with pytest.raises(CarpalError):
            read_radiograph(data[:end])
