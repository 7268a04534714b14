"""Damaged files through ``Reader.read``: each gives an age or one sentence, and nothing else happens.

usage: python benchmarks/fuzz/fuzz.py [--inputs 50000] [--seed 0]      some 20 minutes on one CPU core

A worker process reads mutated copies of benchmarks/fuzz/corpus (made by make_corpus.py). It is a fault where a reading
raises anything but a CarpalError, writes anything but libtiff's own remarks or takes more than 5 seconds, and where the
worker dies or grows beyond 1 GB. Each fault is kept as a file that shows it; the exit code is their number.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import resource
import select
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
SECONDS, MEGABYTES = 5.0, 1024
_LIBTIFF = re.compile(rb"^(tempfile\.tif|MissingRequired|TIFF\w+|ZIP\w+|LZW\w+|JPEG\w+|Fax\w+|Packbits\w+|_?TIFF\w+): ")
_INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def mutated(files: list[bytes], number: int, seed: int) -> bytes:
    """The file of that number: one of the corpus with one to eight changes; always the same."""
    rng = np.random.default_rng([seed, number])
    data = bytearray(files[int(rng.integers(len(files)))])
    for _ in range(int(2 ** rng.uniform(0, 3))):
        if len(data) < 2:
            break
        # Half of all changes fall on the first 512 bytes, where headers lie.
        at = int(rng.integers(min(len(data), 512) if rng.random() < 0.5 else len(data)))
        change = int(rng.integers(8))
        if change == 0:
            data[at] ^= 1 << int(rng.integers(8))
        elif change == 1:
            data[at] = int(rng.integers(256))
        elif change == 2:
            width = int(rng.choice([1, 2, 4]))
            order = "little" if rng.random() < 0.5 else "big"
            value = int(rng.choice(_INTERESTING)) & (256**width - 1)
            data[at : at + width] = value.to_bytes(width, order)
        elif change == 3:
            del data[at:]  # truncated
        elif change == 4:
            del data[at : at + int(rng.integers(1, 64))]
        elif change == 5:
            data[at:at] = rng.integers(0, 256, int(rng.integers(1, 64)), np.uint8).tobytes()
        elif change == 6:
            end = at + int(rng.integers(1, 256))
            data[at:at] = data[at:end]  # repeated
        else:
            other = files[int(rng.integers(len(files)))]
            start = int(rng.integers(len(other)))
            length = int(rng.integers(1, 512))
            data[at : at + length] = other[start : start + length]
    return bytes(data)


def corpus() -> list[bytes]:
    return [path.read_bytes() for path in sorted((HERE / "corpus").iterdir())]


def work(seed: int) -> None:
    """Reads the numbers given on standard input, answers one JSON line each on the kept descriptor."""
    from carpal.errors import CarpalError
    from carpal.reader import Reader

    answers = os.fdopen(os.dup(1), "w")
    noise = Path(f"/proc/self/fd/{os.memfd_create('noise')}")
    with noise.open("ab", buffering=0) as heard:
        os.dup2(heard.fileno(), 1)
        os.dup2(heard.fileno(), 2)
        reader, files = Reader(), corpus()
        for line in sys.stdin:
            number = int(line)
            heard.truncate(0)
            try:
                reader.read(mutated(files, number, seed), "F")
                outcome = "read"
            except CarpalError as error:
                one_line = "\n" not in str(error) and len(str(error)) < 400
                outcome = type(error).__name__ if one_line else "FAULT: a message of several lines"
            except BaseException as error:
                outcome = f"FAULT: {type(error).__name__}: {error}"
            written = noise.read_bytes()
            if any(not _LIBTIFF.search(line) for line in written.splitlines()):
                outcome = f"FAULT: {outcome.removeprefix('FAULT: ')}; wrote {written[:200]!r}"
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            if memory > MEGABYTES:
                outcome = f"FAULT: {memory:.0f} MB"
            answers.write(json.dumps(outcome) + "\n")
            answers.flush()


class Worker:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.process: subprocess.Popen[str] | None = None

    def outcome(self, number: int) -> tuple[str, float]:
        """What came of that input, and the seconds it took."""
        if self.process is None or self.process.poll() is not None:
            command = [sys.executable, __file__, "--worker", "--seed", str(self.seed)]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self._ask(0)  # the first reading loads the network
        started = time.monotonic()
        return self._ask(number), time.monotonic() - started

    def _ask(self, number: int) -> str:
        process = self.process
        assert process is not None and process.stdin is not None and process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(f"{number}\n")
            process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], 120)
        line = process.stdout.readline() if ready else ""
        if line:
            return str(json.loads(line))
        process.kill()
        process.wait()
        self.process = None
        return f"FAULT: the process died ({process.returncode})" if ready else "FAULT: no answer in 120 s"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=50_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.worker:
        work(chosen.seed)
        return 0
    worker, files, counts, faults, slowest = Worker(chosen.seed), corpus(), Counter(), 0, 0.0
    for number in range(chosen.first, chosen.first + chosen.inputs):
        outcome, seconds = worker.outcome(number)
        slowest = max(slowest, seconds)
        if seconds > SECONDS and not outcome.startswith("FAULT"):
            outcome = f"FAULT: {seconds:.1f} s"
        if outcome.startswith("FAULT"):
            faults += 1
            Path("runs/fuzz").mkdir(parents=True, exist_ok=True)
            Path(f"runs/fuzz/{chosen.seed}-{number}.bin").write_bytes(mutated(files, number, chosen.seed))
            print(f"input {number}: {outcome}", flush=True)
            outcome = "FAULT"
        counts[outcome] += 1
        if (number + 1) % 5000 == 0:
            print(f"{number + 1}: {dict(counts)}, slowest {slowest:.2f} s", flush=True)
    print(f"{chosen.inputs} inputs from {len(files)} files, seed {chosen.seed}: {dict(counts)}")
    print(f"slowest {slowest:.2f} s; faults: {faults}")
    return min(faults, 255)


if __name__ == "__main__":
    sys.exit(main())
