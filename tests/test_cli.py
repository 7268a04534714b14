"""The command line as a person meets it: what it prints, what it refuses, and how it ends."""

from __future__ import annotations

import csv
import json
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def carpal(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "carpal", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=cwd)


def test_one_radiograph_is_one_line_and_its_notes(phantom_png: Path) -> None:
    done = carpal("read", phantom_png, "--sex", "F")
    assert done.returncode == 0, done.stderr
    line, *notes = done.stdout.splitlines()
    assert all(note.startswith("  note: ") for note in notes)
    assert line.startswith(str(phantom_png))
    for part in ("months", " y ", "90 % interval", "sex F, given", "model default"):
        assert part in line


def test_json_is_a_list_with_the_promised_fields(phantom_png: Path, phantom_dicom: Path) -> None:
    done = carpal("read", phantom_png, phantom_dicom, "--sex", "F", "--sex-from-header", "--json")
    first, second = json.loads(done.stdout)
    assert first["file"] == str(phantom_png)
    assert (first["sex"], second["sex"]) == ("F", "M")
    assert (first["sex_origin"], second["sex_origin"]) == ("given", "header")
    low, high = first["interval_90_months"]
    assert low < first["bone_age_months"] < high
    assert first["bone_age_class"] in range(5)
    assert first["model"] == "default"
    assert first["error"] is None


def test_csv_has_a_row_per_radiograph(phantom_png: Path, phantom_dicom: Path) -> None:
    done = carpal("read", phantom_png, phantom_dicom, "--sex", "M", "--csv")
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert [row["file"] for row in rows] == [str(phantom_png), str(phantom_dicom)]
    assert float(rows[0]["interval_90_low_months"]) < float(rows[0]["bone_age_months"])
    assert json.loads(rows[0]["interval_90_months"])[1] == float(rows[0]["interval_90_high_months"])


def test_a_bad_file_is_reported_and_the_rest_is_read(phantom_png: Path, tmp_path: Path) -> None:
    bad = tmp_path / "notes.png"
    bad.write_text("these are notes")
    done = carpal("read", bad, phantom_png, "--sex", "F", "--json")
    assert done.returncode == 1
    first, second = json.loads(done.stdout)
    assert first["bone_age_months"] is None
    assert "notes.png" in first["error"]
    assert second["bone_age_months"] > 0


def test_a_table_brings_each_radiograph_its_own_sex(phantom_png: Path, tmp_path: Path) -> None:
    (tmp_path / "hands").mkdir()
    (tmp_path / "hands" / "a.png").write_bytes(phantom_png.read_bytes())
    table = tmp_path / "table.csv"
    table.write_text(
        "visit,path,sex\n1,hands/a.png,F\n2,hands/a.png,M\n3,hands/a.png,\n4,hands/no.png,M\n5,hands/a.png,False\n"
    )
    done = carpal("read", "--table", table, "--json")
    assert done.returncode == 1
    rows = json.loads(done.stdout)
    assert [row["visit"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert [row["sex"] for row in rows] == ["F", "M", None, None, None]
    assert rows[0]["bone_age_months"] != rows[1]["bone_age_months"]
    assert "sex is needed" in rows[2]["error"]
    assert rows[2]["error"].endswith(f"(its row in {table})")
    assert "no.png" in rows[3]["error"]
    assert "'False' is no sex" in rows[4]["error"]


def test_a_folder_is_searched(phantom_png: Path, tmp_path: Path) -> None:
    for name in ("b.png", "a.png", "deeper/c.png", ".hidden.png"):
        target = tmp_path / name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(phantom_png.read_bytes())
    (tmp_path / "readme.txt").write_text("not a radiograph")
    done = carpal("read", tmp_path, "--sex", "F", "--json")
    assert [Path(row["file"]).name for row in json.loads(done.stdout)] == ["a.png", "b.png", "c.png"]


def test_an_annotated_picture_is_drawn_and_originals_are_safe(phantom_png: Path, tmp_path: Path) -> None:
    out = tmp_path / "pictures" / "annotated.png"
    assert carpal("read", phantom_png, "--sex", "F", "--annotate", out).returncode == 0
    with Image.open(out) as picture:
        assert picture.size[0] > 800
    before = phantom_png.read_bytes()
    done = carpal("read", phantom_png, "--sex", "F", "--annotate", phantom_png)
    assert done.returncode == 2
    assert "would overwrite" in done.stderr
    assert phantom_png.read_bytes() == before


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _png(path: Path, size: tuple[int, int]) -> Path:
    Image.fromarray(np.zeros(size[::-1], np.uint8)).save(path)
    return path


def _animated(path: Path) -> Path:
    frames = [Image.fromarray(np.full((80, 80), k * 40, np.uint8)) for k in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    return path


def _bomb(path: Path) -> Path:
    """A PNG whose header promises 60,000 x 60,000 pixels."""
    import struct
    import zlib

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    chunk = lambda kind, data: (  # noqa: E731
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    )
    return _write(
        path, b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )


def _dicom(path: Path, phantom: Path, **changes: object) -> Path:
    import pydicom

    dataset = pydicom.dcmread(phantom)
    for name, value in changes.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    dataset.save_as(path)
    return path


BadFile = Callable[[Path, Path, Path], Path]

BAD_FILES: dict[str, tuple[BadFile, str]] = {
    "missing file": (lambda d, png, dcm: d / "no.png", "no such file"),
    "empty file": (lambda d, png, dcm: _write(d / "empty.png", b""), "empty"),
    "text called png": (lambda d, png, dcm: _write(d / "text.png", b"hello, this is text"), "not an image"),
    "pdf": (lambda d, png, dcm: _write(d / "doc.png", b"%PDF-1.7\n%%EOF\n"), "PDF"),
    "truncated png": (lambda d, png, dcm: _write(d / "cut.png", png.read_bytes()[:-5000]), "truncated|damaged"),
    "truncated dicom": (lambda d, png, dcm: _write(d / "cut.dcm", dcm.read_bytes()[:-5000]), "truncated|bytes"),
    "only a png signature": (lambda d, png, dcm: _write(d / "sig.png", png.read_bytes()[:8]), "damaged|truncated"),
    "decompression bomb": (lambda d, png, dcm: _bomb(d / "bomb.png"), "60000|60,000"),
    "a single pixel": (lambda d, png, dcm: _png(d / "dot.png", (1, 1)), "1 x 1|small"),
    "animation": (lambda d, png, dcm: _animated(d / "film.tiff"), "frames|pages"),
    "multi-frame dicom": (lambda d, png, dcm: _dicom(d / "m.dcm", dcm, NumberOfFrames=7), "frames"),
    "dicom without pixels": (lambda d, png, dcm: _dicom(d / "n.dcm", dcm, PixelData=None), "pixel"),
    "dicom of zero rows": (lambda d, png, dcm: _dicom(d / "z.dcm", dcm, Rows=0), "0 x|0 rows|x 0|size|zero"),
    "dicom bomb": (lambda d, png, dcm: _dicom(d / "b.dcm", dcm, Rows=65_000, Columns=65_000), "65000|65,000"),
    "a hidden zip": (lambda d, png, dcm: _write(d / "zip.png", b"PK\x03\x04" + bytes(60)), "not an image|ZIP|zip"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD_FILES)
def test_bad_files_get_one_clear_line(kind: str, tmp_path: Path, phantom_png: Path, phantom_dicom: Path) -> None:
    import re

    make, message = BAD_FILES[kind]
    path = make(tmp_path, phantom_png, phantom_dicom)
    done = carpal("read", path, "--sex", "F")
    assert done.returncode == 2
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"{path}: NOT READ: ")
    assert re.search(message, line), line
    assert "Traceback" not in done.stderr


BAD_ARGUMENTS: dict[str, tuple[list[str], str]] = {
    "no sex": (["read", "PNG"], r"give F or M \(--sex F\)"),
    "sex as truth": (["read", "PNG", "--sex", "False"], "'False' is no sex"),
    "sex as number": (["read", "PNG", "--sex", "1"], "'1' is no sex"),
    "nothing to read": (["read", "--sex", "F"], "give radiographs"),
    "json and csv": (["read", "PNG", "--sex", "F", "--json", "--csv"], "not both"),
    "table and files": (["read", "PNG", "--table", "t.csv"], "give radiographs"),
    "table and sex": (["read", "--table", "t.csv", "--sex", "F"], "own sex"),
    "no such table": (["read", "--table", "no.csv"], "not a readable CSV table: no such file"),
    "a folder as table": (["read", "--table", "EMPTY"], "not a readable CSV table: is a directory"),
    "picture of another kind": (["read", "PNG", "--sex", "F", "--annotate", "out.jpg"], "ends in .png, or a folder"),
    "phantom over a file": (["phantom", "MINE", "--age-months", "100", "--sex", "F"], "not drawn by carpal"),
    "no such model": (["read", "PNG", "--sex", "F", "--model", "best"], "neither a model file"),
    "model is no model": (["read", "PNG", "--sex", "F", "--model", "PNG"], "not a readable ONNX"),
    "empty folder": (["read", "EMPTY", "--sex", "F"], "no radiographs"),
    "prepare in place": (["prepare", "HANDS", "--out", "HANDS"], "never touched"),
    "prepare into itself": (["prepare", "HANDS", "--out", "HANDS/prepared"], "never touched"),
    "prepare nothing": (["prepare", "no-such-folder", "--out", "out"], "no such folder"),
    "unknown recipe": (["prepare", "HANDS", "--out", "out", "--recipe", "magic"], "no recipe"),
    "absurd size": (["prepare", "HANDS", "--out", "out", "--size", "7"], "makes no sense"),
    "phantom of 400 months": (["phantom", "out.png", "--age-months", "400", "--sex", "F"], "400"),
    "phantom of no sex": (["phantom", "out.png", "--age-months", "100", "--sex", "X"], "X"),
    "phantom as jpeg": (["phantom", "out.jpg", "--age-months", "100", "--sex", "F"], "jpg"),
    "explore nothing": (["explore", "EMPTY", "--out", "out"], "no CSV|no table|table"),
    "unknown command": (["diagnose", "PNG"], "No such command"),
    "unknown option": (["read", "PNG", "--speed", "9"], "No such option"),
    "evaluate without data": (["evaluate", "default", "--out", "out"], "--data"),
    "evaluate no data": (["evaluate", "default", "--out", "out", "--data", "EMPTY", "--side", "all"], "table"),
    "evaluate an unknown model": (["evaluate", "best", "--out", "out", "--data", "EMPTY"], "neither a model file"),
    "compare an unknown model": (["compare", "best", "default", "--out", "out"], "best: neither a model file"),
    "export no run": (["export", "runs/none", "--out", "out/m.onnx", "--name", "m"], "runs/none: no such run folder"),
    "compare one": (["compare", "default", "--out", "out"], "at least two"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD_ARGUMENTS)
def test_bad_arguments_get_one_clear_line(kind: str, tmp_path: Path, phantom_png: Path) -> None:
    import re

    arguments, message = BAD_ARGUMENTS[kind]
    (tmp_path / "hands").mkdir()
    (tmp_path / "hands" / "hand.png").write_bytes(phantom_png.read_bytes())
    (tmp_path / "empty").mkdir()
    Image.fromarray(np.zeros((40, 40), np.uint8)).save(tmp_path / "mine.png")
    places = {"PNG": str(phantom_png), "HANDS": str(tmp_path / "hands"), "EMPTY": str(tmp_path / "empty")}
    places["MINE"] = str(tmp_path / "mine.png")
    words = [places.get(word, word.replace("HANDS", places["HANDS"])) for word in arguments]
    done = carpal(*words, cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    said = done.stderr + done.stdout
    assert re.search(message, said), said
    assert "Traceback" not in said
    assert len([line for line in done.stderr.splitlines() if "carpal:" in line]) <= 1
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())


def test_prepare_goes_on_where_it_was_and_shows_what_it_did(phantom_png: Path, tmp_path: Path) -> None:
    hands, out = tmp_path / "hands", tmp_path / "out"
    hands.mkdir()
    for k in range(6):
        (hands / f"{k}.png").write_bytes(phantom_png.read_bytes())
    (hands / "broken.png").write_bytes(b"no picture")
    first = carpal("prepare", hands, "--out", out, "--size", "128", "--gallery", tmp_path / "gallery.png")
    assert first.returncode == 1
    assert "6 prepared, 0 already there, 1 failed" in first.stdout
    assert "broken.png" in first.stdout
    assert (tmp_path / "gallery.png").is_file()
    (out / "3.png").unlink()
    kept = {p.name: p.stat().st_mtime_ns for p in out.glob("*.png")}
    second = carpal("prepare", hands, "--out", out, "--size", "128")
    assert "1 prepared, 5 already there" in second.stdout
    assert all((out / name).stat().st_mtime_ns == moment for name, moment in kept.items())
    other = carpal("prepare", hands, "--out", out, "--size", "128", "--recipe", "plain")
    assert other.returncode == 2
    assert "another recipe" in other.stderr


def test_output_into_a_closed_pipe_ends_quietly(phantom_png: Path) -> None:
    command = f"{sys.executable} -m carpal read {phantom_png} --sex F --json | head -c 5"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=60, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    )
    assert "Traceback" not in done.stderr


def test_no_radiograph_is_taken_for_the_picture_to_draw(phantom_png: Path, tmp_path: Path) -> None:
    # What a shell makes of `--annotate hands/*.png`: the first radiograph becomes the target.
    first, second = tmp_path / "1.png", tmp_path / "2.png"
    for path in (first, second):
        path.write_bytes(phantom_png.read_bytes())
    done = carpal("read", "--sex", "F", "--annotate", first, second)
    assert done.returncode == 2
    assert first.read_bytes() == phantom_png.read_bytes()
    own = tmp_path / "own.png"
    for _ in range(2):  # what carpal drew itself may be drawn again
        assert carpal("read", second, "--sex", "F", "--annotate", own).returncode == 0
    third = _write(tmp_path / "3.jpg", b"a radiograph")
    done = carpal("read", second, "--sex", "F", "--annotate", third)
    assert done.returncode == 2
    assert "ends in .png, or a folder" in done.stderr
    assert third.read_bytes() == b"a radiograph"


def test_a_picture_that_carpal_drew_is_never_read_as_a_radiograph(phantom_png: Path, tmp_path: Path) -> None:
    (tmp_path / "hand.png").write_bytes(phantom_png.read_bytes())
    for _ in range(2):  # the second time it lies in the folder
        done = carpal("read", tmp_path, "--sex", "F", "--annotate", tmp_path, "--json")
        assert done.returncode == 0
        assert [Path(row["file"]).name for row in json.loads(done.stdout)] == ["hand.png"]
    done = carpal("read", tmp_path / "hand-bone-age.png", "--sex", "F")
    assert done.returncode == 2
    assert "a picture that carpal drew" in done.stdout


def test_radiographs_named_by_their_uids_are_told_apart(phantom_dicom: Path, tmp_path: Path) -> None:
    study, first, second = tmp_path / "study", tmp_path / "study" / "1.2.840.1", tmp_path / "study" / "1.2.840.2"
    study.mkdir()
    for path in (first, second):
        path.write_bytes(phantom_dicom.read_bytes())
    assert carpal("read", study, "--annotate", tmp_path / "drawn").returncode == 0
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == [
        "1.2.840.1-bone-age.png",
        "1.2.840.2-bone-age.png",
    ]
    second.unlink()
    out = ("--out", tmp_path / "out", "--size", "64")
    assert "1 prepared, 0 already there" in carpal("prepare", study, *out).stdout
    first.rename(second)
    assert "1 prepared, 0 already there" in carpal("prepare", study, *out).stdout


def test_one_bad_file_of_a_folder_spoils_no_other(phantom_png: Path, tmp_path: Path) -> None:
    (tmp_path / "hand.png").write_bytes(phantom_png.read_bytes())
    size = struct.pack(">II", 100_000, 100_000) + bytes([8, 0, 0, 0, 0])
    chunk = b"IHDR" + size
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (tmp_path / "bomb.png").write_bytes(bomb)
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "two\nlines.png").write_bytes(b"no picture")
    os.mkfifo(tmp_path / "pipe.png")
    done = carpal("read", tmp_path, "--sex", "F")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    lines = [line for line in done.stdout.splitlines() if not line.startswith("  ")]
    assert len(lines) == 5 and sum("NOT READ" in line for line in lines) == 4
    too_long = tmp_path / ("x" * 300 + ".png")
    done = carpal("read", tmp_path / "hand.png", too_long, "--sex", "F", "--json")
    assert done.returncode == 1
    assert [row["error"] is None for row in json.loads(done.stdout)] == [True, False]


def test_a_column_called_like_one_of_ours_is_kept_under_another_name(phantom_png: Path, tmp_path: Path) -> None:
    table = tmp_path / "again.csv"
    table.write_text(f"path,sex,interval_90_low_months,error\n{phantom_png},F,mine,told\n")
    (row,) = csv.DictReader(carpal("read", "--table", table, "--csv").stdout.splitlines())
    assert (row["table_interval_90_low_months"], row["table_error"]) == ("mine", "told")
    assert float(row["interval_90_low_months"]) > 0


def test_a_row_without_a_path_is_named(phantom_png: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text(f"path,sex\n{phantom_png},F\n,F\n")
    done = carpal("read", "--table", table)
    assert done.returncode == 2
    assert "row 2 has no path" in done.stderr


def test_a_picture_that_cannot_be_written_does_not_cost_the_reading(phantom_png: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = carpal("read", phantom_png, "--sex", "F", "--annotate", tmp_path / "file" / "x.png", "--json")
    assert done.returncode == 1
    (row,) = json.loads(done.stdout)
    assert row["bone_age_months"] > 0
    assert "no picture was written" in row["notes"][-1]


def test_prepared_files_never_take_each_others_names(phantom_png: Path, tmp_path: Path) -> None:
    hands, out = tmp_path / "hands", tmp_path / "out"
    hands.mkdir()
    names = ("a.b.png", "a-b.png", "x.png")
    for name in names:
        (hands / name).write_bytes(phantom_png.read_bytes())
    Image.open(phantom_png).save(hands / "x.bmp")
    assert carpal("prepare", hands, "--out", out, "--size", "64").returncode == 0
    assert len(list(out.glob("*.png"))) == 4


def test_a_gallery_replaces_a_gallery_alone_and_all_failed_is_not_some(phantom_png: Path, tmp_path: Path) -> None:
    hands, mine, out = tmp_path / "hands", tmp_path / "mine.png", tmp_path / "out"
    hands.mkdir()
    (hands / "a.png").write_bytes(phantom_png.read_bytes())
    mine.write_bytes(phantom_png.read_bytes())
    for name in (mine, tmp_path / "gallery.jpg"):
        refused = carpal("prepare", hands, "--out", out, "--size", "64", "--gallery", name)
        assert refused.returncode == 2 and "--gallery" in refused.stderr
        assert not out.exists()  # before the work, not after it
    assert mine.read_bytes() == phantom_png.read_bytes()
    for _ in range(2):
        assert carpal("prepare", hands, "--out", out, "--size", "64", "--gallery", tmp_path / "g.png").returncode == 0
    assert "a picture that carpal drew" in carpal("check", tmp_path / "g.png").stdout
    (hands / "a.png").write_bytes(b"no picture")
    assert carpal("prepare", hands, "--out", tmp_path / "none", "--size", "64").returncode == 2


def test_a_folder_of_somebody_elses_pictures_is_not_taken_for_prepared(phantom_png: Path, tmp_path: Path) -> None:
    hands, out = tmp_path / "hands", tmp_path / "out"
    for folder in (hands, out):
        folder.mkdir()
        (folder / "hand.png").write_bytes(phantom_png.read_bytes())
    done = carpal("prepare", hands, "--out", out)
    assert done.returncode == 2
    assert "did not make" in done.stderr


@pytest.mark.parametrize(
    "command", [["prepare", "HANDS", "--out", "FILE"], ["phantom", "DIR.png", "--age-months", "9", "--sex", "F"]]
)
def test_places_that_cannot_be_written_are_said_in_a_line(
    command: list[str], phantom_png: Path, tmp_path: Path
) -> None:
    (tmp_path / "HANDS").mkdir()
    (tmp_path / "HANDS" / "hand.png").write_bytes(phantom_png.read_bytes())
    (tmp_path / "FILE").write_text("in the way")
    (tmp_path / "DIR.png").mkdir()
    done = carpal(*command, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("carpal: ")
