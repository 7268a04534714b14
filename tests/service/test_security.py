"""Who may not come in, and what does no harm."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from carpal.phantom import write_phantom

from .serving import Server, Start, carpal, until


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    data = tmp_path_factory.mktemp("guarded")
    roles = {"reader": "ward", "admin": "chief"}
    made = {role: carpal("serve", "token", "add", who, "--role", role, "--data", data) for role, who in roles.items()}
    return data, {role: done.stdout.strip() for role, done in made.items()}


@pytest.fixture(scope="module")
def server(start: Start, tokens: tuple[Path, dict[str, str]]) -> Server:
    return start("--rate", 300, data=tokens[0])


@pytest.fixture
def reader(server: Server, tokens: tuple[Path, dict[str, str]]) -> httpx.Client:
    return server.client(tokens[1]["reader"])


@pytest.fixture
def admin(server: Server, tokens: tuple[Path, dict[str, str]]) -> httpx.Client:
    return server.client(tokens[1]["admin"])


PROTECTED = [
    ("POST", "/readings"),
    ("GET", "/readings"),
    ("GET", f"/readings/{'0' * 32}"),
    ("GET", f"/readings/{'0' * 32}/overlay"),
    ("GET", f"/readings/{'0' * 32}/report.pdf"),
    ("GET", f"/readings/{'0' * 32}/radiograph.png"),
    ("POST", "/readings/search"),
    ("GET", f"/children/{'0' * 32}"),
    ("GET", f"/children/{'0' * 32}/chart.svg"),
    ("DELETE", f"/readings/{'0' * 32}"),
    ("GET", "/session"),
    ("DELETE", "/session"),
    ("GET", "/models"),
    ("GET", "/metrics"),
    ("GET", "/anything"),
]


@pytest.mark.parametrize(("method", "path"), PROTECTED)
def test_without_a_token_nothing_is_answered(server: Server, method: str, path: str) -> None:
    cookie = {"cookie": f"carpal_session={'x' * 43}"}
    wrong = [{"authorization": "Bearer nonsense"}, {"authorization": "Basic Y2FycGFsOmNhcnBhbA=="}, cookie]
    for headers in ({}, *wrong):
        with server.client() as client:
            answer = client.request(method, path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["type"] == "urn:carpal:unauthenticated"


def test_only_an_admin_deletes(reader: httpx.Client, admin: httpx.Client, small_hand: bytes) -> None:
    where = reader.post("/readings", files={"file": small_hand}, data={"sex": "F"}).headers["location"]
    answer = reader.delete(where)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:carpal:forbidden")
    assert admin.delete(where).status_code == 204


def test_by_cookie_no_more_is_allowed(server: Server, tokens: tuple[Path, dict[str, str]], small_hand: bytes) -> None:
    browsers = {}
    for role, token in tokens[1].items():
        browsers[role] = server.client()
        csrf = browsers[role].post("/session", data={"token": token}).json()["csrf"]
        browsers[role].headers["x-csrf-token"] = csrf
    where = browsers["reader"].post("/readings", files={"file": small_hand}, data={"sex": "F"}).headers["location"]
    answer = browsers["reader"].delete(where)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:carpal:forbidden")
    foreign = {"x-csrf-token": browsers["reader"].headers["x-csrf-token"]}
    assert browsers["admin"].delete(where, headers=foreign).status_code == 403
    assert browsers["admin"].delete(where).status_code == 204
    assert browsers["admin"].delete("/session").status_code == 204
    assert browsers["admin"].get("/readings").status_code == 401
    assert browsers["reader"].get("/readings").status_code == 200


def test_the_audit_log_names_the_caller(
    reader: httpx.Client, small_hand: bytes, tokens: tuple[Path, dict[str, str]]
) -> None:
    reading = reader.post("/readings", files={"file": small_hand}, data={"sex": "F"}).json()
    log = [line for line in carpal("serve", "audit", "--data", tokens[0]).stdout.splitlines() if reading["id"] in line]
    assert len(log) == 2
    assert all('"who": "ward"' in line for line in log)
    assert reading["reading"]["model_sha256"] in log[1]
    assert all(re.match(r'\{"at": "20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "who"', line) for line in log)


def test_names_from_outside_are_neither_paths_nor_in_the_log(
    reader: httpx.Client, server: Server, tmp_path: Path
) -> None:
    """The phantom's header holds a name, too."""
    before = {path.parent for path in server.data.rglob("*")}
    radiograph = write_phantom(tmp_path / "x.dcm", 120, "M", shape=(512, 400)).read_bytes()
    for name in ("../../../Mueller^Anna.dcm", "/etc/Mueller^Anna", 'Mueller^Anna"\r\nX-Evil: 1', "Mueller^Anna\0.png"):
        answer = reader.post("/readings", files={"file": (name, radiograph)})
        assert answer.status_code == 201, answer.text
        assert "Mueller" not in answer.text
        assert "x-evil" not in answer.headers
    answer = reader.post("/readings?Mueller^Anna=1", files={"file": radiograph})
    assert (answer.status_code, "Mueller" in answer.text) == (422, False)
    reader.get("/Mueller^Anna")
    reader.get("/readings/..%2f..%2fMueller^Anna")
    until(lambda: "GET none 404" in server.log)
    assert "Mueller" not in server.log
    assert "SYNTHETIC" not in server.log.upper()
    assert not any(b"Mueller" in path.read_bytes() for path in server.data.glob("carpal.sqlite*"))
    after = {path.parent for path in server.data.rglob("*")}
    assert all(folder.parent == server.data / "files" for folder in after - before)


SPLIT = "x\r\nX-Evil: 1\r\n\r\n<b>"


def test_no_text_that_is_sent_gets_into_a_header(reader: httpx.Client, server: Server, small_hand: bytes) -> None:
    """Where it is taken at all; Location, Content-Disposition and Set-Cookie are the service's own."""

    def clean(answer: httpx.Response) -> httpx.Response:
        said = str(answer.headers.multi_items()).lower()
        assert "evil" not in said, said
        return answer

    fields = ("child", "sex", "age_months", "birth_date", "study_date", "height_cm", "menarche", "accept_anything")
    for name in (*fields, SPLIT):
        sent = {"files": {"file": small_hand}, "data": {"sex": "F"} | {name: SPLIT}}
        assert clean(reader.post("/readings", **sent)).status_code == 422
    file = {"file": ('x"; evil="1.png', small_hand, "image/evil")}
    taken = clean(reader.post("/readings", files=file, data={"sex": "F", "child": '"; evil="1'}))
    assert taken.status_code == 201
    assert re.fullmatch("/readings/[0-9a-f]{32}", taken.headers["location"])
    shown = clean(reader.get(f"{taken.headers['location']}/report.json"))
    assert re.fullmatch(r'attachment; filename="carpal-[0-9a-f]{8}-report\.json"', shown.headers["content-disposition"])
    for query in ({"language": SPLIT}, {"paper": SPLIT}):
        assert clean(reader.get(f"{taken.headers['location']}/report.html", params=query)).status_code == 422
    for query in ({"cursor": SPLIT}, {"wait": SPLIT}, {SPLIT: "1"}):
        assert clean(reader.get("/readings", params=query)).status_code == 422
    with server.client() as nobody:
        answer = clean(nobody.post("/session", data={"token": SPLIT}, params={"next": SPLIT}))
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
        clean(nobody.get("/", headers={"cookie": "carpal_session=evil; carpal_language=evil"}))
        for path in ("/", "/login", "/worklist", f"{taken.headers['location']}/view"):
            clean(nobody.get(path, params={"lang": SPLIT, "next": SPLIT}))


def test_no_path_leads_out(reader: httpx.Client, server: Server, small_hand: bytes) -> None:
    """Neither past the guard nor to a file that is none of a reading's documents."""
    where = reader.post("/readings", files={"file": small_hand}, data={"sex": "F"}).headers["location"]
    out = ("../../carpal.sqlite", "..%2f..%2fcarpal.sqlite", "%2e%2e/%2e%2e/lock", "report.pdf/../../../lock")
    odd = ("..\\..\\lock", "report.pdf%00.png", "/etc/passwd", "%252e%252e%252flock", ".", "..", "REPORT.PDF")
    token = reader.headers["authorization"]
    for name in (*out, *odd):
        for path in (f"{where}/{name}", f"/static/{name}"):
            header = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {token}\r\nConnection: close\r\n\r\n"
            answer = raw(server, header.encode())
            assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400")), (path, answer)
            assert b"SQLite" not in answer
    for path in ("/static/../readings", "/static/%2e%2e/readings", "//readings", "/login/../readings", "/readings/"):
        answer = raw(server, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 401")), (path, answer)
        assert b"location:" not in answer.lower()


def test_every_answer_carries_security_headers(reader: httpx.Client, server: Server) -> None:
    with server.client() as nobody:
        answers = [reader.get("/"), reader.get("/readings"), reader.get("/nothing"), nobody.get("/readings")]
    for answer in answers:
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert not {"server", "access-control-allow-origin"} & set(answer.headers)


def test_pages_of_other_sites_are_sent_away(reader: httpx.Client, small_hand: bytes) -> None:
    sent = {"files": {"file": small_hand}, "data": {"sex": "F"}}
    assert reader.post("/readings", headers={"origin": "https://evil.example"}, **sent).status_code == 403
    assert reader.post("/readings", headers={"sec-fetch-site": "cross-site"}, **sent).status_code == 403
    assert reader.post("/readings", headers={"origin": str(reader.base_url).rstrip("/")}, **sent).status_code == 201
    assert reader.get("/readings", headers={"host": "evil.example"}).status_code == 403  # DNS rebinding


def raw(server: Server, data: bytes) -> bytes:
    """What comes back, until the server hangs up."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(data)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


def test_malformed_and_huge_headers_are_refused(server: Server) -> None:
    assert raw(server, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100_000).startswith(b"HTTP/1.1 4")
    assert raw(server, b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400")
    split = b"GET / HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: a\x00b\r\nConnection: close\r\n\r\n"
    assert raw(server, split).startswith(b"HTTP/1.1 400")


def test_a_header_that_never_ends_is_hung_up_on(server: Server) -> None:
    """Slow loris: nothing comes back, and the connection does not stay."""
    with ThreadPoolExecutor(2) as threads:
        begun = (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", b"")
        assert list(threads.map(lambda data: raw(server, data), begun)) == [b"", b""]


def test_a_client_that_sends_too_much_is_slowed_down(server: Server, tokens: tuple[Path, dict[str, str]]) -> None:
    made = carpal("serve", "token", "add", "flood", "--data", tokens[0]).stdout.strip()
    with server.client(made) as client:
        answers = (client.get("/models") for _ in range(3000))  # however slow this machine is
        assert next(answers).status_code == 200
        last = next(answer for answer in answers if answer.status_code != 200)
        assert last.status_code == 429
        assert int(last.headers["retry-after"]) >= 1
    with server.client(tokens[1]["reader"]) as other:
        assert other.get("/models").status_code == 200
    assert carpal("serve", "token", "revoke", "flood", "--data", tokens[0]).returncode == 0
    with server.client(made) as client:
        assert client.get("/models").status_code in (401, 429)


def test_beyond_this_machine_it_starts_with_tokens_only(tmp_path: Path) -> None:
    done = carpal("serve", "--host", "0.0.0.0", "--port", 0, "--data", tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert "carpal serve token add" in line


@pytest.mark.parametrize(
    "options",
    [
        ["--port", 70000],
        ["--workers", 0],
        ["--tls-cert", "absent.pem"],
        ["--tls-cert", "absent.pem", "--tls-key", "absent.pem"],
        ["--model", "absent"],
        ["--database", "nonsense"],
        ["--host", "no.such.host.invalid"],
    ],
)
def test_what_cannot_be_served_is_said_in_one_sentence(options: list[object], tmp_path: Path) -> None:
    done = carpal("serve", "--port", 0, "--data", tmp_path, *options)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("carpal: ")


@pytest.mark.parametrize("folder", ["", __file__])
def test_a_store_is_a_folder_with_a_name(folder: str, tmp_path: Path) -> None:
    for command in (["serve", "--port", 0], ["serve", "token", "list"]):
        done = carpal(*command, "--data", folder)
        assert done.returncode == 2
        [line] = done.stderr.splitlines()
        assert line.startswith("carpal: --data ")


@pytest.mark.parametrize("mode", [0o755, 0o701, 0o777])
def test_a_folder_that_is_open_to_others_is_no_store(mode: int, tmp_path: Path) -> None:
    """It is neither used nor changed: it may be another program's too."""
    tmp_path.chmod(mode)
    for command in (["serve", "--port", 0], ["serve", "token", "add", "ward"]):
        done = carpal(*command, "--data", tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        [line] = done.stderr.splitlines()
        assert "chmod 700" in line
    assert (tmp_path.stat().st_mode & 0o777, list(tmp_path.iterdir())) == (mode, [])


def test_a_store_that_is_made_is_its_owners(tmp_path: Path) -> None:
    for data in (tmp_path / "new", tmp_path / "grouped"):
        if data.name == "grouped":
            data.mkdir(0o750)  # as somebody has wanted it
        mode = data.stat().st_mode & 0o777 if data.exists() else 0o700
        assert carpal("serve", "token", "add", "ward", "--data", data).returncode == 0
        assert data.stat().st_mode & 0o777 == mode


def test_a_certificate_that_is_none_is_said_before_anything_is_served(tmp_path: Path) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate", encoding="utf-8")
    done = carpal("serve", "--port", 0, "--data", tmp_path / "data", "--tls-cert", bad, "--tls-key", bad)
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert "are no certificate and its key" in line


def test_an_option_at_the_wrong_place_is_not_ignored(tmp_path: Path) -> None:
    done = carpal("serve", "--data", tmp_path, "token", "add", "anna")
    assert done.returncode == 2
    assert "--data goes behind token" in done.stderr


def test_looking_after_a_store_that_is_not_there(tmp_path: Path) -> None:
    for command in (["token", "list"], ["audit"], ["purge", "--older-than", 1], ["delete", "0" * 32]):
        done = carpal("serve", *command, "--data", tmp_path)
        assert done.returncode == 2
        assert "there is no store in this folder" in done.stderr
    assert not list(tmp_path.iterdir())


def test_two_servers_do_not_share_a_store(server: Server) -> None:
    done = carpal("serve", "--port", 0, "--data", server.data)
    assert (done.returncode, done.stdout) == (2, "")
    assert "another carpal serve" in done.stderr


def test_tls(start: Start, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    request = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    )
    try:
        subprocess.run([*request.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed: no certificate can be made")
    server = start("--tls-cert", certificate, "--tls-key", key)
    assert server.url.startswith("https://")
    with httpx.Client(base_url=server.url, verify=ssl.create_default_context(cafile=str(certificate))) as client:
        answer = client.get("/health")
    assert answer.json()["ready"]
    assert "strict-transport-security" in answer.headers
