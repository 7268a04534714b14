"""``carpal serve`` under more load than it can bear: what it answers, how fast, and what it costs in memory.

    python benchmarks/serve_load.py --clients 200 --seconds 60 --workers 2 | tee results/load.txt

Each client uploads a drawn radiograph, waits for its reading and uploads the next; sent away with 503, it comes back
after the time it was told. Server and clients share the machine. Every radiograph is another file (bytes after a PNG's
end are no part of the picture). Memory is looked at before the first client comes, twice a second, and ten seconds
after the last has gone. Exits with 1 if anything but 201, 202 and 503 was answered.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from carpal.modelfile import file_digest, find_model
from carpal.phantom import write_phantom

REST_SECONDS = 10


@dataclass
class Seen:
    """What the clients saw: seconds by status, and the memory in MiB of the server and of its largest worker, before,
    now and then, and after."""

    seconds: dict[int, list[float]] = field(default_factory=dict)
    broken: Counter[str] = field(default_factory=Counter)
    server_mib: list[float] = field(default_factory=list)
    worker_mib: list[float] = field(default_factory=list)


async def upload_until(end: float, client: httpx.AsyncClient, radiograph: bytes, first: int, seen: Seen) -> None:
    """One client."""
    number = first
    while time.monotonic() < end:
        number += 1
        file = radiograph + number.to_bytes(8, "big")
        begun = time.monotonic()
        try:
            answer = await client.post("/readings?wait=60", files={"file": file}, data={"sex": "F"})
        except httpx.HTTPError as error:
            seen.broken[type(error).__name__] += 1
            continue
        seen.seconds.setdefault(answer.status_code, []).append(time.monotonic() - begun)
        if answer.status_code == 503:
            await asyncio.sleep(float(answer.headers["retry-after"]))


def look_at_memory(pid: int, seen: Seen) -> None:
    """One sample of each."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    seen.server_mib.append(resident_mib(pid))
    seen.worker_mib.append(max((resident_mib(int(child)) for child in children), default=0.0))


async def watch_memory(end: float, pid: int, seen: Seen) -> None:
    """Twice a second."""
    while time.monotonic() < end:
        look_at_memory(pid, seen)
        await asyncio.sleep(0.5)


def resident_mib(pid: int) -> float:
    """Of one process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


async def load(url: str, pid: int, radiograph: bytes, clients: int, seconds: float) -> Seen:
    """All clients at once."""
    seen = Seen()
    look_at_memory(pid, seen)
    end = time.monotonic() + seconds
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=90) as client:
        starts = (k * 10**9 for k in range(clients))
        each = [upload_until(end, client, radiograph, first, seen) for first in starts]
        await asyncio.gather(watch_memory(end, pid, seen), *each)
    await asyncio.sleep(REST_SECONDS)
    look_at_memory(pid, seen)
    return seen


@contextmanager
def server(workers: int, queue: int) -> Iterator[tuple[str, int, bytes]]:
    """A server with a store of its own: its URL, its process id, and a radiograph to send."""
    with tempfile.TemporaryDirectory() as folder:
        radiograph = write_phantom(Path(folder) / "hand.png", 100, "F", seed=1).read_bytes()
        options = ["--port", "0", "--data", f"{folder}/store", "--rate", "1000000", "--queue", str(queue)]
        command = [sys.executable, "-m", "carpal", "serve", *options, "--workers", str(workers)]
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            assert running.stdout is not None
            yield running.stdout.readline().split()[-1], running.pid, radiograph
        finally:
            running.terminate()
            running.wait(60)


def figures(seen: Seen, seconds: float) -> dict[str, Any]:
    """Plain values: latencies by status, memory before, at most and after."""
    by_status = {
        str(status): {
            "n": len(values),
            "per_second": len(values) / seconds,
            "p50_p95_p99_ms": [float(value) for value in 1000 * np.percentile(values, (50, 95, 99))],
        }
        for status, values in sorted(seen.seconds.items())
    }
    memory = {
        name: {
            "before": values[0],
            "most_in_first_half": max(values[1 : max(2, len(values) // 2)]),
            "most": max(values),
            "after": values[-1],
        }
        for name, values in (("server", seen.server_mib), ("largest worker", seen.worker_mib))
    }
    return {"statuses": by_status, "broken": dict(seen.broken), "memory_mib": memory}


def latency_table(found: dict[str, Any]) -> list[str]:
    """As Markdown."""
    rows = ["| status | n | per s | p50 ms | p95 ms | p99 ms |", "|---|---|---|---|---|---|"]
    for status, of in found["statuses"].items():
        times = " | ".join(f"{value:.0f}" for value in of["p50_p95_p99_ms"])
        rows.append(f"| {status} | {of['n']} | {of['per_second']:.1f} | {times} |")
    return rows


def memory_lines(found: dict[str, Any]) -> list[str]:
    """A sentence each."""
    return [
        f"memory of the {name}: {of['before']:.0f} MiB before, {of['most_in_first_half']:.0f} at most in the first "
        f"half, {of['most']:.0f} in all, {of['after']:.0f} MiB {REST_SECONDS} s after"
        for name, of in found["memory_mib"].items()
    ]


def main() -> None:
    """Start a server, load it, print, stop it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--queue", type=int, default=100)
    parser.add_argument("--json", type=Path, help="also write the figures there")
    given = parser.parse_args()
    before = os.getloadavg()[0]
    with server(given.workers, given.queue) as (url, pid, radiograph):
        size = len(radiograph) / 1024
        print(f"model default {file_digest(find_model('default'))[:16]}")
        print(f"{given.clients} clients, {given.seconds:g} s, {given.workers} workers, {size:.0f} KiB each")
        seen = asyncio.run(load(url, pid, radiograph, given.clients, given.seconds))
    found = figures(seen, given.seconds)
    print(f"load average before: {before:.1f} on {os.cpu_count()} cores", end="\n\n")
    print("\n".join([*latency_table(found), "", f"connections broken: {dict(seen.broken) or 'none'}"]))
    print("\n".join(memory_lines(found)))
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")
    if seen.broken or not set(seen.seconds) <= {201, 202, 503}:
        sys.exit(1)


if __name__ == "__main__":
    main()
