"""A real ``carpal serve`` in a process of its own, on a free port of this machine only."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx

__all__ = ["Server", "Start", "another", "carpal", "until"]


class Server:
    """``carpal serve`` on the store in ``data``; started again it is another process on the same store."""

    def __init__(self, data: Path, *options: object) -> None:
        self.data = data
        self.options = [str(option) for option in options]
        self.process: subprocess.Popen[str] | None = None
        self.url = ""
        self.dicom_port = 0
        self._log: list[str] = []

    def start(self) -> Server:
        command = [sys.executable, "-m", "carpal", "serve", "--port", "0", "--data", str(self.data), *self.options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        threading.Thread(target=self._keep_log, args=(self.process,), daemon=True).start()
        said = self.process.stdout.readline()
        if said.startswith("carpal receives on "):
            self.dicom_port = int(said.rsplit(":", 1)[1])
            said = self.process.stdout.readline()
        assert said.startswith("carpal serves on "), self.log
        self.url = said.split()[-1]
        return self

    def _keep_log(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        self._log += process.stderr

    @property
    def log(self) -> str:
        return "".join(self._log)

    def client(self, token: str | None = None) -> httpx.Client:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def end(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(60)

    def workers(self) -> list[int]:
        """The processes that read, told from Python's own helper by what they were started for."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


Start = Callable[..., Server]


def until(true: Callable[[], object], seconds: float = 60) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never happened"
        threading.Event().wait(0.05)


def another(radiograph: bytes, number: int) -> bytes:
    """The same picture as another file: what follows a PNG's end is no part of it."""
    return radiograph + number.to_bytes(4, "big")


def carpal(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "carpal", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)
