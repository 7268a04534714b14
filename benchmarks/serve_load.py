"""``carpal serve`` under more load than it can bear: what it answers, how fast, and what it costs in memory.

    python benchmarks/serve_load.py --clients 200 --seconds 60 --workers 2

Each client uploads a drawn radiograph, waits for its reading and uploads the next; sent away with 503, it comes back
after the time it was told. Server and clients share the machine. Every radiograph is another file (bytes after a PNG's
end are no part of the picture). Exits with 1 if anything but 201, 202 and 503 was answered.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np

from carpal.phantom import write_phantom


@dataclass
class Seen:
    """What the clients saw: seconds by status, and the server's memory in MiB now and then."""

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


async def watch_memory(end: float, pid: int, seen: Seen) -> None:
    """Twice a second."""
    while time.monotonic() < end:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        seen.server_mib.append(resident_mib(pid))
        seen.worker_mib.append(max((resident_mib(int(child)) for child in children), default=0.0))
        await asyncio.sleep(0.5)


def resident_mib(pid: int) -> float:
    """Of one process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


async def load(url: str, pid: int, radiograph: bytes, clients: int, seconds: float) -> Seen:
    """All clients at once."""
    seen, end = Seen(), time.monotonic() + seconds
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=90) as client:
        starts = (k * 10**9 for k in range(clients))
        each = [upload_until(end, client, radiograph, first, seen) for first in starts]
        await asyncio.gather(watch_memory(end, pid, seen), *each)
    return seen


def report(seen: Seen, seconds: float) -> dict[str, object]:
    """Figures, and a table on standard output."""
    statuses = {status: len(values) for status, values in sorted(seen.seconds.items())}
    print("| status | n | per s | p50 ms | p95 ms | p99 ms |\n|---|---|---|---|---|---|")
    percentiles = {}
    for status, count in statuses.items():
        middle, slow, slowest = (1000 * np.percentile(seen.seconds[status], (50, 95, 99))).round()
        percentiles[status] = [middle, slow, slowest]
        print(f"| {status} | {count} | {count / seconds:.1f} | {middle:.0f} | {slow:.0f} | {slowest:.0f} |")
    print(f"\nconnections broken: {dict(seen.broken) or 'none'}")
    for name, values in (("server", seen.server_mib), ("largest worker", seen.worker_mib)):
        print(f"memory of the {name}: {values[0]:.0f} MiB at the start, {max(values):.0f} at most")
    memory = {"server_mib": max(seen.server_mib), "worker_mib": max(seen.worker_mib)}
    return {"statuses": statuses, "broken": dict(seen.broken), "p50_p95_p99_ms": percentiles, **memory}


def main() -> None:
    """Start a server, load it, print, stop it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--queue", type=int, default=100)
    parser.add_argument("--json", type=Path, help="also write the figures there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        radiograph = write_phantom(Path(folder) / "hand.png", 100, "F", seed=1).read_bytes()
        options = ["--port", "0", "--data", f"{folder}/store", "--rate", "1000000", "--queue", str(given.queue)]
        command = [sys.executable, "-m", "carpal", "serve", *options, "--workers", str(given.workers)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        size = len(radiograph) / 1024
        print(f"{given.clients} clients, {given.seconds:g} s, {given.workers} workers, {size:.0f} KiB each")
        try:
            seen = asyncio.run(load(url, server.pid, radiograph, given.clients, given.seconds))
        finally:
            server.terminate()
            server.wait(60)
    figures = report(seen, given.seconds)
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n")
    if seen.broken or not set(seen.seconds) <= {201, 202, 503}:
        sys.exit(1)


if __name__ == "__main__":
    main()
