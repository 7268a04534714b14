"""A browser's page as tests use it, and what every page must hold to."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

__all__ = ["choose", "looking", "no_hand", "png", "serious_findings", "too_wide"]

_SECONDS = 60
# A refusal is an answer like any other, but a browser notes each as an error.
_NO_ERROR = "Failed to load resource"


@contextmanager
def looking(browser: Browser, url: str, **options: Any) -> Iterator[Page]:
    """A page in a context of its own. Errors of its scripts, and what the content policy has blocked, fail the test."""
    errors: list[str] = []

    def keep(message: ConsoleMessage) -> None:
        if message.type == "error" and _NO_ERROR not in message.text:
            errors.append(message.text)

    with browser.new_context(base_url=url, **({"locale": "en-GB"} | options)) as context:
        context.set_default_timeout(1000 * _SECONDS)
        page = context.new_page()
        page.on("console", keep)
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
        assert errors == []


def choose(page: Page, *files: Path | tuple[str, bytes]) -> None:
    """Choose files on the page that radiographs are sent from, once it may be used, as a person would have to."""
    told = [(file.name, file.read_bytes()) if isinstance(file, Path) else file for file in files]
    page.locator("html:not([inert]) #files").wait_for(state="attached")
    page.locator("#files").set_input_files(
        [
            {"name": name, "mimeType": "application/dicom" if name.endswith(".dcm") else "image/png", "buffer": data}
            for name, data in told
        ]
    )


def too_wide(page: Page) -> list[str]:
    """What makes the page wider than its window; empty where nothing does."""
    code = """() => {
        const width = document.documentElement.clientWidth;
        if (document.documentElement.scrollWidth <= width) return [];
        const all = [...document.querySelectorAll("body *")];
        const wide = all.filter((e) => e.getBoundingClientRect().left + e.scrollWidth > width + 1);
        return wide.map((e) => e.outerHTML.slice(0, 120));
    }"""
    found: list[str] = page.evaluate(code)
    return found


def serious_findings(page: Page) -> list[str]:
    """What axe-core finds serious or critical."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        f"{page.url} {finding['id']}: {node['html'][:200]} {node['failureSummary']}"
        for finding in found
        if finding["impact"] in ("serious", "critical")
        for node in finding["nodes"]
    ]


def png(pixels: Any) -> bytes:
    """A PNG file of (H, W) uint8."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def no_hand(seed: int = 0) -> bytes:
    """A picture that the gate refuses."""
    return png(np.random.default_rng(seed).integers(0, 255, (300, 240)).astype(np.uint8))
