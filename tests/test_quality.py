from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from carpal.errors import ModelError, RefusedRadiograph
from carpal.modelfile import find_model, gate_file, shipped_models
from carpal.phantom import draw_phantom
from carpal.quality import Examined, Gate, put_right
from carpal.radiograph import Radiograph, read_radiograph
from carpal.reader import Reader

WAYS = [(turns, mirrored, dark) for turns in range(4) for mirrored in (False, True) for dark in (False, True)]


@pytest.fixture(scope="module")
def gate() -> Gate:
    return Gate()


@pytest.fixture(scope="module")
def hand() -> Radiograph:
    return draw_phantom(120, "F", seed=3)


def laid(radiograph: Radiograph, turns: int, mirrored: bool, dark: bool) -> Radiograph:
    """As a careless hand might lay it: mirrored, then turned counter-clockwise."""
    pixels = radiograph.pixels[:, ::-1] if mirrored else radiograph.pixels
    pixels = np.rot90(1 - pixels if dark else pixels, turns)
    return replace(radiograph, pixels=np.ascontiguousarray(pixels))


def refused(pixels: np.ndarray, gate: Gate) -> str | None:
    refusal = gate.examine(Radiograph(np.ascontiguousarray(pixels, np.float32), "")).quality.refusal
    return refusal and refusal.reason


@pytest.mark.parametrize(("turns", "mirrored", "dark"), WAYS)
def test_what_was_laid_wrongly_is_put_right_and_can_be_found_again(turns: int, mirrored: bool, dark: bool) -> None:
    rng = np.random.default_rng(0)
    upright = Radiograph(rng.random((40, 56), np.float32), "", spacing_mm=(0.1, 0.2))
    given = laid(upright, turns, mirrored, dark)
    if turns % 2:
        given = replace(given, spacing_mm=(0.2, 0.1))
    found, to_source = put_right(given, dark, turns, mirrored)
    assert np.allclose(found.pixels, upright.pixels, atol=1e-6)
    assert found.spacing_mm == upright.spacing_mm
    x, y = 7, 11
    there = to_source @ (x, y, 1)
    value = given.pixels[round(there[1]), round(there[0])]
    assert (1 - value if dark else value) == pytest.approx(found.pixels[y, x], abs=1e-6)


@pytest.mark.parametrize(("turns", "mirrored", "dark"), WAYS)
def test_a_drawn_hand_is_put_right_from_any_way(
    gate: Gate, hand: Radiograph, turns: int, mirrored: bool, dark: bool
) -> None:
    examined = gate.examine(laid(hand, turns, mirrored, dark))
    assert examined.quality.accepted
    said = set(examined.quality.corrections)
    assert ("inverted" in said) == dark
    assert ("turned" in said) == bool(turns)
    assert examined.quality.turned_degrees == 90 * turns
    assert ("mirrored" in said) == mirrored
    assert np.allclose(examined.radiograph.pixels, hand.pixels, atol=1e-6)


def test_an_upright_hand_is_left_alone(gate: Gate, hand: Radiograph) -> None:
    examined: Examined = gate.examine(hand)
    assert examined.radiograph is hand
    assert examined.quality.corrections == ()
    assert np.array_equal(examined.to_source, np.eye(3))


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_nothing_is_refused_as_blank(gate: Gate, level: float) -> None:
    assert refused(np.full((300, 200), level), gate) == "blank"


def test_a_burnt_out_hand_is_refused(gate: Gate, hand: Radiograph) -> None:
    assert refused((hand.pixels > 0.3).astype(np.float32), gate) == "exposure"


def test_noise_and_text_are_refused(gate: Gate) -> None:
    rng = np.random.default_rng(0)
    page = np.full((700, 500), 250, np.uint8)
    for line in range(30, 680, 26):
        cv2.putText(page, "the quick brown fox jumps", (20, line), cv2.FONT_HERSHEY_SIMPLEX, 0.9, 20, 2)
    for pixels in (rng.random((400, 300)), page / 255, rng.random((4, 3)).repeat(100, 0).repeat(100, 1)):
        assert refused(pixels, gate) in {"no radiograph", "no hand"}


@pytest.mark.parametrize("shape", [(32, 20_000), (20_000, 32)])
def test_a_strip_is_refused(gate: Gate, shape: tuple[int, int]) -> None:
    """However little is left of its short side when the long one is made smaller."""
    assert refused(np.random.default_rng(0).random(shape), gate) is not None


def test_a_photograph_is_refused(gate: Gate) -> None:
    from matplotlib.cbook import get_sample_data

    photograph = read_radiograph(str(get_sample_data("grace_hopper.jpg", asfileobj=False)))
    assert gate.examine(photograph).quality.refusal is not None


def test_real_hands_pass_and_other_radiographs_do_not(gate: Gate, shared: Path, real_hands: list[Path]) -> None:
    accepted = [gate.examine(read_radiograph(path)).quality.accepted for path in real_hands]
    assert sum(accepted) >= len(accepted) - 1
    with (shared / "negatives" / "kinds.csv").open(encoding="utf-8") as lines:
        others = [row["file"] for row in csv.DictReader(lines) if row["kind"] == "not-a-hand"]
    found = [gate.examine(read_radiograph(shared / "negatives" / name)).quality for name in others]
    assert sum(quality.accepted for quality in found) <= 3


def test_a_real_hand_is_read_the_same_whichever_way_it_lies(shared: Path, real_hands: list[Path]) -> None:
    reader = Reader()
    for path in real_hands[:8]:
        upright = read_radiograph(path)
        age = reader.read(upright, "F").bone_age_months
        for turns, mirrored, dark in ((1, False, False), (2, False, True), (3, True, False)):
            reading = reader.read(laid(upright, turns, mirrored, dark), "F")
            assert reading.bone_age_months == pytest.approx(age, abs=3)
            assert len(reading.quality.corrections) >= 1


def test_two_hands_are_refused(gate: Gate, hand: Radiograph) -> None:
    pair = np.hstack([hand.pixels[:, ::-1], hand.pixels])
    assert refused(pair, gate) == "two hands"


def test_a_hand_without_fingers_is_refused(gate: Gate, hand: Radiograph) -> None:
    assert refused(hand.pixels[hand.pixels.shape[0] // 2 :], gate) in {"part", "no hand"}


def test_a_refused_picture_is_read_only_on_demand_and_says_so(hand: Radiograph) -> None:
    reader = Reader()
    pair = replace(hand, pixels=np.hstack([hand.pixels[:, ::-1], hand.pixels]))
    with pytest.raises(RefusedRadiograph, match="two hands; cut out the left one") as caught:
        reader.read(pair, "F")
    assert caught.value.reason == "two hands"
    reading = reader.read(pair, "F", accept_anything=True)
    assert "read all the same" in reading.notes[0]
    assert reading.to_dict()["refused_because"] == "two hands"


def test_the_verdict_is_plain_values(gate: Gate, hand: Radiograph) -> None:
    found = json.loads(json.dumps(gate.examine(laid(hand, 1, False, False)).quality.to_dict()))
    assert found["accepted"] is True
    assert found["corrections"] == ["turned"]
    assert found["turned_degrees"] == 90
    assert 0 <= found["hand_probability"] <= 1


def test_only_a_gate_serves_as_a_gate(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a quality gate"):
        Gate(find_model("default"))
    (tmp_path / "x.onnx").write_bytes(b"no network")
    with pytest.raises(ModelError):
        Gate(tmp_path / "x.onnx")


def test_the_gate_is_not_offered_as_a_model_of_bone_age() -> None:
    assert gate_file().is_file()
    assert "gate" not in shipped_models()
