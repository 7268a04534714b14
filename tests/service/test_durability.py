"""What was acknowledged has exactly one result, whatever is killed in between; and too much is sent away, not taken."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx

from .serving import Server, Start, another, carpal, until

KILLS = 4
CLIENTS = 3


def client_until(
    stop: threading.Event, server: object, hand: bytes, numbers: Iterator[int], acknowledged: dict[int, str]
) -> None:
    """One client that sends radiograph after radiograph, each with its key until it is acknowledged; number and id."""
    while not stop.is_set():
        number = next(numbers)
        while number not in acknowledged and not stop.is_set():
            sent = {"files": {"file": another(hand, number)}, "data": {"sex": "F"}}
            headers = {"idempotency-key": f"radiograph-{number}"}
            try:
                answer = httpx.post(f"{server.url}/readings?wait=0", **sent, headers=headers, timeout=10)  # type: ignore[attr-defined]
            except httpx.HTTPError:
                stop.wait(0.1)  # it is being killed, or not up again
                continue
            assert answer.status_code in (201, 202, 503), answer.text
            if answer.status_code == 503:
                stop.wait(0.2)
            else:
                acknowledged[number] = answer.json()["id"]


def test_killed_at_random_moments_under_load_nothing_is_lost_and_nothing_read_twice(
    start: Start, small_hand: bytes, url: str | None
) -> None:
    kept = ["--database", url] if url else []
    server = start("--rate", 100000, "--queue", 30, *kept)
    stop, chance = threading.Event(), random.Random(5)
    acknowledged: dict[int, str] = {}
    with ThreadPoolExecutor(CLIENTS) as threads:
        streams = [iter(range(k * 10**6, (k + 1) * 10**6)) for k in range(CLIENTS)]
        clients = [threads.submit(client_until, stop, server, small_hand, stream, acknowledged) for stream in streams]
        for kill in range(KILLS):
            until(lambda enough=3 * (kill + 1): len(acknowledged) >= enough)  # however slow the machine is
            threading.Event().wait(chance.uniform(0, 1))
            server.end(signal.SIGKILL)
            server.start()
        stop.set()
        for client in clients:
            client.result()
    assert len(acknowledged) >= 10
    with server.client() as client:
        until(lambda: client.get("/health").json()["waiting"] == 0)
        for reading in acknowledged.values():
            assert client.get(f"/readings/{reading}").json()["state"] == "done"
    assert len(set(acknowledged.values())) == len(acknowledged)
    told = carpal("serve", "audit", "--data", server.data, *kept).stdout
    log = [json.loads(line) for line in told.splitlines()]
    results = Counter(entry["reading_id"] for entry in log if entry["what"] in ("done", "refused", "failed"))
    assert set(acknowledged.values()) <= set(results)
    assert set(results.values()) == {1}
    server.end()


def half_an_upload(server: Server) -> socket.socket:
    """A connection on which the beginning of a radiograph has come, and no more will."""
    host, port = server.url.removeprefix("http://").split(":")
    line = socket.create_connection((host, int(port)), timeout=30)
    head = "POST /readings HTTP/1.1", f"Host: {host}:{port}", "Content-Length: 100000"
    body = '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhalf'
    line.sendall("\r\n".join((*head, "Content-Type: multipart/form-data; boundary=b", "", body)).encode())
    time.sleep(0.5)
    return line


def test_who_hangs_up_is_no_mistake_of_the_server(start: Start) -> None:
    server = start("--workers", 1)
    half_an_upload(server).close()
    until(lambda: "POST /readings 499" in server.log)
    assert "ERROR" not in server.log
    with server.client() as client:
        assert 'route="/readings",status="499"} 1.0' in client.get("/metrics").text


def test_a_stop_sends_half_an_upload_away(start: Start) -> None:
    server = start("--workers", 1)
    with half_an_upload(server) as line:
        assert server.end() == 0
        answer = line.recv(10_000).decode()
    assert answer.startswith("HTTP/1.1 503") and "being stopped" in answer
    assert "Traceback" not in server.log


def test_sigterm_leaves_what_waits_for_the_next_start(start: Start, small_hand: bytes) -> None:
    server = start("--rate", 100000)
    with server.client() as client:
        sent = [
            client.post("/readings?wait=0", files={"file": another(small_hand, n)}, data={"sex": "F"}).json()["id"]
            for n in range(20)
        ]
        with ThreadPoolExecutor(1) as threads:
            patient = threads.submit(client.post, "/readings?wait=60", files={"file": small_hand}, data={"sex": "F"})
            until(lambda: len(client.get("/readings").json()["readings"]) == 21)
            assert server.end(signal.SIGTERM) == 0
            assert patient.result().status_code == 202
    server.start()
    with server.client() as client:
        until(lambda: client.get("/health").json()["waiting"] == 0)
        assert {client.get(f"/readings/{reading}").json()["state"] for reading in sent} == {"done"}
    assert "Traceback" not in server.log


def test_a_full_queue_sends_away_and_lives(start: Start, small_hand: bytes) -> None:
    server = start("--queue", 1, "--rate", 100000)
    with server.client() as client, ThreadPoolExecutor(12) as threads:

        def send(number: int) -> httpx.Response:
            return client.post("/readings?wait=0", files={"file": another(small_hand, number)}, data={"sex": "F"})

        answers = list(threads.map(send, range(24)))
        assert {answer.status_code for answer in answers} == {202, 503}
        busy = next(answer for answer in answers if answer.status_code == 503)
        assert int(busy.headers["retry-after"]) >= 1
        assert busy.json()["type"] == "urn:carpal:busy"
        until(lambda: client.get("/health").json()["waiting"] == 0)
        assert send(99).status_code == 202


def test_a_worker_that_is_killed_is_replaced(start: Start, small_hand: bytes) -> None:
    server = start()
    [worker] = server.workers()
    os.kill(worker, signal.SIGKILL)
    with server.client() as client:
        answer = client.post("/readings?wait=60", files={"file": small_hand}, data={"sex": "F"})
        assert answer.json()["state"] == "done"
        assert "carpal_workers_lost_total 1.0" in client.get("/metrics").text
    assert worker not in server.workers()


def test_a_radiograph_that_takes_too_long_fails_after_two_tries(start: Start, small_hand: bytes) -> None:
    server = start("--seconds-per-file", 0.001)
    with server.client() as client:
        begun = time.monotonic()
        answer = client.post("/readings?wait=60", files={"file": small_hand}, data={"sex": "F"})
        assert time.monotonic() - begun < 60
        assert answer.json()["type"] == "urn:carpal:unreadable-radiograph"
        assert "twice" in answer.json()["detail"]
        assert "carpal_workers_lost_total 2.0" in client.get("/metrics").text
