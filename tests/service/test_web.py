"""The web page in a real Chromium: radiographs sent, read, refused, looked at, found again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from .browsing import choose, looking, no_hand, serious_findings, too_wide
from .serving import Server, Start, another, until

pytest.importorskip("playwright.sync_api", reason="needs pip install playwright")

from playwright.sync_api import Dialog, Page, Route, expect

if TYPE_CHECKING:
    from playwright.sync_api import Browser

expect.set_options(timeout=60_000)
MONTHS = re.compile(r"\d+\.\d\smonths")


@pytest.fixture(scope="module")
def server(start: Start) -> Server:
    return start("--rate", 100000)


@pytest.fixture(scope="module")
def history(server: Server, small_hand: bytes) -> dict[str, str]:
    """One child with two readings, a refused and a failed one: their ids."""
    with server.client() as client:

        def send(data: bytes, **facts: str) -> dict[str, Any]:
            answer = client.post("/readings?wait=60", files={"file": data}, data=facts)
            where = answer.headers.get("location") or answer.json()["instance"]
            return client.get(where).json()

        heights = {"mother_height_cm": "165", "father_height_cm": "180"}
        first = send(small_hand, sex="F", age_months="90", height_cm="125", child="study-17", study_date="2021-05-04")
        last = send(small_hand, sex="F", age_months="104", height_cm="133", child="study-17", **heights)
        assert first["child"]["id"] == last["child"]["id"]
        refused = send(no_hand(), sex="M", age_months="100")
        failed = send(small_hand)
        return {
            "first": first["id"],
            "last": last["id"],
            "child": last["child"]["id"],
            "refused": refused["id"],
            "failed": failed["id"],
        }


@pytest.fixture
def no_sex(server: Server, small_hand: bytes) -> str:
    """The id of a reading that failed because nobody said the sex."""
    with server.client() as client:
        answer = client.post("/readings?wait=60", files={"file": another(small_hand, 80)})
        return answer.headers["location"].removeprefix("/readings/")


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    with looking(browser, server.url, viewport={"width": 1300, "height": 900}) as page:
        yield page


def film(page: Page, number: int = 0) -> Any:
    return page.locator(".file").nth(number)


def pixel(page: Page, x: float, y: float) -> list[int]:
    """Red, green and blue of the viewer's canvas, at a share of its width and height, once it has been drawn."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    code = """([x, y]) => { const c = document.getElementById("canvas");
        return [...c.getContext("2d").getImageData(c.width * x, c.height * y, 1, 1).data].slice(0, 3); }"""
    found: list[int] = page.evaluate(code, [x, y])
    return found


def test_from_a_file_to_its_report(page: Page, server: Server, phantom_png: Path) -> None:
    page.goto("/")
    choose(page, phantom_png)
    row = film(page)
    row.get_by_role("radio", name="girl").check()
    row.get_by_label("Date of birth").fill("2012-03-01")
    row.get_by_label("Date of exposure").fill("2020-09-16")
    row.get_by_label("Height (cm)", exact=True).fill("131.5")
    page.get_by_role("button", name="Read", exact=True).click()
    row.get_by_role("link", name="Show the reading").click()
    expect(page).to_have_url(re.compile(r"/readings/[0-9a-f]{32}/view"))
    with server.client() as client:
        stored = client.get(page.url.removesuffix("/view")).json()
    assert stored["source"] == "web"
    assert stored["age_months"] == pytest.approx(102.5, abs=0.1)
    assert stored["height_cm"] == 131.5
    expect(page.locator(".age .months")).to_have_text(f"{stored['reading']['bone_age_months']:.1f}\u00a0months")
    expect(page.get_by_role("heading", level=1)).to_have_text("Bone age: girl, 8 y 6 mo")
    for told in ("90 % interval", "Brush Foundation", "Bayley-Pinneau", "not a medical device", "131.5 cm"):
        expect(page.get_by_text(told).first).to_be_attached()
    with page.expect_download() as saving:
        page.get_by_role("link", name="PDF").click()
    assert saving.value.path().read_bytes().startswith(b"%PDF-")
    expect(page.locator("#saving")).to_have_text(re.compile("Saved: .*[.]pdf"))


def test_a_dicom_file_says_its_own_sex_and_gets_dicom_objects(page: Page, phantom_dicom: Path) -> None:
    page.goto("/")
    choose(page, phantom_dicom)
    film(page).get_by_role("radio", name="as the DICOM header says").check()
    page.get_by_role("button", name="Read", exact=True).click()
    film(page).get_by_role("link", name="Show the reading").click()
    expect(page.get_by_text("from the image header").first).to_be_visible()
    with page.expect_download() as saving:
        page.get_by_role("link", name="DICOM SR").click()
    assert saving.value.path().read_bytes()[128:132] == b"DICM"


def test_many_files_at_once(page: Page, phantom_dicom: Path, small_hand: bytes) -> None:
    """What has no sex stays behind, the others go; a file that is none is named."""
    page.goto("/")
    choose(page, phantom_dicom, ("a.png", another(small_hand, 1)), ("b.png", another(small_hand, 2)), ("c.png", b"MZ"))
    page.get_by_role("button", name="as each DICOM header says").click()
    page.get_by_role("button", name="Read all 4").click()
    expect(film(page, 0)).to_have_attribute("data-state", "done")
    expect(film(page, 1).get_by_text("Choose the sex")).to_be_visible()
    expect(film(page, 1).get_by_role("radio", name="girl")).to_be_focused()
    page.get_by_role("button", name="all boys").click()
    page.get_by_role("button", name="Read all 3").click()
    for number in (1, 2):
        expect(film(page, number)).to_have_attribute("data-state", "done")
    expect(film(page, 3)).to_have_attribute("data-state", "failed")
    expect(page.locator("#sum")).to_have_text("4 of 4 finished, 1 of them without a bone age")


def test_what_cannot_be_meant_is_said_where_it_stands(page: Page, small_hand: bytes) -> None:
    page.goto("/")
    choose(page, ("hand.png", small_hand))
    row = film(page)
    row.get_by_role("radio", name="boy").check()
    row.get_by_label("Date of birth").fill("2012-03-01")
    page.get_by_role("button", name="Read", exact=True).click()
    expect(row.locator(".error")).to_have_text(re.compile("^Give the date of exposure as well"))
    expect(row.get_by_label("Date of exposure")).to_be_focused()
    row.get_by_label("Date of birth").fill("")
    row.get_by_label("years").fill("9")
    row.get_by_label("Height (cm)", exact=True).fill("51.6")
    page.get_by_role("button", name="Read", exact=True).click()
    expect(row.locator(".error")).to_have_text(re.compile("looks like inches"))  # the server's own sentence
    row.get_by_label("Height (cm)", exact=True).fill("131")
    page.get_by_role("button", name="Read", exact=True).click()
    expect(row).to_have_attribute("data-state", "done")


def test_a_refused_picture_and_reading_it_all_the_same(page: Page) -> None:
    page.goto("/")
    choose(page, ("noise.png", no_hand(5)))
    film(page).get_by_role("radio", name="boy").check()
    page.get_by_role("button", name="Read", exact=True).click()
    expect(film(page).locator(".state")).to_have_text("refused")
    film(page).get_by_role("link", name="Show the reading").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("No bone age: the radiograph was refused")
    expect(page.get_by_role("heading", name="Why, and what to do")).to_be_visible()
    expect(page.locator("#viewer")).to_have_attribute("data-shown", "radiograph.png")  # it is shown all the same
    page.get_by_role("button", name="Read it all the same").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("not reliable")
    dialog.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Read it all the same").click()
    dialog.get_by_role("button", name="I shall judge it myself").click()
    expect(page.locator(".age .months")).to_have_text(MONTHS)
    expect(page.locator(".remarks")).to_contain_text("The quality gate refuses it and it was read all the same")


def test_a_reading_that_failed_for_want_of_the_sex_can_be_given_one(page: Page, history: dict[str, str]) -> None:
    page.goto(f"/readings/{history['failed']}/view")
    page.get_by_role("button", name="Read again: girl").click()
    expect(page.locator(".age .months")).to_have_text(MONTHS)


def test_what_is_pressed_twice_is_done_once_and_what_fails_says_so(page: Page, server: Server, no_sex: str) -> None:
    asked: list[str] = []

    def away(route: Route) -> None:
        asked.append(route.request.method)
        route.abort()

    page.goto(f"/readings/{no_sex}/view")
    page.route("**/again", away)
    page.get_by_role("button", name="Read again: boy").click()
    expect(page.locator("#again-error")).to_have_text(re.compile("^The service does not answer"))
    page.unroute("**/again")
    page.route(f"**/readings/{no_sex}", away)
    page.get_by_role("button", name="Delete this reading").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator("#delete-error")).to_have_text(re.compile("^The service does not answer"))
    page.keyboard.press("Escape")
    assert asked == ["POST", "DELETE"]
    with server.client() as client:
        before = len(client.get("/readings?limit=200").json()["readings"])
        page.get_by_role("button", name="Read again: girl").dblclick()
        expect(page.locator(".age .months")).to_have_text(MONTHS)
        assert len(client.get("/readings?limit=200").json()["readings"]) == before + 1


def test_busy_and_broken_connections_are_borne(page: Page, server: Server, small_hand: bytes) -> None:
    """Once the service is busy, once its answer is lost: it is sent again with the same key and read once."""
    keys: list[str] = []

    def trouble(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            route.fulfill(status=503, headers={"retry-after": "1"}, body="{}")
        elif len(keys) == 2:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/readings?*", trouble)
    page.goto("/")
    choose(page, ("hand.png", another(small_hand, 9)))
    film(page).get_by_role("radio", name="girl").check()
    page.get_by_role("button", name="Read", exact=True).click()
    expect(film(page).get_by_text("The service is busy")).to_be_visible()
    expect(film(page)).to_have_attribute("data-state", "done")
    assert len(keys) == 3
    assert len(set(keys)) == 1
    with server.client() as client:
        digests = [reading["file_sha256"] for reading in client.get("/readings?limit=10").json()["readings"]]
    assert digests.count(digests[0]) == 1


def test_a_service_that_did_not_say_who_is_there_is_asked_again(page: Page, small_hand: bytes) -> None:
    asked: list[Route] = []

    def trouble(route: Route) -> None:
        asked.append(route)
        if len(asked) == 1:
            route.abort()
        elif len(asked) == 2:
            route.fulfill(status=503, json={})
        else:
            route.continue_()

    page.route("**/session", trouble)
    page.goto("/")
    choose(page, ("hand.png", another(small_hand, 10)))
    film(page).get_by_role("radio", name="girl").check()
    page.get_by_role("button", name="Read", exact=True).click()
    expect(film(page)).to_have_attribute("data-state", "done")


@pytest.mark.parametrize("what", ["changed", "gone"])
def test_a_file_that_cannot_be_read_any_more_is_named(page: Page, small_hand: bytes, tmp_path: Path, what: str) -> None:
    file = tmp_path / "hand.png"
    file.write_bytes(small_hand)
    page.goto("/")
    page.locator("html:not([inert]) #files").wait_for(state="attached")
    page.locator("#files").set_input_files(file)
    film(page).get_by_role("radio", name="girl").check()
    if what == "changed":
        file.write_bytes(another(small_hand, 11))
    else:
        file.unlink()
    page.get_by_role("button", name="Read", exact=True).click()
    expect(film(page).locator(".error")).to_have_text(re.compile("^This file cannot be read any more"))
    expect(page.get_by_role("button", name="Read", exact=True)).to_be_enabled()


def test_what_a_proxy_refuses_is_said_to_be_refused(page: Page, small_hand: bytes) -> None:
    page.route("**/readings?*", lambda route: route.fulfill(status=413, content_type="text/html", body="<p>too large"))
    page.goto("/")
    choose(page, ("hand.png", small_hand))
    film(page).get_by_role("radio", name="girl").check()
    page.get_by_role("button", name="Read", exact=True).click()
    expect(film(page).locator(".error")).to_have_text("The service answered with an error (413).")


def test_today_is_the_day_where_the_page_is_open(page: Page, server: Server, small_hand: bytes) -> None:
    """A page that was open over night, or in a zone where it is tomorrow already, takes today's exposure."""
    tomorrow, later = (date.today() + timedelta(days=days) for days in (1, 2))
    page.goto("/")
    choose(page, ("hand.png", another(small_hand, 14)))
    row = film(page)
    row.get_by_role("radio", name="girl").check()
    row.get_by_label("Date of birth").fill("2017-03-01")
    page.clock.set_fixed_time(datetime.combine(tomorrow, time(8)))
    row.get_by_label("Date of exposure").fill(later.isoformat())
    page.get_by_role("button", name="Read", exact=True).click()
    expect(row.locator(".error")).to_have_text(re.compile("cannot be meant"))
    row.get_by_label("Date of exposure").fill(tomorrow.isoformat())
    page.get_by_role("button", name="Read", exact=True).click()
    expect(row).to_have_attribute("data-state", "done")
    page.goto("/worklist")
    page.get_by_label("From").fill(tomorrow.isoformat())
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("There is no such reading")).to_be_visible()


def test_nobody_leaves_what_was_not_sent_by_mistake(page: Page, small_hand: bytes) -> None:
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.goto("/")
    choose(page, ("hand.png", another(small_hand, 12)), ("other.png", another(small_hand, 13)))
    film(page, 0).get_by_role("radio", name="girl").check()
    film(page, 1).get_by_label("years").fill("9")
    page.get_by_role("button", name="Read all 2").click()
    expect(film(page, 0)).to_have_attribute("data-state", "done")
    film(page, 0).get_by_role("link", name="Show the reading").click(no_wait_after=True)
    until(lambda: page.evaluate("1") and asked == ["beforeunload"])
    expect(film(page, 1).get_by_label("years")).to_have_value("9")
    page.get_by_role("button", name="Remove: other.png").click()
    film(page, 0).get_by_role("link", name="Show the reading").click()
    expect(page.locator(".age .months")).to_be_visible()
    assert asked == ["beforeunload"]


def test_what_is_removed_is_not_sent(page: Page, server: Server, small_hand: bytes) -> None:
    """Neither what waits for its turn nor what is on its way; pressed twice it is two at a time all the same."""
    held: list[Route] = []
    page.route("**/readings?*", lambda route: held.append(route) if len(held) < 3 else route.continue_())
    page.goto("/")
    choose(page, *((f"{n}.png", another(small_hand, 60 + n)) for n in range(6)))
    page.get_by_role("button", name="all girls").click()
    page.get_by_role("button", name="Read all 6").click()
    page.get_by_role("button", name="Read all 4").click()
    expect(page.locator('.file[data-state="sending"]')).to_have_count(2)
    until(lambda: page.evaluate("1") and len(held) >= 2)
    page.get_by_role("button", name="Remove: 5.png").click()
    page.get_by_role("button", name="Remove: 0.png").click()
    expect(page.locator('.file[data-state="sending"]')).to_have_count(2)  # the next has its turn
    until(lambda: page.evaluate("1") and len(held) >= 3)
    for route in held[1:]:
        route.continue_()
    expect(page.locator('.file[data-state="done"]')).to_have_count(4)
    expect(page.locator("#sum")).to_have_text("4 of 4 finished")
    with server.client() as client:
        found = {reading["file_sha256"] for reading in client.get("/readings?limit=20").json()["readings"]}
    files = [hashlib.sha256(another(small_hand, 60 + n)).hexdigest() in found for n in range(6)]
    assert files == [False, True, True, True, True, False]


def test_the_radiograph_is_looked_at(page: Page, history: dict[str, str]) -> None:
    page.goto(f"/readings/{history['last']}/view")
    expect(page.locator("#viewer")).to_have_attribute("data-shown", "radiograph.png")
    width = page.locator("#width")
    corner, fitting = pixel(page, 0.5, 0.02), float(width.input_value())
    assert max(corner) < 60
    page.get_by_role("button", name="Invert").click()
    assert min(pixel(page, 0.5, 0.02)) > 195
    expect(page.get_by_role("button", name="Invert")).to_have_attribute("aria-pressed", "true")
    page.locator('[data-twin="width"]').fill("40")
    expect(width).to_have_value("40")
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 100)
    page.mouse.up()
    expect(width).to_have_value("70")
    page.keyboard.press("+")
    expect(page.locator("#zoom")).to_have_value("115")
    page.keyboard.press("0")
    expect(width).to_have_value(f"{fitting:g}")
    expect(page.locator("#evidence")).to_be_enabled()
    plain = [pixel(page, x / 20, y / 20) for x in range(20) for y in range(20)]
    page.keyboard.press("e")
    expect(page.locator("#evidence")).to_have_value("100")
    laid = [pixel(page, x / 20, y / 20) for x in range(20) for y in range(20)]
    assert all(len(set(grey)) == 1 for grey in plain)
    assert any(max(colour) - min(colour) > 40 for colour in laid)
    page.get_by_role("button", name="As read").click()
    expect(page.get_by_role("button", name="As read")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#evidence")).to_be_disabled()  # it is laid over the radiograph as it was given


def test_a_picture_that_cannot_be_had_does_not_cover_the_other(page: Page, history: dict[str, str]) -> None:
    page.route("**/prepared.png", lambda route: route.fulfill(status=410, json={"detail": "it is gone"}))
    page.goto(f"/readings/{history['last']}/view")
    expect(page.locator("#viewer")).to_have_attribute("data-shown", "radiograph.png")
    page.get_by_role("button", name="As read").click()
    expect(page.locator("#missing")).to_have_text("it is gone")
    page.get_by_role("button", name="As given").click()
    expect(page.locator("#missing")).to_have_text("")
    page.goto(f"/readings/{history['refused']}/view")
    expect(page.locator("#viewer")).to_have_attribute("data-shown", "radiograph.png")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.locator("#canvas").press("p")  # the network saw nothing of it
    page.locator("#canvas").press("i")
    expect(page.get_by_role("button", name="Invert")).to_have_attribute("aria-pressed", "true")
    assert asked == []


def test_the_last_finger_of_a_pinch_changes_no_window(page: Page, history: dict[str, str]) -> None:
    page.goto(f"/readings/{history['last']}/view")
    expect(page.locator("#viewer")).to_have_attribute("data-shown", "radiograph.png")
    window = [page.locator(name).input_value() for name in ("#centre", "#width")]
    page.evaluate(
        """() => {
            const canvas = document.getElementById("canvas");
            canvas.setPointerCapture = () => {};  // there are no such fingers
            const touch = (kind, finger, x, y) => canvas.dispatchEvent(new PointerEvent(`pointer${kind}`,
                { pointerId: finger, clientX: x, clientY: y, button: kind === "move" ? -1 : 0, bubbles: true }));
            touch("down", 1, 200, 200);
            touch("down", 2, 300, 300);
            touch("move", 2, 400, 400);
            touch("up", 2, 400, 400);
            touch("move", 1, 150, 150);
            touch("up", 1, 150, 150);
        }"""
    )
    expect(page.locator("#zoom")).to_have_value("200")
    assert [page.locator(name).input_value() for name in ("#centre", "#width")] == window


def test_mirrored_is_mirrored(page: Page, history: dict[str, str]) -> None:
    page.goto(f"/readings/{history['last']}/view")
    expect(page.locator("#viewer")).to_have_attribute("data-shown", "radiograph.png")
    row = [pixel(page, x / 40, 0.6) for x in range(1, 40)]
    page.locator("#canvas").press("m")
    mirrored = [pixel(page, x / 40, 0.6) for x in range(1, 40)]
    away = max(abs(a[0] - b[0]) for a, b in zip(row, reversed(mirrored), strict=True))
    assert away < 60 < max(abs(a[0] - b[0]) for a, b in zip(row, mirrored, strict=True))


@pytest.mark.parametrize("mirror", [False, True])
def test_turned_is_turned_clockwise_about_the_middle(page: Page, history: dict[str, str], mirror: bool) -> None:
    page.goto(f"/readings/{history['last']}/view")
    expect(page.locator("#viewer")).to_have_attribute("data-shown", "radiograph.png")
    canvas = page.locator("#canvas")
    for key in ("m" if mirror else "0", "+", "+", "+", "+", "ArrowRight", "ArrowDown", "ArrowDown"):
        canvas.press(key)
    box = canvas.bounding_box()
    assert box is not None
    across, down = box["width"], box["height"]

    def around(scale: float) -> list[list[int]]:
        """At some distances above, right, below and left of the middle."""
        ways = [(0, -1), (1, 0), (0, 1), (-1, 0)]
        fars = [scale * far for far in (40, 80, 120, 160)]
        return [[pixel(page, 0.5 + x * far / across, 0.5 + y * far / down)[0] for far in fars] for x, y in ways]

    def apart(one: list[list[int]], other: list[list[int]]) -> int:
        return sum(abs(a - b) for way, away in zip(one, other, strict=True) for a, b in zip(way, away, strict=True))

    before = around(1)
    canvas.press("r")
    after = around(min(across / 512, down / 400) / min(across / 400, down / 512))  # it is fitted anew
    assert apart(after, before[3:] + before[:3]) < apart(after, before[1:] + before[:1]) / 5


def test_the_history_of_a_child(page: Page, history: dict[str, str]) -> None:
    page.goto(f"/readings/{history['last']}/view")
    page.get_by_role("link", name="history of study-17").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Child study-17")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("2021-05-04")
    expect(rows.nth(0)).to_contain_text("7 y 6 mo")
    expect(rows.nth(1)).to_contain_text("0.0")  # the same drawing twice: the bone age has stood still
    expect(page.get_by_role("img", name="Bone age against chronological age")).to_be_visible()
    rows.nth(0).get_by_role("link").click()
    expect(page).to_have_url(re.compile(history["first"]))


def test_the_work_list_finds_and_follows(
    page: Page, server: Server, small_hand: bytes, history: dict[str, str]
) -> None:
    page.goto("/worklist")
    page.get_by_label("State").select_option("refused")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(f'tr[data-id="{history["refused"]}"]')).to_be_visible()
    expect(page.locator('tr[data-state="done"]')).to_have_count(0)
    page.goto("/worklist")
    page.get_by_label("Child").fill("STUDY-1")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    assert "study" not in page.url.lower()
    with server.client() as client:
        facts = {"sex": "F", "child": "study-18"}
        client.post("/readings?wait=60", files={"file": another(small_hand, 30)}, data=facts)
    expect(page.locator("tbody tr")).to_have_count(3)  # by itself
    page.get_by_role("link", name="study-18").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Child study-18")


def test_a_list_that_is_brought_up_to_date_keeps_the_focus(page: Page, server: Server, history: dict[str, str]) -> None:
    page.goto("/worklist")
    for number, place in enumerate((f'a[href="/readings/{history["last"]}/view"]', ".scroll")):
        page.locator(place).focus()
        with server.client() as client:
            where = client.post("/readings?wait=60", files={"file": no_hand(90 + number)}, data={"sex": "M"})
        expect(page.locator(f'tr[data-id="{where.json()["instance"][-32:]}"]')).to_be_visible()  # by itself
        expect(page.locator(place)).to_be_focused()


def test_a_search_that_fails_leaves_no_other_list(page: Page, history: dict[str, str]) -> None:
    page.goto("/worklist")
    expect(page.locator("tbody tr").first).to_be_visible()
    page.route("**/worklist", lambda route: route.fulfill(status=503, json={"detail": "try again a little later"}))
    page.get_by_label("Child").fill("study-17")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#results")).to_have_text("try again a little later")
    expect(page.locator("#said")).to_have_text("")
    page.unroute("**/worklist")
    page.route("**/worklist", lambda route: route.abort())
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#results")).to_have_text(re.compile("^The service does not answer"))
    page.unroute("**/worklist")
    expect(page.locator("tbody tr")).to_have_count(2)  # by itself


def test_an_admin_deletes_after_a_question(page: Page, server: Server, small_hand: bytes) -> None:
    with server.client() as client:
        data = another(small_hand, 40)
        where = client.post("/readings?wait=60", files={"file": data}, data={"sex": "F"}).headers["location"]
        page.goto(f"{where}/view")
        page.get_by_role("button", name="Delete this reading").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
        page.wait_for_url("**/worklist")
        assert client.get(where).status_code == 404
    page.goto(f"{where}/view")
    expect(page.get_by_text("There is no such reading")).to_be_visible()


def tab_to(page: Page, wanted: str, *, most: int = 40) -> None:
    """Press Tab until an element with that selector has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("(wanted) => document.activeElement.matches(wanted)", wanted):
            return
    raise AssertionError(f"the keyboard does not reach {wanted}")


def test_everything_by_keyboard(page: Page, phantom_png: Path) -> None:
    # Asked for only when the key is pressed, as expect_file_chooser does, the browser may get the key first and open a
    # chooser of its own that nothing waits for.
    page.on("filechooser", lambda chooser: None)
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    tab_to(page, "#files")
    with page.expect_file_chooser() as choosing:
        page.keyboard.press("Space")
    choosing.value.set_files(str(phantom_png))
    expect(film(page).get_by_role("radio", name="girl")).to_be_focused()
    page.keyboard.press("Space")
    tab_to(page, "[name=years]")
    page.keyboard.type("9")
    tab_to(page, "summary")
    page.keyboard.press("Enter")
    tab_to(page, "[name=child]")
    page.keyboard.type("keys only")
    tab_to(page, "#send-all")
    page.keyboard.press("Enter")
    expect(film(page)).to_have_attribute("data-state", "done")
    page.keyboard.press("Shift+Tab")
    expect(film(page).get_by_role("link", name="Show the reading")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/view")
    tab_to(page, "#canvas")
    expect(page.locator("#viewer")).to_have_attribute("data-shown", "radiograph.png")
    page.keyboard.press("i")
    expect(page.get_by_role("button", name="Invert")).to_have_attribute("aria-pressed", "true")
    tab_to(page, "#width")
    before = float(page.locator("#width").input_value())
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#width")).to_have_value(f"{before - 1:g}")
    tab_to(page, "[data-open=delete]")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def places(history: dict[str, str]) -> list[str]:
    shown = [f"/readings/{history[name]}/view" for name in ("last", "refused", "failed")]
    return ["/", "/worklist", *shown, f"/children/{history['child']}/view", "/login", f"/readings/{'0' * 32}/view"]


@pytest.mark.parametrize("width", [360, 768, 1280, 2560])
def test_no_page_is_wider_than_its_window(
    browser: Browser, server: Server, history: dict[str, str], small_hand: bytes, width: int
) -> None:
    with looking(browser, server.url, viewport={"width": width, "height": 800}, locale="de-DE") as page:
        for place in places(history):
            page.goto(place)
            if place == "/":
                choose(page, ("a" * 80 + ".png", small_hand))
                page.locator("summary").click()
            assert too_wide(page) == [], place


@pytest.mark.parametrize("width", [360, 1280])
def test_a_code_of_one_long_word_makes_no_page_wider(
    browser: Browser, server: Server, small_hand: bytes, width: int
) -> None:
    with server.client() as client:
        facts = {"sex": "F", "age_months": "100", "child": "W" * 64}
        answer = client.post("/readings?wait=60", files={"file": another(small_hand, width)}, data=facts)
        where = answer.headers["location"]
        child = client.get(where).json()["child"]["id"]
    with looking(browser, server.url, viewport={"width": width, "height": 800}) as page:
        for place in ("/worklist", f"{where}/view", f"/children/{child}/view"):
            page.goto(place)
            assert too_wide(page) == [], place
            if place == "/worklist":
                list_ = page.locator(".scroll")
                assert list_.evaluate("(list) => list.scrollWidth <= list.clientWidth")


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_axe_finds_nothing_serious(
    browser: Browser, server: Server, history: dict[str, str], small_hand: bytes, mode: str
) -> None:
    pytest.importorskip("axe_playwright_python", reason="needs pip install axe-playwright-python")
    with looking(browser, server.url, color_scheme=mode, reduced_motion="reduce") as page:
        for place in places(history):
            page.goto(place)
            if place == "/":
                choose(page, ("a.png", small_hand), ("b.png", small_hand))
                page.locator("summary").first.click()
                page.get_by_role("button", name="Read all 2").click()  # and what is said of the missing sex
            assert serious_findings(page) == []
        page.goto(f"/readings/{history['last']}/view")
        page.get_by_role("button", name="Delete this reading").click()
        assert serious_findings(page) == []


def test_a_dark_room_stays_dark(browser: Browser, server: Server) -> None:
    def darkness(page: Page) -> int:
        colour: str = page.evaluate("getComputedStyle(document.body.parentElement).backgroundColor")
        return sum(int(part) for part in re.findall(r"\d+", colour)[:3])

    with looking(browser, server.url, color_scheme="light") as page:
        page.goto("/worklist")
        assert darkness(page) > 600
        page.get_by_role("button", name="Dark room").click()
        assert darkness(page) < 60
        page.goto("/")
        assert darkness(page) < 60
    with looking(browser, server.url, color_scheme="dark") as page:
        page.goto("/")
        assert darkness(page) < 60


def test_on_paper(browser: Browser, server: Server, history: dict[str, str]) -> None:
    """A4 across with a margin of 1 cm, from a dark room: dark on white, every column, and no hand out of proportion."""
    with looking(browser, server.url, color_scheme="dark", viewport={"width": 1046, "height": 718}) as page:
        page.emulate_media(media="print", color_scheme="dark")
        page.goto(f"/children/{history['child']}/view")
        assert page.locator("html").get_attribute("data-theme") == "dark"
        ink: str = page.evaluate("getComputedStyle(document.body).color")
        assert sum(int(part) for part in re.findall(r"\d+", ink)[:3]) < 150
        expect(page.get_by_role("columnheader")).to_have_count(8)
        reach, edge = page.evaluate(
            """() => [document.querySelector(".list").getBoundingClientRect().right,
                document.querySelector(".history > .card:last-child").getBoundingClientRect().right]"""
        )
        assert reach <= edge
        page.goto(f"/readings/{history['last']}/view")
        # Nothing is drawn anew for paper: the canvas keeps the pixels that it has on the screen.
        expect(page.locator("#canvas")).to_have_css("object-fit", "contain")


def test_in_german(browser: Browser, server: Server, history: dict[str, str]) -> None:
    with looking(browser, server.url, locale="de-DE") as page:
        page.goto(f"/readings/{history['last']}/view")
        expect(page.locator("html")).to_have_attribute("lang", "de")
        expect(page.locator(".age .months")).to_have_text(re.compile(r"\d+,\d\sMonate"))
        page.goto(f"/readings/{history['refused']}/view")
        expect(page.locator(".why")).to_contain_text("Es ")
        expect(page.locator(".why [lang]")).to_have_count(0)  # nothing of it stayed English
        page.goto("/")
        choose(page, ("hand.png", b""))
        film(page).get_by_role("radio", name="Mädchen").check()
        page.get_by_role("button", name="Auswerten", exact=True).click()
        expect(film(page).locator(".error")).to_have_text("Die Datei ist leer")
        page.get_by_role("link", name="EN", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Read radiographs of the left hand")
        page.goto("/worklist")
        expect(page.locator("html")).to_have_attribute("lang", "en")  # the choice is kept


def test_a_document_that_is_gone_is_said_and_not_saved(page: Page, history: dict[str, str]) -> None:
    gone = {"type": "urn:carpal:gone", "title": "gone", "status": 410, "detail": "there is no such reading"}
    page.route("**/report.pdf*", lambda route: route.fulfill(status=410, json=gone))
    page.route("**/evidence.png", lambda route: route.fulfill(status=410, json=gone))
    page.goto(f"/readings/{history['last']}/view")
    page.get_by_role("link", name="PDF").click()
    expect(page.locator("#saving")).to_have_text("there is no such reading")
    expect(page.locator("#evidence-told")).to_have_text("there is no such reading")
    expect(page.locator("#evidence")).to_be_disabled()


def test_a_reading_that_waits_shows_itself_when_it_is_there(page: Page, server: Server, small_hand: bytes) -> None:
    with server.client() as client:
        busy: list[httpx.Response] = [
            client.post("/readings?wait=0", files={"file": another(small_hand, 50 + n)}, data={"sex": "F"})
            for n in range(8)
        ]
    page.goto(f"{busy[-1].headers['location']}/view")
    expect(page.locator(".age .months")).to_have_text(MONTHS)


def test_nobody_waits_for_a_reading_that_was_deleted(page: Page, server: Server, small_hand: bytes) -> None:
    def accepted(route: Route) -> None:
        with server.client() as client:
            reading = client.post(
                "/readings?wait=60", files={"file": another(small_hand, 71)}, data={"sex": "F"}
            ).json()
            client.delete(f"/readings/{reading['id']}")
        route.fulfill(status=202, headers={"location": f"/readings/{reading['id']}"}, json={})

    page.route("**/readings?*", accepted, times=1)
    page.goto("/")
    choose(page, ("hand.png", another(small_hand, 70)))
    film(page).get_by_role("radio", name="girl").check()
    page.get_by_role("button", name="Read", exact=True).click()
    expect(film(page).locator(".error")).to_have_text("there is no such reading")
    page.get_by_role("button", name="Read", exact=True).click()
    expect(film(page)).to_have_attribute("data-state", "done")
    film(page).get_by_role("link", name="Show the reading").click()
    expect(page.locator(".age .months")).to_be_visible()
    queued = f"<section data-queued='{'0' * 32}'></section><script type='application/json' id='texts'>{{}}</script>"
    script = "<script type='module' src='/static/reading.js'></script><div id='said'></div>"
    page.route("**/view", lambda route: route.fulfill(content_type="text/html", body=queued + script), times=1)
    page.goto(f"/readings/{'0' * 32}/view")
    expect(page.get_by_text("There is no such reading")).to_be_visible()
