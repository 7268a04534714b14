"""Which outlines the gate takes for hands: the shapes of those it has seen, written into src/carpal/models/gate.onnx.
Writes how far from them all `highres` outlines lie, those of as many thumbnails that it has not seen, and those of
adults' hands, to results/quality/outlines.csv.

usage: python recipes/gate/outlines.py [DATA [OTHERS]]      under a minute on one CPU core
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import onnx

from carpal.hand import Hand
from carpal.modelfile import METADATA_KEY, gate_file
from carpal.quality import Gate
from carpal.radiograph import read_radiograph
from carpal.training.datasets import read_dataset
from carpal.training.gate.outlines import fit_outlines
from carpal.training.splits import read_split

LOCKED = Path(__file__).resolve().parents[1] / "folds" / "fold-4.json"
OUT = Path(__file__).resolve().parents[2] / "results" / "quality" / "outlines.csv"
LIMIT = 11.0  # right outlines of 986 radiographs are at most 10.1 away, plasters that mislead the network 11.4 and more
EVERY = 14  # of so many thumbnails one: as many as there are radiographs of 800 px; squeezed, as they come


def main() -> None:
    data, others = [*sys.argv[1:], *("../shared/rsna", "../shared/negatives")[len(sys.argv) - 1 :]]
    gate = Gate()

    def outline(path: Path) -> Hand | None:
        """Of what the gate put right and does not refuse for something else."""
        examined = gate.examine(read_radiograph(path))
        refusal = examined.quality.refusal
        whole = refusal is None or refusal.reason in ("outline", "part")
        return examined.found.hand if whole and examined.found else None

    held = set(read_split(LOCKED).validation)
    radiographs = read_dataset(data, groups=["highres"]).samples
    known = {sample.id for sample in radiographs}
    thumbnails = [sample for sample in read_dataset(data, groups=["lowres"]).samples if sample.id not in known]
    looked_at = [(s.id, s.group, outline(s.path), s.id not in held) for s in radiographs]
    looked_at += [(s.id, s.group, outline(s.path), True) for s in thumbnails[::EVERY]]
    looked_at += [(s.id, s.group, outline(s.path), False) for s in thumbnails[EVERY // 2 :: EVERY]]
    outlines = fit_outlines((hand for _, _, hand, seen in looked_at if seen and hand), LIMIT)
    table_of_others = csv.DictReader(Path(__file__).with_name("others.csv").open(encoding="utf-8"))
    adults = [row["file"] for row in table_of_others if row["group"] == "adult whole hand"]
    looked_at += [(name, "adult", outline(Path(others) / name), False) for name in adults]
    with OUT.open("w", newline="", encoding="utf-8") as lines:
        table = csv.writer(lines, lineterminator="\n")
        table.writerow(["name", "group", "seen", "distance"])
        for name, group, hand, seen in looked_at:
            table.writerow([name, group, int(seen), f"{outlines.distance(hand):.2f}" if hand else ""])
    model = onnx.load(gate_file())
    facts = {prop.key: prop.value for prop in model.metadata_props}
    facts[METADATA_KEY] = json.dumps({**json.loads(facts[METADATA_KEY]), "outlines": outlines.to_dict()})
    onnx.helper.set_model_props(model, facts)
    onnx.save(model, gate_file())
    subprocess.run(["recipes/checksums.sh"], check=True)
    print(f"outlines of {sum(seen and hand is not None for _, _, hand, seen in looked_at)} hands -> {gate_file().name}")


if __name__ == "__main__":
    main()
