"""Sessions: who comes in by cookie, what he must prove, and when it is over."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from carpal.service.audit import entries
from carpal.service.refusals import Refusals

from .inside import Inside

ABSENT = f"/readings/{'0' * 32}"


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[Inside]:
    inside = Inside(tmp_path)
    yield inside
    inside.database.close()


@dataclass(frozen=True)
class Browser:
    """What a browser knows of its session."""

    inside: Inside
    cookie: str
    csrf: str

    def ask(self, method: str, path: str, csrf: str | None = "", **sent: Any) -> httpx.Response:
        """With the session's own proof, another or none."""
        headers = {"cookie": self.cookie} | sent.pop("headers", {})
        if csrf is not None:
            headers["x-csrf-token"] = csrf or self.csrf
        return self.inside.ask(method, path, headers=headers, **sent)


def log_in(inside: Inside, token: str, **headers: str) -> Browser:
    answer = inside.ask("POST", "/session", data={"token": token}, headers=headers)
    assert answer.status_code == 200, answer.text
    return Browser(inside, answer.headers["set-cookie"].partition(";")[0], answer.json()["csrf"])


@pytest.fixture
def reader(inside: Inside) -> Browser:
    return log_in(inside, inside.tokens.add("ward", "reader", "test"))


@pytest.fixture
def admin(inside: Inside) -> Browser:
    return log_in(inside, inside.tokens.add("chief", "admin", "test"))


def is_refused(answer: httpx.Response, status: int, kind: str) -> bool:
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:carpal:{kind}"), answer.text
    return True


def change(inside: Inside, sql: str) -> None:
    with inside.database.writing() as connection:
        assert connection.execute(text(sql)).rowcount


def test_a_token_opens_a_session_that_a_cookie_carries_on(inside: Inside) -> None:
    token = inside.tokens.add("ward", "reader", "test")
    answer = inside.ask("POST", "/session", data={"token": f" {token} "})
    assert answer.json() == {"name": "ward", "role": "reader", "csrf": answer.json()["csrf"]}
    cookie, *attributes = [part.strip() for part in answer.headers["set-cookie"].split(";")]
    assert {attribute.lower() for attribute in attributes} == {"httponly", "samesite=strict", "path=/"}
    browser = Browser(inside, cookie, answer.json()["csrf"])
    assert browser.ask("GET", "/session").json() == answer.json()
    assert browser.ask("GET", "/readings", csrf=None).status_code == 200
    assert [entry.what for entry in entries(inside.database)][-1] == "logged in"


def test_a_stolen_database_opens_nothing(reader: Browser) -> None:
    with reader.inside.database.reading() as connection:
        [row] = connection.execute(text("SELECT * FROM sessions")).mappings()
    key = reader.cookie.partition("=")[2]
    assert not {key, reader.csrf} & {str(value) for value in row.values()}
    assert is_refused(
        reader.inside.ask("GET", "/session", headers={"cookie": f"carpal_session={row['hash'][:43]}"}),
        401,
        "unauthenticated",
    )


def test_under_tls_the_cookie_is_bound_to_this_host(tmp_path: Path) -> None:
    (tmp_path / "x.pem").touch()
    inside = Inside(tmp_path, tls_cert=tmp_path / "x.pem", tls_key=tmp_path / "x.pem")
    answer = inside.ask("POST", "/session", data={"token": inside.tokens.add("ward", "reader", "test")})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-carpal_session=")
    assert {"secure", "path=/"} < {part.strip().lower() for part in cookie.split(";")}
    assert "domain" not in cookie.lower()
    held = cookie.partition(";")[0]
    assert inside.ask("GET", "/session", headers={"cookie": held}).status_code == 200
    bare = held.removeprefix("__Host-")  # which a page over plain HTTP could set
    assert is_refused(inside.ask("GET", "/session", headers={"cookie": bare}), 401, "unauthenticated")


def test_a_form_that_a_browser_sends_by_itself_is_led_on(inside: Inside) -> None:
    token = inside.tokens.add("ward", "reader", "test")
    sent = {"data": {"token": token, "next": "//evil.example"}, "headers": {"accept": "text/html,*/*;q=0.8"}}
    answer = inside.ask("POST", "/session", **sent)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert answer.headers["set-cookie"].startswith("carpal_session=")


def test_what_is_no_token_opens_nothing(inside: Inside, reader: Browser) -> None:
    for wrong in ("", "x", f"carpal_{'0' * 16}_{'x' * 43}", reader.cookie.partition("=")[2]):
        answer = inside.ask("POST", "/session", data={"token": wrong})
        assert answer.status_code in (401, 422)
        assert "set-cookie" not in answer.headers
    assert is_refused(inside.ask("POST", "/session"), 422, "invalid-argument")


UNSAFE = [("DELETE", ABSENT), ("POST", "/readings"), ("POST", "/readings/search"), ("DELETE", "/session"), ("PUT", "/")]


@pytest.mark.parametrize(("method", "path"), UNSAFE[:4])
def test_what_changes_something_must_be_proven(method: str, path: str, reader: Browser, admin: Browser) -> None:
    for csrf in (None, "x", "ä", reader.csrf.upper(), reader.csrf[:-1], admin.csrf):
        headers = {} if csrf is None else {"x-csrf-token": csrf.encode()}
        answer = reader.ask(method, path, None, headers=headers)
        assert is_refused(answer, 403, "forbidden")
        assert "X-CSRF-Token" in answer.json()["detail"]
    assert "X-CSRF-Token" not in reader.ask(method, path).text
    assert reader.ask("GET", "/readings").status_code == (401 if path == "/session" else 200)


def test_an_ordinary_form_proves_it_in_a_field(reader: Browser, admin: Browser) -> None:
    def send(**sent: Any) -> httpx.Response:
        return reader.ask("POST", "/readings", None, **sent)

    assert send(data={"csrf": reader.csrf}).status_code == 415  # it is past the guard, and no multipart form
    for data in ({"csrf": admin.csrf}, {"csrf": ""}, {"x": reader.csrf}, {str(n): "x" for n in range(200)}):
        assert is_refused(send(data=data), 403, "forbidden")
    assert is_refused(send(files={"csrf": (None, reader.csrf)}), 403, "forbidden")
    assert is_refused(send(data={"x": "x" * 70_000, "csrf": reader.csrf}), 413, "request-too-large")


def test_by_cookie_one_may_what_the_token_may(reader: Browser, admin: Browser) -> None:
    answer = reader.ask("DELETE", ABSENT)
    assert is_refused(answer, 403, "forbidden")
    assert "admin" in answer.json()["detail"]
    assert is_refused(admin.ask("DELETE", ABSENT), 404, "not-found")


def test_a_token_beside_the_cookie_counts_alone(reader: Browser) -> None:
    token = reader.inside.tokens.add("machine", "admin", "test")
    by_token = reader.ask("DELETE", ABSENT, None, headers={"authorization": f"Bearer {token}"})
    assert is_refused(by_token, 404, "not-found")
    assert reader.ask("GET", "/session", headers={"authorization": f"Bearer {token}"}).json()["csrf"] is None
    for wrong in ("Bearer nonsense", "Basic Y2FycGFsOmNhcnBhbA==", "Bearer"):
        assert is_refused(reader.ask("GET", "/readings", headers={"authorization": wrong}), 401, "unauthenticated")


def by_log_out(browser: Browser) -> None:
    answer = browser.ask("DELETE", "/session")
    assert answer.status_code == 204
    assert 'carpal_session=""' in answer.headers["set-cookie"]
    assert [entry.what for entry in entries(browser.inside.database)][-1] == "logged out"


def by_revocation(browser: Browser) -> None:
    browser.inside.tokens.revoke("ward", "test")


def by_idleness(browser: Browser) -> None:
    change(browser.inside, "UPDATE sessions SET seen_s = seen_s - 3601")


def by_age(browser: Browser) -> None:
    change(browser.inside, "UPDATE sessions SET created_s = created_s - 43201")


@pytest.mark.parametrize("end", [by_log_out, by_revocation, by_idleness, by_age])
def test_a_stolen_cookie_is_worth_nothing_after_the_session(end: Any, reader: Browser) -> None:
    assert reader.ask("GET", "/readings").status_code == 200
    end(reader)
    for method, path in (("GET", "/readings"), ("GET", "/session"), *UNSAFE[:4]):
        assert is_refused(reader.ask(method, path), 401, "unauthenticated")


def test_who_goes_on_is_not_idle(reader: Browser) -> None:
    for _ in range(3):
        change(reader.inside, "UPDATE sessions SET seen_s = seen_s - 3000")
        assert reader.ask("GET", "/readings").status_code == 200


def test_a_page_that_only_polls_is_idle(reader: Browser) -> None:
    polling = {"headers": {"x-polling": "1"}}
    change(reader.inside, "UPDATE sessions SET seen_s = seen_s - 3000")
    for method, path in (("GET", "/worklist"), ("POST", "/worklist"), ("GET", "/readings")):
        assert reader.ask(method, path, **polling).status_code == 200
    change(reader.inside, "UPDATE sessions SET seen_s = seen_s - 601")
    assert is_refused(reader.ask("GET", "/readings"), 401, "unauthenticated")


def test_what_is_over_is_not_kept(reader: Browser, inside: Inside) -> None:
    by_age(reader)
    log_in(inside, inside.tokens.add("chief", "admin", "test"))
    with inside.database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM sessions")).scalar() == 1


def test_a_cookie_that_was_planted_is_never_taken_over(inside: Inside) -> None:
    """Session fixation."""
    token, planted = inside.tokens.add("ward", "reader", "test"), f"carpal_session={secrets.token_urlsafe(32)}"
    browser = log_in(inside, token, cookie=planted)
    assert browser.cookie != planted
    assert is_refused(inside.ask("GET", "/session", headers={"cookie": planted}), 401, "unauthenticated")
    again = log_in(inside, token, cookie=browser.cookie)
    assert again.cookie != browser.cookie
    assert again.csrf != browser.csrf
    assert is_refused(browser.ask("GET", "/session"), 401, "unauthenticated")


def test_another_site_logs_nobody_in(inside: Inside) -> None:
    token = inside.tokens.add("ward", "reader", "test")
    for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        answer = inside.ask("POST", "/session", data={"token": token}, headers=headers)
        assert is_refused(answer, 403, "forbidden")
        assert "set-cookie" not in answer.headers


def test_log_ins_are_slow(tmp_path: Path) -> None:
    inside = Inside(tmp_path, logins_per_minute=4)
    reader = log_in(inside, inside.tokens.add("ward", "reader", "test"))
    wrong = {"data": {"token": f"carpal_{'0' * 16}_{'x' * 43}"}}
    assert inside.ask("POST", "/session", **wrong).status_code == 401
    answer = inside.ask("POST", "/session", **wrong)
    assert is_refused(answer, 429, "too-many-requests")
    assert int(answer.headers["retry-after"]) > 1
    assert inside.ask("POST", "/session", address="192.0.2.1", **wrong).status_code == 401
    assert reader.ask("GET", "/readings").status_code == 200


def refused(inside: Inside) -> list[tuple[str, str | None]]:
    return [(entry.what, entry.detail) for entry in entries(inside.database) if entry.what.endswith("refused")]


def test_who_is_refused_is_in_the_audit_log_with_nothing_that_was_sent(inside: Inside) -> None:
    token = inside.tokens.add("ward", "reader", "test")
    inside.tokens.revoke("ward", "test")
    assert inside.ask("POST", "/session", data={"token": token}, address="192.0.2.1").status_code == 401
    for wrong in (f"Bearer {token}", "Basic Y2FycGFsOmNhcnBhbA==", "Bearer Mueller^Anna"):
        answer = inside.ask("GET", "/readings", headers={"authorization": wrong}, address="192.0.2.2")
        assert answer.status_code == 401
    assert refused(inside) == [("log-in refused", "from 192.0.2.1"), ("token refused", "from 192.0.2.2")]
    everything = str(list(entries(inside.database)))
    assert not any(sent in everything for sent in (token, token.rsplit("_", 1)[1], "Mueller", "Basic"))
    inside.ask("POST", "/session", data={"token": "x"}, address="2001:db8::1")
    assert refused(inside)[2:] == [("log-in refused", "from 2001:db8::1; 2 others since the entry before")]


def test_refusals_do_not_fill_the_disk(inside: Inside) -> None:
    """Not from one address, and not from ever new ones."""
    refusals, attempts = Refusals(inside.database), 500
    for number in range(attempts):
        refusals.note("token refused", "192.0.2.1", now_s=number)
        refusals.note("token refused", f"2001:db8::{number:x}", now_s=number)
    assert len(refused(inside)) == 60


def test_refusals_are_written_again_after_a_while(inside: Inside) -> None:
    refusals = Refusals(inside.database)
    for now_s in (0, 299, 301, 302):
        refusals.note("token refused", "192.0.2.1", now_s)
    assert refused(inside) == [
        ("token refused", "from 192.0.2.1"),
        ("token refused", "from 192.0.2.1; 1 other since the entry before"),
    ]


def test_without_tokens_this_machine_needs_no_session(inside: Inside) -> None:
    answer = inside.ask("GET", "/session").json()
    assert (answer["name"], answer["role"]) == ("local", "admin")
    assert len(answer["csrf"]) == 64
    assert "set-cookie" not in inside.ask("GET", "/session").headers
    # Cookies know no ports: this one may be of another service here.
    other = {"cookie": f"carpal_session={secrets.token_urlsafe(32)}"}
    assert is_refused(inside.ask("DELETE", ABSENT, headers=other), 404, "not-found")
    assert is_refused(inside.ask("DELETE", "/session", headers=other), 404, "not-found")
    inside.tokens.add("ward", "reader", "test")
    assert is_refused(inside.ask("GET", "/session", headers=other), 401, "unauthenticated")


def test_only_files_may_be_large_and_only_of_those_who_are_known(inside: Inside, reader: Browser) -> None:
    large = "x" * 70_000
    assert is_refused(inside.ask("POST", "/session", data={"token": large}), 413, "request-too-large")
    assert is_refused(inside.ask("POST", "/session", files={"token": (None, large)}), 413, "request-too-large")
    assert is_refused(reader.ask("POST", "/readings/search", json={"child_code": large}), 413, "request-too-large")
    assert reader.ask("POST", "/readings?wait=0", files={"file": large.encode()}, data={"sex": "F"}).status_code == 202


def test_what_is_nested_beyond_measure_is_a_bad_request(reader: Browser) -> None:
    headers = {"content-type": "application/json"}
    answer = reader.ask("POST", "/readings/search", content=b"[" * 60_000, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_a_stranger_who_dribbles_or_floods_is_sent_away(tmp_path: Path) -> None:
    inside = Inside(tmp_path, header_seconds=0.05)
    inside.tokens.add("ward", "reader", "test")

    async def dribble() -> AsyncIterator[bytes]:
        yield b"token="
        await asyncio.sleep(30)

    async def flood() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 10_000  # its length is not told beforehand

    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = inside.ask("POST", "/session", content=dribble(), headers=headers)
    assert is_refused(answer, 408, "request-too-slow")
    answer = inside.ask("POST", "/session", content=flood(), headers=headers)
    assert is_refused(answer, 413, "request-too-large")


def test_cookies_that_are_none(inside: Inside, reader: Browser) -> None:
    key = reader.cookie.partition("=")[2]
    for held in ("", "=", f"={key}x", f"={key}\0", f"={key[:-1]}"):
        answer = inside.ask("GET", "/session", headers={"cookie": f"carpal_session{held}"})
        assert is_refused(answer, 401, "unauthenticated"), held
