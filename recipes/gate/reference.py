"""What `carpal drift` compares with: readings of fold 4, which neither `default` nor the gate has seen. Writes
src/carpal/models/reference.npz: ages, sexes and descriptions of pictures, no names and no pictures.

usage: python recipes/gate/reference.py [DATA]      under a minute
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from carpal.evaluation.drift import read_stream, write_stream
from carpal.modelfile import gate_file
from carpal.training.datasets import read_dataset
from carpal.training.splits import read_split

LOCKED = Path(__file__).resolve().parents[1] / "folds" / "fold-4.json"


def main() -> None:
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("../shared/rsna")
    samples = read_dataset(data, groups=["highres"]).only(read_split(LOCKED).validation).samples
    with tempfile.TemporaryDirectory() as folder:
        table, found = Path(folder) / "table.csv", Path(folder) / "readings.json"
        table.write_text("path,sex\n" + "".join(f"{s.path.resolve()},{s.sex}\n" for s in samples), encoding="utf-8")
        command = [sys.executable, "-m", "carpal", "read", "--table", str(table), "--json"]
        with found.open("w", encoding="utf-8") as out:
            subprocess.run(command, stdout=out, check=False)
        stream = read_stream([found])
    out = gate_file().with_name("reference.npz")
    write_stream(stream, out)
    print(f"{out.name}: {len(stream)} readings, {stream.refused} refused")


if __name__ == "__main__":
    main()
