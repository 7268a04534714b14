"""The drawn hand: its ossification is what the timetable says, its files are what their headers say."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom
import pytest
from PIL import Image

from carpal.errors import InvalidArgument
from carpal.phantom import (
    CARPALS,
    draw_phantom,
    make_phantom,
    open_growth_plates,
    ossified_carpals,
    ossified_epiphyses,
    write_phantom,
)
from carpal.phantom.maturity import EPIPHYSES
from carpal.radiograph import read_radiograph

SEXES = ("F", "M")
SMALL = (512, 400)


def test_the_same_arguments_give_the_same_picture_and_another_seed_another() -> None:
    first, again = (draw_phantom(100, "F", seed=4, shape=SMALL) for _ in range(2))
    assert np.array_equal(first.pixels, again.pixels)
    assert first.digest == again.digest
    assert not np.array_equal(first.pixels, draw_phantom(100, "F", seed=5, shape=SMALL).pixels)


def test_a_phantom_is_a_left_hand_with_its_child_and_spacing() -> None:
    radiograph = draw_phantom(100, "F", shape=SMALL)
    assert radiograph.pixels.shape == SMALL
    assert radiograph.pixels.min() >= 0 and radiograph.pixels.max() <= 1
    assert (radiograph.laterality, radiograph.sex, radiograph.age_months) == ("L", "F", 100.0)
    assert radiograph.spacing_mm is not None and 0.2 < radiograph.spacing_mm[0] < 1.0


@pytest.mark.parametrize("sex", SEXES)
def test_carpals_appear_one_after_the_other_in_the_order_of_the_table(sex: str) -> None:
    seen = [ossified_carpals(age, sex) for age in range(0, 241)]
    assert seen[0] == () and seen[-1] == CARPALS
    for earlier, later in pairwise(seen):
        assert set(earlier) <= set(later)
    first_seen = {name: next(age for age, names in enumerate(seen) if name in names) for name in CARPALS}
    assert list(first_seen.values()) == sorted(first_seen.values())
    # eorif.com, as in the project's reference table.
    assert first_seen == {
        "F": dict(zip(CARPALS, (2, 3, 18, 30, 48, 48, 48, 114), strict=True)),
        "M": dict(zip(CARPALS, (3, 4, 24, 48, 66, 72, 72, 132), strict=True)),
    }[sex]  # fmt: skip


@pytest.mark.parametrize("age", range(0, 241, 6))
def test_girls_are_never_behind_boys(age: int) -> None:
    assert set(ossified_carpals(age, "F")) >= set(ossified_carpals(age, "M"))
    assert set(ossified_epiphyses(age, "F")) >= set(ossified_epiphyses(age, "M"))
    fused = {sex: set(ossified_epiphyses(age, sex)) - set(open_growth_plates(age, sex)) for sex in SEXES}
    assert fused["F"] >= fused["M"]


@pytest.mark.parametrize("sex", SEXES)
def test_epiphyses_come_radius_first_and_little_fingers_middle_phalanx_last_of_the_hand(sex: str) -> None:
    onset = {name: next(a for a in range(241) if name in ossified_epiphyses(a, sex)) for name in EPIPHYSES}
    fingers = {name: age for name, age in onset.items() if name.startswith(("prox", "mid", "dist", "meta"))}
    del fingers["distal_radius"], fingers["distal_ulna"]
    assert max(fingers, key=lambda name: fingers[name]) == "middle_phalanx_5"
    assert onset["proximal_phalanx_3"] < onset["metacarpal_3"] < onset["middle_phalanx_3"] < onset["distal_phalanx_3"]
    assert {"F": 60, "M": 72}[sex] == onset["distal_ulna"]


def test_the_radius_is_the_last_plate_to_close_and_at_216_months_none_is_open() -> None:
    for sex, last_open in (("F", 191), ("M", 213)):
        assert open_growth_plates(last_open, sex) == ("distal_radius",)
        assert open_growth_plates(216, sex) == ()


def _brightness(age: float, sex: str, place: str) -> float:
    phantom = make_phantom(age, sex, seed=1)
    row, column = phantom.landmarks[f"distal_radius_{place}"]
    area = phantom.radiograph.pixels[round(row) - 1 : round(row) + 1, round(column) - 12 : round(column) + 13]
    return float(area.mean())


def test_the_plate_is_a_dark_line_at_120_months_and_gone_at_216() -> None:
    for sex in SEXES:
        plate, ends = _brightness(120, sex, "growth_plate"), ("metaphysis", "epiphysis")
        assert plate < min(_brightness(120, sex, end) for end in ends) - 0.05
        assert _brightness(216, sex, "growth_plate") > min(_brightness(216, sex, end) for end in ends) - 0.02


@pytest.mark.parametrize("name", CARPALS)
def test_a_carpal_bone_is_in_the_picture_from_its_onset_on(name: str) -> None:
    def brightness(age: float) -> float:
        phantom = make_phantom(age, "F", seed=2, shape=SMALL)
        row, column = (round(at) for at in phantom.landmarks[name])
        return float(phantom.radiograph.pixels[row - 1 : row + 2, column - 1 : column + 2].mean())

    onset = next(age for age in range(241) if name in ossified_carpals(age, "F"))
    assert brightness(onset + 24) > brightness(onset - 0.5) + 0.06


@pytest.mark.parametrize("age", [0, 6, 36, 100, 160, 228])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_threshold_finds_one_hand_whose_forearm_leaves_at_the_lower_edge(age: int, seed: int) -> None:
    phantom = make_phantom(age, "M", seed=seed, shape=SMALL)
    grey = (phantom.radiograph.pixels * 255).astype(np.uint8)
    # Half of Otsu's threshold, as the darker of its two classes still holds flesh.
    level, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_OTSU)
    _, labels, stats, _ = cv2.connectedComponentsWithStats((grey > level / 2 + 5).astype(np.uint8))
    hand = labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    assert hand[-1].any() and not (hand[0].any() or hand[:, 0].any() or hand[:, -1].any())
    tips = {f: phantom.landmarks[f"fingertip_{f}"] for f in range(1, 6)}
    assert all(hand[round(row), round(column)] for row, column in tips.values())
    assert tips[1][1] > tips[2][1] > tips[3][1] > tips[4][1] > tips[5][1], "thumb to the right"
    assert tips[3][0] == min(row for row, _ in tips.values()), "the middle finger reaches highest"


def test_a_hand_grows() -> None:
    def middle_finger_mm(age: float, sex: str) -> float:
        phantom = make_phantom(age, sex, shape=SMALL)
        assert phantom.radiograph.spacing_mm is not None
        ends = np.array([phantom.landmarks[name] for name in ("fingertip_3", "wrist")])
        return float(np.hypot(*(ends[0] - ends[1])) * phantom.radiograph.spacing_mm[0])

    for sex in SEXES:
        lengths = [middle_finger_mm(age, sex) for age in (3, 24, 72, 132, 204)]
        assert lengths == sorted(lengths)
    assert middle_finger_mm(216, "M") > middle_finger_mm(216, "F")


@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
def test_dicom_reads_back_as_the_same_radiograph(tmp_path: Path, photometric: Any) -> None:
    path = write_phantom(tmp_path / "hand.dcm", 100, "F", seed=3, shape=SMALL, photometric=photometric)
    drawn, read = draw_phantom(100, "F", seed=3, shape=SMALL), read_radiograph(path)
    assert np.abs(read.pixels - drawn.pixels).max() <= 1 / 4095
    assert (read.sex, read.laterality) == ("F", "L")
    assert read.age_months == pytest.approx(100, abs=0.6)
    assert read.spacing_mm == pytest.approx(drawn.spacing_mm, rel=1e-4)


@pytest.mark.parametrize(("bits", "step"), [(8, 1 / 255), (16, 1 / 65535)])
def test_png_reads_back_as_the_same_pixels(tmp_path: Path, bits: Any, step: float) -> None:
    path = write_phantom(tmp_path / "hand.png", 60, "M", seed=3, shape=SMALL, png_bits=bits)
    assert np.abs(read_radiograph(path).pixels - draw_phantom(60, "M", seed=3, shape=SMALL).pixels).max() <= step


def test_the_header_is_consistent_and_says_synthetic(tmp_path: Path) -> None:
    header = pydicom.dcmread(write_phantom(tmp_path / "hand.dcm", 100, "M", seed=7, shape=SMALL))
    assert str(header.PatientName) == "SYNTHETIC^PHANTOM"
    for keyword in ("PatientID", "SeriesDescription", "ImageComments"):
        assert "SYNTHETIC" in str(header[keyword].value)
    assert (header.PatientSex, header.PatientAge, header.BodyPartExamined) == ("M", "100M", "HAND")
    assert (header.Laterality, header.ImageLaterality, header.ViewPosition) == ("L", "L", "PA")
    assert (header.BitsAllocated, header.BitsStored, header.HighBit) == (16, 12, 11)
    assert header.PixelSpacing == header.ImagerPixelSpacing
    born, studied = (np.datetime64(f"{d[:4]}-{d[4:6]}-{d[6:]}") for d in (header.PatientBirthDate, header.StudyDate))
    assert (studied - born).astype(int) / (365.25 / 12) == pytest.approx(100, abs=0.05)
    assert header.SOPClassUID == "1.2.840.10008.5.1.4.1.1.1.1"
    text = Image.open(write_phantom(tmp_path / "hand.png", 100, "M", shape=SMALL)).info
    assert "SYNTHETIC" in text["Title"] and "SYNTHETIC" in text["Comment"]


def test_files_are_the_same_bytes_each_time_and_uids_differ_between_phantoms(tmp_path: Path) -> None:
    paths = [write_phantom(tmp_path / f"{i}.dcm", 30, "F", seed=seed, shape=SMALL) for i, seed in enumerate((1, 1, 2))]
    same, again, other = (path.read_bytes() for path in paths)
    assert same == again != other
    uids = [pydicom.dcmread(path).SOPInstanceUID for path in paths]
    assert uids[0] == uids[1] != uids[2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.dcm", "1.dcm", "2.dcm"], "no temporary file left"


def test_the_word_synthetic_is_burnt_in() -> None:
    phantom = draw_phantom(228, "M", shape=SMALL, seed=9).pixels
    # Lettering is the only thing both as bright as this and far from the hand: lower right, beside the forearm.
    corner = phantom[-80:, 260:]
    assert ((corner > 0.7).sum() > 150) and (corner[:, -8:] < 0.2).all()


BAD: list[tuple[dict[str, Any], str]] = [
    ({"age_months": -1}, "age_months"),
    ({"age_months": 241}, "age_months"),
    ({"age_months": float("nan")}, "age_months"),
    ({"age_months": "100"}, "age_months"),
    ({"age_months": True}, "age_months"),
    ({"sex": "f"}, "sex"),
    ({"sex": "O"}, "sex"),
    ({"sex": None}, "sex"),
    ({"seed": -1}, "seed"),
    ({"seed": 1.5}, "seed"),
    ({"shape": (10, 10)}, "shape"),
    ({"shape": (1024,)}, "shape"),
    ({"png_bits": 12}, "png_bits"),
    ({"photometric": "RGB"}, "photometric"),
    ({"path": "hand.jpg"}, ".png or .dcm"),
    ({"path": "hand"}, ".png or .dcm"),
    ({"path": "no/such/folder/hand.png"}, "does not exist"),
]


@pytest.mark.parametrize(("wrong", "said"), BAD)
def test_what_cannot_be_meant_is_refused_in_one_sentence(tmp_path: Path, wrong: dict[str, Any], said: str) -> None:
    arguments: dict[str, Any] = {"path": "hand.png", "age_months": 100, "sex": "F", **wrong}
    path = tmp_path / arguments.pop("path")
    with pytest.raises(InvalidArgument) as caught:
        write_phantom(path, **arguments)
    message = str(caught.value)
    assert said in message and message.endswith(".") and "\n" not in message
    assert not list(tmp_path.iterdir()), "nothing was written"


def test_drawing_does_not_load_pydicom() -> None:
    code = (
        "import sys; from carpal.phantom import draw_phantom; draw_phantom(9, 'F'); sys.exit('pydicom' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
