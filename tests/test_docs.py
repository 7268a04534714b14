"""What README and docs tell people to type exists, and their Python runs."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def blocks(language: str) -> list[tuple[str, str]]:
    """(page, code) of every fenced block."""
    return [
        (str(page.relative_to(ROOT)), code)
        for page in PAGES
        for code in re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
    ]


COMMANDS = sorted(
    {(page, line.strip()) for page, code in blocks("sh") for line in code.splitlines() if line.startswith("carpal ")}
)


GROUPS = {"dicom", "serve", "token"}  # commands that have commands of their own


@cache
def help_of(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "carpal", *command, "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"COLUMNS": "200"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_there_are_commands_to_check() -> None:
    assert len(COMMANDS) >= 15


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_every_command_and_option_in_the_docs_exists(page: str, line: str) -> None:
    _, *words = shlex.split(line, comments=True)
    command = words[:1]
    while command[-1] in GROUPS and len(words) > len(command) and words[len(command)].isalpha():
        command = words[: len(command) + 1]
    options = {word.split("=")[0] for word in words if word.startswith("--")}
    known = set(re.findall(r"--[a-z0-9-]+", help_of(*command)))
    assert options <= known, f"{page}: {line}"


@pytest.mark.parametrize(("page", "code"), blocks("python"))
def test_every_python_block_runs(page: str, code: str, phantom_png: Path, tmp_path: Path) -> None:
    (tmp_path / "hand.png").write_bytes(phantom_png.read_bytes())
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 0, f"{page}: {done.stderr}"
    assert done.stdout.strip()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_reference_lists_every_command() -> None:
    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    table = page.split("## Commands")[1].split("\n## ")[0]
    listed = set(re.findall(r"^\| `([a-z0-9]+)` \|", table, re.M))
    done = subprocess.run([sys.executable, "-m", "carpal", "--help"], capture_output=True, text=True, timeout=60)
    assert {command for command in listed if re.search(rf"^\s+{command}\b", done.stdout, re.M)} == listed
    assert len(listed) == 23
