"""What a request must pass before its body is read, asked directly where a real client would take minutes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="needs pip install '.[serve]'")

from carpal.errors import Busy, InvalidArgument, RequestTooSlow, TooManyRequests
from carpal.service.database import Database
from carpal.service.guard import Guard, RateLimit
from carpal.service.refusals import Refusals
from carpal.service.sessions import Sessions
from carpal.service.settings import Settings
from carpal.service.tokens import Tokens

from .inside import Inside

JSON = {"content-type": "application/json"}


def test_a_client_may_burst_and_then_goes_at_its_rate() -> None:
    limit = RateLimit(60)
    for _ in range(30):
        limit.take("a", now_s=0.0)
    with pytest.raises(TooManyRequests) as refusal:
        limit.take("a", now_s=0.0)
    assert refusal.value.retry_after_s >= 1
    limit.take("b", now_s=0.0)
    limit.take("a", now_s=1.0)
    with pytest.raises(TooManyRequests):
        limit.take("a", now_s=1.0)


def test_a_flood_of_clients_takes_no_memory_for_ever() -> None:
    limit = RateLimit(60)
    for number in range(25_000):
        limit.take(str(number), now_s=float(number))
    assert len(limit._buckets) <= 10_000


def test_a_body_that_dribbles_and_one_request_too_many(tmp_path: Path) -> None:
    settings = Settings(tmp_path, body_seconds=0.05, requests_at_once=1)
    scope = {"type": "http", "method": "POST", "path": "/readings", "scheme": "http"}
    scope |= {"headers": [(b"host", b"localhost:8000")], "client": ("127.0.0.1", 1)}

    async def read_body(scope: dict, receive, send) -> None:  # type: ignore[no-untyped-def]
        while (await receive())["more_body"]:
            pass

    async def dribble() -> dict:
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def send(message: dict) -> None:
        raise AssertionError("nothing is answered")

    async def both() -> list[object]:
        database = Database(tmp_path)
        guard = Guard(read_body, settings, Tokens(database), Sessions(database), Refusals(database))
        first, second = (guard(dict(scope), dribble, send) for _ in range(2))
        return await asyncio.gather(first, second, return_exceptions=True)

    slow, second = asyncio.run(both())
    assert isinstance(slow, RequestTooSlow)
    assert isinstance(second, Busy)


def test_a_database_that_is_away_is_said_at_every_door(tmp_path: Path) -> None:
    """Before the routes too: where a token, a cookie, or nothing at all is looked up."""
    inside = Inside(tmp_path)
    token = inside.tokens.add("ward", "reader", "test")
    cookie = inside.ask("POST", "/session", data={"token": token}).headers["set-cookie"].partition(";")[0]
    inside.database.close()
    for path in tmp_path.glob("carpal.sqlite*"):
        path.unlink()
    (tmp_path / "carpal.sqlite").mkdir()
    doors: list[dict[str, Any]] = [
        {"method": "POST", "path": "/session", "data": {"token": token}},
        {"method": "GET", "path": "/session", "headers": {"cookie": cookie}},
        {"method": "GET", "path": "/worklist", "headers": {"cookie": cookie}},
        {"method": "GET", "path": "/readings", "headers": {"authorization": f"Bearer {token}"}},
        {"method": "GET", "path": "/readings"},
    ]
    for door in doors:
        answer = inside.ask(**door)
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:carpal:busy"), door
        assert "database does not answer" in answer.json()["detail"]
        assert int(answer.headers["retry-after"]) >= 1


def test_an_error_of_its_own_is_a_problem_that_quotes_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    inside = Inside(tmp_path)

    def break_down(reading_id: str) -> None:
        raise RuntimeError(f"{reading_id} Mueller^Anna")

    monkeypatch.setattr(inside.store, "get", break_down)
    answer = inside.ask("GET", f"/readings/{'0' * 32}")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert answer.json()["type"] == "urn:carpal:carpal-error"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    [line] = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert line.startswith("RuntimeError at ")
    assert "test_guard.py" in line
    assert "Mueller" not in caplog.text + answer.text


@pytest.mark.parametrize(
    ("method", "path", "sent", "said"),
    [
        ("GET", "/readings?limit=x", {}, "the query parameter 'limit' must be a whole number"),
        ("GET", "/readings?limit=0", {}, "the query parameter 'limit' must be 1 or more"),
        ("GET", "/readings?sex=X", {}, "the query parameter 'sex' must be 'F' or 'M'"),
        (
            "GET",
            "/readings?since=1.5",
            {},
            "the query parameter 'since' cannot be meant: give a date and time as 2024-05-31T12:00:00Z",
        ),
        ("GET", "/readings?since=x", {}, "the query parameter 'since' must be a date and time as 2024-05-31T12:00:00Z"),
        ("GET", "/readings?cursor=x", {}, "the query parameter 'cursor' cannot be meant"),
        ("POST", "/readings?wait=x", {}, "the query parameter 'wait' must be a number"),
        ("POST", "/readings?wait=61", {}, "the query parameter 'wait' must be 60 or less"),
        ("POST", "/session", {}, "the field 'token' is missing"),
        ("POST", "/session", {"data": {"token": "x" * 201}}, "the field 'token' must have at most 200 characters"),
        ("POST", "/readings/search", {}, "the body is missing"),
        ("POST", "/readings/search", {"json": [1]}, "the body is not what is asked for here"),
        ("POST", "/readings/search", {"json": {"child_code": 5}}, "the field 'child_code' must be text"),
        ("POST", "/readings/search", {"json": {"name": 5}}, "there is a field that is not known: name"),
        ("POST", "/readings/search", {"content": b"{", "headers": JSON}, "the body is no JSON"),
        ("POST", "/readings/search", {"content": b"[" * 60_000, "headers": JSON}, "the body cannot be understood"),
        ("POST", "/studies/x", {}, "the part of the path 'study' cannot be meant"),
        ("GET", "/nothing", {}, "there is no such place"),
        ("PUT", "/readings", {}, "there is no such method at this place"),
    ],
)
def test_what_cannot_be_meant_is_said_in_words_of_its_own(
    method: str, path: str, sent: dict[str, Any], said: str, tmp_path: Path
) -> None:
    """Not in those of the framework, which speak of inputs and patterns."""
    answer = Inside(tmp_path).ask(method, path, **sent)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == said


@pytest.mark.parametrize(
    ("host", "alone"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("127.9.9.9", True), ("0.0.0.0", False), ("::", False)],
)
def test_which_addresses_only_this_machine_reaches(host: str, alone: bool, tmp_path: Path) -> None:
    assert Settings(tmp_path, host=host).is_loopback is alone


def test_settings_that_cannot_be_meant(tmp_path: Path) -> None:
    for wrong in ({"workers": 0}, {"queue": -1}, {"port": -1}, {"body_mib": float("nan")}, {"tls_key": tmp_path}):
        with pytest.raises(InvalidArgument):
            Settings(tmp_path, **wrong)
