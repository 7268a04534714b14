"""CPU milliseconds of preparing and reading, one thread, and what a cold ``carpal read`` costs.

usage: python benchmarks/cost.py      on an otherwise quiet machine; under a minute
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2

from carpal.phantom import draw_phantom, write_phantom
from carpal.prepare import RECIPES, prepare, recipe_named
from carpal.radiograph import read_radiograph
from carpal.reader import Reader


def cpu_ms(work: Callable[[], object], repeats: int = 30) -> str:
    """Median and least CPU milliseconds after a warm-up."""
    work()
    costs = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        costs.append((time.process_time() - started) * 1e3)
    return f"{statistics.median(costs):6.1f} ms (least {min(costs):.1f})"


def network_ms(reader: Reader) -> str:
    """What is left when a radiograph is prepared."""
    prepared = prepare(draw_phantom(130, "M", seed=1), reader.facts.recipe).pixels[None]
    return cpu_ms(lambda: reader.distributions(prepared, ["M"]))


def cold_start(arguments: list[str]) -> str:
    """CPU seconds and peak memory of a new process, started from a small one that has nothing loaded."""
    script = (
        "import resource, subprocess, sys\n"
        f"subprocess.run([sys.executable, '-m', 'carpal', *{arguments!r}], check=True, stdout=subprocess.DEVNULL)\n"
        "use = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(f'{use.ru_utime + use.ru_stime:6.2f} s CPU, {use.ru_maxrss / 1024:.0f} MB at most')"
    )
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    cv2.setNumThreads(1)
    radiograph = draw_phantom(130, "M", seed=1, shape=(2000, 1500))
    for name in RECIPES:
        recipe = recipe_named(name, 512)
        print(f"prepare {name:8} 2000 x 1500 -> 512 px  {cpu_ms(lambda r=recipe: prepare(radiograph, r))}")
    with tempfile.TemporaryDirectory() as folder:
        path = write_phantom(Path(folder) / "hand.png", 130, "M", seed=1, shape=(2000, 1500))
        reader = Reader()
        print(f"decode a PNG of 2000 x 1500           {cpu_ms(lambda: read_radiograph(path))}")
        print(f"quality gate of it                    {cpu_ms(lambda: reader.gate.examine(radiograph))}")
        print(f"Reader.read of it, all in             {cpu_ms(lambda: reader.read(path, 'M'))}")
        for model in ("default", "ensemble"):
            print(f"{model:8}, prepared, all views          {network_ms(Reader(model))}")
        for arguments in (["--help"], ["read", str(path), "--sex", "M"]):
            print(f"cold carpal {arguments[0]:8}                  {cold_start(arguments)}")


if __name__ == "__main__":
    main()
