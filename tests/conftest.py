"""What the tests share: phantoms to read, and the real radiographs where a developer has them beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED = Path(__file__).resolve().parents[1] / ".." / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real radiographs; tests that ask for it are skipped where it is absent."""
    if not (SHARED / "rsna" / "labels.csv").is_file():
        pytest.skip("no real radiographs: ../shared/rsna is not beside this checkout")
    return SHARED.resolve()


@pytest.fixture(scope="session")
def real_hands(shared: Path) -> list[Path]:
    """Forty real radiographs of all ages, the same ones every time."""
    return sorted((shared / "rsna" / "highres").glob("*.jpg"))[::24][:40]


@pytest.fixture(scope="session")
def phantom_png(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A girl's hand of 100 months."""
    from carpal.phantom import write_phantom

    return write_phantom(tmp_path_factory.mktemp("phantom") / "girl-100.png", 100, "F", seed=1)


@pytest.fixture(scope="session")
def phantom_dicom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A boy's hand of 150 months whose header says so."""
    from carpal.phantom import write_phantom

    return write_phantom(tmp_path_factory.mktemp("phantom") / "boy-150.dcm", 150, "M", seed=2)
