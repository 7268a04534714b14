"""An archive to test against: Debian's Orthanc with its DICOMweb plug-in, on loopback, with a folder of its own."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from dicom_tools import tool

__all__ = ["Archive", "free_ports"]

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Archive:
    """Started again it is another process on the same store. Skips the test where there is none to start.
    ``modalities`` are whom it sends to: title, host and port by name."""

    def __init__(self, folder: Path, modalities: dict[str, list[Any]] | None = None) -> None:
        self._program = tool("Orthanc")
        if not PLUGIN.is_file():
            pytest.skip("the DICOMweb plug-in of Orthanc is not installed (Debian package orthanc-dicomweb)")
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.dicom_port, self.http_port = free_ports(2)
        self._configuration = folder / "orthanc.json"
        self._configuration.write_text(json.dumps(self._settings(modalities or {})))

    def _settings(self, modalities: dict[str, list[Any]]) -> dict[str, Any]:
        return {
            "Name": "carpal tests",
            "StorageDirectory": str(self._folder / "storage"),
            "IndexDirectory": str(self._folder / "index"),
            "DicomPort": self.dicom_port,
            "HttpPort": self.http_port,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomAlwaysAllowStore": True,
            "DicomModalities": modalities,
            "OverwriteInstances": False,
            "Plugins": [str(PLUGIN)],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        }

    def start(self) -> Archive:
        log = self._folder / "log.txt"
        with log.open("w") as said:
            self._process = subprocess.Popen(
                [self._program, str(self._configuration)], stdout=said, stderr=subprocess.STDOUT, cwd=self._folder
            )
        deadline = time.monotonic() + 60
        while not self._is_ready():
            assert self._process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        return self

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=30)

    def _is_ready(self) -> bool:
        try:
            return b"dicom-web" in self.get("/plugins")
        except (urllib.error.URLError, OSError):
            return False

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=20) as answer:
            return answer.read()

    def post(self, path: str, data: bytes) -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self.http_port}{path}", data=data)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def find(self, **query: str) -> list[str]:
        """The ids of the instances with these values."""
        return self.post("/tools/find", json.dumps({"Level": "Instance", "Query": query}).encode())

    def instance(self, uid: str, form: str = "file") -> bytes:
        """What it stores under a SOP Instance UID: the whole ``file``, or the ``pdf`` within."""
        (found,) = self.find(SOPInstanceUID=uid)
        return self.get(f"/instances/{found}/{form}")
