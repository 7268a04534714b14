"""The commands of trust as a person meets them: check, read with its gate, stress, calibrate, drift."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from carpal.cli import app
from carpal.errors import CarpalError
from carpal.modelfile import find_model
from carpal.phantom import write_phantom


def carpal(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path: Path, phantom_png: Path) -> Path:
    """A hand, the same upside down with dark bones, noise, and a file that is none."""
    place = tmp_path / "study"
    place.mkdir()
    with Image.open(phantom_png) as image:
        pixels = np.asarray(image.convert("L"))
    Image.fromarray(pixels).save(place / "a-hand.png")
    Image.fromarray(255 - pixels[::-1, ::-1]).save(place / "b-laid-wrongly.png")
    noise = np.random.default_rng(0).integers(0, 255, (300, 240)).astype(np.uint8)
    Image.fromarray(noise).save(place / "c-noise.png")
    (place / "d-broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return place


def test_check_gives_a_verdict_for_each_file(folder: Path) -> None:
    done = carpal("check", folder)
    assert done.exit_code == 1
    lines = done.output.splitlines()[-4:]
    assert lines[0].endswith("a-hand.png: accepted")
    assert "accepted; its grey values were inverted" in lines[1]
    assert "turned by 180 degrees clockwise" in lines[1]
    assert "REFUSED (no" in lines[2]
    assert "NOT OPENED" in lines[3]


def test_check_prints_json_and_csv(folder: Path) -> None:
    rows = json.loads(carpal("check", folder, "--json").stdout)
    assert [row["accepted"] for row in rows] == [True, True, False, False]
    assert rows[1]["corrections"] == ["inverted", "turned"]
    assert rows[2]["advice"]
    assert "truncated" in rows[3]["error"] or "damaged" in rows[3]["error"]
    table = list(csv.DictReader(carpal("check", folder, "--csv").stdout.splitlines()))
    assert [row["accepted"] for row in table] == ["True", "True", "False", "False"]
    assert carpal("check", folder / "c-noise.png").exit_code == 2
    assert carpal("check", folder / "a-hand.png").exit_code == 0


def test_read_refuses_what_check_refuses_unless_it_is_demanded(folder: Path) -> None:
    rows = json.loads(carpal("read", folder, "--sex", "F", "--json").stdout)
    assert [row["bone_age_months"] is not None for row in rows] == [True, True, False, False]
    assert rows[0]["bone_age_months"] == pytest.approx(rows[1]["bone_age_months"], abs=0.5)
    assert rows[1]["corrections"] == ["inverted", "turned"]
    assert rows[2]["refused_because"] in {"no hand", "no radiograph"}
    assert rows[2]["error"].startswith("refused: ")
    assert rows[3]["refused_because"] is None
    text = carpal("read", folder / "c-noise.png", "--sex", "F", "--accept-anything")
    assert text.exit_code == 0
    assert "read all the same" in text.output


def test_the_evidence_is_printed_and_drawn(phantom_png: Path, tmp_path: Path) -> None:
    plain, drawn = tmp_path / "plain.png", tmp_path / "drawn.png"
    assert carpal("read", phantom_png, "--sex", "F", "--annotate", plain).exit_code == 0
    done = carpal("read", phantom_png, "--sex", "F", "--annotate", drawn, "--evidence")
    assert "evidence: phalanges " in done.output
    (row,) = json.loads(carpal("read", phantom_png, "--sex", "F", "--evidence", "--json").stdout)
    assert sum(row["evidence_shares"].values()) == pytest.approx(1, abs=0.01)
    assert plain.read_bytes() != drawn.read_bytes()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty drawn hands and what the readers of a site say of them: 40 months less than they were drawn at."""
    place = tmp_path_factory.mktemp("site")
    lines = ["path,bone_age_months,sex"]
    for k in range(40):
        age, sex = 60 + 3 * k, "FM"[k % 2]
        write_phantom(place / f"{k}.png", age, sex, seed=k)
        lines.append(f"{k}.png,{max(12, age - 40)},{sex}")
    (place / "readers.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return place


def test_a_site_is_calibrated_and_the_calibration_is_used(site: Path, tmp_path: Path, phantom_png: Path) -> None:
    out = tmp_path / "site.json"
    done = carpal("calibrate", site / "readers.csv", "--name", "St Anywhere", "--out", out)
    assert done.exit_code == 0, done.output
    assert "MAE" in done.output
    before = json.loads(carpal("read", phantom_png, "--sex", "F", "--json").stdout)[0]
    after = json.loads(carpal("read", phantom_png, "--sex", "F", "--calibration", out, "--json").stdout)[0]
    assert after["bone_age_months"] < before["bone_age_months"] - 10
    assert after["calibration"] == "St Anywhere"
    assert "calibrated for St Anywhere" in carpal("read", phantom_png, "--sex", "F", "--calibration", out).output
    done = carpal("read", phantom_png, "--sex", "F", "--calibration", out, "--model", "ensemble")
    assert isinstance(done.exception, CarpalError)
    assert "made for another model" in str(done.exception)


def test_readings_are_compared_with_a_reference(site: Path, tmp_path: Path) -> None:
    readings, reference = tmp_path / "readings.json", tmp_path / "ours.npz"
    table = site / "table.csv"
    table.write_text("path,sex\n" + "".join(f"{k}.png,{'FM'[k % 2]}\n" for k in range(40)), encoding="utf-8")
    readings.write_text(carpal("read", "--table", table, "--json").stdout, encoding="utf-8")
    assert carpal("drift", readings, "--save", reference).exit_code == 0
    few = tmp_path / "few.json"
    few.write_text(json.dumps(json.loads(readings.read_text(encoding="utf-8"))[:2]), encoding="utf-8")
    assert "too few for a reference" in str(carpal("drift", few, "--save", tmp_path / "few.npz").exception)
    same = carpal("drift", readings, "--reference", reference)
    assert same.exit_code == 0
    assert "FLAG" not in same.output
    other = carpal("drift", readings, "--json")  # drawings against radiographs
    assert other.exit_code == 1
    assert json.loads(other.stdout)["drift"] is True


def test_a_model_is_put_under_stress(tmp_path: Path) -> None:
    lines = ["path,age_months,sex"]
    for k in range(2):
        write_phantom(tmp_path / f"{k}.png", 100 + 20 * k, "F", seed=k, shape=(256, 200))
        lines.append(f"{k}.png,{100 + 20 * k},F")
    (tmp_path / "table.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = carpal("stress", tmp_path / "table.csv", "--out", tmp_path / "out", "--limit", 1)
    assert done.exit_code == 0, done.output
    assert "over 57 transformations" in done.output
    assert (tmp_path / "out" / "stress.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["calibrate", "TABLE", "--name", "x", "--out", "x.txt"], "called something.json"),
        (["drift", "TABLE"], "not what carpal read --json prints"),
        (["stress", "TABLE", "--out", "out", "--limit", "0"], "one radiograph or more"),
        (["stress", "TABLE", "--out", "out", "--split", "TABLE"], "say which to read"),
        (["stress", "TABLE", "--out", "TABLE"], "cannot be a folder"),
        (["stress", "TABLE", "--out", "out", "--command", "'unclosed"], "no closing quotation"),
        (["stress", "TABLE", "--out", "out", "--command", ""], "--command is empty"),
        (["stress", "TABLE", "--out", "out", "--command", "a", "--accept-anything"], "carpal's own"),
        (["check", "nothing-here.png"], None),
        (["read", "x.png", "--sex", "F", "--calibration", "nothing-here.json"], "no such file"),
    ],
)
def test_wrong_arguments_get_one_sentence(arguments: list[str], message: str | None, site: Path) -> None:
    done = carpal(*(str(site / "readers.csv") if argument == "TABLE" else argument for argument in arguments))
    if message is None:
        assert done.exit_code == 2
        assert "NOT OPENED" in done.output
    else:
        assert isinstance(done.exception, CarpalError)
        assert message in str(done.exception)


@pytest.mark.parametrize(
    "words",
    [
        ["calibrate", "TABLE", "--name", "x", "--out", "x.json"],
        ["stress", "TABLE", "--out", "OUT/stress", "--command", "false"],
        ["evaluate", "default", "--data", "TABLE", "--side", "all", "--cache", "OUT/cache"],
        ["compare", "default", "OUT/default.onnx", "--data", "TABLE", "--out", "OUT/both", "--cache", "OUT/cache"],
    ],
)
def test_rows_that_cannot_be_used_are_named(tmp_path: Path, phantom_png: Path, words: list[str]) -> None:
    (tmp_path / "default.onnx").write_bytes(find_model("default").read_bytes())
    table = tmp_path / "table.csv"
    table.write_text(f"path,bone_age_months,sex\n{phantom_png},118,F\ngone.png,90,F\n", encoding="utf-8")
    places = {"TABLE": str(table)}
    done = carpal(*(places.get(word, word.replace("OUT", str(tmp_path))) for word in words))
    assert done.stderr.count("no-image: table.csv line 3: no image for 'gone.png'") == 1
