"""What a worker makes of a radiograph, made in this process."""

from __future__ import annotations

import asyncio
import errno
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

pytest.importorskip("fastapi", reason="needs pip install '.[serve]'")
pytest.importorskip("highdicom", reason="needs pip install '.[dicom]'")

from carpal import Reader, Reading
from carpal.errors import Busy, UnreadableRadiograph
from carpal.report import Given, Look
from carpal.service import making
from carpal.service.database import Database
from carpal.service.destinations import parse_destination
from carpal.service.documents import document_of
from carpal.service.hub import Hub
from carpal.service.intake import form_of
from carpal.service.making import Document, Job, make
from carpal.service.readings import ReadingStore
from carpal.service.records import Order, Outcome, Source
from carpal.service.settings import DicomSettings, Settings
from carpal.service.worker import _answer


class Counting(Reader):
    """A reader that knows how often it has read."""

    reads = 0

    def read(self, *arguments: Any, **options: Any) -> Reading:
        self.reads += 1
        return super().read(*arguments, **options)


class AtOnce:
    """A pool that makes what it is asked for in this thread."""

    def __init__(self, reader: Reader) -> None:
        self.reader, self.model, self.asked = reader, SimpleNamespace(sha256=reader.digest), 0

    def make(self, job: Job) -> Future[Outcome]:
        self.asked += 1
        make(self.reader, job)
        future: Future[Outcome] = Future()
        future.set_result(Outcome("done", None, None, self.reader.digest))
        return future


def documents(result: dict[str, Any], folder: Path, *names: str) -> tuple[Document, ...]:
    return tuple(Document(name, folder / name, Look(), result, None, 1.7e9) for name in names)


def test_what_is_sent_together_is_made_from_one_reading(phantom_dicom: Path, tmp_path: Path) -> None:
    reader, names = Counting(), ("sr.dcm", "sc.dcm", "report.dcm")
    result = reader.read(phantom_dicom).to_dict()
    (tmp_path / "alone").mkdir()
    reader.reads = 0
    make(reader, Job(phantom_dicom, Given(), False, documents(result, tmp_path, *names)))
    assert reader.reads == 1
    for name in names:
        make(reader, Job(phantom_dicom, Given(), False, documents(result, tmp_path / "alone", name)))
        assert (tmp_path / name).stat().st_size == (tmp_path / "alone" / name).stat().st_size
    assert reader.reads == 1 + len(names)


def test_one_that_cannot_be_made_keeps_no_other_back(phantom_png: Path, tmp_path: Path) -> None:
    """And what is there already is not made again."""
    reader = Reader()
    result = reader.read(phantom_png, "F").to_dict()
    wanted = documents(result, tmp_path, "report.json", "sr.dcm", "overlay", "prepared.png")
    (tmp_path / "prepared.png").write_bytes(b"there already")
    make(reader, Job(phantom_png, Given("F"), False, wanted))
    assert {path.name for path in tmp_path.iterdir()} >= {"report.json", "overlay", "prepared.png"}
    assert (tmp_path / "prepared.png").read_bytes() == b"there already"
    assert not (tmp_path / "sr.dcm").exists()  # of a PNG there is none
    with pytest.raises(UnreadableRadiograph):
        make(reader, Job(phantom_png, Given("F"), False, wanted[1:]))


class Answering(AtOnce):
    """A pool that answers as a worker does."""

    def make(self, job: Job) -> Future[Outcome]:
        future: Future[Outcome] = Future()
        future.set_result(_answer(self.reader, job))
        return future


def test_what_has_no_room_now_may_be_asked_for_again(
    phantom_dicom: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(target: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    reader = Reader()
    store, pool = ReadingStore(Database(tmp_path), tmp_path), Answering(reader)
    with phantom_dicom.open("rb") as file:
        accepted, _ = store.accept(file, Order("test"), None, 1)
    claim = store.claim("test", 60)
    assert claim is not None
    store.finish(claim, Outcome("done", reader.read(phantom_dicom).to_dict(), None, reader.digest))
    hub = cast(Hub, SimpleNamespace(store=store, pool=pool, settings=Settings(tmp_path)))
    with monkeypatch.context() as disk, pytest.raises(Busy, match="later"):
        disk.setattr(making, "replacing", full)
        asyncio.run(document_of(hub, accepted.id, "sc.dcm", Look()))
    assert asyncio.run(document_of(hub, accepted.id, "sc.dcm", Look()))[1][128:132] == b"DICM"
    lost = _answer(reader, Job(tmp_path / "gone", Given("F"), False, ()))
    assert (lost.state, lost.passing) == ("failed", True)
    (tmp_path / "damaged.dcm").write_bytes(phantom_dicom.read_bytes()[:3000])
    assert not _answer(reader, Job(tmp_path / "damaged.dcm", Given("F"), False, ())).passing
    store.database.close()


def test_an_upload_that_finds_no_room_is_told_to_come_back() -> None:
    async def form(**_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def upload() -> None:
        async with form_of(cast(Any, SimpleNamespace(form=form))):
            pass

    with pytest.raises(Busy, match="disk is full"):
        asyncio.run(upload())


@pytest.mark.parametrize(("source", "jobs"), [("stow", 1), ("rest", 2)])
def test_a_worker_is_asked_once_for_what_is_sent(
    source: Source, jobs: int, phantom_dicom: Path, tmp_path: Path
) -> None:
    reader, settings = Reader(), DicomSettings(destinations=(parse_destination("https://archive.example/", {}),))
    database = Database(tmp_path)
    store, pool = ReadingStore(database, tmp_path), AtOnce(reader)
    with phantom_dicom.open("rb") as file:
        accepted, _ = store.accept(file, Order("test", source=source), None, 1)
    result = reader.read(phantom_dicom).to_dict()
    claim = store.claim("test", 60)
    assert claim is not None
    store.finish(claim, Outcome("done", result, None, reader.digest))
    hub = cast(Hub, SimpleNamespace(store=store, pool=pool, settings=Settings(tmp_path, dicom=settings)))
    for name in ("sr.dcm", "sc.dcm"):
        _, data = asyncio.run(document_of(hub, accepted.id, name, Look()))
        assert data[128:132] == b"DICM"
    assert pool.asked == jobs
    database.close()
