"""The container files, as far as they can be judged without an engine: nothing runs as root, nothing is copied that is
not there, everything is locked and reached from this machine only."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def steps() -> list[tuple[str, str]]:
    """(instruction, rest) of each step, continued lines joined, comments left out."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.M).replace("\\\n", " ")
    return [(line.split()[0].upper(), line.split(maxsplit=1)[1]) for line in text.splitlines() if line.strip()]


def said(instruction: str) -> list[str]:
    return [rest for name, rest in steps() if name == instruction]


def test_every_base_is_a_named_release() -> None:
    bases = [rest.split()[0] for rest in said("FROM")]
    assert bases
    assert all(re.fullmatch(r"[a-z/]+:\d+\.\d+[\w.-]*", base) for base in bases)


def test_it_does_not_run_as_root() -> None:
    """By number, so that an orchestrator that forbids root can tell; and no step after it is root's again."""
    names = [name for name, _ in steps()]
    assert said("USER") == ["10001:10001"]
    assert not {"RUN", "COPY"} & set(names[names.index("USER") :])


def test_what_is_copied_is_there_and_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    assert "*" in ignored  # all but what is named
    for rest in said("COPY"):
        if not rest.startswith("--from"):
            *sources, _ = rest.split()
            assert all((ROOT / source).exists() and f"!{source}" in ignored for source in sources), rest
    assert not said("ADD")


def test_it_is_installed_with_the_tested_versions_and_without_torch() -> None:
    install = next(rest for rest in said("RUN") if "pip install" in rest)
    assert "PIP_CONSTRAINT=/src/constraints-ci.txt" in " ".join(said("ENV"))
    assert re.search(r"'\.\[([a-z,]+)\]'", install)[1].split(",") == ["serve", "dicom"]  # type: ignore[index]


def test_it_says_how_it_is_without_tools_that_it_lacks() -> None:
    (check,) = said("HEALTHCHECK")
    assert "/health" in check and "curl" not in check and '"python"' in check


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    assert set(compose["services"]) == {"carpal", "orthanc"}
    return compose["services"]


@pytest.mark.parametrize("name", ["carpal", "orthanc"])
def test_each_service_is_locked(services: dict[str, dict[str, Any]], name: str) -> None:
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert not re.search(r":latest$|^[^:]+$", service["image"])


def test_carpal_is_started_with_options_that_it_has(services: dict[str, dict[str, Any]]) -> None:
    """And the image is called after this version."""
    from typer.main import get_command

    from carpal import __version__
    from carpal.cli import app

    known = {option for parameter in get_command(app).commands["serve"].params for option in parameter.opts}  # type: ignore[attr-defined]
    first, *options = services["carpal"]["command"]
    assert first == "serve"
    assert {option.split("=")[0] for option in options} <= known
    assert services["carpal"]["image"] == f"carpal:{__version__}"


def test_orthanc_and_carpal_know_each_other(services: dict[str, dict[str, Any]]) -> None:
    orthanc = json.loads((ROOT / "deploy" / "orthanc.example.json").read_text(encoding="utf-8"))
    options = dict(option.removeprefix("--").split("=") for option in services["carpal"]["command"][1:])
    assert orthanc["DicomModalities"]["carpal"] == [options["ae-title"], "carpal", int(options["dicom-port"])]
    assert options["send-to"] == f"dicom://{orthanc['DicomAet']}@orthanc:{orthanc['DicomPort']}"
    assert options["dicom-peers"] == orthanc["DicomAet"]
    assert orthanc["AuthenticationEnabled"] is True


def test_the_secret_is_not_in_the_repository() -> None:
    assert "/deploy/orthanc.json" in (ROOT / ".gitignore").read_text(encoding="utf-8").split("\n")


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is not installed")
def test_hadolint_finds_nothing() -> None:
    done = subprocess.run(["hadolint", str(ROOT / "Dockerfile")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def has_compose() -> bool:
    docker = shutil.which("docker")
    return docker is not None and subprocess.run([docker, "compose", "version"], capture_output=True).returncode == 0


@pytest.mark.skipif(not has_compose(), reason="docker compose is not installed")
def test_compose_understands_it(tmp_path: Path) -> None:
    done = subprocess.run(["docker", "compose", "config", "--quiet"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
