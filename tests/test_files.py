from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from carpal.files import find_radiographs, replacing, shown
from carpal.parallel import parallel_map


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "result.txt"
    with replacing(target) as part:
        part.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    with pytest.raises(RuntimeError), replacing(target) as part:
        part.write_text("half")
        raise RuntimeError("the power went out")
    assert target.read_text() == "new"
    assert [path.name for path in target.parent.iterdir()] == ["result.txt"]


def test_radiographs_are_found_in_order_and_hidden_files_are_not(tmp_path: Path) -> None:
    for name in ("b.PNG", "a/c.dcm", ".x.png", "notes.txt", "d.jpeg", ".thumbnails/e.png", "a/.trash/deep/f.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [str(p.relative_to(tmp_path)) for p in find_radiographs(tmp_path)] == ["a/c.dcm", "b.PNG", "d.jpeg"]
    assert len(find_radiographs(tmp_path / ".thumbnails")) == 1  # where it is what is asked for


def test_a_folder_that_cannot_be_listed_is_an_error_and_a_link_to_nothing_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    assert find_radiographs(tmp_path) == [tmp_path / "gone.png"]  # reading it says what is wrong
    listed = os.scandir

    def closed(folder: str) -> object:
        if Path(folder).name == "closed":
            raise PermissionError(errno.EACCES, "Permission denied", folder)
        return listed(folder)

    (tmp_path / "closed").mkdir()
    monkeypatch.setattr(os, "scandir", closed)  # root may list everything
    with pytest.raises(PermissionError, match="closed"):
        find_radiographs(tmp_path)


def test_a_name_as_long_as_the_file_system_takes_is_written(tmp_path: Path) -> None:
    target = tmp_path / ("ü" * 125 + ".png")
    with replacing(target) as part:
        part.write_text("new")
    assert target.read_text() == "new"


@pytest.mark.parametrize("name", ["a\nb.png", "a\x1b[2Jb.png", "a\udcffb.png", ""])
def test_what_would_break_a_line_is_shown_escaped(name: str) -> None:
    assert shown(name).isprintable() and shown(name)
    assert shown("Händ 1.png") == "Händ 1.png"


def test_dicom_files_are_found_without_a_suffix_too(tmp_path: Path, phantom_dicom: Path) -> None:
    for name in ("IM000001", "1.2.840.10008.1", "DICOMDIR", ".IM2", "hand.backup"):
        (tmp_path / name).write_bytes(phantom_dicom.read_bytes())
    (tmp_path / "README").write_text("no DICOM, and shorter than its prefix")
    assert [path.name for path in find_radiographs(tmp_path)] == ["1.2.840.10008.1", "IM000001"]


def test_what_cannot_be_written_is_named_as_its_reader_knows_it(tmp_path: Path) -> None:
    target = tmp_path / "gone" / "result.txt"
    with pytest.raises(OSError) as refusal, replacing(target) as part:
        part.parent.rmdir()
        part.write_text("new")
    assert refusal.value.filename == str(target)


@pytest.mark.parametrize("workers", [1, 2])
def test_outcomes_come_in_the_order_of_the_jobs(workers: int) -> None:
    with parallel_map(abs, [-3, 1, -2, 5, -8], workers) as outcomes:
        assert list(outcomes) == [3, 1, 2, 5, 8]
