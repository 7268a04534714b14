"""``carpal read`` on the locked fold, the 197 radiographs of ``highres`` that no shipped network saw.

usage: python benchmarks/heldout.py [DATA] [--model default]      about half a minute on one core
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
from pathlib import Path

from carpal.evaluation import evaluate, read_predictions
from carpal.evaluation.page import figure_text, share_text
from carpal.training.datasets import read_dataset
from carpal.training.splits import read_split

LOCKED = Path(__file__).resolve().parents[1] / "recipes" / "folds" / "fold-4.json"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("data", nargs="?", default="../shared/rsna")
    arguments.add_argument("--model", default="default")
    chosen = arguments.parse_args()
    held_back = read_dataset(chosen.data, groups=["highres"]).only(read_split(LOCKED).validation)
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table.csv"
        with table.open("w", newline="", encoding="utf-8") as handle:
            rows = csv.writer(handle)
            rows.writerow(["path", "sex", "id", "reference_months"])
            rows.writerows([s.path.resolve(), s.sex, s.id, s.age_months] for s in held_back.samples)
        options = ["--csv", "--accept-anything", "--model", chosen.model]
        command = [sys.executable, "-m", "carpal", "read", "--table", str(table), *options]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        predictions = Path(folder) / "predictions.csv"
        _as_predictions(printed, predictions)
        result = evaluate(read_predictions(predictions))
    refused = sum(bool(row["refused_because"]) for row in csv.DictReader(printed.splitlines()))
    print(f"carpal read --table TABLE --csv --accept-anything on {result.n} held-back radiographs ({refused} refused)")
    print(f"data {held_back.digest()[:16]}, model {chosen.model}")
    print(f"MAE {figure_text(result.overall.mae_months)} months")
    print(f"MAE of the age as reported {figure_text(result.overall.mae_as_reported_months)} months")
    print(f"within 12 months {share_text(result.overall.share_within_12_months)}")
    print(f"five-class accuracy {share_text(result.overall.class_accuracy)}")
    print(f"90 % interval covers {share_text(result.overall.interval_90_coverage)}")


def _as_predictions(printed: str, path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as handle:
        out = csv.writer(handle)
        masses = [f"p_class_{k}" for k in range(5)]
        edges = ["interval_90_low_months", "interval_90_high_months"]
        out.writerow(["id", "sex", "reference_months", "predicted_months", "reported_months", *edges, *masses])
        for row in csv.DictReader(printed.splitlines()):
            probabilities = row["class_probabilities"].strip("[]").split(",")
            facts = [row[name] for name in ("id", "sex", "reference_months", "bone_age_months", "reported_months")]
            out.writerow([*facts, *(row[edge] for edge in edges), *probabilities])


if __name__ == "__main__":
    main()
