"""``carpal growth`` and ``carpal tw3`` as typed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from carpal.growth import Assessment


def carpal(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "carpal", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_girl_is_told_in_text_and_json(tmp_path: Path) -> None:
    (tmp_path / "past.csv").write_text("date,bone_age_months,height_cm\n2023-05-31,104,125\n", encoding="utf-8")
    typed = "growth --sex F --birth 2015-01-31 --study 2024-05-31 --bone-age 9y4m --interval 101-124 --height-cm 131"
    typed += f" --weight-kg 28 --mother-cm 165 --father-cm 180 --history {tmp_path / 'past.csv'}"
    text = carpal(*typed.split())
    assert text.returncode == 0, text.stderr
    assert "9 y 4 mo" in text.stdout and "Brush Foundation" in text.stdout and "velocity 8.0" in text.stdout
    found = Assessment.from_dict(json.loads(carpal(*typed.split(), "--json").stdout))
    assert found.child.age_months == found.bone_age.months == 112
    assert found.adult_heights[0].height_cm == pytest.approx(156.2, abs=0.05)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("--age 9y --bone-age 100", "sex is needed"),
        ("--sex False --age 9y --bone-age 100", "'False' is no sex"),
        ("--sex F --age 150 --bone-age 100", "say the unit"),
        ("--sex F --age 150y --bone-age 100", "no child's"),
        ("--sex F --age 9y --bone-age 100 --height-cm 51.6", "inches"),
        ("--sex F --birth 2025-01-01 --study 2024-01-01 --bone-age 100", "lies after the study"),
        ("--sex F --birth 2025-01-01 --study 2125-01-01 --bone-age 100", "still to come"),
        ("--sex F --birth 2025-01-01 --bone-age 100", "--birth needs --study"),
        ("--sex F --age 9y --study 2025-01-01 --bone-age 100", "not both"),
        ("--sex F --age 19y --birth 2022-01-01 --bone-age 100", "nobody born on 2022-01-01 has reached an age of 19y"),
        ("--sex F --birth 1.1.2015 --study 2024-01-01 --bone-age 100", "is no date"),
        ("--sex F --age 9y --bone-age ten", "is no age"),
        ("--sex F --age 9y --bone-age 1_12", "is no age"),
        ("--sex F --age 9y --bone-age 100 --interval 90-1_10", "two numbers of months"),
        ("--sex F --age 9y --bone-age 100 --interval 90", "two numbers of months"),
        ("--sex F --age 9y --bone-age 100 --interval 110-120", "does not hold"),
        ("--sex F --age 9y --bone-age 100 --method fels", "none of gp, tw2, tw3"),
        ("--sex F --age 9y --bone-age 100 --history nowhere.csv", "no such file"),
    ],
)
def test_bad_input_gets_one_sentence(typed: str, message: str) -> None:
    done = carpal("growth", *typed.split())
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not done.stdout


def test_tw3_from_stages() -> None:
    assert (
        carpal("tw3", "--sex", "F", "--stages", "E" * 13).stdout
        == "RUS score 303; TW3 bone age 76.2 months (6 y 4 mo)\n"
    )
    assert "mature" in carpal("tw3", "--sex", "M", "--stages", "IHIIIIIIIIIII").stdout
    assert "no bone age" in carpal("tw3", "--sex", "M", "--stages", "A" * 13).stdout
    found = json.loads(carpal("tw3", "--sex", "F", "--stages", "E" * 13, "--json").stdout)
    assert (found["rus_score"], found["mature"]) == (303, False)
    refused = carpal("tw3", "--sex", "F", "--stages", "EE")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)


def test_a_bone_age_is_explained_without_any_network() -> None:
    script = (
        "import sys; sys.argv = 'carpal growth --sex F --age 9y4m --bone-age 112'.split()\n"
        "from carpal.cli import main; main()\n"
    )
    script = f"import atexit, sys\natexit.register(lambda: print(*sys.modules, file=sys.stderr))\n{script}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert not {"numpy", "cv2", "onnxruntime", "torch", "pydicom"} & set(done.stderr.split())
