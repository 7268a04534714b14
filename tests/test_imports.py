"""What is loaded when: the command line answers at once, reading never touches torch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "torch",
    "timm",
    "torchvision",
    "pandas",
    "scipy",
    "sklearn",
    "matplotlib",
    "cv2",
    "pydicom",
    "highdicom",
    "onnxruntime",
    "optuna",
    "jinja2",
    "reportlab",
    "pyarrow",
    "fsspec",
    "fastapi",
    "sqlalchemy",
    "uvicorn",
}


def loaded_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint('\\n'.join(sorted({{m.split('.')[0] for m in sys.modules}})), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def test_help_loads_nothing_heavy() -> None:
    code = "import carpal.cli\ntry:\n    carpal.cli.app(['--help'])\nexcept SystemExit: pass"
    assert loaded_by(code) & (HEAVY | {"numpy"}) == set()


def test_importing_carpal_loads_nothing() -> None:
    assert loaded_by("import carpal") & (HEAVY | {"numpy", "typer", "rich"}) == set()


def test_reading_a_png_needs_neither_torch_nor_pydicom(phantom_png: Path) -> None:
    loaded = loaded_by(f"from carpal import Reader; Reader().read({str(phantom_png)!r}, sex='F')")
    assert loaded & (HEAVY - {"cv2", "onnxruntime"}) == set()


def test_reading_dicom_needs_no_torch(phantom_dicom: Path) -> None:
    loaded = loaded_by(f"from carpal import Reader; Reader().read({str(phantom_dicom)!r})")
    assert loaded & (HEAVY - {"cv2", "onnxruntime", "pydicom"}) == set()


@pytest.mark.skipif(sys.platform != "linux", reason="reads resource use as Linux reports it")
@pytest.mark.parametrize(("arguments", "megabytes"), [(["--help"], 120), (["read"], 300)])
def test_a_start_needs_little_memory(arguments: list[str], megabytes: float, phantom_png: Path) -> None:
    if arguments == ["read"]:
        arguments = ["read", str(phantom_png), "--sex", "F"]
    script = (
        "import resource, subprocess, sys\n"
        f"subprocess.run([sys.executable, '-m', 'carpal', *{arguments!r}], check=True, stdout=subprocess.DEVNULL)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert float(done.stdout) < megabytes


def test_a_session_reports_to_nobody(tmp_path: Path) -> None:
    """ONNX Runtime would leave an identity of the machine and what it has yet to send; it does not where it sees CI."""
    env = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    env |= {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    code = "from carpal.modelfile import find_model, open_session; open_session(find_model('default'), threads=1)"
    subprocess.run([sys.executable, "-B", "-c", code], check=True, env=env)
    assert list(tmp_path.iterdir()) == []
