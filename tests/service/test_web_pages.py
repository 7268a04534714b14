"""The pages as they leave the server: their language, their texts, what they may load, and who may have them."""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime
from importlib import resources
from pathlib import Path

import cv2
import httpx
import numpy as np
import pydicom
import pytest

import carpal
from carpal.errors import InvalidArgument, UnreadableRadiograph
from carpal.radiograph import read_radiograph
from carpal.report.texts import Texts, languages
from carpal.service.facts import Facts, check_code, check_told

from .browsing import no_hand, png
from .serving import Server, Start, another
from .serving import carpal as run

SERVICE = Path(carpal.__file__).parent / "service"
ROWS = list(csv.DictReader((resources.files("carpal.service") / "texts.csv").read_text(encoding="utf-8").splitlines()))
REPORT_ROWS = csv.DictReader((resources.files("carpal.report") / "texts.csv").read_text(encoding="utf-8").splitlines())
PAGES = sorted((SERVICE / "templates").iterdir())
LOADED = sorted((SERVICE / "static").iterdir())


@pytest.fixture(scope="module")
def server(start: Start) -> Server:
    return start("--rate", 100000)


@pytest.fixture
def client(server: Server) -> httpx.Client:
    return server.client()


def language_of(answer: httpx.Response) -> str:
    found = re.search(r'<html lang="(\w+)">', answer.text)
    assert found is not None
    return found[1]


def test_the_language_is_the_one_asked_for_last(client: httpx.Client) -> None:
    def asked(accepted: str, **query: str) -> str:
        return language_of(client.get("/", params=query, headers={"accept-language": accepted}))

    assert asked("") == "en"
    assert asked("de-CH,de;q=0.9,en;q=0.8") == "de"
    assert asked("fr,en;q=0.5,de;q=0.7") == "de"
    assert asked("fr;q=nonsense") == "en"
    assert asked("en", lang="de") == "de"
    assert asked("en") == "de"  # it is kept
    assert asked("de", lang="xx") == "de"
    cookie = client.get("/?lang=en").headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["key"])
def test_every_text_is_there_in_every_language(row: dict[str, str]) -> None:
    assert set(row) == {"key", *languages()}
    assert all(row[language].strip() for language in languages())
    named = {frozenset(re.findall(r"\{(\w+)\}", row[language])) for language in languages()}
    assert len(named) == 1


def test_no_text_is_there_twice_or_left_over() -> None:
    keys = [row["key"] for row in ROWS]
    assert len(set(keys)) == len(keys)
    assert not set(keys) & {row["key"] for row in REPORT_ROWS}
    code = "".join(path.read_text(encoding="utf-8") for path in (*PAGES, *LOADED, *SERVICE.glob("*.py")))
    families = ("note.", "word.", "state.", "source.", "js.role.", "viewer.")
    said = [key for key in keys if not key.startswith(families)]
    assert [key for key in said if f'"{key.removeprefix("js.")}"' not in code.replace("'", '"')] == []


def test_scripts_say_only_what_is_there() -> None:
    texts = Texts("en", "carpal.service").family("js.")
    for path in LOADED:
        if path.suffix == ".js":
            for key in re.findall(r'say\("([\w.]+)"', path.read_text(encoding="utf-8")):
                assert f"js.{key}" in texts, f"{path.name}: {key}"


def said_to_children_that_cannot_be() -> list[str]:
    said = []
    weights = ({"weight_kg": 0.1}, {"weight_kg": 5000}, {"height_cm": 130, "weight_kg": 200})
    for wrong in ({"height_cm": 300}, {"height_cm": 1.3}, *weights):
        with pytest.raises(InvalidArgument) as refused:
            check_told("F", None, Facts(**wrong))
        said.append(str(refused.value))
    with pytest.raises(InvalidArgument) as refused:
        check_code("\n")
    return [*said, str(refused.value)]


def said_of_files_that_are_none() -> list[str]:
    said = []
    for data in (
        *(b"MZ", b"%PDF-1.4", b"\x89PNG\r\n\x1a\n", bytes(128) + b"DICM", png(np.zeros((8, 8), np.uint8))),
        cv2.imencode(".png", np.full((64, 64, 3), 4095, np.uint16))[1].tobytes(),
        dicom(Manufacturer="carpal", ManufacturerModelName="carpal"),
        dicom(NumberOfFrames=2),
        dicom(SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1", PixelData=None, Rows=None),
    ):
        with pytest.raises(UnreadableRadiograph) as refused:
            read_radiograph(data)
        said.append(str(refused.value))
    return [*said, *(told.removeprefix("cannot read the given bytes: ") for told in said)]


def dicom(**changed: object) -> bytes:
    """A radiograph with other values in its header; None takes one away."""
    dataset = pydicom.Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", "2.25.1"
    dataset.Rows, dataset.Columns, dataset.BitsAllocated = 64, 64, 8
    dataset.PixelData = bytes(64 * 64)
    for keyword, value in changed.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def test_what_the_service_says_no_with_is_german_too() -> None:
    texts = Texts("de", "carpal.service")
    for english in (
        "there is no such reading",
        "the file is empty",
        "12 radiographs are waiting already: try again a little later",
        "a height of 51.6 cm at 9 y 0 mo cannot be meant, it looks like inches: give centimetres",
        "the child's sex is needed and the file does not say it: give F or M",
        *said_to_children_that_cannot_be(),
        *said_of_files_that_are_none(),
    ):
        assert texts.sentence(english).language == "de", english
    assert (
        "51,6 cm mit 9\u00a0J."
        in texts.sentence("a height of 51.6 cm at 9 y 0 mo cannot be meant: give centimetres").text
    )


def test_too_large_is_said_in_german(start: Start) -> None:
    with start("--max-mib", 1).client() as client:
        answer = client.post("/readings", files={"file": bytes(2**21)}, data={"sex": "F"})
        english = answer.json()["detail"]
        told = client.post("/said", data={"english": english}, headers={"accept-language": "de"}).json()
    assert (answer.status_code, told["language"]) == (413, "de")
    assert "höchstens 1 MiB" in told["text"]


@pytest.mark.parametrize("path", [*PAGES, *LOADED], ids=lambda path: path.name)
def test_nothing_comes_from_elsewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|[\"'(]//", text)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_no_script_and_no_style_stands_in_a_page(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text)
    assert all('src="/static/' in tag or "application/json" in tag for tag in re.findall(r"<script[^>]*>", text))


def test_the_policy_lets_nothing_else_run(client: httpx.Client) -> None:
    policy = client.get("/").headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_static_files_are_those_of_the_package(client: httpx.Client) -> None:
    for path in LOADED:
        answer = client.get(f"/static/{path.name}")
        assert answer.content == path.read_bytes()
        again = client.get(f"/static/{path.name}", headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    for name in ("absent.js", "..%2fpages.py", "%2e%2e/pages.py", "../texts.csv", ""):
        assert client.get(f"/static/{name}").status_code == 404
    assert client.get("/demo/drawn-girl.png").status_code == 404


def test_pages_are_for_whoever_may_see_readings(start: Start) -> None:
    server = start()
    token = run("serve", "token", "add", "ward", "--data", server.data).stdout.strip()
    place = f"/readings/{'0' * 32}"
    with server.client() as nobody, server.client(token) as somebody:
        for path in ("/", "/login", "/static/carpal.css"):
            assert nobody.get(path).status_code == 200
        for path in ("/worklist", f"{place}/view", f"/children/{'0' * 32}/view"):
            answer = nobody.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={path}")
        for method, path in (
            ("GET", f"{place}/row"),
            ("POST", f"{place}/again"),
            ("POST", "/worklist"),
            ("POST", "/said"),
        ):
            assert nobody.request(method, path).status_code == 401
        assert somebody.get("/worklist").status_code == 200
        absent = somebody.get(f"{place}/view")
        assert (absent.status_code, absent.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert "There is no such reading" in absent.text


BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "accept-language": "de"}


@pytest.mark.parametrize(
    "path", ["/nonsense", "/readings/abc/view", f"/readings/{'0' * 32}", f"/readings/{'0' * 32}/report.html"]
)
def test_a_browser_is_told_on_a_page_that_there_is_nothing_and_a_program_in_json(
    client: httpx.Client, path: str
) -> None:
    answer = client.get(path, headers=BROWSER)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert language_of(answer) == "de" and "/worklist" in answer.text
    answer = client.get(path, headers={"accept": "*/*"})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_a_browser_without_a_session_is_led_to_the_log_in_from_a_document_too(start: Start) -> None:
    server = start()
    run("serve", "token", "add", "ward", "--data", server.data)
    path = f"/readings/{'0' * 32}/report.html"
    with server.client() as nobody:
        answer = nobody.get(f"{path}?lang=de", headers=BROWSER)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={path}")
        assert nobody.get("/a&b/ä", headers=BROWSER).headers["location"] == "/login?next=/a%26b/%C3%A4"
        assert nobody.get(path).status_code == nobody.post("/readings", headers=BROWSER).status_code == 401


def test_a_program_that_names_html_too_is_told_in_json(start: Start) -> None:
    server = start()
    token = run("serve", "token", "add", "ward", "--data", server.data).stdout.strip()
    java = {"accept": "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"}
    with server.client() as nobody, server.client(token) as somebody, server.client("wrong") as wrong:
        for answer, status in (
            (nobody.get("/readings", headers=java), 401),
            (wrong.get("/readings", headers=java), 401),
            (wrong.get("/readings", headers=BROWSER), 401),
            (somebody.get(f"/readings/{'0' * 32}", headers=java), 404),
            (somebody.get(f"/readings/{'0' * 32}/report.html", headers=BROWSER), 404),
        ):
            assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_a_code_is_text_and_stands_in_no_address(client: httpx.Client, small_hand: bytes) -> None:
    code = "<b onclick=x>study & 9</b>"
    facts = {"sex": "F", "age_months": "100", "child": code}
    reading = client.post("/readings?wait=60", files={"file": another(small_hand, 1)}, data=facts).json()
    for answer in (
        client.get("/worklist"),
        client.get(f"/readings/{reading['id']}/view"),
        client.get(f"/children/{reading['child']['id']}/view"),
        client.post("/worklist", data={"code": "<b on"}),
    ):
        assert "&lt;b onclick=x&gt;study &amp; 9&lt;/b&gt;" in answer.text
        assert "<b onclick" not in answer.text
        assert not [
            address for address in re.findall(r'(?:href|src|action)="([^"]*)"', answer.text) if "study" in address
        ]
    assert "study" not in client.post("/worklist", data={"code": "study"}).text.partition("<tbody>")[2]


def test_the_work_list_has_pages(client: httpx.Client, small_hand: bytes) -> None:
    for number in range(3):
        data = {"sex": "M", "age_months": "120"}
        client.post("/readings?wait=60", files={"file": another(small_hand, 20 + number)}, data=data)
    newest = client.get("/readings", params={"limit": 200}).json()["readings"]
    seen = re.findall(r'data-id="(\w+)"', client.get("/worklist?sex=M").text)
    assert seen == [reading["id"] for reading in newest if reading["sex"] == "M"]
    today = newest[0]["created_at"][:10]
    assert 'data-id="' in client.get(f"/worklist?since={today}").text
    assert 'data-id="' not in client.get("/worklist?until=2020-01-01").text
    for wrong in (
        "since=yesterday",
        "since=2020-13-01",
        "since=0001-01-01",
        "until=9999-12-31",
        "state=lost",
        "cursor=x",
    ):
        assert client.get(f"/worklist?{wrong}").status_code in (404, 422), wrong


def test_a_time_says_its_zone(client: httpx.Client, small_hand: bytes) -> None:
    """The service's, which need not be that of whoever looks at the page."""
    told = {"files": {"file": another(small_hand, 40)}, "data": {"sex": "M"}}
    place = client.post("/readings?wait=60", **told).headers["location"]  # type: ignore[arg-type]
    zone = datetime.now().astimezone().tzname()
    for path in ("/worklist", f"{place}/view"):
        assert re.search(rf"\d{{4}}-\d\d-\d\d \d\d:\d\d {zone}\b", client.get(path).text), path


def test_the_same_file_is_read_once_more(client: httpx.Client) -> None:
    refused = client.post("/readings?wait=60", files={"file": no_hand(3)}, data={"sex": "M", "height_cm": "140"}).json()
    place = refused["instance"]
    answer = client.post(f"{place}/again", data={"accept_anything": "true"})
    assert answer.status_code == 202
    new = client.get(f"/readings/{answer.json()['id']}").json()
    assert (new["sex"], new["height_cm"], new["accept_anything"], new["source"]) == ("M", 140.0, True, "web")
    assert client.post(f"/readings/{'0' * 32}/again").status_code == 404
    assert client.post(f"{place}/again", data={"sex": "X"}).status_code == 404
