"""What is told of a child, the readings of one child together, and how they are found again."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest

from carpal.growth import age_between
from carpal.phantom import write_phantom

from .serving import Server, Start, another, carpal
from .test_rest import is_problem, send

CODE = "Kürzel 7-Ω"


@pytest.fixture(scope="module")
def server(start: Start) -> Server:
    return start("--rate", 100000)


@pytest.fixture(scope="module")
def client(server: Server) -> httpx.Client:
    return server.client()


@pytest.fixture(scope="module")
def hands(tmp_path_factory: pytest.TempPathFactory) -> dict[int, bytes]:
    """One girl at several ages, by her skeleton."""
    folder = tmp_path_factory.mktemp("girl")
    return {
        months: write_phantom(folder / f"{months}.png", months, "F", seed=4, shape=(512, 400)).read_bytes()
        for months in (84, 108, 132)
    }


@pytest.fixture(scope="module")
def child(client: httpx.Client, hands: dict[int, bytes]) -> str:
    """Her three readings, sent out of order."""
    for months in (132, 84, 108):
        sent = send(client, hands[months], sex="F", age_months=str(months), height_cm=str(70 + months / 2), child=CODE)
        assert sent.status_code == 201, sent.text
    return f"/children/{sent.json()['child']['id']}"


def test_what_is_told_is_kept_beside_the_reading_and_the_birth_date_is_not(
    server: Server, client: httpx.Client, small_hand: bytes
) -> None:
    told = {"height_cm": "131.5", "weight_kg": "28", "mother_height_cm": "165", "father_height_cm": "181"}
    sent = send(client, small_hand, sex="F", birth_date="2014-03-07", study_date="2023-07-21", menarche="false", **told)
    body = sent.json()
    assert body["age_months"] == age_between(date(2014, 3, 7), date(2023, 7, 21))
    assert (body["age_origin"], body["study_date"], body["menarche"]) == ("given", "2023-07-21", False)
    assert {name: body[name] for name in told} == {name: float(value) for name, value in told.items()}
    assert (body["child"], body["source"], body["is_dicom"]) == (None, "rest", False)
    assert client.get(sent.headers["location"]).json() == body
    assert not any(b"2014-03-07" in path.read_bytes() for path in server.data.glob("carpal.sqlite*"))


def test_the_header_says_when_the_study_was(client: httpx.Client, phantom_dicom: object) -> None:
    from carpal.radiograph import read_radiograph

    data = phantom_dicom.read_bytes()  # type: ignore[attr-defined]
    study = read_radiograph(data).study_date
    assert study is not None
    body = send(client, data, birth_date=(study - timedelta(days=4000)).isoformat()).json()
    assert body["age_months"] == age_between(study - timedelta(days=4000), study)
    assert (body["age_origin"], body["study_date"]) == ("given", study.isoformat())
    stated = send(client, data).json()
    assert stated["age_months"] == pytest.approx(read_radiograph(data).age_months)
    assert stated["age_origin"] == "header"
    [found] = client.get("/readings", params={"sex": "M", "limit": 1}).json()["readings"]
    assert (found["id"], found["sex"]) == (stated["id"], None)


def test_what_must_be_seen_of_an_age_stands_beside_the_reading_and_on_its_page(
    client: httpx.Client, phantom_dicom: Path
) -> None:
    odd = send(client, phantom_dicom.read_bytes(), age_months="60")
    (note,) = [note for note in odd.json()["reading"]["notes"] if "the header says" in note]
    assert "the age given is 5 y 0 mo" in note
    page = client.get(f"{odd.headers['location']}/view", headers={"accept": "text/html"}).text
    assert page.count("check which is right") == 1
    fits = send(client, phantom_dicom.read_bytes()).json()
    assert not any("the header says" in note for note in fits["reading"]["notes"])


@pytest.mark.parametrize(
    "told",
    [
        {"birth_date": "2014-03-07"},  # and no study
        {"birth_date": "2014-03-07", "study_date": "2013-01-01"},
        {"birth_date": "2014-03-07", "study_date": "2023-07-21", "age_months": "112"},
        {"birth_date": "07.03.2014", "study_date": "2023-07-21"},
        {"birth_date": "2014-02-30", "study_date": "2023-07-21"},
        {"study_date": (date.today() + timedelta(days=30)).isoformat()},
        {"age_months": "241"},
        {"height_cm": "51.6", "age_months": "112"},  # inches
        {"height_cm": "nan"},
        {"weight_kg": "-1"},
        {"mother_height_cm": "1.65"},
        {"menarche": "False"},
        {"child": ""},
        {"child": " "},
        {"child": "a\nb"},
        {"child": "x" * 65},
    ],
)
def test_what_cannot_be_meant_is_refused(client: httpx.Client, small_hand: bytes, told: dict[str, str]) -> None:
    assert is_problem(send(client, small_hand, sex="F", **told), 422, "invalid-argument")


def test_what_the_header_makes_impossible_is_refused_when_it_is_read(
    client: httpx.Client, phantom_dicom: object
) -> None:
    """Sex and age of the header are known to the worker only."""
    data = phantom_dicom.read_bytes()  # type: ignore[attr-defined]
    for told in ({"menarche": "true"}, {"height_cm": "60"}):
        answer = send(client, data, **told)
        assert is_problem(answer, 422, "invalid-argument")
        assert client.get(answer.json()["instance"]).json()["state"] == "failed"


def test_a_key_covers_all_that_is_told(client: httpx.Client, small_hand: bytes) -> None:
    first = send(client, small_hand, sex="F", child="A-1", key="told")
    assert send(client, small_hand, sex="F", child="A-1", key="told").json() == first.json()
    assert is_problem(send(client, small_hand, sex="F", child="A-2", key="told"), 422, "key-reused")
    assert is_problem(send(client, small_hand, sex="F", key="told"), 422, "key-reused")


def test_a_child_has_its_readings_oldest_first_and_a_pace(client: httpx.Client, child: str) -> None:
    body = client.get(child).json()
    assert body["code"] == CODE
    readings = body["readings"]
    assert [reading["age_months"] for reading in readings] == [84, 108, 132]
    for reading in readings:
        full = client.get(f"/readings/{reading['id']}").json()["reading"]
        assert reading["bone_age_months"] == full["bone_age_months"]
        assert [score["reference"] for score in reading["sds"]] == ["Brush Foundation", "Stanford"]
        assert reading["sds"][1]["sds"] is not None
    first, last = readings[0]["bone_age_months"], readings[-1]["bone_age_months"]
    assert body["velocity_overall"]["bone_age_months_per_year"] == pytest.approx((last - first) / 4)
    assert [(step["from_age_months"], step["to_age_months"]) for step in body["velocities"]] == [(84, 108), (108, 132)]
    assert body["notes"] == []


def test_a_report_tells_of_earlier_readings_and_of_no_later_ones(client: httpx.Client, child: str) -> None:
    first, middle, last = (reading["id"] for reading in client.get(child).json()["readings"])
    ages = {}
    for reading in (first, middle, last):
        history = client.get(f"/readings/{reading}/report.json").json()["assessment"]["history"]
        ages[reading] = [entry["age_months"] for entry in history]
    assert ages == {first: [], middle: [84, 108], last: [84, 108, 132]}


def test_the_chart_is_a_drawing_without_script(client: httpx.Client, child: str) -> None:
    english, german = (client.get(f"{child}/chart.svg", params={"language": name}) for name in ("en", "de"))
    assert english.headers["content-type"] == "image/svg+xml"
    assert "sandbox" in english.headers["content-security-policy"]
    assert ElementTree.fromstring(english.content).tag.endswith("svg")
    assert b"<script" not in english.content
    assert english.content != german.content
    assert client.get(f"{child}/chart.svg").content == english.content
    alone = send(client, client.get("/health").content, sex="F", child="no age").json()["instance"]
    nobody = client.get(alone).json()["child"]["id"]
    assert is_problem(client.get(f"/children/{nobody}/chart.svg"), 404, "not-found")


def test_a_deleted_reading_is_in_no_report_and_no_chart(server: Server, client: httpx.Client, hands: dict) -> None:
    sent = [
        send(client, another(hands[months], 1), sex="F", age_months=str(months), child="deleted")
        for months in (84, 108, 132)
    ]
    child = f"/children/{sent[0].json()['child']['id']}"
    last = sent[-1].headers["location"]
    before = client.get(f"{last}/report.pdf").content
    chart = client.get(f"{child}/chart.svg").content
    client.delete(sent[0].headers["location"])
    assert not (server.data / "documents" / child.rsplit("/")[-1]).exists()
    assert not (server.data / "documents" / last.rsplit("/")[-1]).exists()
    assert client.get(f"{last}/report.pdf").content != before
    assert client.get(f"{child}/chart.svg").content != chart
    for answer in sent[1:]:
        client.delete(answer.headers["location"])
    assert is_problem(client.get(child), 404, "not-found")
    assert client.post("/readings/search", json={"child_code": "deleted"}).json()["readings"] == []


def test_a_new_reading_is_in_the_reports_of_later_ages(client: httpx.Client, hands: dict) -> None:
    last = send(client, hands[132], sex="F", age_months="132", child="grows").headers["location"]
    assert client.get(f"{last}/report.json").json()["assessment"]["history"] == []
    send(client, hands[84], sex="F", age_months="84", child="grows")
    history = client.get(f"{last}/report.json").json()["assessment"]["history"]
    assert [entry["age_months"] for entry in history] == [84, 132]


def test_a_child_of_two_sexes_is_told(client: httpx.Client, hands: dict) -> None:
    send(client, hands[84], sex="M", age_months="84", child="both")
    body = send(client, hands[132], sex="F", age_months="132", child="both").json()
    found = client.get(f"/children/{body['child']['id']}").json()
    assert found["velocities"] == []
    assert "different sexes" in found["notes"][0]


def test_two_films_of_one_day_count_once(client: httpx.Client, hands: dict) -> None:
    for number in range(2):
        body = send(client, another(hands[84], number), sex="F", age_months="84", child="twice").json()
    send(client, hands[132], sex="F", age_months="132", child="twice")
    found = client.get(f"/children/{body['child']['id']}").json()
    assert [reading["age_months"] for reading in found["readings"]] == [84, 84, 132]
    assert len(found["velocities"]) == 1


def test_children_are_found_by_the_beginning_of_their_code(client: httpx.Client, child: str) -> None:
    def found(**search: object) -> list[str]:
        answer = client.post("/readings/search", json=search)
        assert answer.status_code == 200, answer.text
        return [reading["child"]["code"] for reading in answer.json()["readings"]]

    assert found(child_code=CODE) == [CODE] * 3
    assert found(child_code="kü") == [CODE] * 3
    assert found(child_code="rzel") == found(child_code="%") == found(child_code="_") == []
    assert found(child_code=CODE, sex="M") == []
    [one] = client.post("/readings/search", json={"child_code": CODE, "limit": 1}).json()["readings"]
    assert one["child"]["id"] == child.rsplit("/")[-1]
    by_id = client.get("/readings", params={"child": one["child"]["id"]}).json()["readings"]
    assert (by_id[0]["id"], len(by_id)) == (one["id"], 3)
    for wrong in (
        {"child_code": ""},
        {"child_code": "a\0"},
        {"code": "x"},
        {"limit": 0},
        {"since": 5},
        {"source": "fax"},
    ):
        assert is_problem(client.post("/readings/search", json=wrong), 422, "invalid-argument"), wrong
    assert is_problem(client.get("/readings", params={"child_code": CODE}), 422, "invalid-argument")


def test_a_browser_is_told_from_other_senders(server: Server, client: httpx.Client, small_hand: bytes) -> None:
    headers = {"origin": server.url}
    body = client.post("/readings", files={"file": small_hand}, data={"sex": "F"}, headers=headers).json()
    assert body["source"] == "web"
    found = client.get("/readings", params={"source": "web"}).json()["readings"]
    assert [reading["id"] for reading in found] == [body["id"]]


def test_a_code_is_in_no_log_and_no_address(server: Server, client: httpx.Client, child: str) -> None:
    client.post("/readings/search", json={"child_code": CODE})
    client.get(child)
    assert CODE not in child and CODE.encode().hex() not in child
    assert "Kürzel" not in server.log and "7-Ω" not in server.log
    audit = carpal("serve", "audit", "--data", server.data).stdout
    assert "rzel" not in audit
    seen = [json.loads(line) for line in audit.splitlines()]
    assert {"viewed", "accepted"} <= {entry["what"] for entry in seen}


def test_a_child_that_is_not_there(client: httpx.Client) -> None:
    assert is_problem(client.get(f"/children/{'0' * 32}"), 404, "not-found")
    assert is_problem(client.get(f"/children/{'0' * 32}/chart.svg"), 404, "not-found")
    assert client.get("/children/x").status_code == 404
