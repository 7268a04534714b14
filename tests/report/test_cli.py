"""``carpal report`` as typed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from carpal.report.record import reading_schema


def carpal(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "carpal", "report", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_everything_typed_arrives(phantom_png: Path, tmp_path: Path) -> None:
    (tmp_path / "past.csv").write_text("date,bone_age_months,height_cm\n2023-05-31,104,125\n", encoding="utf-8")
    out = tmp_path / "report.json"
    typed = (
        "--sex F --birth 2015-01-31 --study 2024-05-31 --height-cm 131 --weight-kg 28 --mother-cm 165 --father-cm 180"
    )
    done = carpal(phantom_png, *typed.split(), "--no-menarche", "--history", tmp_path / "past.csv", "-o", out)
    assert done.returncode == 0, done.stderr
    assert f"wrote {out}" in done.stdout
    found = json.loads(out.read_text(encoding="utf-8"))
    assert list(Draft202012Validator(reading_schema()).iter_errors(found)) == []
    assert found["assessment"]["child"] == {
        "sex": "F",
        "age_months": 112.0,
        "height_cm": 131.0,
        "weight_kg": 28.0,
        "mother_height_cm": 165.0,
        "father_height_cm": 180.0,
        "menarche": False,
    }
    assert [entry["age_months"] for entry in found["assessment"]["history"]] == [100.0, 112.0]
    assert found["study_date"] == "2024-05-31"


def test_a_dicom_header_says_sex_and_age(phantom_dicom: Path, tmp_path: Path) -> None:
    assert carpal(phantom_dicom, "-o", tmp_path / "a.json").returncode == 0
    found = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert (found["sex"], found["sex_origin"], found["age_origin"]) == ("M", "header", "header")
    assert carpal(phantom_dicom, "--sex", "F", "--age", "9y4m", "-o", tmp_path / "b.json").returncode == 0
    found = json.loads((tmp_path / "b.json").read_text(encoding="utf-8"))
    assert (found["sex"], found["sex_origin"], found["age_months"], found["age_origin"]) == ("F", "given", 112, "given")


def test_a_refused_radiograph_gets_its_page_and_another_exit_code(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 240), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    done = carpal(tmp_path / "noise.png", "--sex", "M", "-o", tmp_path / "a.json")
    assert done.returncode == 1
    assert "REFUSED" in done.stdout
    found = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert found["reading"] is None and found["refused"]["advice"]
    forced = carpal(tmp_path / "noise.png", "--sex", "M", "--accept-anything", "-o", tmp_path / "b.json")
    assert forced.returncode == 0
    found = json.loads((tmp_path / "b.json").read_text(encoding="utf-8"))
    assert found["reading"]["refused_because"] and "read all the same" in found["notes"][0]


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("-o a.docx --sex F", "end the name in one of them"),
        ("-o a.pdf", "sex is needed"),
        ("-o a.pdf --sex F --age 9", "say the unit"),
        ("-o a.pdf --sex F --age 9y --height-cm 51.6", "inches"),
        ("-o a.pdf --sex F --language fr", "en, de"),
        ("-o a.pdf --sex F --paper a5", "a4, letter"),
        ("-o a.pdf --sex F --history nowhere.csv", "no such file"),
        ("-o a.pdf --sex M --menarche", "girls only"),
        ("-o a.pdf --sex F --birth 2025-01-01 --study 2024-01-01", "lies after the study"),
    ],
)
def test_bad_input_gets_one_sentence(typed: str, message: str, phantom_png: Path, tmp_path: Path) -> None:
    arguments = [str(tmp_path / word) if word.startswith("a.") else word for word in typed.split()]
    done = carpal(phantom_png, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_no_file_to_write(phantom_png: Path, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").mkdir()
    done = carpal(phantom_png, "--sex", "F", "-o", tmp_path / "a.pdf")
    assert done.returncode == 2 and done.stderr.endswith("a.pdf is a folder: name a file in it\n")


def test_what_a_report_is_made_from_is_not_overwritten(phantom_png: Path, tmp_path: Path) -> None:
    site = tmp_path / "site.json"
    site.write_text("{}", encoding="utf-8")
    done = carpal(phantom_png, "--sex", "F", "--calibration", site, "-o", site)
    assert done.returncode == 2 and "choose another name" in done.stderr
    assert site.read_text(encoding="utf-8") == "{}"
