"""docs/web.png: a reading on the web page of ``carpal serve --demo``, in Debian's Chromium.

usage: python recipes/web_picture.py OUT.png
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

from playwright.sync_api import expect, sync_playwright


def main(out: str) -> None:
    command = [sys.executable, "-m", "carpal", "serve", "--demo", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            take_picture(server.stdout.readline().split()[-1], out)
        finally:
            server.terminate()


def take_picture(url: str, out: str) -> None:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = chromium.new_page(
            base_url=url,
            locale="en-GB",
            color_scheme="dark",
            viewport={"width": 1400, "height": 1150},
            device_scale_factor=0.8,
        )
        page.set_default_timeout(120_000)
        page.goto("/worklist")
        expect(page.locator("tr[data-state=queued]")).to_have_count(0, timeout=120_000)
        page.get_by_role("link", name="demo-girl").first.click()
        page.locator("tbody tr").last.get_by_role("link").click()  # the last visit: all of the history is in its chart
        evidence = page.locator("#evidence")
        expect(evidence).to_be_enabled(timeout=120_000)
        evidence.fill("100")
        expect(page.locator("#missing")).to_have_text(re.compile("^$"))
        page.evaluate("() => { document.activeElement.blur(); scrollTo(0, 0); }")
        page.screenshot(path=out)
        chromium.close()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python recipes/web_picture.py OUT.png")
    main(sys.argv[1])
