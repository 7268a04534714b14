"""``carpal serve --demo``: drawn hands, nothing else, and nothing of it stays."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from carpal.service.demo import make_demo

from .browsing import looking, serious_findings
from .serving import carpal, until

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def demo(folder: Path) -> Iterator[str]:
    """Its address; when it has ended, its store must have ended too."""
    command = [sys.executable, "-m", "carpal", "serve", "--demo", "--port", "0", "--workers", "1"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ | {"TMPDIR": str(folder)}
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[-1]
        assert len(list(folder.glob("carpal-demo-*"))) == 1
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    assert not list(folder.glob("carpal-demo-*"))


def test_two_children_have_a_history(demo: str) -> None:
    def readings() -> list[dict[str, object]]:
        return httpx.get(f"{demo}/readings").json()["readings"]

    until(lambda: all(reading["state"] == "done" for reading in readings()))
    children = {reading["child"]["id"]: reading["child"]["code"] for reading in readings()}  # type: ignore[index]
    assert sorted(children.values()) == ["demo-boy", "demo-girl"]
    for child in children:
        velocities = httpx.get(f"{demo}/children/{child}").json()["velocities"]
        assert len(velocities) == 2


def test_nothing_but_drawn_hands_is_read(demo: str, small_hand: bytes) -> None:
    answer = httpx.post(f"{demo}/readings", files={"file": small_hand}, data={"sex": "F"})
    assert answer.status_code == 403
    assert answer.json()["detail"] == "this is a demonstration: only its own drawn hands are read"


def test_the_page_offers_drawn_hands_and_says_what_they_are(demo: str, browser: Browser) -> None:
    from playwright.sync_api import expect

    with looking(browser, demo) as page:
        page.goto("/")
        expect(page.locator(".banner")).to_contain_text("Demonstration: drawn hands")
        expect(page.locator("#files")).to_have_count(0)
        assert serious_findings(page) == []
        for number in (0, 2):
            page.get_by_role("button", name="Take this one").nth(number).click()
        expect(page.locator(".file")).to_have_count(2)
        page.locator(".file").nth(1).get_by_role("radio", name="boy").check()
        page.get_by_role("button", name="Read all 2").click()
        expect(page.locator(".file .state")).to_have_text(["read", "refused"], timeout=30_000)
        page.locator(".file").nth(0).get_by_role("link", name="Show the reading").click()
        expect(page.locator(".age .months")).to_have_text(re.compile("months"))
        expect(page.locator(".banner")).to_contain_text("says nothing about accuracy")


def test_a_demonstration_is_drawn_the_same_each_time() -> None:
    assert make_demo().digests == make_demo().digests


@pytest.mark.parametrize(
    "options", [["--host", "0.0.0.0"], ["--data", "somewhere"], ["--database", "sqlite://"], ["--dicom-port", "0"]]
)
def test_a_demonstration_has_its_own_store_on_this_machine_only(options: list[str]) -> None:
    done = carpal("serve", "--demo", "--port", 0, *options)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "demo" in done.stderr
