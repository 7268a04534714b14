"""Comparison of models: paired, on the same radiographs, or not at all."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from carpal.errors import DatasetError, InvalidArgument
from carpal.evaluation import Candidate, Estimate, compare, write_comparison

from .samples import plain, simulated

ZERO = Estimate(0.0, 0.0, 0.0)


def test_a_model_against_its_twin_differs_by_exactly_nothing() -> None:
    given = simulated(101)
    found = compare([Candidate("a", given), Candidate("b", given)], resamples=300)
    for difference in (found.difference("a", "b"), found.difference("b", "a"), found.difference("a", "a")):
        assert difference.mae_months == difference.class_accuracy == ZERO
        assert not difference.mae_months.excludes_zero


def test_differences_by_hand() -> None:
    truth = [60.0, 100.0, 130.0]
    near, far = Candidate("near", plain([1, -1, 1], truth)), Candidate("far", plain([4, -10, 1], truth))
    found = compare([far, near], resamples=500)
    assert [c.name for c in found.candidates] == ["near", "far"]
    assert found.difference("near", "far").mae_months.value == pytest.approx(-4)
    assert found.difference("far", "near").mae_months.value == pytest.approx(4)
    assert found.difference("near", "far").class_accuracy.value == pytest.approx(1 / 3)  # 100 - 10 is class 0
    assert found.reference == "near"


def test_pairing_finds_a_difference_that_the_two_intervals_hide() -> None:
    errors = np.random.default_rng(3).normal(0, 8, 300)
    truth = [100.0] * 300
    better = Candidate("better", plain(errors.tolist(), truth))
    worse = Candidate("worse", plain((errors + 0.4 * np.sign(errors)).tolist(), truth))
    found = compare([better, worse])
    one, two = found.metrics[0].mae_months, found.metrics[1].mae_months
    assert one.high is not None and two.low is not None and one.high > two.low
    assert found.difference("better", "worse").mae_months.excludes_zero


def test_only_shared_radiographs_count_in_any_order() -> None:
    whole = simulated(50)
    part = whole.subset(np.arange(40)[::-1])
    found = compare([Candidate("whole", whole), Candidate("part", part)], resamples=50)
    assert found.n == 40
    assert dict(zip([c.name for c in found.candidates], found.own_n, strict=True)) == {"whole": 50, "part": 40}
    assert found.difference("whole", "part").mae_months == ZERO


def test_tables_with_groups_meet_tables_without() -> None:
    with_groups, without = simulated(20, groups=True), simulated(20)
    assert compare([Candidate("a", with_groups), Candidate("b", without)], resamples=10).n == 20


def test_what_cannot_be_compared_is_refused() -> None:
    a = Candidate("a", plain([1, 2, 3], [50, 60, 70]))
    other_truth = Candidate("b", plain([1, 2, 3], [50, 60.4, 70]))
    other_sex = Candidate("b", plain([1, 2, 3], [50, 60, 70], "FFM"))
    with pytest.raises(
        DatasetError, match=r"a and b have different references for 1 of 3 .*\(id 1: 60 and 60.4 months"
    ):
        compare([a, other_truth])
    with pytest.raises(DatasetError, match="disagree on the sex of 1 of 3"):
        compare([a, other_sex])
    with pytest.raises(DatasetError, match="share 1 radiographs"):
        compare([a, Candidate("b", a.predictions.subset([0]))])
    strangers = replace(a.predictions, ids=("x", "y", "z"))
    with pytest.raises(DatasetError, match=r"share 0 radiographs.*a has 3, b has 3"):
        compare([a, Candidate("b", strangers)])


@pytest.mark.parametrize(
    ("names", "reference", "message"),
    [
        (["a"], None, "two models or more"),
        (["a", "a"], None, "called 'a'"),
        (["a", "b"], "c", "no model is called 'c'"),
    ],
)
def test_names_must_tell_models_apart(names: list[str], reference: str | None, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        compare([Candidate(name, plain([1, 2])) for name in names], reference=reference)


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", "bell\a"])
def test_a_name_can_be_printed(name: str) -> None:
    with pytest.raises(InvalidArgument, match="no name"):
        Candidate(name, plain([1, 2]))


class Tags(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_folder_of_a_comparison(tmp_path: Path) -> None:
    evil = '<script>alert("x")</script> $\\frac$ | [a](b)'
    candidates = [
        Candidate(
            evil, simulated(80, sd=9, seed=1), {"parameters": 28_600_000, "cpu_ms": 142.25, "init": "<imagenet>"}
        ),
        Candidate("b", simulated(80, sd=5, seed=2), {"parameters": 1, "file_mb": None}),
    ]
    found = write_comparison(candidates, tmp_path / "new" / "out", reference="b", resamples=100)
    out = tmp_path / "new" / "out"
    assert {p.name for p in out.iterdir()} == {"index.html", "comparison.md", "comparison.json", "forest.png"}
    page = Tags((out / "index.html").read_text(encoding="utf-8"))
    assert "script" not in page.tags and "imagenet" not in page.tags
    for text in (evil, "<imagenet>", "28,600,000", "142.2", "n = 80", "Parameters"):
        assert text in page.text
    markdown = (out / "comparison.md").read_text(encoding="utf-8")
    assert "<" not in markdown and "](b)" not in markdown.replace("\\](b)", "")
    table = [line.replace("\\|", "") for line in markdown.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in table[:4]}) == 1
    content = json.loads((out / "comparison.json").read_text(encoding="utf-8"))
    assert [row["name"] for row in content["candidates_by_mae"]] == ["b", evil]
    assert content["n_common"] == found.n == 80
    assert content["differences"][0]["mae_difference_excludes_zero"] is True
