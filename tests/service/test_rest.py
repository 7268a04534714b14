"""The REST interface, asked as a client asks it: over HTTP, with drawn radiographs, of a real server."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from carpal import Reader
from carpal.service.making import DOCUMENTS

from .serving import Server, Start, another, carpal, until


@pytest.fixture(scope="module")
def server(start: Start) -> Server:
    return start("--max-mib", 2, "--rate", 100000)


@pytest.fixture
def client(server: Server) -> httpx.Client:
    return server.client()


def send(client: httpx.Client, data: bytes, wait: float = 60, **fields: str) -> httpx.Response:
    headers = {"idempotency-key": fields.pop("key")} if "key" in fields else {}
    files = {"file": ("hand.png", data)}
    return client.post("/readings", params={"wait": wait}, files=files, data=fields, headers=headers)


def is_problem(response: httpx.Response, status: int, kind: str) -> bool:
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == response.status_code == status, problem
    assert problem["type"] == f"urn:carpal:{kind}", problem
    return len(problem["detail"].splitlines()) == 1


def test_a_radiograph_is_read_as_reader_reads_it(client: httpx.Client, phantom_png: Path) -> None:
    data = phantom_png.read_bytes()
    answer = send(client, data, sex="F", age_months="101.5")
    assert answer.status_code == 201
    body = answer.json()
    assert body["reading"] == Reader().read(data, "F").to_dict()
    assert (body["state"], body["age_months"], body["problem"]) == ("done", 101.5, None)
    assert client.get(answer.headers["location"]).json() == body


def test_a_dicom_header_says_the_sex(client: httpx.Client, phantom_dicom: Path) -> None:
    body = send(client, phantom_dicom.read_bytes()).json()
    assert body["reading"] == Reader().read(phantom_dicom).to_dict()
    assert (body["sex"], body["reading"]["sex_origin"]) == (None, "header")


def test_without_waiting_there_is_a_place_to_ask_again(client: httpx.Client, small_hand: bytes) -> None:
    answer = send(client, small_hand, wait=0, sex="F")
    assert answer.status_code == 202
    where = answer.headers["location"]
    until(lambda: client.get(where).json()["state"] == "done")


def noise() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 240)).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def test_what_the_gate_refuses_is_a_problem_with_its_reason(client: httpx.Client) -> None:
    answer = send(client, noise(), sex="F")
    assert is_problem(answer, 422, "refused-radiograph")
    assert answer.json()["reason"].startswith("no ")
    kept = client.get(answer.json()["instance"]).json()
    assert (kept["state"], kept["reading"], kept["problem"]) == ("refused", None, answer.json())
    accepted = send(client, noise(), sex="F", accept_anything="true").json()
    assert accepted["reading"]["refused_because"] == answer.json()["reason"]


def test_what_cannot_be_meant_is_refused_before_it_is_kept(client: httpx.Client, small_hand: bytes) -> None:
    before = client.get("/readings").json()
    for fields in (
        {"sex": "False"},
        {"sex": ""},
        {"sex": "F", "age_months": "nan"},
        {"sex": "F", "age_months": "-1"},
        {"sex": "F", "accept_anything": "False"},
        {"sex": "F", "gender": "F"},
    ):
        assert is_problem(send(client, small_hand, **fields), 422, "invalid-argument"), fields
    assert is_problem(client.post("/readings", files={"sex": (None, "F")}), 422, "invalid-argument")
    assert is_problem(send(client, b"", sex="F"), 422, "unreadable-radiograph")
    assert client.post("/readings", json={"sex": "F"}).status_code == 415
    assert client.get("/readings").json() == before


def test_two_files_are_refused_by_their_number(client: httpx.Client, small_hand: bytes) -> None:
    for second in ("file", "other"):
        files = [("file", small_hand), (second, small_hand)]
        answer = client.post("/readings", files=files, data={"sex": "F"})
        assert is_problem(answer, 422, "invalid-argument")
        assert "more than one file" in answer.json()["detail"]


def test_query_parameters_that_are_not_known_are_named(client: httpx.Client, small_hand: bytes) -> None:
    for query, what in (
        ("wiat=1", "there is a query parameter that is not known: wiat"),
        ("wait=0&b=1&a=1&%5E=1", "there are query parameters that are not known: a, b"),
        ("%5E=1", "there is a query parameter that is not known"),
    ):
        answer = client.post(f"/readings?{query}", files={"file": small_hand}, data={"sex": "F"})
        assert is_problem(answer, 422, "invalid-argument")
        assert answer.json()["detail"] == what


def test_the_sex_is_never_guessed(client: httpx.Client, small_hand: bytes) -> None:
    answer = send(client, small_hand)
    assert is_problem(answer, 422, "missing-sex")
    assert answer.json()["detail"].endswith("give F or M in the form field 'sex'")


def bomb() -> bytes:
    """A PNG whose header promises two thousand million pixels."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 50_000, 40_000, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 10**6)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def test_damaged_and_monstrous_files_are_refused(client: httpx.Client, small_hand: bytes) -> None:
    assert is_problem(send(client, small_hand[:-200], sex="F"), 422, "unreadable-radiograph")
    assert is_problem(send(client, b"MZ" * 500, sex="F"), 422, "unreadable-radiograph")
    assert is_problem(send(client, bomb(), sex="F"), 413, "image-too-large")
    assert is_problem(send(client, b"\0" * 3 * 1024**2, sex="F"), 413, "request-too-large")
    begin = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    endless = (begin if n == 0 else b"x" * 65536 for n in range(64))  # its length is not told beforehand
    headers = {"content-type": "multipart/form-data; boundary=x"}
    assert is_problem(client.post("/readings", content=endless, headers=headers), 413, "request-too-large")
    assert client.get("/health").json()["ready"]


def test_a_key_makes_sending_twice_harmless(client: httpx.Client, small_hand: bytes) -> None:
    first = send(client, small_hand, sex="F", key="one")
    again = send(client, small_hand, sex="F", key="one")
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert is_problem(send(client, small_hand, sex="M", key="one"), 422, "key-reused")
    assert is_problem(send(client, small_hand, sex="M", key="a b"), 422, "invalid-argument")


def test_one_key_sent_at_once_by_many_is_read_once(client: httpx.Client, small_hand: bytes) -> None:
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: send(client, small_hand, sex="F", key="at-once"), range(6)))
    assert {answer.status_code for answer in answers} == {201}, answers[0].text + answers[-1].text
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_pages_and_filters(client: httpx.Client, small_hand: bytes) -> None:
    ids = [send(client, small_hand, sex="F").json()["id"] for _ in range(3)]
    first = client.get("/readings", params={"limit": 2, "state": "done"}).json()
    second = client.get("/readings", params={"limit": 2, "state": "done", "cursor": first["next"]}).json()
    assert [reading["id"] for reading in first["readings"] + second["readings"]][:3] == ids[::-1]
    everything = client.get("/readings", params={"limit": 200}).json()
    assert everything["next"] is None
    now = datetime.now(timezone.utc)
    assert client.get("/readings", params={"since": (now + timedelta(hours=1)).isoformat()}).json()["readings"] == []
    hour = {"since": (now - timedelta(hours=1)).isoformat(), "until": now.isoformat(), "limit": 200}
    assert client.get("/readings", params=hour).json() == everything
    for wrong in ({"state": "lost"}, {"limit": 0}, {"cursor": "x"}, {"since": "yesterday"}, {"until": "1.5"}):
        assert is_problem(client.get("/readings", params=wrong), 422, "invalid-argument")


def test_the_overlay_is_a_picture_of_the_reading(client: httpx.Client, small_hand: bytes) -> None:
    where = send(client, small_hand, sex="F").headers["location"]
    drawn = client.get(f"{where}/overlay")
    with Image.open(io.BytesIO(drawn.content)) as picture:
        assert (picture.format, picture.size) == ("PNG", (1200, 768))
    again = client.get(f"{where}/overlay")
    assert again.content == drawn.content
    assert again.elapsed.total_seconds() < 2  # it is kept, not drawn anew
    refused = send(client, noise(), sex="F").json()["instance"]
    assert is_problem(client.get(f"{refused}/overlay"), 404, "not-found")


def test_a_deleted_reading_leaves_nothing(server: Server, client: httpx.Client, small_hand: bytes) -> None:
    data = another(small_hand, 77)
    answer = send(client, data, sex="F")
    where, digest = answer.headers["location"], answer.json()["file_sha256"]
    client.get(f"{where}/overlay")
    assert client.delete(where).status_code == 204
    assert is_problem(client.get(where), 404, "not-found")
    assert is_problem(client.delete(where), 404, "not-found")
    assert not list(server.data.glob(f"files/*/{digest}"))
    assert not (server.data / "documents" / where.rsplit("/")[-1]).exists()


def test_the_models_at_work_are_told(client: httpx.Client, small_hand: bytes) -> None:
    [model] = client.get("/models").json()["models"]
    assert model["sha256"] == send(client, small_hand, sex="F").json()["reading"]["model_sha256"]
    assert model["card"]


def test_metrics_count_what_happened(client: httpx.Client, small_hand: bytes) -> None:
    def done() -> float:
        lines = client.get("/metrics").text.splitlines()
        return float(next(x for x in lines if x.startswith('carpal_readings_total{state="done"}')).split()[-1])

    before = done()
    send(client, small_hand, sex="F")
    assert done() == before + 1
    text = client.get("/metrics").text
    assert 'carpal_http_requests_total{method="POST",route="/readings",status="201"}' in text
    assert "carpal_workers_ready 1.0" in text


def test_schemathesis_finds_nothing(start: Start, tmp_path: Path) -> None:
    """Hundreds of requests made up from the OpenAPI document: no server error, no answer that it does not announce."""
    pytest.importorskip("schemathesis")
    server = start("--rate", 100000)
    made = carpal("serve", "token", "add", "machine", "--role", "admin", "--data", server.data).stdout.strip()
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json"]
    # What it sends as a file is hardly ever a radiograph: that it is refused is right.
    options = ["--exclude-checks", "positive_data_acceptance", "--max-examples", "10", "--generation-database", "none"]
    secret = ["-H", f"Authorization: Bearer {made}", "--seed", "1"]
    paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": paths}
    done = subprocess.run(
        [*command, *options, *secret], capture_output=True, text=True, timeout=300, cwd=tmp_path, env=environment
    )
    assert done.returncode == 0, done.stdout[-5000:]


def test_unknown_places_and_methods_are_problems(client: httpx.Client) -> None:
    for method, path, status in (("GET", "/nothing", 404), ("PUT", "/readings", 405), ("GET", "/readings/1", 404)):
        answer = client.request(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_the_openapi_document_lists_every_route(client: httpx.Client) -> None:
    paths = json.loads(client.get("/openapi.json").content)["paths"]
    assert set(paths) == {
        "/readings",
        "/readings/search",
        "/readings/{reading_id}",
        *(f"/readings/{{reading_id}}/{name}" for name in DOCUMENTS),
        "/children/{child_id}",
        "/children/{child_id}/chart.svg",
        "/studies",
        "/studies/{study}",
        "/session",
        "/models",
        "/health",
        "/metrics",
    }
    assert "carpal" in client.get("/").text
