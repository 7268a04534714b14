"""What `carpal bulk` costs beside reading itself: CPU time per radiograph against ``Reader.read`` in a loop.

usage: python benchmarks/bulk.py FOLDER [--count N] [--rounds N]

Loop, one worker and two take turns on the same files, so that a machine that slows down slows all. CPU time is that of
the command with all its processes. A start costs the same for ten radiographs and for ten thousand: the cost of one is
the difference between all and the first 32, and the start stands beside it.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from carpal.files import find_radiographs

FEW = 32  # two parts, so that two workers start

LOOP = """
import sys
from pathlib import Path
import cv2
from carpal import Reader
from carpal.errors import CarpalError
from carpal.files import find_radiographs
cv2.setNumThreads(1)
reader = Reader()
for path in find_radiographs(Path(sys.argv[1])):
    try:
        reader.read(path, "F").to_dict()
    except CarpalError:
        pass
"""


def seconds(command: list[str]) -> tuple[float, float]:
    """CPU and wall seconds of a command and its processes; carpal's exit code 1 says that some were refused."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode > 1:
        sys.exit(done.stderr)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def command(what: str, folder: Path, out: Path) -> list[str]:
    if what == "loop":
        return [sys.executable, "-c", LOOP, str(folder)]
    return [sys.executable, "-m", "carpal", "bulk", str(folder), "-o", str(out), "--sex", "F", "--workers", what]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    files = find_radiographs(chosen.folder)[: chosen.count]
    if len(files) < 4 * FEW:
        sys.exit(f"{chosen.folder}: fewer than {4 * FEW} radiographs")
    costs: dict[str, list[tuple[float, float, float]]] = {"loop": [], "1": [], "2": []}
    with tempfile.TemporaryDirectory() as place:
        for name, linked in (("few", files[:FEW]), ("all", files)):
            (Path(place) / name).mkdir()
            for number, file in enumerate(linked):
                (Path(place) / name / f"{number:06d}{file.suffix}").symlink_to(file.resolve())
        for turn in range(chosen.rounds):
            for what, found in costs.items():
                out = Path(place) / f"out-{turn}-{what}"
                few, _ = seconds(command(what, Path(place) / "few", out / "few"))
                all_, wall = seconds(command(what, Path(place) / "all", out / "all"))
                each = (all_ - few) / (len(files) - FEW)
                found.append((each, few - FEW * each, wall))
    print(f"{len(files)} radiographs, median of {chosen.rounds}")
    each_of = {}
    for what, found in costs.items():
        each, start, wall = (statistics.median(values) for values in zip(*found, strict=True))
        each_of[what] = each
        name = "Reader.read in a loop" if what == "loop" else f"carpal bulk, {what} worker(s)"
        rate = len(files) / wall
        print(f"{name:24}{1e3 * each:7.1f} ms CPU each, start {start:5.2f} s CPU, {rate:6.1f}/s by the clock")
    print(f"one worker reaches {each_of['loop'] / each_of['1']:.3f} of the loop's throughput per core")
    print(f"two workers on a core each reach {2 * each_of['1'] / each_of['2']:.2f} times one worker's throughput")


if __name__ == "__main__":
    main()
