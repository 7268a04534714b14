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

from carpal.exposure import as_admitted
from carpal.hand import Hand, find_on_smaller
from carpal.modelfile import METADATA_KEY, gate_file
from carpal.outline import Outlines
from carpal.training.datasets import Sample, load_radiograph, read_dataset
from carpal.training.gate.outlines import fit_outlines
from carpal.training.splits import read_split

LOCKED = Path(__file__).resolve().parents[1] / "folds" / "fold-4.json"
OUT = Path(__file__).resolve().parents[2] / "results" / "quality" / "outlines.csv"
LIMIT = 12.0  # right outlines of 986 radiographs are at most 12.0 away, plasters that mislead the network 12.3 and more
EVERY = 14  # of so many thumbnails one: as many as there are radiographs of 800 px


def outline(sample: Sample) -> Hand | None:
    return find_on_smaller(as_admitted(load_radiograph(sample)).pixels).hand


def seen_outlines(data: str | Path) -> tuple[Outlines, list[tuple[Sample, Hand | None, bool]]]:
    """The shapes of the outlines that the gate may see, and every one looked at: sample, hand, whether it was seen."""
    held = set(read_split(LOCKED).validation)
    radiographs = read_dataset(data, groups=["highres"]).samples
    known = {sample.id for sample in radiographs}
    thumbnails = [sample for sample in read_dataset(data, groups=["lowres"]).samples if sample.id not in known]
    looked_at = [(s, outline(s), s.id not in held) for s in radiographs]
    looked_at += [(s, outline(s), True) for s in thumbnails[::EVERY]]
    looked_at += [(s, outline(s), False) for s in thumbnails[EVERY // 2 :: EVERY]]
    return fit_outlines((hand for _, hand, seen in looked_at if seen and hand), LIMIT), looked_at


def main() -> None:
    outlines, looked_at = seen_outlines(sys.argv[1] if len(sys.argv) > 1 else "../shared/rsna")
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
