from __future__ import annotations

from pathlib import Path

import pytest

from carpal.files import find_radiographs, replacing
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
    for name in ("b.PNG", "a/c.dcm", ".x.png", "notes.txt", "d.jpeg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [str(p.relative_to(tmp_path)) for p in find_radiographs(tmp_path)] == ["a/c.dcm", "b.PNG", "d.jpeg"]


@pytest.mark.parametrize("workers", [1, 2])
def test_outcomes_come_in_the_order_of_the_jobs(workers: int) -> None:
    with parallel_map(abs, [-3, 1, -2, 5, -8], workers) as outcomes:
        assert list(outcomes) == [3, 1, 2, 5, 8]
