"""Very many radiographs: one table, whoever reads it and however often it is killed."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

pa = pytest.importorskip("pyarrow", reason="carpal bulk needs pyarrow: pip install 'carpal[bulk]'")
fsspec = pytest.importorskip("fsspec", reason="carpal bulk needs fsspec: pip install 'carpal[bulk]'")
pq = pytest.importorskip("pyarrow.parquet")

from carpal.bulk.parts import PartsFolder
from carpal.bulk.pool import Job
from carpal.bulk.reading import PartReader, Plan
from carpal.bulk.run import Settings, Shard, Workers, run_bulk
from carpal.bulk.work import Item, find_work
from carpal.cli import app
from carpal.cli.progress import _Lines
from carpal.errors import CarpalError, InvalidArgument
from carpal.files import replacing
from carpal.phantom import write_phantom
from carpal.reader import Reader
from carpal.table import csv_rows

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="kills processes and looks at them as Linux shows them")


def carpal(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven hands in two folders, noise, a broken file, and a DICOM hand whose header says that it is a boy's."""
    folder = tmp_path_factory.mktemp("bulk") / "study"
    (folder / "a").mkdir(parents=True)
    (folder / "b").mkdir()
    for number in range(11):
        write_phantom(folder / "ab"[number % 2] / f"hand-{number:02d}.png", 60 + 10 * number, "F", seed=number)
    noise = np.random.default_rng(0).integers(0, 255, (300, 240)).astype(np.uint8)
    Image.fromarray(noise).save(folder / "b" / "noise.png")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    write_phantom(folder / "boy.dcm", 150, "M", seed=2)
    return folder


def tables(out: Path) -> dict[str, list[dict]]:
    """Both tables, their rows in the order of their parts."""
    return {
        name: [row for part in sorted((out / name).glob("*.parquet")) for row in pq.read_table(part).to_pylist()]
        for name in ("readings", "failures")
    }


@pytest.fixture(scope="session")
def undisturbed(study: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict]]:
    """The two tables of the study, read by one process."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    run_bulk(str(study), out, Settings(sex="F", part_rows=4), Workers(0))
    return tables(out)


# --------------------------------------------------------------------------- what is written


def test_each_radiograph_is_in_one_of_two_tables(study: Path, undisturbed: dict[str, list[dict]]) -> None:
    ids = [row["id"] for name in undisturbed for row in undisturbed[name]]
    assert sorted(ids) == sorted(path.relative_to(study).as_posix() for path in study.rglob("*.*"))
    assert [row["id"] for row in undisturbed["failures"]] == ["b/noise.png", "broken.png"]
    noise, broken = undisturbed["failures"]
    assert noise["refused_because"] and noise["error"].startswith("refused: ")
    assert broken["refused_because"] is None
    assert str(study / "broken.png") in broken["error"]


def test_a_row_says_what_the_reader_says(study: Path, undisturbed: dict[str, list[dict]]) -> None:
    row = undisturbed["readings"][0]
    expected = Reader().read(study / "a" / "hand-00.png", "F").to_dict()
    assert row == {"id": "a/hand-00.png", "file": str(study / "a" / "hand-00.png"), **expected}
    boy = next(row for row in undisturbed["readings"] if row["id"] == "boy.dcm")
    assert (boy["sex"], boy["sex_origin"]) == ("F", "given")


def leave_as_a_kill_does(path: Path) -> None:
    with suppress(KeyboardInterrupt), replacing(path) as part:
        raise KeyboardInterrupt
    part.write_bytes(b"PAR1")


def test_half_a_table_is_never_seen(study: Path, tmp_path: Path) -> None:
    """A part whose readings are missing, cut short or of another length is made again; its temporary files go."""
    settings = Settings(sex="F", part_rows=4)
    run_bulk(str(study), tmp_path, settings, Workers(0))
    whole = tables(tmp_path)
    first, second, third, fourth = sorted((tmp_path / "readings").iterdir())
    first.unlink()
    second.write_bytes(second.read_bytes()[:-100])
    pq.write_table(pq.read_table(third).slice(1), third)
    leave_as_a_kill_does(first)
    leave_as_a_kill_does(tmp_path / "failures" / fourth.name)  # of a part that another process has finished
    before = fourth.stat().st_mtime_ns
    done = run_bulk(str(study), tmp_path, settings, Workers(0))
    assert tables(tmp_path) == whole
    assert (done.kept, fourth.stat().st_mtime_ns) == (2, before)
    assert not list(tmp_path.rglob("*.part"))


# --------------------------------------------------------------------------- killed


def starting(study: Path, out: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "carpal", "bulk", str(study), "-o", str(out), "--sex", "F", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


@linux_only
def test_killed_again_and_again_no_row_is_lost_or_doubled(
    study: Path, undisturbed: dict[str, list[dict]], tmp_path: Path
) -> None:
    moments = random.Random(6)
    for parts in (0, 2, 4, 6, 9, 11):
        run = starting(study, tmp_path, "--workers", "2", "--part-rows", "1")
        while run.poll() is None and len(list(tmp_path.glob("readings/*.parquet"))) < parts:
            time.sleep(0.005)
        time.sleep(moments.uniform(0, 0.2))
        os.killpg(run.pid, signal.SIGKILL) if moments.random() < 0.5 else run.kill()
        run.communicate()
    last = starting(study, tmp_path, "--workers", "2", "--part-rows", "1")
    said, complaint = last.communicate(timeout=120)
    assert last.returncode == 1, complaint
    assert b"12 read, 2 failed or refused, 1" in said  # eleven or more were there
    assert tables(tmp_path) == undisturbed
    assert not list(tmp_path.rglob("*.part"))


def workers_of(pid: int) -> list[int]:
    """The processes that read, not Python's tracker of shared things."""
    found = []
    with suppress(OSError):  # whoever is looked at may end meanwhile
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.append(child)
    return found


@linux_only
def test_a_worker_that_is_killed_is_replaced(study: Path, undisturbed: dict[str, list[dict]], tmp_path: Path) -> None:
    run = starting(study, tmp_path, "--workers", "1", "--part-rows", "4")
    killed: set[int] = set()
    while run.poll() is None and len(killed) < 2:
        for worker in workers_of(run.pid):
            # The first once a part is there, so that it dies at work; its successor whenever it is seen.
            if worker not in killed and list(tmp_path.glob("readings/*.parquet")):
                os.kill(worker, signal.SIGKILL)
                killed.add(worker)
        time.sleep(0.02)
    assert run.wait(120) == 1, run.stderr and run.stderr.read()
    assert len(killed) == 2
    assert tables(tmp_path) == undisturbed


@linux_only
def test_workers_do_not_outlive_a_killed_run(study: Path, tmp_path: Path) -> None:
    run = starting(study, tmp_path, "--workers", "2", "--part-rows", "1")
    while not list(tmp_path.glob("readings/*.parquet")):
        time.sleep(0.02)
    workers = workers_of(run.pid)
    run.kill()
    run.communicate()
    assert workers
    ends = time.monotonic() + 30
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < ends, "a worker lives on"
        time.sleep(0.05)


def test_a_radiograph_that_kills_whoever_reads_it_is_given_up(study: Path, tmp_path: Path) -> None:
    items = find_work(str(study), "F").items(0, 2)
    job = Job(0, items)
    for _ in range(2):
        job.died_at(1)
    assert job.given_up == frozenset()
    job.died_at(1)
    assert job.given_up == {1}
    PartReader(Plan(PartsFolder(tmp_path), "default", False)).make(0, items, given_up=job.given_up)
    (failure,) = tables(tmp_path)["failures"]
    assert (failure["id"], failure["error"]) == (
        items[1].id,
        f"cannot read {items[1].location}: whatever reads it dies",
    )


@pytest.mark.parametrize("position", [None, 2], ids=["at the start", "while writing"])
def test_a_run_whose_workers_die_whatever_they_do_ends_in_a_sentence(position: int | None) -> None:
    job = Job(0, [Item("1", "1.png", "F", {}), Item("2", "2.png", "F", {})])
    job.died_at(position)
    job.died_at(position)
    with pytest.raises(CarpalError, match="try fewer --workers"):
        job.died_at(position)


def test_a_part_that_cannot_be_written_ends_the_run_in_a_sentence(study: Path, tmp_path: Path) -> None:
    settings = Settings(sex="F", part_rows=4)
    run_bulk(str(study), tmp_path, settings, Workers(0), shard=Shard(1, 4))
    for part in (tmp_path / "readings").iterdir():
        part.unlink()
    (tmp_path / "readings").rmdir()
    (tmp_path / "readings").write_text("a file where a folder must be")
    with pytest.raises(CarpalError, match="readings"):
        run_bulk(str(study), tmp_path, settings, Workers(1), shard=Shard(1, 4))


# --------------------------------------------------------------------------- shares


def test_shards_are_disjoint_and_together_all(study: Path, undisturbed: dict[str, list[dict]], tmp_path: Path) -> None:
    counts = []
    for number in (3, 1, 2):
        done = run_bulk(str(study), tmp_path, Settings(sex="F", part_rows=4), Workers(0), shard=Shard(number, 3))
        counts.append(done.read + done.failed)
        assert done.kept == 0
    assert sum(counts) == 14
    assert tables(tmp_path) == undisturbed


@pytest.mark.parametrize("count", [1, 2, 7, 64])
def test_every_part_is_in_one_shard(count: int) -> None:
    shares = [index for number in range(1, count + 1) for index in Shard(number, count).share(23)]
    assert sorted(shares) == list(range(23))


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install 'carpal[ray]'")
def test_ray_gives_the_same_table(study: Path, undisturbed: dict[str, list[dict]], tmp_path: Path) -> None:
    done = run_bulk(str(study), tmp_path, Settings(sex="F", part_rows=4), Workers(ray="local"))
    assert (done.read, done.failed) == (12, 2)
    assert tables(tmp_path) == undisturbed


# --------------------------------------------------------------------------- where the work comes from


def test_a_table_brings_sex_id_and_further_columns(study: Path, tmp_path: Path) -> None:
    table = study / "hands.csv"
    table.write_text(
        "ID,Path,sex,hospital,model\n7,boy.dcm,,north,DX\n5,a/hand-00.png,f,south,CR\n6,a/hand-02.png,x,south,CR\n",
        encoding="utf-8-sig",
    )
    run_bulk(str(table), tmp_path / "csv", Settings(), Workers(0))
    csv_tables = tables(tmp_path / "csv")
    girl, boy = csv_tables["readings"]
    assert (girl["id"], girl["sex"], girl["hospital"], girl["table_model"]) == ("5", "F", "south", "CR")
    assert (boy["id"], boy["sex"], boy["sex_origin"], boy["hospital"]) == ("7", "M", "header", "north")
    (failure,) = csv_tables["failures"]
    assert (failure["id"], failure["error"], failure["table_model"]) == ("6", "'x' is no sex: give F or M", "CR")
    pq.write_table(
        pa.table(
            {
                "ID": [7, 5, 6],
                "Path": ["boy.dcm", "a/hand-00.png", "a/hand-02.png"],
                "sex": [None, "f", "x"],
                "hospital": ["north", "south", "south"],
                "model": ["DX", "CR", "CR"],
            }
        ),
        study / "hands.parquet",
    )
    run_bulk(str(study / "hands.parquet"), tmp_path / "parquet", Settings(), Workers(0))
    table.unlink()
    (study / "hands.parquet").unlink()
    assert tables(tmp_path / "parquet") == csv_tables


def test_the_order_of_the_table_does_not_matter(tmp_path: Path) -> None:
    rows = ["b.png,F", "a.png,M", "file:///c.png,F"]
    for name, lines in (("one.csv", rows), ("two.csv", rows[::-1])):
        (tmp_path / name).write_text("path,sex\n" + "\n".join(lines))
    one, two = (find_work(str(tmp_path / name)) for name in ("one.csv", "two.csv"))
    assert one.digest() == two.digest()
    assert [item.location for item in one.items(0, 9)] == [
        str(tmp_path / "a.png"),
        str(tmp_path / "b.png"),
        "file:///c.png",
    ]
    assert one.items(2, 1)[0] == Item("file:///c.png", "file:///c.png", "F", {})


@pytest.mark.parametrize("protocol", ["memory", "file"])
def test_an_fsspec_url_is_read_as_the_folder_it_is(
    protocol: str, study: Path, undisturbed: dict[str, list[dict]], tmp_path: Path
) -> None:
    url = f"file://{study}"
    if protocol == "memory":
        url, memory = "memory://hands/study", fsspec.filesystem("memory")
        for path in study.rglob("*.*"):
            memory.pipe(f"{url}/{path.relative_to(study).as_posix()}", path.read_bytes())
    run_bulk(url, tmp_path, Settings(sex="F", part_rows=4), Workers(0 if protocol == "memory" else 1))
    found = tables(tmp_path)
    assert all(row["file"] == f"{url}/{row['id']}" for rows in found.values() for row in rows)
    assert f"cannot read {url}/broken.png" in found["failures"][1]["error"]
    located = ("file", "error")
    for name in found:
        assert [{k: v for k, v in row.items() if k not in located} for row in found[name]] == [
            {k: v for k, v in row.items() if k not in located} for row in undisturbed[name]
        ]


def test_hidden_folders_are_passed_over_at_a_url_too(tmp_path: Path) -> None:
    for name in ("a.png", ".thumbnails/b.png", ".c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    listed = [find_work(place).items(0, 9) for place in (str(tmp_path), f"file://{tmp_path}")]
    assert [[item.id for item in items] for items in listed] == [["a.png"], ["a.png"]]


def test_a_table_at_a_url_is_relative_to_it(study: Path, tmp_path: Path) -> None:
    (tmp_path / "hands.csv").write_text("path,sex\nnowhere.png,F\n")
    run_bulk(f"file://{tmp_path}/hands.csv", tmp_path / "out", Settings(), Workers(0))
    (failure,) = tables(tmp_path / "out")["failures"]
    assert failure["error"] == f"cannot read file://{tmp_path}/nowhere.png: no such file or directory"


def test_a_million_rows_are_listed_in_little_memory(tmp_path: Path) -> None:
    """A twentieth of it: 50,000 rows; Arrow's memory, and that of the objects made of one part."""
    with (tmp_path / "hands.csv").open("w") as table:
        table.write("path,sex,id\n")
        table.writelines(f"folder-{n % 97}/{n}.png,{'FM'[n % 2]},{n}\n" for n in range(50_000))
    work = find_work(str(tmp_path / "hands.csv"))
    assert len(work) == 50_000
    assert work.rows.nbytes < 50_000 * 100
    assert len({item.id for start in range(0, 50_000, 1000) for item in work.items(start, 1000)}) == 50_000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,sex,id\na.png,F,1\nb.png,F,2\nc.png,M,1\n", "rows 1 and 3 have the same id"),
        ("path,sex\na.png,F\na.png,F\n", "rows 1 and 2 have the same id"),
        ("path,sex,id\na.png,F,\n", "row 1 has no id"),
        ("path,age\na.png,7\n", "needs columns path and sex"),
        ("path,sex\n", "no radiographs in it"),
        ("", "needs columns path and sex"),
        ("path;sex\na.png;F\n", "path and sex, separated by commas"),
        ("path,sex,Sex\na.png,M,F\n", "two columns are called sex"),
        ("path,sex\na.png,F,M\n", "row 1 has more cells than the header"),
        ('path,sex,note\na.png,F,"left\nb.png,M,x\n', "line 2: .* is a quotation mark left open"),
        ('path,sex,note\na.png,F,y\n\n"b.png" ,M,x\n', "line 4: .* is a quotation mark left open"),
        ('path,sex,note\na.png,F,"left\nb.png,M,x"y\n', "line 2: .* is a quotation mark left open"),
        (b"\xff\xfe\x00\x01", "not a readable CSV table: save it as CSV in UTF-8"),
    ],
)
def test_a_table_that_is_none_is_refused_in_a_sentence(tmp_path: Path, text: str | bytes, message: str) -> None:
    table = tmp_path / "hands.csv"
    table.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InvalidArgument, match=message):
        find_work(str(table))


def test_a_comma_too_many_at_the_end_of_a_row_is_none(tmp_path: Path) -> None:
    rows = list(csv_rows(["path,sex\n", "a.png,F,\n"], tmp_path))
    assert [(row.place, row.sex, row.extra) for row in rows] == [("a.png", "F", {})]


# --------------------------------------------------------------------------- as a person meets it


def test_the_command_counts_and_ends_as_read_does(study: Path, tmp_path: Path) -> None:
    done = carpal("bulk", study / "a", "-o", tmp_path / "all", "--sex", "F", "--workers", 0)
    assert (done.exit_code, done.stdout) == (0, f"{tmp_path / 'all'}: 6 read, 0 failed or refused\n")
    done = carpal("bulk", study, "-o", tmp_path / "some", "--sex", "F", "--workers", 0, "--part-rows", 5)
    assert (done.exit_code, done.stdout) == (1, f"{tmp_path / 'some'}: 12 read, 2 failed or refused\n")
    again = carpal("bulk", study, "-o", tmp_path / "some", "--sex", "f", "--part-rows", 5)
    assert again.stdout == f"{tmp_path / 'some'}: 12 read, 2 failed or refused, 14 of both by an earlier run\n"
    nothing = carpal("bulk", study / "a", "-o", tmp_path / "none", "--workers", 0)
    assert nothing.exit_code == 2
    assert "0 read, 6 failed" in nothing.stdout


def test_accept_anything_reads_what_the_gate_refuses(study: Path, tmp_path: Path) -> None:
    run_bulk(str(study / "b"), tmp_path, Settings(sex="F", accept_anything=True), Workers(0))
    found = tables(tmp_path)
    assert found["failures"] == []
    noise = next(row for row in found["readings"] if row["id"] == "noise.png")
    assert noise["refused_because"]
    assert "read all the same" in noise["notes"][0]


def test_jpeg_2000_may_be_decoded_no_larger_than_is_needed(tmp_path: Path) -> None:
    pydicom = pytest.importorskip("pydicom")
    folder = tmp_path / "study"
    folder.mkdir()
    # A drawing that the network is sure of: of most it is not, and says so.
    write_phantom(folder / "hand.dcm", 60, "F", seed=3, shape=(2048, 1600))
    dataset = pydicom.dcmread(folder / "hand.dcm")
    dataset.compress(pydicom.uid.JPEG2000Lossless, encoding_plugin="pylibjpeg", generate_instance_uid=False)
    dataset.save_as(folder / "hand.dcm")
    whole, small = tmp_path / "whole", tmp_path / "small"
    assert carpal("bulk", folder, "-o", whole, "--workers", "0").exit_code == 0
    assert carpal("bulk", folder, "-o", small, "--workers", "0", "--reduced").exit_code == 0
    (first,), (second,) = tables(whole)["readings"], tables(small)["readings"]
    assert first["bone_age_months"] != second["bone_age_months"]
    assert first["bone_age_months"] == pytest.approx(second["bone_age_months"], abs=2)
    mixed = carpal("bulk", folder, "-o", whole, "--workers", "0", "--reduced")
    assert "holds another run (reduced differ)" in str(mixed.exception)


def test_two_runs_never_mix_in_a_folder(study: Path, tmp_path: Path) -> None:
    run_bulk(str(study / "a"), tmp_path / "out", Settings(sex="F"), Workers(0))
    facts = json.loads((tmp_path / "out" / "run.json").read_text())
    assert (facts["rows"], facts["model_sha256"]) == (6, Reader().digest)
    for settings, what in (
        (Settings(sex="M"), "sex, work_sha256"),
        (Settings(sex="F", accept_anything=True), "accept_anything"),
        (Settings(model="ensemble", sex="F"), "model, model_sha256"),
        (Settings(sex="F", part_rows=2), "part_rows"),
    ):
        with pytest.raises(InvalidArgument, match=rf"another run \({what} differ\)"):
            run_bulk(str(study / "a"), tmp_path / "out", settings, Workers(0))
    (tmp_path / "out" / "run.json").unlink()
    with pytest.raises(InvalidArgument, match="no run"):
        run_bulk(str(study / "a"), tmp_path / "out", Settings(sex="F"), Workers(0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--shard", "0/4"], "1/4, 2/4, 3/4 and 4/4"),
        (["--shard", "5/4"], "no share of a whole"),
        (["--shard", "2"], "give which of how many"),
        (["--part-rows", "0"], "one row or more"),
        (["--workers", "-1"], "give 0 or more"),
        (["--workers", "2", "--ray", "local"], "leave --workers out"),
        (["--sex", "girl"], "is no sex"),
        (["--model", "nowhere.onnx"], "neither a model file nor a shipped model"),
    ],
)
def test_a_wrong_argument_is_a_sentence(study: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    done = carpal("bulk", study, "-o", tmp_path / "out", *arguments)
    assert isinstance(done.exception, CarpalError)
    assert message in str(done.exception)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere", "neither a folder nor a table"),
        ("nowhere.csv", "not a readable table: no such file"),
        ("nowhere.parquet", "not a readable table: no such file"),
        ("rubbish://bucket/hands", "rubbish:// cannot be read here"),
        ("file:///nowhere/hands", "no radiographs in it"),
        ("rubbish://bucket/hands.csv", "not a readable"),
        ("zip://hands::file://hands.zip", "not a chain"),
        ("memory://hands", "--workers 0"),
    ],
)
def test_a_source_that_is_none_is_a_sentence(tmp_path: Path, source: str, message: str) -> None:
    done = carpal("bulk", source if "://" in source else tmp_path / source, "-o", tmp_path / "out")
    assert isinstance(done.exception, CarpalError)
    assert message in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_a_file_is_no_folder_for_the_parts(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("mine", encoding="utf-8")
    done = carpal("bulk", study, "-o", out)
    assert isinstance(done.exception, CarpalError)
    assert str(done.exception).endswith("that is a file; name a folder for the parts")
    assert out.read_text(encoding="utf-8") == "mine"


def test_a_model_that_is_none_claims_no_folder(study: Path, tmp_path: Path) -> None:
    (tmp_path / "rubbish.onnx").write_bytes(b"rubbish")
    with pytest.raises(CarpalError, match="not a readable ONNX model"):
        run_bulk(str(study), tmp_path / "out", Settings(model=str(tmp_path / "rubbish.onnx"), sex="F"), Workers(1))
    assert not (tmp_path / "out").exists()


@linux_only
def test_a_file_name_that_is_no_text_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.png")).write_bytes(b"")
    with pytest.raises(InvalidArgument, match="not UTF-8"):
        find_work(str(tmp_path), "F")


def test_a_table_with_urls_that_cannot_be_read_here_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "hands.csv").write_text("path,sex\na.png,F\nrubbish://bucket/b.png,M\n")
    with pytest.raises(CarpalError, match="rubbish:// cannot be read here"):
        find_work(str(tmp_path / "hands.csv"))


def test_a_log_gets_a_line_a_minute_with_rate_and_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    moments = iter([0.0, 30.0, 60.0, 90.0, 120.0])
    lines = _Lines("reading", clock=lambda: next(moments))
    for done in (1000, 1600, 2200, 2800, 3400):
        lines.tell(done, 10_000)
    assert capsys.readouterr().err.splitlines() == [
        "reading: 2200 of 10000, 20.0/s, 6 min left",
        "reading: 3400 of 10000, 20.0/s, 6 min left",
    ]
