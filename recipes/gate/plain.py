"""What the plain measures of the gate (carpal.exposure) refuse and smooth among the hands of RSNA, which the network
accepts or not. Writes results/quality/plain.csv and which data that was.

usage: python recipes/gate/plain.py [DATA]      about a minute on one CPU core
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from carpal.quality import Gate
from carpal.training.datasets import load_radiograph, read_dataset

OUT = Path(__file__).resolve().parents[2] / "results" / "quality" / "plain.csv"
PLAIN = {"blank", "exposure", "outline", "soft tissue", "coarse"}


def main() -> None:
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("../shared/rsna")
    gate, dataset = Gate(), read_dataset(data, groups=["highres"])
    OUT.with_name("data.txt").write_text(dataset.digest()[:16] + "\n", encoding="utf-8")
    with OUT.open("w", newline="", encoding="utf-8") as lines:
        table = csv.writer(lines, lineterminator="\n")
        table.writerow(["name", "problem", "smoothed", "straightened"])
        for sample in dataset.samples:
            quality = gate.examine(load_radiograph(sample)).quality
            reason = quality.refusal.reason if quality.refusal else ""
            by_shape = reason == "part" and quality.hand_probability >= gate.least_hand_probability
            done = [int(name in quality.corrections) for name in ("smoothed", "straightened")]
            table.writerow([sample.id, reason if reason in PLAIN or by_shape else "", *done])


if __name__ == "__main__":
    main()
