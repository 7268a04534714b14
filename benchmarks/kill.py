"""``carpal serve`` with its DICOM node, killed (SIGKILL) again and again under load: is anything lost or done twice?

    python benchmarks/kill.py --kills 20

Several peers send drawn radiographs by C-STORE, each until it is acknowledged, and a DICOM archive takes what is sent
back. Meanwhile the server is killed at random moments and started again. In the end every acknowledged radiograph must
have exactly one result, and for each its report and its picture must have arrived, under one UID each. Exits with 1
where that is not so.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE, evt
from pynetdicom.sop_class import ComprehensiveSRStorage, SecondaryCaptureImageStorage

from carpal.modelfile import file_digest, find_model
from carpal.phantom import write_phantom


@dataclass
class Archive:
    """A DICOM node that keeps what it is sent; a UID that comes again is told apart."""

    port: int
    arrived: dict[str, Dataset] = field(default_factory=dict)
    again: Counter[str] = field(default_factory=Counter)
    changed: int = 0

    def start(self) -> Archive:
        """Take objects from now on."""
        entity = AE(ae_title="ARCHIVE")
        for sop_class in (ComprehensiveSRStorage, SecondaryCaptureImageStorage):
            entity.add_supported_context(sop_class)
        entity.start_server(("127.0.0.1", self.port), block=False, evt_handlers=[(evt.EVT_C_STORE, self._take)])
        return self

    def _take(self, event: evt.Event) -> int:
        dataset = event.dataset
        uid = str(dataset.SOPInstanceUID)
        if uid in self.arrived:
            self.again[uid] += 1
            self.changed += dataset != self.arrived[uid]
        self.arrived[uid] = dataset
        return 0x0000


class Server:
    """``carpal serve`` on one folder and fixed ports."""

    def __init__(self, data: Path, archive_port: int, workers: int) -> None:
        self.data = data
        self.http_port, self.dicom_port = free_port(), free_port()
        self._command = [sys.executable, "-m", "carpal", "serve", "--data", str(data), "--workers", str(workers)]
        self._command += ["--port", str(self.http_port), "--dicom-port", str(self.dicom_port), "--queue", "30"]
        self._command += ["--send-to", f"dicom://ARCHIVE@127.0.0.1:{archive_port}"]
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """And wait until it answers."""
        self.process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout is not None
        for _ in range(2):
            if not self.process.stdout.readline():
                raise SystemExit("the server did not start")

    def end(self, number: int) -> None:
        """By a signal."""
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(120)


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def send_until(stop: threading.Event, server: Server, radiograph: bytes, title: str) -> list[tuple[str, str]]:
    """One peer: SOP instance and study UIDs of what was acknowledged to it."""
    acknowledged = []
    while not stop.is_set():
        dataset = pydicom.dcmread(io.BytesIO(radiograph))
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID = (generate_uid() for _ in range(3))
        dataset.PatientID = f"{title}-{len(acknowledged)}"
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        while not stop.is_set():
            if send(server, dataset, title):
                acknowledged.append((str(dataset.SOPInstanceUID), str(dataset.StudyInstanceUID)))
                break
            stop.wait(0.2)
    return acknowledged


def send(server: Server, dataset: Dataset, title: str) -> bool:
    """Whether it was acknowledged."""
    entity = AE(ae_title=title)
    entity.connection_timeout = entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 20
    entity.add_requested_context(dataset.SOPClassUID, dataset.file_meta.TransferSyntaxUID)
    association = entity.associate("127.0.0.1", server.dicom_port, ae_title="CARPAL")
    if not association.is_established:
        return False
    try:
        return association.send_c_store(dataset).get("Status") == 0x0000
    except (RuntimeError, ValueError):
        return False
    finally:
        if association.is_established:
            association.release()


def waiting(server: Server) -> int:
    """Radiographs to read and results to send."""
    import urllib.request

    with urllib.request.urlopen(f"http://127.0.0.1:{server.http_port}/metrics", timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    names = ("carpal_readings_waiting ", "carpal_outbox_waiting ")
    return int(sum(float(line.split()[1]) for line in lines if line.startswith(names)))


def killed_under_load(
    server: Server, radiograph: bytes, kills: int, peers: int, seconds: tuple[float, float], chance: random.Random
) -> list[tuple[str, str]]:
    """What was acknowledged to all peers while the server was killed and started again."""
    stop = threading.Event()
    with ThreadPoolExecutor(peers) as threads:
        senders = [threads.submit(send_until, stop, server, radiograph, f"PEER{number}") for number in range(peers)]
        for number in range(kills):
            moment = chance.uniform(*seconds)
            threading.Event().wait(moment)
            server.end(signal.SIGKILL)
            print(f"kill {number + 1}: {moment:.2f} s after it was up", flush=True)
            server.start()
        threading.Event().wait(seconds[0])
        stop.set()
        return [each for sender in senders for each in sender.result()]


def results_in(data: Path) -> tuple[Counter[int], int]:
    """From the audit log: how many readings have so many results, and how many readings there are."""
    command = [sys.executable, "-m", "carpal", "serve", "audit", "--data", str(data)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    log = [json.loads(line) for line in done.stdout.splitlines()]
    results = Counter(entry["reading_id"] for entry in log if entry["what"] in ("done", "refused", "failed"))
    accepted = {entry["reading_id"] for entry in log if entry["what"] == "accepted"}
    return Counter(results.get(reading, 0) for reading in accepted), len(accepted)


def main() -> int:
    """Kill and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--peers", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--up", type=float, nargs=2, default=(0.3, 8.0), help="seconds between a start and a kill")
    asked = parser.parse_args()
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)
    with tempfile.TemporaryDirectory() as folder:
        radiograph = write_phantom(Path(folder) / "hand.dcm", 100, "F", seed=1, shape=(512, 400)).read_bytes()
        archive = Archive(free_port()).start()
        server = Server(Path(folder) / "store", archive.port, asked.workers)
        server.start()
        begun = time.monotonic()
        sent = killed_under_load(
            server, radiograph, asked.kills, asked.peers, tuple(asked.up), random.Random(asked.seed)
        )
        while waiting(server):
            time.sleep(0.5)
        seconds = time.monotonic() - begun
        server.end(signal.SIGTERM)
        return report(asked, sent, results_in(server.data), archive, seconds)


def report(
    asked: argparse.Namespace,
    sent: list[tuple[str, str]],
    results: tuple[Counter[int], int],
    archive: Archive,
    seconds: float,
) -> int:
    """Print it; 1 where anything is lost or double."""
    by_count, accepted = results
    objects = Counter((str(o.StudyInstanceUID), str(o.Modality)) for o in archive.arrived.values())
    whole = sum(objects[study, "SR"] == 1 and objects[study, "OT"] == 1 for _, study in sent)
    doubles = sum(count > 1 for count in objects.values())
    print(f"model default {file_digest(find_model('default'))[:16]}")
    print(f"{asked.kills} kills, {asked.peers} peers, {asked.workers} workers, {seconds:.0f} s")
    print(f"acknowledged: {len(sent)} radiographs; accepted: {accepted} (what is more was cut off before it was told)")
    print(f"results per accepted radiograph: {dict(sorted(by_count.items()))}")
    print(f"acknowledged radiographs with one report and one picture in the archive: {whole}")
    print(f"objects in the archive: {len(archive.arrived)}; studies with two of a kind: {doubles}")
    print(f"sent more than once: {sum(archive.again.values())}, all the same object again: {archive.changed == 0}")
    good = set(by_count) == {1} and whole == len(sent) and not doubles and not archive.changed
    print("nothing lost, nothing double" if good else "SOMETHING IS LOST OR DOUBLE")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
