"""Debian's DICOM tools as tests use them; a test that needs an absent one is skipped, and says what to install."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

PACKAGES = {
    "dciodvfy": "dicom3tools",
    "dsrdump": "dcmtk",
    "dcmdump": "dcmtk",
    "echoscu": "dcmtk",
    "storescu": "dcmtk",
    "storescp": "dcmtk",
    "openssl": "openssl",
    "Orthanc": "orthanc",
}


def tool(name: str) -> str:
    """Where a tool is; skips the test where it is not. The system's goes first: pynetdicom has its own."""
    found = shutil.which(name, path="/usr/bin:/usr/sbin:/usr/local/bin") or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian package {PACKAGES[name]})")
    return found


def save(dataset: Dataset, folder: Path) -> Path:
    path = folder / f"{dataset.Modality}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path


def complaints(path: Path) -> list[str]:
    """What dciodvfy holds against an object: errors, and warnings but for those about our private coding scheme."""
    done = subprocess.run([tool("dciodvfy"), "-new", str(path)], capture_output=True, text=True, timeout=60)
    lines = (done.stdout + done.stderr).splitlines()
    assert any(line in ("ComprehensiveSR", "SCImage", "EncapsulatedPDF") for line in lines), lines
    said = [line for line in lines if line.startswith(("Error", "Warning", "Abort"))]
    return [line for line in said if "99CARPAL" not in line or line.startswith("Error")]


def printed(name: str, *arguments: object) -> str:
    """What a tool prints; it must end well."""
    done = subprocess.run([tool(name), *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout
