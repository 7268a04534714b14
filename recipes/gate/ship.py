"""The shipped gate: the network of fold 4, which has seen neither the radiographs of that fold nor the other pictures
that it holds back. Where it refuses was decided on the out-of-fold answers of all five (results/quality).

usage: python recipes/gate/ship.py [DATA]      after recipes/gate/crossval.py; under two minutes
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from crossval import RECIPE
from report import least_hand_probability, read_answers

from carpal.modelfile import gate_file
from carpal.outline import Outlines
from carpal.prepare import prepare
from carpal.training.datasets import load_radiograph, read_dataset
from carpal.training.gate.export import export_gate
from carpal.training.gate.network import GateNetwork
from carpal.training.splits import read_split

LOCKED = Path(__file__).resolve().parents[1] / "folds" / "fold-4.json"
LICENCE = (
    "research use, non-commercial: trained on RSNA 2017 Pediatric Bone Age Challenge radiographs and on CC BY-NC-SA "
    "teaching files"
)


def main() -> None:
    dataset = read_dataset(sys.argv[1] if len(sys.argv) > 1 else "../shared/rsna")
    held = set(read_split(LOCKED).validation)
    seen = [sample for sample in dataset.samples if sample.id not in held]
    network = GateNetwork()
    network.load_state_dict(torch.load("runs/gate/fold-4.pt", weights_only=True))
    card = {"hands": len(seen), "data_digest": dataset.digest(), "licence": LICENCE, "made_by": "recipes/gate"}
    hands = [prepare(load_radiograph(sample), RECIPE).pixels for sample in seen[::5]]
    least = least_hand_probability(read_answers("predictions.csv"))
    outlines = Outlines(np.zeros(11), np.zeros((11, 11)), 1.0)  # accepts any until outlines.py has looked at them
    out = export_gate(
        network, RECIPE, gate_file(), hands=hands, least_hand_probability=least, outlines=outlines, card=card
    )
    subprocess.run(["recipes/checksums.sh"], check=True)
    subprocess.run([sys.executable, "recipes/gate/outlines.py", str(dataset.root)], check=True)
    print(f"{out.name}: {out.stat().st_size / 1e6:.1f} MB, refuses below {least}")


if __name__ == "__main__":
    main()
