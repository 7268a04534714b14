"""From a run folder to a page of figures, as ``carpal evaluate`` and ``carpal compare`` go."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs the train extra")

from carpal.training.assess import assess
from carpal.training.datasets import read_dataset
from carpal.training.validation import on_training_side


def carpal(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "carpal", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_a_run_and_its_model_file_predict_the_same(tiny_run: Path, phantom_set: Path, tmp_path: Path) -> None:
    exported = tmp_path / "tiny.onnx"
    done = carpal("export", tiny_run, "--out", exported, "--name", "tiny", "--cache", tmp_path / "cache")
    assert done.returncode == 0, done.stderr
    dataset = read_dataset(phantom_set)
    by_torch, by_onnx = (assess(model, dataset, tmp_path / "cache") for model in (tiny_run, exported))
    assert by_torch.predictions.ids == by_onnx.predictions.ids
    assert abs(by_torch.predictions.predicted_months - by_onnx.predictions.predicted_months).max() < 0.05
    assert by_torch.facts["parameters"] > 100_000
    assert by_onnx.facts["file_mb"] > 1


def test_evaluate_and_compare_write_their_pages(tiny_run: Path, phantom_set: Path, tmp_path: Path) -> None:
    common = ("--data", phantom_set, "--side", "all", "--cache", tmp_path / "cache")
    for model, name in ((tiny_run, "tiny"), ("default", "shipped")):
        done = carpal("evaluate", model, "--out", tmp_path / name, *common)
        assert done.returncode == 0, done.stderr
        assert "n 32: MAE" in done.stdout
    metrics = json.loads((tmp_path / "tiny" / "metrics.json").read_text())
    assert metrics["overall"]["n"] == 32
    rows = list(csv.DictReader((tmp_path / "tiny" / "predictions.csv").open()))
    mae = sum(abs(float(r["predicted_months"]) - float(r["reference_months"])) for r in rows) / len(rows)
    assert mae == pytest.approx(metrics["overall"]["mae_months"]["value"], abs=1e-3)
    again = carpal("evaluate", tmp_path / "tiny" / "predictions.csv", "--out", tmp_path / "again")
    assert again.returncode == 0, again.stderr
    both = carpal("compare", tmp_path / "tiny", tmp_path / "shipped", "--out", tmp_path / "both")
    assert both.returncode == 0, both.stderr
    assert {"index.html", "comparison.md", "comparison.json", "forest.png"} <= {
        p.name for p in (tmp_path / "both").iterdir()
    }
    unevaluated = carpal("compare", tiny_run, "default", "--out", tmp_path / "no")
    assert unevaluated.returncode == 2
    assert "--data" in unevaluated.stderr


def test_tables_alone_give_every_figure_again(tiny_run: Path, phantom_set: Path, tmp_path: Path) -> None:
    common = ("--data", phantom_set, "--side", "validation", "--cache", tmp_path / "cache")
    first = carpal("evaluate", tiny_run, "--out", tmp_path / "plain", *common)
    assert carpal("evaluate", tiny_run, "--views", "2", "--out", tmp_path / "mirrored", *common).returncode == 0
    both = carpal("average", tmp_path / "plain", tmp_path / "mirrored", "--out", tmp_path / "both")
    assert both.returncode == 0, both.stderr
    tables = [tmp_path / name / "predictions.csv" for name in ("plain", "both")]
    again = carpal("evaluate", "--predictions", tables[0])
    assert again.stdout.strip() == first.stdout.split(";")[0]
    two = carpal("evaluate", *tables)
    assert two.stdout.count("MAE") == 2
    alone = carpal("average", tmp_path / "plain", "--out", tmp_path / "no")
    assert alone.returncode == 2
    assert "two" in alone.stderr
    few = carpal("coverage", tmp_path / "plain", "--folds", tmp_path)
    assert few.returncode == 2
    assert "fold-" in few.stderr


def test_the_side_of_a_split_is_respected(tiny_run: Path, phantom_set: Path, tmp_path: Path) -> None:
    split = tiny_run / "split.json"
    common = ("--data", phantom_set, "--cache", tmp_path / "cache")  # a run brings its own split
    done = carpal("evaluate", tiny_run, "--out", tmp_path / "v", "--side", "validation", *common)
    assert "n 8: MAE" in done.stdout, done.stderr
    assert "mind:" not in done.stderr
    held_back = set(json.loads(split.read_text())["validation"])
    assert {r["id"] for r in csv.DictReader((tmp_path / "v" / "predictions.csv").open())} == held_back
    other = tmp_path / "other.json"  # of the test side four trained this run
    ids = sorted({sample.id for sample in read_dataset(phantom_set).samples} - held_back)
    other.write_text(json.dumps({"test": [*ids[:4], *sorted(held_back)[:4]], "validation": [], "seed": 0}))
    done = carpal("evaluate", tiny_run, "--out", tmp_path / "o", "--side", "test", "--split", other, *common)
    assert f"mind: 4 of these 8 radiographs are on the training side of {tiny_run}" in done.stderr
    wrong = carpal("evaluate", tiny_run, "--out", tmp_path / "w", "--side", "exam", *common)
    assert wrong.returncode == 2
    assert "exam" in wrong.stderr


def test_a_run_knows_what_it_was_trained_on_by_its_folder_or_its_table(tiny_run: Path, phantom_set: Path) -> None:
    for data in (phantom_set, phantom_set / "boneage-training-dataset.csv"):
        assert on_training_side(tiny_run, read_dataset(data)) == 24
