"""What a radiograph costs: CPU milliseconds by step and kind of file, the start, memory, workers, REST, and beside what
else one might take.

    python benchmarks/performance.py [--data DATA]          writes results/performance.md and .json; some minutes

One thread. CPU time counts, so other work on the machine matters little; load averages are printed. Figures are
medians with quartiles in brackets. The films are drawn (``carpal.phantom``, with the grain of a film), 2000 x 1500;
with ``--data`` (the RSNA folder) the same is measured on radiographs of children, enlarged to as many pixels.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
from bulk import FEW, Steps, bulk_command, cpu_seconds, write_table
from films import SHAPE, copies, write_enlarged, write_films
from performance_page import page
from serve_load import figures, load, server
from stand_ins import STAND_INS, StandIn

from carpal.files import replacing
from carpal.phantom import draw_phantom
from carpal.prepare import RECIPES, prepare, recipe_named
from carpal.radiograph import Radiograph, read_radiograph
from carpal.reader import Reader

RESULTS = Path(__file__).resolve().parents[1] / "results"

READER_MEMORY = """
import sys
from pathlib import Path
def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return {line[:5]: int(line.split()[1]) / 1024 for line in lines if line.startswith(("VmRSS", "VmHWM"))}
import cv2, numpy, onnxruntime
cv2.setNumThreads(1)
imported = resident()["VmRSS"]
from carpal import Reader
reader = Reader()
loaded = resident()["VmRSS"]
for path in sys.argv[1:]:
    reader.read(path, "F")
print(imported, loaded, resident()["VmRSS"], resident()["VmHWM"])
"""


def milliseconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU time of this process, and what came of it."""
    started = time.process_time()
    outcome = work()
    return 1e3 * (time.process_time() - started), outcome


# --------------------------------------------------------------------------- by step


def steps_of(reader: Reader, path: Path) -> dict[str, float]:
    """Each step by itself, then the whole; ``rest`` is what the whole costs more."""
    found = {}
    found["decode"], radiograph = milliseconds(lambda: read_radiograph(path))
    found["gate"], examined = milliseconds(lambda: reader.admit(radiograph, accept_anything=True))
    found["prepare"], prepared = milliseconds(lambda: prepare(examined.radiograph, reader.facts.recipe, examined.found))
    found["network"], _ = milliseconds(lambda: reader.distributions(prepared.pixels[None], ["F"]))
    apart = sum(found.values())
    found["all"], _ = milliseconds(lambda: reader.read(path, "F", accept_anything=True))
    return found | {"rest": found["all"] - apart}


def in_turns(reader: Reader, films: dict[str, list[Path]], rounds: int) -> dict[str, list[dict[str, float]]]:
    """Kinds take turns, film by film."""
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in films}
    for turn in range(rounds + 1):
        for kind, paths in films.items():
            for path in paths:
                steps = steps_of(reader, path)
                if turn:  # the first is for warming up
                    found[kind].append(steps)
    return found


def recipe_costs() -> dict[str, list[float]]:
    """Preparation of one film to 512 rows, by recipe."""
    film = draw_phantom(130, "M", seed=1, shape=SHAPE)
    recipes = {name: recipe_named(name, 512) for name in RECIPES}
    return {
        name: [milliseconds(lambda r=recipe: prepare(film, r))[0] for _ in range(21)][1:]  # type: ignore[misc]
        for name, recipe in recipes.items()
    }


def network_costs(film: Radiograph) -> dict[str, list[float]]:
    """The shipped networks, all their views, on what is prepared."""
    costs = {}
    for name in ("default", "ensemble"):
        reader = Reader(name)
        pixels = prepare(film, reader.facts.recipe).pixels[None]
        calls = [milliseconds(lambda r=reader, p=pixels: r.distributions(p, ["M"]))[0] for _ in range(21)]  # type: ignore[misc]
        costs[name] = calls[1:]
    return costs


# --------------------------------------------------------------------------- processes


def cold_starts(path: Path, times: int = 7) -> dict[str, list[list[float]]]:
    """CPU seconds, seconds by the clock and peak MiB of new processes, started from one that has nothing loaded."""
    script = (
        "import resource, subprocess, sys, time\n"
        "begun = time.perf_counter()\n"
        "subprocess.run([sys.executable, '-m', 'carpal', *sys.argv[1:]], check=True, stdout=subprocess.DEVNULL)\n"
        "wall, use = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(use.ru_utime + use.ru_stime, wall, use.ru_maxrss / 1024)\n"
    )
    told = ["--age", "9y4m", "--height-cm", "131"]
    report = ["report", str(path), "--sex", "M", *told, "-o", str(path.parent / "report.pdf")]
    commands = {"--help": ["--help"], "read": ["read", str(path), "--sex", "M"], "report": report}
    found = {}
    for name, arguments in commands.items():
        runs = [numbers_of([sys.executable, "-c", script, *arguments]) for _ in range(times + 1)]
        found[f"carpal {name}"] = runs[1:]
    return found


def numbers_of(command: list[str]) -> list[float]:
    """What a process prints."""
    env = os.environ | {"OMP_NUM_THREADS": "1", "ORT_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    return [float(word) for word in done.stdout.split()]


def worker_costs(films: list[Path], folder: Path, turns: int = 3) -> dict[str, list[float]]:
    """CPU milliseconds per radiograph of ``carpal bulk`` with one worker and with two, without the start."""
    few = write_table(films[:FEW], folder / "few.csv")
    all_ = write_table(films, folder / "all.csv")
    costs: dict[str, list[float]] = {"1": [], "2": []}
    for turn in range(turns):
        for workers, found in costs.items():
            out = folder / f"out-{turn}-{workers}"
            seconds = [
                cpu_seconds(bulk_command(table, out / table.stem, "--workers", workers)) for table in (few, all_)
            ]
            found.append(1e3 * (seconds[1] - seconds[0]) / (len(films) - FEW))
    return costs


def rest_figures(seconds: float) -> dict[str, Any]:
    """One client at a time, four, and far more than can be served."""
    found = {}
    for clients in (1, 4, 200):
        with server(workers=2, queue=100) as (url, pid, radiograph):
            seen = asyncio.run(load(url, pid, radiograph, clients, seconds))
        found[str(clients)] = figures(seen, seconds)
    return found


# --------------------------------------------------------------------------- beside others


def beside(reader: Reader, films: list[Path], folder: Path, rounds: int) -> dict[str, list[dict[str, float]]]:
    """carpal and the stand-ins take turns, film by film."""
    subprocess.run([sys.executable, str(Path(__file__).with_name("stand_ins.py")), str(folder)], check=True,
                   capture_output=True)  # fmt: skip
    others = {name: StandIn(name, folder) for name in STAND_INS}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in ("carpal", *others)}
    for turn in range(rounds + 1):
        for path in films if turn else films[:2]:
            answers = {name: other.read(path) for name, other in others.items()}
            answers["carpal"] = {"all": milliseconds(lambda p=path: reader.read(p, "F"))[0]}  # type: ignore[misc]
            for name, steps in answers.items():
                if turn:
                    found[name].append(steps)
    return found


# --------------------------------------------------------------------------- all of it


def measure(folder: Path, data: Path | None, rounds: int, seconds: float) -> dict[str, Any]:
    """Everything that is not yet there in ``folder``."""
    cv2.setNumThreads(1)
    folder.mkdir(parents=True, exist_ok=True)
    films, reader, steps = write_films(folder), Reader(), Steps(folder)
    jpegs = films[".jpg"]
    kinds = films | ({"enlarged": write_enlarged(data, folder)} if data else {})
    steps.once("about", about)
    steps.once("steps", lambda: in_turns(reader, kinds, rounds))
    steps.once("networks", lambda: network_costs(read_radiograph(jpegs[0])))
    steps.once("recipes", recipe_costs)
    steps.once("beside", lambda: beside(reader, jpegs, folder, rounds))
    steps.once("starts", lambda: cold_starts(films[".png"][0]))
    steps.once("reader", lambda: [len(jpegs), *numbers_of([sys.executable, "-c", READER_MEMORY, *map(str, jpegs)])])
    steps.once("workers", lambda: worker_costs(copies(jpegs, folder / "copies"), folder))
    steps.once("rest", lambda: rest_figures(seconds))
    return steps.found()


def about() -> dict[str, Any]:
    """When, on what, and beside what else."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{processor()}, Python {platform.python_version()}, ONNX Runtime {version('onnxruntime')}",
        "load": os.getloadavg()[0],
        "cores": len(os.sched_getaffinity(0)),
    }


def processor() -> str:
    """Its name, where Linux says it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the RSNA folder, for radiographs of children too")
    parser.add_argument("--work", type=Path, help="keep there what is done, so that a stopped run goes on")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve-seconds", type=float, default=20)
    parser.add_argument("--out", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        found = measure(chosen.work or Path(place), chosen.data, chosen.rounds, chosen.serve_seconds)
    text = "\n".join(page(found)).rstrip() + "\n"
    for name, content in (("performance.md", text), ("performance.json", json.dumps(found, indent=1) + "\n")):
        with replacing(chosen.out / name) as part:
            part.write_text(content, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
