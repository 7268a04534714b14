"""What can be had of a reading beside its numbers: pages, pictures and DICOM objects, over HTTP, of a real server."""

from __future__ import annotations

import io
import json
from pathlib import Path

import httpx
import jsonschema
import numpy as np
import pydicom
import pytest
from PIL import Image

from carpal import Reader, read_radiograph
from carpal.phantom import write_phantom
from carpal.report import Given, make_report
from carpal.report.record import reading_schema, record
from carpal.report.write import report_bytes
from carpal.service.making import DOCUMENTS

from .serving import Server, Start, carpal, until
from .test_rest import is_problem, noise, send


@pytest.fixture(scope="module")
def server(start: Start) -> Server:
    return start("--rate", 100000)


@pytest.fixture(scope="module")
def client(server: Server) -> httpx.Client:
    return server.client()


@pytest.fixture(scope="module")
def girl(client: httpx.Client, small_hand: bytes) -> str:
    """Where the reading of a girl is."""
    told = {"sex": "F", "age_months": "112", "height_cm": "131", "mother_height_cm": "165", "father_height_cm": "180"}
    return send(client, small_hand, **told).headers["location"]


@pytest.fixture(scope="module")
def dicom_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("dicom") / "boy.dcm"
    return write_phantom(path, 150, "M", seed=2, shape=(512, 400)).read_bytes()


@pytest.fixture(scope="module")
def boy(client: httpx.Client, dicom_bytes: bytes) -> str:
    """Where the reading of a DICOM radiograph is."""
    return send(client, dicom_bytes).headers["location"]


def picture(client: httpx.Client, where: str) -> Image.Image:
    answer = client.get(where)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png"), answer.text
    return Image.open(io.BytesIO(answer.content))


def test_the_report_is_the_one_that_carpal_report_makes(client: httpx.Client, girl: str, small_hand: bytes) -> None:
    given = Given("F", 112.0, 131.0, mother_height_cm=165.0, father_height_cm=180.0)
    made = make_report(Reader(), read_radiograph(small_hand), given)
    body = client.get(f"{girl}/report.json").json()
    assert body == json.loads(json.dumps(record(made)))
    jsonschema.validate(body, reading_schema())
    assert client.get(f"{girl}/report.pdf").content == report_bytes(made, ".pdf")
    observation = client.get(f"{girl}/report.fhir.json")
    assert observation.headers["content-type"] == "application/fhir+json"
    assert observation.json()["valueQuantity"]["value"] == body["reading"]["bone_age_months"].__round__(2)


def test_a_page_comes_in_two_languages_and_on_two_papers(client: httpx.Client, girl: str) -> None:
    german = client.get(f"{girl}/report.html", params={"language": "de"})
    assert "Skelettalter" in german.text and "Bone age" not in german.text
    assert german.headers["content-type"].startswith("text/html")
    assert "script" not in german.headers["content-security-policy"]
    assert "sandbox" in german.headers["content-security-policy"]
    sheets = {client.get(f"{girl}/report.pdf", params={"paper": paper}).content for paper in ("a4", "letter")}
    assert len(sheets) == 2
    for wrong in ({"language": "xx"}, {"paper": "a5"}):
        assert is_problem(client.get(f"{girl}/report.pdf", params=wrong), 422, "invalid-argument")


def test_a_document_is_made_once(server: Server, client: httpx.Client, girl: str) -> None:
    first = client.get(f"{girl}/report.pdf")
    kept = list((server.data / "documents" / girl.rsplit("/")[-1]).glob("report-en-a4-*.pdf"))
    assert [path.read_bytes() for path in kept] == [first.content]
    kept[0].write_bytes(b"kept")
    assert client.get(f"{girl}/report.pdf").content == b"kept"
    kept[0].unlink()
    assert client.get(f"{girl}/report.pdf").content == first.content
    assert first.headers["content-disposition"].startswith("attachment; filename=")


def test_the_radiograph_is_shown_as_it_was_given(client: httpx.Client, small_hand: bytes) -> None:
    turned = io.BytesIO()
    with Image.open(io.BytesIO(small_hand)) as upright:
        upright.transpose(Image.Transpose.ROTATE_90).save(turned, "PNG")
    where = send(client, turned.getvalue(), sex="F").headers["location"]
    shown = picture(client, f"{where}/radiograph.png")
    assert (shown.mode, shown.size) == ("L", (512, 400))
    assert np.array_equal(np.asarray(shown), np.asarray(Image.open(turned)))
    prepared = picture(client, f"{where}/prepared.png")
    assert prepared.mode == "L" and prepared.height >= prepared.width
    reading = Reader().read(turned.getvalue(), "F")
    assert reading.quality.corrections


def test_a_large_radiograph_is_shown_smaller_and_its_evidence_fits(client: httpx.Client, tmp_path: Path) -> None:
    data = write_phantom(tmp_path / "large.png", 100, "F", seed=3, shape=(2600, 2000)).read_bytes()
    where = send(client, data, sex="F").headers["location"]
    shown, over = (picture(client, f"{where}/{name}") for name in ("radiograph.png", "evidence.png"))
    assert shown.size == over.size == (1575, 2048)
    assert over.mode == "RGBA"
    opacity = np.asarray(over)[..., 3]
    grey = np.asarray(shown)
    assert opacity.max() > 100
    dark, bright = np.percentile(grey, (20, 80))
    assert opacity[grey < dark].mean() < 5 < opacity[grey > bright].mean()  # it lies over the hand


def test_the_evidence_lies_where_the_radiograph_shows_it(client: httpx.Client, small_hand: bytes) -> None:
    """Turned and mirrored radiographs get their evidence turned and mirrored with them."""
    maps = {}
    for name, way in (("as it is", None), ("turned", Image.Transpose.ROTATE_180)):
        file = io.BytesIO()
        with Image.open(io.BytesIO(small_hand)) as upright:
            (upright if way is None else upright.transpose(way)).save(file, "PNG")
        where = send(client, file.getvalue(), sex="F").headers["location"]
        seen = picture(client, f"{where}/evidence.png")
        maps[name] = np.asarray(seen if way is None else seen.transpose(way))[..., 3].astype(float)
    assert np.corrcoef(maps["as it is"].ravel(), maps["turned"].ravel())[0, 1] > 0.9


def test_a_dicom_radiograph_is_answered_in_dicom(client: httpx.Client, boy: str, dicom_bytes: bytes) -> None:
    source = pydicom.dcmread(io.BytesIO(dicom_bytes))
    found = {}
    for name, modality in (("sr.dcm", "SR"), ("sc.dcm", "OT"), ("report.dcm", "DOC")):
        answer = client.get(f"{boy}/{name}")
        assert answer.headers["content-type"] == "application/dicom"
        found[name] = pydicom.dcmread(io.BytesIO(answer.content))
        assert found[name].Modality == modality
        assert found[name].StudyInstanceUID == source.StudyInstanceUID
    assert len({dataset.SOPInstanceUID for dataset in found.values()}) == 3


def test_dicom_objects_made_twice_are_the_same(
    server: Server, client: httpx.Client, boy: str, dicom_bytes: bytes
) -> None:
    before = client.get(f"{boy}/sr.dcm").content
    for path in (server.data / "documents" / boy.rsplit("/")[-1]).iterdir():
        path.unlink()
    assert client.get(f"{boy}/sr.dcm").content == before
    body = client.get(boy).json()
    assert (body["is_dicom"], body["age_origin"]) == (True, "header")
    assert body["study_date"] == read_radiograph(dicom_bytes).study_date.isoformat()  # type: ignore[union-attr]


def test_there_is_nothing_to_file_beside_a_png(client: httpx.Client, girl: str) -> None:
    for name in ("sr.dcm", "sc.dcm", "report.dcm"):
        assert is_problem(client.get(f"{girl}/{name}"), 404, "not-found")
    assert is_problem(client.get(f"/readings/{'0' * 32}/report.pdf"), 404, "not-found")
    assert client.get(f"{girl}/report.txt").status_code == 404


def test_a_refused_radiograph_has_a_report_that_says_why(client: httpx.Client) -> None:
    where = send(client, noise(), sex="F").json()["instance"]
    body = client.get(f"{where}/report.json").json()
    assert body["reading"] is None
    assert body["refused"]["reason"] == client.get(where).json()["problem"]["reason"]
    assert client.get(f"{where}/report.pdf").content.startswith(b"%PDF")
    assert picture(client, f"{where}/radiograph.png").size == (240, 300)
    for name in ("evidence.png", "prepared.png", "overlay", "sc.dcm"):
        assert is_problem(client.get(f"{where}/{name}"), 404, "not-found")


def test_what_cannot_be_read_cannot_be_shown(client: httpx.Client) -> None:
    where = send(client, b"\x89PNG\r\n\x1a\n" + b"MZ" * 500, sex="F").json()["instance"]
    answer = client.get(f"{where}/radiograph.png")
    assert is_problem(answer, 404, "not-found")
    assert "files/" not in answer.text


def test_the_log_says_who_has_seen_which_document(server: Server, client: httpx.Client, girl: str) -> None:
    client.get(f"{girl}/report.pdf")
    client.get(f"{girl}/evidence.png")
    log = [json.loads(line) for line in carpal("serve", "audit", "--data", server.data).stdout.splitlines()]
    seen = {(entry["what"], entry["detail"]) for entry in log if entry["reading_id"] == girl.rsplit("/")[-1]}
    assert {("document", "report.pdf"), ("pictured", "evidence.png")} <= seen


def test_documents_go_with_their_reading(server: Server, client: httpx.Client, small_hand: bytes) -> None:
    where = send(client, small_hand, sex="F").headers["location"]
    client.get(f"{where}/report.html")
    folder = server.data / "documents" / where.rsplit("/")[-1]
    assert folder.is_dir()
    client.delete(where)
    assert not folder.exists()
    assert is_problem(client.get(f"{where}/report.html"), 404, "not-found")


def test_another_model_makes_nothing_of_what_it_has_not_read(
    start: Start, client: httpx.Client, small_hand: bytes
) -> None:
    """What is there already stays; the radiograph itself can always be shown."""
    server = start()
    with server.client() as first:
        where = send(first, small_hand, sex="F").headers["location"]
        page = first.get(f"{where}/report.pdf").content
    server.end()
    server.options += ["--model", "ensemble"]
    server.start()
    with server.client() as later:
        until(lambda: later.get("/health").json()["ready"])
        assert later.get(f"{where}/report.pdf").content == page
        assert is_problem(later.get(f"{where}/evidence.png"), 410, "gone")
        assert is_problem(later.get(f"{where}/report.json"), 410, "gone")
        assert later.get(f"{where}/radiograph.png").status_code == 200


def test_every_kind_of_document_is_described(client: httpx.Client) -> None:
    paths = json.loads(client.get("/openapi.json").content)["paths"]
    for name, kind in DOCUMENTS.items():
        answers = paths[f"/readings/{{reading_id}}/{name}"]["get"]["responses"]
        assert list(answers["200"]["content"]) == [kind.media_type]
