"""Logging in on the web page: a token opens a session, and what a reader may and may not."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from .browsing import choose, looking, serious_findings
from .serving import Server, Start, another, carpal

pytest.importorskip("playwright.sync_api", reason="needs pip install playwright")

from playwright.sync_api import Page, Route, expect

if TYPE_CHECKING:
    from playwright.sync_api import Browser

expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def server(start: Start) -> Server:
    return start("--rate", 100000)


@pytest.fixture(scope="module")
def tokens(server: Server) -> dict[str, str]:
    return {
        role: carpal("serve", "token", "add", f"the {role}", "--role", role, "--data", server.data).stdout.strip()
        for role in ("reader", "admin")
    }


@pytest.fixture
def page(browser: Browser, server: Server, tokens: dict[str, str]) -> Iterator[Page]:
    with looking(browser, server.url) as page:
        yield page


def log_in(page: Page, token: str) -> None:
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Log in").click()


def test_a_token_leads_to_where_one_wanted_to_go(page: Page, tokens: dict[str, str]) -> None:
    page.goto("/worklist")
    expect(page).to_have_url(re.compile("/login[?]next="))
    assert serious_findings(page) == []
    log_in(page, "carpal_wrong")
    expect(page.get_by_role("alert")).to_have_text("This token is not known, or it was revoked.")
    log_in(page, tokens["reader"])
    expect(page).to_have_url(re.compile("/worklist$"))
    expect(page.locator("#who")).to_have_text("the reader (reader)")
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(re.compile("/login$"))
    page.goto("/worklist")
    expect(page).to_have_url(re.compile("/login[?]next="))


def test_a_service_that_is_away_is_said_at_the_log_in(page: Page, tokens: dict[str, str]) -> None:
    page.goto("/login")
    page.route("**/session", lambda route: route.abort())
    log_in(page, tokens["reader"])
    expect(page.get_by_role("alert")).to_have_text(re.compile("^The service does not answer"))


def test_no_other_place_is_led_to(page: Page, tokens: dict[str, str]) -> None:
    page.goto("/login?next=//evil.example/x")
    log_in(page, tokens["reader"])
    expect(page.get_by_role("heading", level=1)).to_have_text("Read radiographs of the left hand")


def test_a_work_list_that_is_only_open_does_not_keep_its_session(
    page: Page, server: Server, tokens: dict[str, str]
) -> None:
    page.goto("/login?next=/worklist")
    log_in(page, tokens["reader"])
    expect(page.locator("#who")).to_be_visible()  # nothing more is asked for a person now
    with closing(sqlite3.connect(server.data / "carpal.sqlite", timeout=60, isolation_level=None)) as store:
        store.execute("UPDATE sessions SET seen_s = seen_s - 3000")
        seen = store.execute("SELECT hash, seen_s FROM sessions").fetchall()
        with page.expect_response(re.compile("/worklist[?]")):
            pass  # within four seconds it asks by itself
        assert store.execute("SELECT hash, seen_s FROM sessions").fetchall() == seen
        store.execute("UPDATE sessions SET seen_s = seen_s - 601")
    expect(page).to_have_url(re.compile("/login[?]next="))


def test_nothing_takes_a_click_before_its_script_is_there(page: Page, tokens: dict[str, str]) -> None:
    """A form sent without it would be answered with JSON, and the click on a button be lost."""
    held: list[Route] = []
    page.route("**/static/login.js", lambda route: held.append(route))
    with page.expect_request("**/static/login.js"):
        page.goto("/login", wait_until="commit")
    button = page.get_by_text("Log in", exact=True).and_(page.locator("button"))
    expect(button).to_be_visible()
    assert page.evaluate("document.documentElement.inert")
    place = button.bounding_box()
    assert place is not None
    page.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement === document.body")
    held.pop().continue_()
    expect(page.get_by_label("Token")).to_be_focused()
    page.unroute("**/static/login.js")
    log_in(page, tokens["reader"])
    expect(page.locator("#who")).to_have_text("the reader (reader)")


def test_a_session_sends_and_only_an_admin_deletes(page: Page, tokens: dict[str, str], small_hand: bytes) -> None:
    page.goto("/")
    expect(page.locator("#needs-login")).to_be_visible()
    page.locator("#needs-login a").click()
    log_in(page, tokens["reader"])
    expect(page.locator("#needs-login")).to_be_hidden()
    choose(page, ("hand.png", another(small_hand, 3)))
    page.get_by_role("radio", name="girl").check()
    page.get_by_role("button", name="Read", exact=True).click()
    page.get_by_role("link", name="Show the reading").click()
    expect(page.locator(".age .months")).to_be_visible()
    place = page.url
    expect(page.get_by_role("button", name="Delete this reading")).to_have_count(0)
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(re.compile("/login$"))
    page.goto(place)
    log_in(page, tokens["admin"])
    expect(page).to_have_url(place)
    page.get_by_role("button", name="Delete this reading").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(page).to_have_url(re.compile("/worklist$"))


def test_who_is_logged_out_loses_nothing_chosen(page: Page, tokens: dict[str, str], small_hand: bytes) -> None:
    page.goto("/login")
    log_in(page, tokens["reader"])
    choose(page, ("hand.png", another(small_hand, 4)))
    page.get_by_role("radio", name="girl").check()
    page.context.clear_cookies()
    page.get_by_role("button", name="Read", exact=True).click()
    expect(page.locator(".file .error")).to_have_text(re.compile("You are logged out"))
    other = page.context.new_page()
    other.goto("/login")
    log_in(other, tokens["reader"])
    expect(other.locator("#who")).to_be_visible()
    page.get_by_role("button", name="Read", exact=True).click()
    expect(page.locator(".file")).to_have_attribute("data-state", "done")


def test_who_is_logged_out_while_a_radiograph_waits_stays_on_the_page(
    page: Page, tokens: dict[str, str], small_hand: bytes
) -> None:
    page.goto("/login")
    log_in(page, tokens["reader"])
    choose(page, ("hand.png", another(small_hand, 6)), ("other.png", another(small_hand, 7)))
    page.get_by_role("radio", name="girl").first.check()

    def expire(route: Route) -> None:
        answer = route.fetch()
        page.context.clear_cookies()
        route.fulfill(response=answer, status=202)

    page.route("**/readings?*", expire, times=1)
    page.get_by_role("button", name="Read all 2").click()
    expect(page.locator(".file .error").first).to_have_text(re.compile("You are logged out"))
    expect(page.locator(".file")).to_have_count(2)
    other = page.context.new_page()
    other.goto("/login")
    log_in(other, tokens["reader"])
    expect(other.locator("#who")).to_be_visible()
    page.get_by_role("button", name="Read all 2").click()
    expect(page.locator(".file").first).to_have_attribute("data-state", "done")


def test_a_tab_follows_who_has_logged_in_anew_in_another(page: Page, tokens: dict[str, str], small_hand: bytes) -> None:
    """Its proof is that of the session before: what it sends is taken all the same, and logging out is no pretence."""
    page.goto("/login")
    log_in(page, tokens["reader"])
    expect(page.locator("#who")).to_be_visible()
    other = page.context.new_page()
    for _ in range(2):
        other.goto("/login")
        log_in(other, tokens["reader"])
        expect(other.locator("#who")).to_be_visible()
        if page.locator(".file").count():
            break
        choose(page, ("hand.png", another(small_hand, 5)))
        page.get_by_role("radio", name="girl").check()
        page.get_by_role("button", name="Read", exact=True).click()
        expect(page.locator(".file")).to_have_attribute("data-state", "done")
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(re.compile("/login$"))
    other.goto("/worklist")
    expect(other).to_have_url(re.compile("/login[?]next="))


def test_who_could_not_be_logged_out_is_told(page: Page, tokens: dict[str, str]) -> None:
    page.goto("/login?next=/worklist")
    log_in(page, tokens["reader"])
    expect(page.locator("#who")).to_be_visible()
    page.route("**/session", lambda route: route.abort() if route.request.method == "DELETE" else route.continue_())
    page.get_by_role("button", name="Log out").click()
    expect(page.locator("#who")).to_have_text(re.compile("^You are still logged in"))
    expect(page).to_have_url(re.compile("/worklist$"))
