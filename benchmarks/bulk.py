"""`carpal bulk` at full size: what it costs beside reading itself, and whether a killed run comes out the same.

    python benchmarks/bulk.py DATA/lowres DATA/highres --work scratch/bulk [--ray-python PATH]

It writes results/bulk.md.

Each folder is cut into blocks. A plain loop over ``Reader.read``, one worker and two take turns at each block, so that
a machine that slows down slows all three; what a start costs, measured on 32 radiographs in the same turn, is taken
off. CPU time counts, that of the command with all its processes: other work on the machine matters little then. After
that one run over the whole folder is killed (SIGKILL) again and again, and its table is compared with what the blocks
gave, and so is that of Ray. What is done is kept in ``--work``: the same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from carpal.files import find_radiographs, replacing
from carpal.modelfile import file_digest, find_model

FEW = 32  # two parts, so that two workers start
KILLS_AFTER = (0, 3, 8, 15, 16, 30, 45, 58)  # of 64 parts
RESULTS = Path(__file__).resolve().parents[1] / "results" / "bulk.md"

LOOP = """
import csv, sys
import cv2
from carpal import Reader
from carpal.errors import CarpalError
cv2.setNumThreads(1)
reader = Reader()
for row in csv.DictReader(open(sys.argv[1], encoding="utf-8")):
    try:
        reader.read(row["path"], row["sex"]).to_dict()
    except CarpalError:
        pass
"""


@dataclass(frozen=True)
class Steps:
    """What was measured, by name, kept on the disk as soon as it is there."""

    place: Path

    def once(self, name: str, work: Callable[[], Any]) -> Any:
        """What ``work`` gives, or gave in an earlier run."""
        done = self.found()
        if name not in done:
            print(f"{time.strftime('%H:%M:%S')} {self.place.name} {name}", flush=True)
            done[name] = work()
            with replacing(self.place / "steps.json") as part:
                part.write_text(json.dumps(done, indent=1) + "\n")
        return done[name]

    def found(self) -> dict[str, Any]:
        """All of it."""
        file = self.place / "steps.json"
        return json.loads(file.read_text()) if file.exists() else {}


def write_table(files: list[Path], table: Path) -> Path:
    """A table of work; the sex is of no consequence to the cost."""
    table.parent.mkdir(parents=True, exist_ok=True)
    with table.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "sex"))
        rows.writerows((path.absolute(), "F") for path in files)
    return table


def bulk_command(table: Path, out: Path, *options: str, python: str = sys.executable) -> list[str]:
    return [python, "-m", "carpal", "bulk", str(table), "-o", str(out), *options]


def environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1"}


def cpu_seconds(command: list[str]) -> float:
    """Of a command and its processes; carpal's exit code 1 says that some were refused."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode > 1:
        sys.exit(done.stderr)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


# --------------------------------------------------------------------------- cost


def block_costs(place: Path, files: list[Path], few: Path, number: int) -> dict[str, list[float]]:
    """Loop, one worker and two, each beginning in its turn: CPU seconds of 32 radiographs and of all in the block."""
    table, costs = write_table(files, place / f"block-{number}.csv"), {}
    ways = ["loop", "1", "2"]
    for what in ways[number % 3 :] + ways[: number % 3]:
        seconds = []
        for name, work in (("few", few), ("block", table)):
            out = place / f"{name}-{number}-{what}"
            shutil.rmtree(out, ignore_errors=True)
            loop = [sys.executable, "-c", LOOP, str(work)]
            seconds.append(cpu_seconds(loop if what == "loop" else bulk_command(work, out, "--workers", what)))
        costs[what] = seconds
    return costs


def costs_of(steps: dict[str, Any], sizes: list[int]) -> dict[str, list[float]]:
    """CPU milliseconds per radiograph of each block, without the start, by way."""
    blocks = [steps[f"block {k}"] for k in range(len(sizes))]
    return {
        what: [
            1e3 * (block[what][1] - block[what][0]) / (size - FEW) for block, size in zip(blocks, sizes, strict=True)
        ]
        for what in ("loop", "1", "2")
    }


# --------------------------------------------------------------------------- the same table


def rows_of(outs: list[Path]) -> dict[str, list[tuple[str, str]]]:
    """Each row of both tables as text, sorted by id."""
    rows: dict[str, list[tuple[str, str]]] = {"readings": [], "failures": []}
    for out in outs:
        for table, found in rows.items():
            for part in sorted((out / table).glob("*.parquet")):
                found += [(row["id"], json.dumps(row, sort_keys=True)) for row in pq.read_table(part).to_pylist()]
    return {table: sorted(found) for table, found in rows.items()}


def compared(outs: list[Path], expected: dict[str, list[tuple[str, str]]]) -> dict[str, int]:
    """Rows that are there, and how many are twice there, missing or different."""
    found = rows_of(outs)
    ids = [name for rows in found.values() for name, _ in rows]
    wanted = {(table, *row) for table, rows in expected.items() for row in rows}
    seen = {(table, *row) for table, rows in found.items() for row in rows}
    missing = {name for _, name, _ in wanted} - set(ids)
    return {
        "read": len(found["readings"]),
        "failed": len(found["failures"]),
        "doubled": len(ids) - len(set(ids)),
        "missing": len(missing),
        "different": len(seen - wanted),
    }


def ray_run(command: list[str], out: Path, expected: dict[str, list[tuple[str, str]]]) -> dict[str, int]:
    """Its processes are nobody's children: their CPU time cannot be counted, their table can be compared."""
    shutil.rmtree(out, ignore_errors=True)
    cpu_seconds(command)
    return compared([out], expected)


def workers_of(pid: int) -> list[int]:
    """The processes that read, not Python's tracker of shared things."""
    found = []
    with suppress(OSError):  # whoever is looked at may end meanwhile
        for child in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(child)
    return found


def kill_something(run: subprocess.Popen[bytes], moments: random.Random) -> str:
    """SIGKILL for all of a run's processes, for the first of them, or for one that reads."""
    what = moments.choice(["all", "parent", "worker"])
    if what == "all":
        os.killpg(run.pid, signal.SIGKILL)
    elif what == "parent":
        run.kill()
    elif readers := workers_of(run.pid):
        os.kill(moments.choice(readers), signal.SIGKILL)
    return what


def killed_run(table: Path, out: Path) -> dict[str, int]:
    """One run over everything by two workers, killed at moments that a seed chooses; how often, and what was hit."""
    shutil.rmtree(out, ignore_errors=True)
    moments, hit = random.Random(12), dict.fromkeys(("all", "parent", "worker"), 0)
    run = start_of(table, out)
    for parts in KILLS_AFTER:
        while run.poll() is None and len(list(out.glob("readings/*.parquet"))) < parts:
            time.sleep(0.02)
        time.sleep(moments.uniform(0, 4))
        if run.poll() is not None:
            break
        what = kill_something(run, moments)
        hit[what] += 1
        if what != "worker":
            run.wait()
            run = start_of(table, out)
    if run.wait() > 1:
        sys.exit(f"{out}: the run after the kills failed")
    return hit


def start_of(table: Path, out: Path) -> subprocess.Popen[bytes]:
    command = bulk_command(table, out, "--workers", "2")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, env=environment(), start_new_session=True, **quiet)  # type: ignore[call-overload]


# --------------------------------------------------------------------------- one folder, and the page


def measure(folder: Path, place: Path, blocks: int, ray_python: str | None) -> list[str]:
    """Everything about one folder; the lines of its section."""
    files = find_radiographs(folder)
    if blocks < 2 or len(files) < 4 * FEW * blocks:
        sys.exit(f"{folder}: two blocks or more of at least {4 * FEW} radiographs each are needed")
    place.mkdir(parents=True, exist_ok=True)
    steps, few = Steps(place), write_table(files[:FEW], place / "few.csv")
    edges = [round(len(files) * k / blocks) for k in range(blocks + 1)]
    parts = [files[a:b] for a, b in pairwise(edges)]
    for number, part in enumerate(parts):
        steps.once(f"block {number}", lambda p=part, n=number: block_costs(place, p, few, n))  # type: ignore[misc]
    expected = rows_of([place / f"block-{k}-1" for k in range(blocks)])
    two = steps.once("two", lambda: compared([place / f"block-{k}-2" for k in range(blocks)], expected))
    whole, killed, ray = write_table(files, place / "whole.csv"), place / "killed", place / "ray"
    hit = steps.once("kills", lambda: killed_run(whole, killed))
    after = steps.once("after the kills", lambda: compared([killed], expected))
    same = {"two workers": two, f"killed {sum(hit.values())} times ({told(hit)})": after}
    if ray_python:
        command = bulk_command(whole, ray, "--ray", "local", python=ray_python)
        same["Ray"] = steps.once("ray", lambda: ray_run(command, ray, expected))
    costs = costs_of(steps.found(), [len(part) for part in parts])
    return section(folder.name, len(files), blocks, costs, same)


def told(hit: dict[str, int]) -> str:
    return ", ".join(f"{what} {count}" for what, count in hit.items())


def section(
    name: str, count: int, blocks: int, costs: dict[str, list[float]], same: dict[str, dict[str, int]]
) -> list[str]:
    """A folder's figures as Markdown."""
    per_core = [a / b for a, b in zip(costs["loop"], costs["1"], strict=True)]
    twice = [2 * a / b for a, b in zip(costs["1"], costs["2"], strict=True)]
    names = {"loop": "`Reader.read` in a loop", "1": "`--workers 1`", "2": "`--workers 2`"}
    cost_rows = [f"| {names[what]} | {quartiles(values, 1)} |" for what, values in costs.items()]
    same_rows = [f"| {way} | " + " | ".join(str(n) for n in found.values()) + " |" for way, found in same.items()]
    return [
        f"## {name}: {count} radiographs in {blocks} blocks",
        "",
        "| | CPU ms per radiograph, median over the blocks (quartiles) |",
        "|---|---|",
        *cost_rows,
        "",
        f"One worker reaches {quartiles(per_core, 3)} of the loop's throughput per CPU second;",
        f"two on a core each reach {quartiles(twice, 2)} times that of one.",
        "",
        "| against the table of one worker | read | failed or refused | twice there | missing | different |",
        "|---|---|---|---|---|---|",
        *same_rows,
        "",
    ]


def quartiles(values: list[float], digits: int) -> str:
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--work", type=Path, required=True, help="where what is done is kept")
    parser.add_argument("--blocks", type=int, default=6)
    parser.add_argument("--ray-python", help="a Python that has carpal's dependencies and Ray")
    parser.add_argument("--out", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    model = f"model `default` {file_digest(find_model('default'))[:16]}"
    about = f"`python benchmarks/bulk.py`; CPU time, one thread per process; {model}."
    lines = ["# `carpal bulk` at full size", "", about, ""]
    for folder in chosen.folders:
        lines += measure(folder, chosen.work / folder.name, chosen.blocks, chosen.ray_python)
    chosen.out.write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
