from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from carpal.cli import app
from carpal.errors import DatasetError
from carpal.evaluation.bias import bias_table, write_bias
from carpal.evaluation.bootstrap import Estimate
from carpal.evaluation.figures import draw_changes
from carpal.evaluation.predictions import Predictions, read_facts, read_further_columns, write_predictions


def predictions(n: int = 300) -> tuple[Predictions, list[str]]:
    """Boys of 96 to 119 months are read 20 months too old, children of site B 6 months too young."""
    rng = np.random.default_rng(0)
    reference = rng.uniform(30, 200, n)
    sexes = np.array(["F", "M"] * (n // 2))
    sites = [("A", "B")[k % 3 == 0] for k in range(n)]
    predicted = reference + rng.normal(0, 1, n)
    predicted[(sexes == "M") & (reference >= 96) & (reference < 120)] += 20
    predicted[np.array(sites) == "B"] -= 6
    return Predictions(tuple(map(str, range(n))), sexes, reference, predicted), sites


def test_the_worst_cell_and_further_columns_are_named() -> None:
    found, sites = predictions()
    table = bias_table(found, {"site": sites, "name": [str(k) for k in range(len(found))]}, resamples=200)
    assert table.worst.value == "boys, 96-119 months"
    assert table.passed_over == ("name",)
    by_site = {cell.value: cell.metrics for cell in table.cells if cell.by == "site"}
    assert set(by_site) == {"A", "B"}
    assert by_site["B"].bias_months.value == pytest.approx((by_site["A"].bias_months.value or 0) - 6, abs=3)
    assert sum(cell.metrics.n for cell in table.cells if cell.by == "sex") == len(found)


def test_the_command_reads_the_columns_of_the_table(tmp_path: Path) -> None:
    found, sites = predictions()
    path = tmp_path / "predictions.csv"
    with path.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines)
        writer.writerow(("id", "sex", "reference_months", "predicted_months", "site"))
        for k in range(len(found)):
            writer.writerow((k, found.sexes[k], found.reference_months[k], found.predicted_months[k], sites[k]))
    assert read_further_columns(path) == {"site": sites}
    result = CliRunner().invoke(app, ["bias", str(path), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "Worst of the groups of 10 or more: boys, 96-119 months" in result.output
    assert (tmp_path / "out" / "bias.png").stat().st_size > 5_000
    assert "site" in (tmp_path / "out" / "bias.csv").read_text(encoding="utf-8")


def test_what_is_known_of_the_children_may_be_another_table(tmp_path: Path) -> None:
    found, sites = predictions()
    path, facts = tmp_path / "predictions.csv", tmp_path / "facts.csv"
    write_predictions(found, path)
    lines = [f"{name},{site}" for name, site in zip(found.ids, sites, strict=True)]
    facts.write_text("\n".join(["id,hospital", *reversed(lines), "another,C"]), encoding="utf-8")
    assert read_facts(facts, found.ids) == {"hospital": sites}
    result = CliRunner().invoke(app, ["bias", str(path), "--facts", str(facts), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "hospital" in (tmp_path / "out" / "bias.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,site\n1,A\n", "one column id"),
        ("id,site\n1,A\n1,B\n", "line 3: the id '1' is there twice"),
        ("id,site\n1,A\n", "does not have 1 of 2 predictions, such as id '2'"),
        ("id,site\n1,A,B\n", "3 cells"),
    ],
)
def test_facts_that_do_not_fit_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "facts.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DatasetError, match=message):
        read_facts(path, ["1", "2"])


def test_a_single_radiograph_has_no_interval_and_no_traceback(tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_text("id,sex,reference_months,predicted_months\n1,F,100,103\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["evaluate", str(path), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert result.output.startswith("n 1: MAE 3.00 months, ")


@pytest.mark.parametrize(("both_ways", "orange"), [(True, True), (False, False)])
def test_what_reads_too_young_stands_out_as_well(tmp_path: Path, both_ways: bool, orange: bool) -> None:
    path = tmp_path / "bias.png"
    draw_changes(["boys"], ["sex"], [Estimate(-5.0, -8.0, -2.0)], path, label="bias", both_ways=both_ways)
    red, _, blue = np.moveaxis(np.asarray(Image.open(path).convert("RGB"), int), -1, 0)
    assert bool((red - blue > 150).any()) is orange


def test_a_column_of_one_value_makes_no_groups(tmp_path: Path) -> None:
    found, _ = predictions(40)
    table = bias_table(found, {"device": ["X"] * 40}, resamples=50)
    assert table.passed_over == ("device",)
    write_bias(table, tmp_path, title="t")
    assert "Passed over" in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_no_page_takes_the_place_of_another_and_no_table_is_replaced(tmp_path: Path) -> None:
    rows = [f"{k},{'FM'[k % 2]},{100 + k},{104 + k},S{k % 2}" for k in range(12)]
    text = "\n".join(["id,sex,reference_months,predicted_months,site", *rows]) + "\n"
    mine, look = tmp_path / "mine", tmp_path / "look"
    mine.mkdir()
    for name in ("predictions.csv", "bias.csv"):
        (mine / name).write_text(text, encoding="utf-8")

    def carpal(*words: object) -> str:
        result = CliRunner().invoke(app, [str(word) for word in words])
        return "" if result.exit_code == 0 else str(result.exception)

    assert "would be replaced" in carpal("evaluate", mine / "predictions.csv", "--out", mine)
    assert "would be replaced" in carpal("bias", mine / "bias.csv", "--out", mine)
    for name in ("predictions.csv", "bias.csv"):
        assert (mine / name).read_text(encoding="utf-8") == text
    for _ in range(2):  # a page of the same kind is made anew
        assert carpal("evaluate", mine / "predictions.csv", "--out", look / "one") == ""
    assert carpal("evaluate", mine / "predictions.csv", "--out", look / "two") == ""
    page = (look / "one" / "index.html").read_bytes()
    assert "one holds an evaluation" in carpal("bias", look / "one" / "predictions.csv", "--out", look / "one")
    assert "one holds an evaluation" in carpal("compare", look / "one", look / "two", "--out", look / "one")
    assert (look / "one" / "index.html").read_bytes() == page


def test_what_would_not_be_heeded_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "mine.txt"
    rows = [f"{k},{'FM'[k % 2]},{100 + k},{104 + k},{'ab'[k % 2]}" for k in range(12)]
    table.write_text("\n".join(["id,sex,reference_months,predicted_months,group", *rows]), encoding="utf-8")

    def carpal(*words: object) -> str:
        result = CliRunner().invoke(app, [str(word) for word in words])
        return result.output if result.exit_code == 0 else str(result.exception)

    assert "n 12: MAE 4.00 months" in carpal("evaluate", "--predictions", table)  # whatever it is called
    for name in ("one", "two"):
        assert "n 12" in carpal("evaluate", "--predictions", table, "--out", tmp_path / name)
    for option in (["--group", "a"], ["--side", "validation"], ["--split", "no.json"], ["--views", "2"]):
        assert "is measured whole" in carpal("evaluate", "--predictions", table, *option)
    for option in (["--group", "a"], ["--side", "validation"], ["--data", "no"]):
        both = carpal("compare", tmp_path / "one", tmp_path / "two", "--out", tmp_path / "both", *option)
        assert "are compared as they are" in both


def test_two_tables_that_say_otherwise_of_a_child_are_refused(tmp_path: Path) -> None:
    table, facts = tmp_path / "predictions.csv", tmp_path / "children.csv"
    table.write_text("id,sex,reference_months,predicted_months,site\n1,F,100,103,A\n2,M,90,92,B\n", encoding="utf-8")
    facts.write_text("id,site\n1,A\n2,B\n", encoding="utf-8")
    assert CliRunner().invoke(app, ["bias", str(table), "--facts", str(facts)]).exit_code == 0
    facts.write_text("id,site\n1,A\n2,A\n", encoding="utf-8")
    refused = CliRunner().invoke(app, ["bias", str(table), "--facts", str(facts)])
    assert "differ in the column site" in str(refused.exception)
