"""The container files, as far as they can be judged without an engine: nothing runs as root, nothing is copied that is
not there, everything is locked and reached from this machine only. Where an engine has the image, that is run too,
without any network."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
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
    install = next(rest for rest in said("RUN") if "-m pip" in rest)
    assert "PIP_CONSTRAINT=/src/constraints-ci.txt" in " ".join(said("ENV"))
    assert "--without-pip" in " ".join(said("RUN"))
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
    assert service["init"] is True
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


def docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True)


LOCKS = ["--init", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
LOCKS += ["--network", "none"]


@pytest.fixture(scope="module")
def image() -> str:
    from carpal import __version__

    name = f"carpal:{__version__}"
    if shutil.which("docker") is None or docker("image", "inspect", name).returncode != 0:
        pytest.skip(f"no Docker engine that has the image {name}")
    return name


@pytest.fixture
def volume(image: str) -> Iterator[str]:
    name = f"carpal-test-{uuid.uuid4().hex[:8]}"
    yield name
    docker("volume", "rm", "--force", name)


def test_the_image_holds_what_serving_needs_and_no_more(image: str) -> None:
    looked_for = ["torch", "timm", "pip", "setuptools", "uvicorn", "highdicom"]
    code = f"from importlib.util import find_spec; print(*[name for name in {looked_for} if find_spec(name)])"
    done = docker("run", "--rm", *LOCKS, "--entrypoint", "/opt/carpal/bin/python", image, "-c", code)
    assert done.stdout.split() == ["uvicorn", "highdicom"], done.stderr


def test_the_image_reads_and_leaves_nothing_in_its_home(image: str) -> None:
    """ONNX Runtime's reporting would: an identity of the machine and a queue."""
    phantom = "carpal phantom /tmp/hand.dcm --age-months 118 --sex F"
    script = f"{phantom} && carpal read /tmp/hand.dcm && echo left: && ls -A /tmp"
    done = docker("run", "--rm", *LOCKS, "--entrypoint", "sh", image, "-c", script)
    assert done.returncode == 0, done.stderr
    assert re.search(r"hand\.dcm: \d+\.\d months", done.stdout)
    assert done.stdout.partition("left:")[2].split() == ["hand.dcm"]


def test_a_forgotten_data_is_no_second_store_in_the_first(image: str, volume: str) -> None:
    done = docker("run", "--rm", *LOCKS, "--volume", f"{volume}:/data", image, "serve", "token", "add", "ward 3")
    assert done.returncode == 2
    assert "Read-only file system" in done.stderr


def test_it_starts_with_a_token_only_and_stops_when_told(image: str, volume: str) -> None:
    store = [*LOCKS, "--volume", f"{volume}:/data"]
    assert "tokens" in docker("run", "--rm", *store, image).stderr
    assert docker("run", "--rm", *store, image, "serve", "token", "add", "ward 3", "--data", "/data").returncode == 0
    try:
        assert docker("run", "--detach", "--name", volume, *store, image).returncode == 0
        check = json.loads(docker("inspect", "--format", "{{json .Config.Healthcheck.Test}}", volume).stdout)
        until = time.monotonic() + 120
        while docker("exec", volume, *check[1:]).returncode != 0:
            assert time.monotonic() < until, docker("logs", volume).stderr
        assert docker("exec", volume, "find", "/data", "!", "-user", "10001").stdout == ""
        docker("stop", "--time", "60", volume)
        assert docker("inspect", "--format", "{{.State.ExitCode}}", volume).stdout.strip() == "0"
    finally:
        docker("rm", "--force", volume)
