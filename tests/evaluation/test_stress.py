from __future__ import annotations

import csv
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from carpal.errors import InvalidArgument
from carpal.evaluation.stress import TRANSFORMATIONS, Case, command_answer, stress
from carpal.evaluation.stress.report import summarise, write_stress
from carpal.phantom import draw_phantom
from carpal.radiograph import Radiograph

PUBLISHED_KINDS = {
    "rotation",
    "flip",
    "brightness",
    "contrast",
    "inversion",
    "laterality marker",
    "resolution",
}


@pytest.fixture(scope="module")
def hand() -> Radiograph:
    return draw_phantom(100, "F", shape=(400, 320))


def cases(count: int) -> list[Case]:
    return [
        Case(f"hand-{k}", "FM"[k % 2], 100.0 + k, lambda k=k: draw_phantom(100, "F", seed=k, shape=(256, 200)))
        for k in range(count)
    ]


def test_there_are_the_33_of_the_literature_and_more() -> None:
    published = [t for t in TRANSFORMATIONS if t.kind in PUBLISHED_KINDS]
    assert len(published) >= 33
    assert {t.kind for t in published} == PUBLISHED_KINDS
    assert {"JPEG", "noise", "blur", "crop", "border", "implant or cast"} <= {t.kind for t in TRANSFORMATIONS}
    assert len({t.name for t in TRANSFORMATIONS}) == len(TRANSFORMATIONS)


@pytest.mark.parametrize("transformation", TRANSFORMATIONS, ids=lambda t: t.name)
def test_a_transformation_changes_a_copy_and_always_in_the_same_way(transformation, hand: Radiograph) -> None:  # type: ignore[no-untyped-def]
    before = hand.pixels.copy()
    first, again = (transformation(hand.pixels, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first, again)
    assert np.array_equal(hand.pixels, before)
    assert first.dtype == np.float32
    assert 0 <= first.min() <= first.max() <= 1
    assert first.shape != before.shape or not np.array_equal(first, before)


def test_the_change_is_taken_over_what_was_read_both_ways() -> None:
    names = [t.name for t in TRANSFORMATIONS]
    calls: list[str] = []

    def answer(radiographs: Sequence[Radiograph], sexes: Sequence[str]) -> list[float]:
        name = ["as it is", *names][len(calls)]
        calls.append(name)
        ages = [100.0 + k + 5 for k in range(len(radiographs))]  # 5 months too old
        if name == "inverted":
            ages = [math.nan, *(age + 10 for age in ages[1:])]  # one refused, the others 15 too old
        return ages

    summary = summarise(stress(cases(4), answer), resamples=200)
    assert calls == ["as it is", *names]
    assert summary.mae_months.value == pytest.approx(5)
    assert summary.worst.name == "inverted"
    assert (summary.worst.read, summary.worst.refused) == (3, 1)
    assert summary.worst.mae_change_months.value == pytest.approx(10)
    assert summary.worst.far_change.value == pytest.approx(1)
    assert summary.mean_change_months.value == pytest.approx(10 / len(names))
    others = [line for line in summary.lines if line.name != "inverted"]
    assert all(line.mae_change_months.value == pytest.approx(0) for line in others)


def test_every_reading_can_be_looked_up(tmp_path: Path) -> None:
    found = stress(cases(3), lambda radiographs, sexes: [math.nan] + [90.0] * (len(radiographs) - 1))
    write_stress(found, tmp_path, title="A test")
    with (tmp_path / "readings.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 3 * (len(TRANSFORMATIONS) + 1)
    assert {row["predicted_months"] for row in rows if row["id"] == "hand-0"} == {""}
    assert {row["predicted_months"] for row in rows if row["id"] == "hand-1"} == {"90.00"}
    assert "inverted" in (tmp_path / "report.md").read_text(encoding="utf-8")
    assert (tmp_path / "stress.png").stat().st_size > 10_000


def test_another_system_is_a_command_that_reads_a_table(tmp_path: Path, hand: Radiograph) -> None:
    program = tmp_path / "other.py"
    program.write_text(
        "import csv, sys\nprint('file,bone_age_months')\n"
        "for k, row in enumerate(csv.DictReader(open(sys.argv[-1]))):\n"
        "    open(row['path'], 'rb').read()\n"
        "    print(row['path'] + ',' + ('' if k == 1 else str(50 + k) + ('.5' if row['sex'] == 'M' else '')))\n",
        encoding="utf-8",
    )
    answer = command_answer(f"{sys.executable} {program}")
    found = answer([hand, hand, hand], ["F", "F", "M"])
    assert found[0] == 50
    assert math.isnan(found[1])
    assert found[2] == 52.5


def test_a_command_that_says_nothing_is_named(hand: Radiograph) -> None:
    with pytest.raises(InvalidArgument, match="printed no CSV"):
        command_answer(f"{sys.executable} -c pass")([hand], ["F"])
    with pytest.raises(InvalidArgument, match="cannot be run"):
        command_answer("no-such-program-anywhere")([hand], ["F"])
    with pytest.raises(InvalidArgument, match="empty"):
        command_answer(" ")


def test_nothing_to_stress_is_an_error() -> None:
    with pytest.raises(InvalidArgument, match="no radiographs"):
        stress([], lambda radiographs, sexes: [])
