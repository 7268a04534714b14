"""The folder of an evaluation, as somebody finds it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from carpal.errors import InvalidArgument
from carpal.evaluation import Estimate, Predictions, evaluate, read_predictions, write_evaluation
from carpal.evaluation.page import Table, figure_text, share_text, to_html, to_markdown

from .samples import plain, simulated

PICTURES = {"scatter.png", "bland_altman.png", "confusion.png", "error_by_age.png"}


def test_everything_is_there_and_the_table_gives_the_same_metrics(tmp_path: Path) -> None:
    found = write_evaluation(simulated(120), tmp_path, title="a model", facts={"Data": "simulated"}, resamples=100)
    assert {p.name for p in tmp_path.iterdir()} == PICTURES | {
        "predictions.csv",
        "metrics.json",
        "index.html",
        "report.md",
    }
    again = evaluate(read_predictions(tmp_path / "predictions.csv"), resamples=100)
    assert again.to_dict() == found.to_dict()
    content = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert content["overall"]["mae_months"]["value"] == round(found.overall.mae_months.value or 0, 6)
    assert content["facts"] == {"Data": "simulated"}
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    for name in PICTURES:
        assert f'src="{name}" alt="' in page
        assert f"({name})" in (tmp_path / "report.md").read_text(encoding="utf-8")
        with Image.open(tmp_path / name) as picture:
            assert min(picture.size) > 400


def test_title_facts_and_ids_are_escaped(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    given = plain([1, 2])
    given = Predictions((evil, "b"), given.sexes, given.reference_months, given.predicted_months, groups=("<b>", ""))
    write_evaluation(given, tmp_path, title=f"{evil} $x", facts={evil: "a & b"}, resamples=10)
    for name in ("index.html", "report.md"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert "<script" not in text and "&lt;script&gt;" in text
        assert "a &amp; b" in text and "<b>" not in text


@pytest.mark.parametrize("given", [plain([3]), plain([0, 0, 0]), plain([-30, 200], [0, 10], "FM"), simulated(3000)])
def test_small_odd_and_large_sets_have_a_page(tmp_path: Path, given: Predictions) -> None:
    write_evaluation(given, tmp_path, title="t", facts={}, resamples=20)
    assert "nan" not in (tmp_path / "report.md").read_text(encoding="utf-8").lower().split()


def test_the_page_says_where_classes_come_from(tmp_path: Path) -> None:
    write_evaluation(plain([1, 2]), tmp_path / "a", title="t", facts={}, resamples=5)
    write_evaluation(simulated(5), tmp_path / "b", title="t", facts={}, resamples=5)
    assert "the class of the predicted age" in (tmp_path / "a" / "report.md").read_text(encoding="utf-8")
    assert "the most probable one" in (tmp_path / "b" / "report.md").read_text(encoding="utf-8")


def test_a_file_where_the_folder_should_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(InvalidArgument, match="taken cannot be a folder"):
        write_evaluation(plain([1, 2]), tmp_path / "taken", title="t", facts={}, resamples=5)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Estimate(4.254, 3.8, 4.716), "4.25 [3.80, 4.72]"),
        (Estimate(-0.001), "0.00"),
        (Estimate(-1.5), "−1.50"),
        (Estimate(None), "–"),
    ],
)
def test_figures_for_people(found: Estimate, text: str) -> None:
    assert figure_text(found) == text


def test_shares_for_people() -> None:
    assert share_text(Estimate(0.841, 0.819, 0.8637)) == "84.1 % [81.9, 86.4]"
    assert share_text(Estimate(0.05, -0.01, 0.11), signed=True) == "+5.0 % [−1.0, +11.0]"
    assert share_text(Estimate(None)) == "–"


def test_marked_cells_stand_out_in_both() -> None:
    table = Table(["", "a_b"], [["x", "1"], ["__y__", "2"]], marked=frozenset({(0, 1)}))
    assert '<td class="marked">1</td>' in to_html("t", [table])
    assert "| x | **1** |" in to_markdown("t", [table])
    assert "\\_\\_y\\_\\_" in to_markdown("t", [table]) and "a_b" in to_markdown("t", [table])


def test_on_paper_no_column_of_a_table_is_cut_off() -> None:
    page = to_html("t", [Table(["a"], [["b"]])])
    assert ".scroll { overflow: visible; }" in page.partition("@media print")[2]


def test_evaluation_needs_neither_pyplot_nor_pandas_nor_torch() -> None:

    heavy = {"matplotlib.pyplot", "pandas", "torch", "scipy"}
    code = f"import sys, carpal.evaluation; print(sorted({heavy} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"
