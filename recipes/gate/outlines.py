"""Which outlines the gate takes for hands: the shapes of those it has seen, written into src/carpal/models/gate.onnx.
Writes how far from them all `highres` outlines lie, and those of as many thumbnails that it has not seen, to
results/quality/outlines.csv.

usage: python recipes/gate/outlines.py [DATA]      two minutes on one CPU core
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
from carpal.training.datasets import Sample, read_dataset
from carpal.training.gate.outlines import fit_outlines
from carpal.training.splits import read_split

LOCKED = Path(__file__).resolve().parents[1] / "folds" / "fold-4.json"
OUT = Path(__file__).resolve().parents[2] / "results" / "quality" / "outlines.csv"
LIMIT = 11.0  # right outlines of 986 radiographs are at most 10.1 away, plasters that mislead the network 11.4 and more
EVERY = 14  # of so many thumbnails one: as many as there are radiographs of 800 px; squeezed, as they come


def main() -> None:
    data, gate = sys.argv[1] if len(sys.argv) > 1 else "../shared/rsna", Gate()

    def outline(sample: Sample) -> Hand | None:
        """Of what the gate put right and does not refuse for something else."""
        examined = gate.examine(read_radiograph(sample.path))
        refusal = examined.quality.refusal
        whole = refusal is None or refusal.reason in ("outline", "part")
        return examined.found.hand if whole and examined.found else None

    held = set(read_split(LOCKED).validation)
    radiographs = read_dataset(data, groups=["highres"]).samples
    known = {sample.id for sample in radiographs}
    thumbnails = [sample for sample in read_dataset(data, groups=["lowres"]).samples if sample.id not in known]
    looked_at = [(s, outline(s), s.id not in held) for s in radiographs]
    looked_at += [(s, outline(s), True) for s in thumbnails[::EVERY]]
    looked_at += [(s, outline(s), False) for s in thumbnails[EVERY // 2 :: EVERY]]
    outlines = fit_outlines((hand for _, hand, seen in looked_at if seen and hand), LIMIT)
    with OUT.open("w", newline="", encoding="utf-8") as lines:
        table = csv.writer(lines, lineterminator="\n")
        table.writerow(["name", "group", "seen", "distance"])
        for sample, hand, seen in looked_at:
            far = f"{outlines.distance(hand):.2f}" if hand else ""
            table.writerow([sample.id, sample.group, int(seen), far])
    model = onnx.load(gate_file())
    facts = {prop.key: prop.value for prop in model.metadata_props}
    facts[METADATA_KEY] = json.dumps({**json.loads(facts[METADATA_KEY]), "outlines": outlines.to_dict()})
    onnx.helper.set_model_props(model, facts)
    onnx.save(model, gate_file())
    subprocess.run(["recipes/checksums.sh"], check=True)
    print(f"outlines of {sum(seen and hand is not None for _, hand, seen in looked_at)} hands -> {gate_file().name}")


if __name__ == "__main__":
    main()
