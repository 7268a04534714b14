from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from carpal import Radiograph, Reader, modelfile
from carpal.calibration import UNSURE_MONTHS
from carpal.distribution import class_masses
from carpal.errors import InvalidArgument, MissingSex, ModelError, RefusedRadiograph, UnreadableRadiograph
from carpal.modelfile import facts_from_json, gate_file, shipped_models
from carpal.phantom import draw_phantom
from carpal.radiograph import Sex, read_radiograph
from carpal.reader import _maturity_notes, check_sex, years_and_months


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


def test_three_lines_do_the_main_job(reader: Reader, phantom_png: Path) -> None:
    reading = reader.read(str(phantom_png), sex="F")
    low, high = reading.interval_90_months
    assert 0 <= low < reading.bone_age_months < high <= 239
    assert reading.distribution.sum() == pytest.approx(1)
    assert reading.bone_age_class == int(class_masses(reading.distribution, reading.sex).argmax())
    assert reading.sex == "F"
    assert reading.sex_origin == "given"
    assert reading.hand_found is True
    assert reading.model == reader.facts.name


def test_path_bytes_file_and_radiograph_give_the_same_age(reader: Reader, phantom_png: Path) -> None:
    data = phantom_png.read_bytes()
    ages = [
        reader.read(source, sex="F").bone_age_months
        for source in (phantom_png, str(phantom_png), data, io.BytesIO(data), read_radiograph(phantom_png))
    ]
    assert len(set(ages)) == 1


def test_the_input_is_not_changed(reader: Reader, phantom_png: Path) -> None:
    before = (phantom_png.read_bytes(), phantom_png.stat().st_mtime_ns)
    reader.read(phantom_png, sex="F")
    assert (phantom_png.read_bytes(), phantom_png.stat().st_mtime_ns) == before


def test_sex_changes_the_reading(reader: Reader, phantom_png: Path) -> None:
    girl, boy = reader.read(phantom_png, sex="F"), reader.read(phantom_png, sex="M")
    assert girl.bone_age_months != boy.bone_age_months


def test_sex_is_never_guessed(reader: Reader, phantom_png: Path) -> None:
    with pytest.raises(MissingSex, match="give F or M"):
        reader.read(phantom_png)


def test_the_header_may_say_the_sex(reader: Reader, phantom_dicom: Path) -> None:
    from_header = reader.read(phantom_dicom)
    assert (from_header.sex, from_header.sex_origin) == ("M", "header")
    overridden = reader.read(phantom_dicom, sex="F")
    assert (overridden.sex, overridden.sex_origin) == ("F", "given")
    assert "header says M" in overridden.notes[0]
    preferred = reader.read(phantom_dicom, sex="F", prefer_header=True)
    assert (preferred.sex, preferred.sex_origin) == ("M", "header")
    assert "caller says F" in preferred.notes[0]


@pytest.mark.parametrize("sex", ["False", "True", "0", "1", "", "X", "girl!", "MF", 0, True])
def test_what_is_no_sex_is_refused(sex) -> None:
    with pytest.raises(InvalidArgument, match="no sex"):
        check_sex(sex)


def test_both_cases_of_both_letters_are_a_sex() -> None:
    assert [check_sex(s) for s in ("f", "F", " m ", "M", None)] == ["F", "F", "M", "M", None]


def test_a_picture_without_a_hand_is_refused_or_read_with_a_warning(reader: Reader) -> None:
    blank = Radiograph(np.full((300, 200), 0.4, np.float32), "0" * 64)
    with pytest.raises(RefusedRadiograph, match="nothing can be seen"):
        reader.read(blank, sex="F")
    reading = reader.read(blank, sex="F", accept_anything=True)
    assert reading.hand_found is False
    assert "read all the same" in reading.notes[0]
    assert "no hand was found" in reading.notes[1]


@pytest.mark.parametrize(
    ("sex", "high", "noted"), [("F", 191.9, False), ("F", 192, True), ("M", 200, False), ("M", 216, True)]
)
def test_a_skeleton_that_may_be_grown_is_named(sex: Sex, high: float, noted: bool) -> None:
    notes = _maturity_notes((150.0, high), sex)
    assert bool(notes) == noted
    assert all("may be mature" in note for note in notes)


def test_an_adult_hand_is_read_with_that_warning(reader: Reader, shared: Path) -> None:
    hand = shared / "negatives" / "4th-and-5th-carpometacarpal-joint-dislocations-26.jpg"
    for sex in ("F", "M"):
        assert any("may be mature" in note for note in reader.read(hand, sex).notes)


def test_an_interval_of_a_useless_width_is_remarked_on(reader: Reader) -> None:
    """A drawn hand is like nothing that the network knows."""
    reading = reader.read(draw_phantom(74, "M"), sex="M")
    low, high = reading.interval_90_months
    assert high - low > UNSURE_MONTHS
    assert any("the network is unsure" in note for note in reading.notes)


def test_hardly_a_real_radiograph_makes_the_network_unsure(reader: Reader, real_hands: list[Path]) -> None:
    unsure = 0
    for hand in real_hands[::2]:
        reading = reader.read(hand, "M")
        low, high = reading.interval_90_months
        noted = any("the network is unsure" in note for note in reading.notes)
        assert noted == (high - low > UNSURE_MONTHS)
        unsure += noted
    assert unsure <= 2


def test_readings_are_plain_json(reader: Reader) -> None:
    values = reader.read(draw_phantom(60, "M"), sex="M").to_dict()
    assert json.loads(json.dumps(values)) == values
    assert {"bone_age_months", "interval_90_months", "bone_age_class", "sex", "model"} <= set(values)


def test_a_batch_gives_what_single_radiographs_give(reader: Reader) -> None:
    images = np.random.default_rng(0).integers(0, 255, (3, *reader.facts.recipe.shape), np.uint8)
    together = reader.distributions(images, ["F", "M", "F"])
    alone = np.concatenate([reader.distributions(images[k : k + 1], [s]) for k, s in enumerate("FMF")])
    np.testing.assert_allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("months", [0, 11.6, 12, 143.4, 228])
def test_years_and_months(months: float) -> None:
    years, rest = (int(word) for word in years_and_months(months).replace("y", "").replace("mo", "").split())
    assert 12 * years + rest == round(months)
    assert rest < 12


def test_files_that_are_no_model_are_refused(tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.onnx"
    garbage.write_bytes(b"no network")
    with pytest.raises(ModelError, match="not a readable ONNX"):
        Reader(garbage)
    with pytest.raises(ModelError, match="shipped model"):
        Reader("better")


def test_a_foreign_onnx_file_is_refused(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="making an ONNX file needs onnx")
    info = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["x"], ["y"])],
        "g",
        [info("x", onnx.TensorProto.FLOAT, [1])],
        [info("y", onnx.TensorProto.FLOAT, [1])],
    )
    onnx.save(
        onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=9),
        tmp_path / "f.onnx",
    )
    with pytest.raises(ModelError, match="not one that carpal exported"):
        Reader(tmp_path / "f.onnx")


def test_a_truncated_radiograph_is_refused(reader: Reader, phantom_png: Path) -> None:
    with pytest.raises(UnreadableRadiograph):
        reader.read(phantom_png.read_bytes()[:-2000], sex="F")


@pytest.mark.parametrize(("name", "most_bytes"), [("default", 20e6), ("ensemble", 80e6)])
def test_a_shipped_model_is_small_calibrated_and_has_a_card(name: str, most_bytes: float) -> None:
    path = shipped_models()[name]
    assert path.stat().st_size <= most_bytes
    assert path.with_suffix(".md").is_file()
    facts = Reader(name).facts
    assert facts.name == name
    assert "research" in facts.card["licence"]
    assert facts.card["train_images"] >= 789
    assert "out of fold" in facts.calibration.source
    assert len(facts.calibration.ages_months) > 5


def test_the_shipped_models_agree_on_a_radiograph(reader: Reader, real_hands: list[Path]) -> None:
    readers = (reader, Reader("ensemble"))
    ages = [[r.read(p, "F", accept_anything=True).bone_age_months for p in real_hands] for r in readers]
    assert 0 < np.mean(np.abs(np.subtract(*ages))) < 12


def test_older_hands_are_read_as_older(reader: Reader, shared: Path) -> None:
    import csv

    rows = list(csv.DictReader((shared / "rsna" / "labels.csv").open()))
    split = json.loads((Path(__file__).parents[1] / "recipes" / "folds" / "fold-4.json").read_text())
    held_back = [row for row in rows if row["id"] in set(split["validation"])][::10]
    ages = [float(row["boneage"]) for row in held_back]
    seen = [
        reader.read(
            shared / "rsna" / "highres" / f"{row['id']}.jpg", "M" if row["male"] == "True" else "F"
        ).bone_age_months
        for row in held_back
    ]
    assert len(seen) == 20
    assert np.corrcoef(ages, seen)[0, 1] > 0.9


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 255.0])
def test_grey_values_that_are_none_are_refused(value: float) -> None:
    pixels = np.full((300, 200), 0.5, np.float32)
    pixels[7, 9] = value
    with pytest.raises(InvalidArgument, match="finite numbers from 0"):
        Radiograph(pixels, "0" * 64)


def test_the_callers_array_stays_writable() -> None:
    mine = np.zeros((64, 64), np.float32)
    radiograph = Radiograph(mine, "0" * 64)
    mine[0, 0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        radiograph.pixels[0, 0] = 0.5


@pytest.mark.parametrize(
    "change",
    [{"views": []}, {"views": ["flip"]}, {"calibration": {}}, {"calibration": None}, {"format": 99}, {"name": "a\nb"}],
)
def test_a_model_file_that_contradicts_itself_is_refused(change: dict) -> None:
    facts = json.loads(Reader().facts.to_json())
    with pytest.raises(ModelError):
        facts_from_json(json.dumps({**facts, **change}), Path("model.onnx"))


@pytest.mark.parametrize("name", ["default", "gate"])
def test_a_shipped_model_of_which_one_bit_is_wrong_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Such a file opens, and reads another age without a word.
    for file in gate_file().parent.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(modelfile, "_folder", lambda: tmp_path)
    assert Reader("default").facts.name == "default"
    content = bytearray((tmp_path / f"{name}.onnx").read_bytes())
    content[len(content) // 2] ^= 0x40
    (tmp_path / f"{name}.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=f"{name}.onnx: this shipped model is damaged"):
        Reader("default")


def test_every_shipped_network_has_its_checksum() -> None:
    listed = {line.split()[1] for line in (gate_file().parent / "SHA256SUMS").read_text().splitlines()}
    assert listed == {file.name for file in gate_file().parent.glob("*.onnx")}
