"""``carpal coverage`` and ``carpal average`` on evaluation folders, without torch."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from carpal.evaluation import read_predictions
from carpal.evaluation.distributions import Distributions, write_distributions


def carpal(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "carpal", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def evaluations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two networks' folders on the same 300 simulated children, and three folds."""
    root = tmp_path_factory.mktemp("oof")
    rng = np.random.default_rng(4)
    reference = rng.uniform(20, 215, 300).round()
    ids, sexes = tuple(map(str, range(300))), tuple(np.array(["F", "M"])[rng.integers(0, 2, 300)])
    for name in ("one", "two"):
        mean = np.clip(reference + rng.normal(0, 9, 300), 5, 232)
        weights = np.exp(-0.5 * ((np.arange(240) - mean[:, None]) / 3) ** 2)  # too sure of itself
        found = Distributions(ids, sexes, ("",) * 300, reference, weights / weights.sum(1, keepdims=True))
        write_distributions(found, root / name / "distributions.npz")
    for k in range(3):
        fold = {"test": [], "validation": [i for i in ids if int(i) % 3 == k], "seed": 0}
        (root / f"fold-{k}.json").write_text(json.dumps(fold))
    return root


def test_an_average_is_better_than_either_and_its_intervals_are_made_to_hold(evaluations: Path) -> None:
    done = carpal("average", evaluations / "one", evaluations / "two", "--out", evaluations / "both")
    assert done.returncode == 0, done.stderr
    done = carpal("coverage", evaluations / "both", "--folds", evaluations)
    assert done.returncode == 0, done.stderr
    assert "the 90 % interval holds" in done.stdout
    found = read_predictions(evaluations / "both" / "predictions.csv")
    assert np.abs(found.errors_months).mean() < 6.5  # either alone: about 7.2
    low, high = found.intervals.T
    held = ((found.reference_months >= low) & (found.reference_months <= high)).mean()
    assert 0.85 < held < 0.95
    rows = list(csv.DictReader((evaluations / "both" / "coverage.csv").open()))
    raw = next(r for r in rows if r["cell"] == "all" and r["wanted"] == "0.9" and r["intervals"] != "calibrated")
    assert float(raw["held"]) < 0.85
    facts = json.loads((evaluations / "both" / "facts.json").read_text())
    assert facts["intervals"] == "calibrated on the other folds"


def test_an_average_does_not_take_the_place_of_what_it_is_made_from(evaluations: Path) -> None:
    own = evaluations / "one" / "distributions.npz"
    before = own.read_bytes()
    done = carpal("average", evaluations / "one", evaluations / "two", "--out", evaluations / "one")
    assert done.returncode == 2
    assert "would be replaced" in done.stderr
    assert own.read_bytes() == before


def test_folders_without_distributions_or_folds_are_refused(evaluations: Path, tmp_path: Path) -> None:
    for arguments, word in (
        (["coverage", tmp_path, "--folds", evaluations], "distributions"),
        (["coverage", evaluations / "one", "--folds", tmp_path], "fold-"),
        (["average", evaluations / "one", tmp_path, "--out", tmp_path / "x"], "distributions"),
    ):
        done = carpal(*arguments)
        assert done.returncode == 2
        assert word in done.stderr
        assert done.stderr.count("\n") == 1
