"""The page about a data set: complete, honest about its samples, and never a danger to the data."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from carpal.distribution import CLASS_EDGES
from carpal.errors import InvalidArgument
from carpal.explore import explore
from carpal.explore.findings import class_counts, examine, quantile_edges, summary_of
from carpal.training.datasets import read_dataset

ALL_FIGURES = {"ages.png", "ages-by-sex.png", "classes.png", "gallery.png", "sizes.png", "grey-values.png"}


class Page(HTMLParser):
    """The parts of a page that the tests ask for."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.images: dict[str, str] = {}
        self.links: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "img":
            self.images[str(values["src"])] = str(values["alt"])
        if "href" in values:
            self.links.append(str(values["href"]))
        if tag not in {"img", "meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, "tags are closed in order"

    def handle_data(self, data: str) -> None:
        self.text += data


def write_set(root: Path, rows: list[tuple[str, float, bool]], shape: tuple[int, int] = (60, 48)) -> Path:
    """Radiographs of noise in the challenge's layout."""
    images = root / "boneage-training-dataset"
    images.mkdir(parents=True)
    for k, (name, _, _) in enumerate(rows):
        grey = np.random.default_rng(k).integers(0, 200, shape, dtype=np.uint8)
        Image.fromarray(grey).save(images / f"{name}.png")
    with (root / "boneage-training-dataset.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows([("id", "boneage", "male"), *rows])
    return root


def snapshot(root: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.stat().st_mtime_ns, p.stat().st_size) for p in sorted(root.rglob("*"))}


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-four children, and one of each frequent mistake."""
    rows = [(str(k), 8.0 * k + 2, k % 3 == 0) for k in range(24)]
    root = write_set(tmp_path_factory.mktemp("data") / "set <b>&", rows)
    with (root / "boneage-training-dataset.csv").open("a", newline="") as handle:
        csv.writer(handle).writerows([("98", 400, True), ("99", 100, True), ("5", 42, True), ("<script>", 5, "?")])
    (root / "boneage-training-dataset" / "23.png").write_bytes(b"damaged")
    (root / "boneage-training-dataset" / "77.png").write_bytes(b"without a row")
    return root


@pytest.fixture(scope="module")
def index(ordinary: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the ordinary set."""
    return explore(read_dataset(ordinary), tmp_path_factory.mktemp("pages") / "page").page


def test_the_page_tells_counts_problems_and_figures_of_an_ordinary_set(ordinary: Path, tmp_path: Path) -> None:
    before = snapshot(ordinary)
    told: list[tuple[int, int]] = []
    index = explore(read_dataset(ordinary), tmp_path / "page", progress=lambda *step: told.append(step)).page
    assert index == tmp_path / "page" / "index.html"
    assert snapshot(ordinary) == before
    assert told == sorted(told) and told[-1][0] == told[-1][1]
    page = Page(index)
    assert not page.open and set(page.images) == ALL_FIGURES
    assert all(len(alt) > 40 for alt in page.images.values())
    assert {p.name for p in index.parent.iterdir()} == {"index.html", "summary.json", "problems.csv", *ALL_FIGURES}
    assert [p.name for p in tmp_path.iterdir()] == ["page"]
    for name in ALL_FIGURES:
        with Image.open(index.parent / name) as image:
            image.load()
            assert min(image.size) > 300
    assert "Data set set <b>&" in page.text  # escaped in the source, so it arrives as text
    assert "n = 23" in page.text


def test_the_numbers_stand_in_the_summary_and_all_problems_in_their_table(index: Path) -> None:
    summary = json.loads((index.parent / "summary.json").read_text())
    assert (summary["radiographs"], summary["ids"]) == (24, 24)
    assert summary["ids_by_sex"] == {"F": 16, "M": 8}
    assert summary["age_months"]["all"]["median"] == 94 and summary["age_months"]["M"]["n"] == 8
    expected = {"impossible-age": 1, "no-image": 1, "duplicate-row": 1, "no-sex": 1, "no-row": 1, "unreadable": 1}
    assert summary["problems"] == expected
    assert sum(summary["classes"]["these"]["F"] + summary["classes"]["these"]["M"]) == 24
    assert summary["files"]["all"]["n"] == 23 and summary["files"]["all"]["height"]["median"] == 60
    assert summary["files"]["all"]["aspect"]["max"] == pytest.approx(60 / 48)
    with (index.parent / "problems.csv").open(newline="") as handle:
        listed = list(csv.DictReader(handle))
    assert sorted(row["kind"] for row in listed) == sorted(expected)
    assert "first as 42 months F, here 42 M" in next(r["message"] for r in listed if r["kind"] == "duplicate-row")


def test_nothing_is_fetched_and_names_from_the_data_set_are_no_markup(index: Path) -> None:
    page = Page(index)
    assert not any(mark in page.source for mark in ("http://", "https://", "//cdn", "<script", "@import", "url("))
    assert "<b>&<" not in page.source
    assert set(page.links) == {"problems.csv", "summary.json"}


def test_on_paper_no_column_of_a_table_is_cut_off(index: Path) -> None:
    assert ".scroll { overflow: visible; }" in index.read_text(encoding="utf-8").partition("@media print")[2]


def test_the_first_fifty_of_many_problems_are_on_the_page(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", [("1", 100, True), ("2", 100, False)])
    with (root / "boneage-training-dataset.csv").open("a", newline="") as handle:
        csv.writer(handle).writerows((f"missing{k:03d}", 100, True) for k in range(70))
    page = Page(explore(read_dataset(root), tmp_path / "page").page)
    assert "Show the first 50 of 70" in page.text
    assert "missing049" in page.text and "missing050" not in page.text
    assert (tmp_path / "page" / "problems.csv").read_text().count("no-image") == 70


@pytest.mark.parametrize(
    "rows",
    [
        [("1", 100.0, True)],
        [("1", 0.0, False), ("2", 0.0, False)],
        [("1", 90.5, False), ("2", 120.0, False), ("3", 120.0, True)],
        [(str(k), 100.0, k % 2 == 0) for k in range(6)],
        [("1", 240.0, True), ("2", 1.0, True), ("3", 2.0, True)],
    ],
    ids=["one", "newborn girls", "three", "one age", "boys only"],
)
@pytest.mark.filterwarnings("error")
def test_a_very_small_or_one_sided_set_has_a_page_too(rows: list[tuple[str, float, bool]], tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", rows)
    page = Page(explore(read_dataset(root), tmp_path / "page").page)
    assert set(page.images) == ALL_FIGURES and not page.open
    assert "Nothing was found" in page.text


def test_the_page_of_a_part_does_not_speak_for_the_whole(tmp_path: Path) -> None:
    """One image of two in the group, no row of the other image, and a child at two ages."""
    root = tmp_path / "set"
    for group, names in (("highres", "a"), ("lowres", "abc")):
        (root / group).mkdir(parents=True)
        for name in names:
            Image.fromarray(np.full((60, 48), 90, np.uint8)).save(root / group / f"{name}.png")
    (root / "labels.csv").write_text("id,boneage,male\na,60,True\nb,70,False\n", encoding="utf-8")
    page = Page(explore(read_dataset(root, groups=["highres"]), tmp_path / "part").page)
    assert "Nothing was found" in page.text
    assert "every row" not in page.text and "every image" not in page.text
    (root / "visits.csv").write_text("path,id,age,sex\nlowres/a.png,x,60,M\nlowres/b.png,x,72,M\n", encoding="utf-8")
    dataset = read_dataset(root / "visits.csv")
    page = Page(explore(dataset, tmp_path / "visits").page)
    assert len(dataset.ids) == 1 and "boys2" in page.text  # the row of the table of ages
    assert "once for each age where it has several" in page.text


def test_a_set_of_which_no_file_can_be_read_has_a_page_without_those_figures(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", [("1", 100, True), ("2", 50, False)])
    for path in (root / "boneage-training-dataset").iterdir():
        path.write_bytes(b"damaged")
    page = Page(explore(read_dataset(root), tmp_path / "page").page)
    assert set(page.images) == {"ages.png", "ages-by-sex.png", "classes.png"}
    assert json.loads((tmp_path / "page" / "summary.json").read_text())["problems"] == {"unreadable": 2}


def test_a_sample_is_drawn_by_its_seed_and_told_with_its_size(tmp_path: Path) -> None:
    dataset = read_dataset(write_set(tmp_path / "set", [(str(k), 5.0 * k, k % 2 == 0) for k in range(30)]))
    page = Page(explore(dataset, tmp_path / "page", files=10, seed=3).page)
    assert "a random sample (seed 3) of the files: n = 10" in page.text
    one, same, other = (
        summary_of(examine(dataset, [], files=10, seed=seed, progress=lambda *_: None))["files"] for seed in (3, 3, 4)
    )
    assert one == same != other
    assert json.loads((tmp_path / "page" / "summary.json").read_text())["files"] == one


def test_a_small_folder_is_sampled_as_much_as_a_large_one(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "labels.csv").write_text(
        "id,boneage,male\n" + "".join(f"{k},{5 * k},True\n" for k in range(40))
    )
    for folder, count in (("highres", 6), ("lowres", 40)):
        (tmp_path / "set" / folder).mkdir()
        for k in range(count):
            Image.fromarray(np.full((40, 40), k, np.uint8)).save(tmp_path / "set" / folder / f"{k}.png")
    explore(read_dataset(tmp_path / "set"), tmp_path / "page", files=20)
    summary = json.loads((tmp_path / "page" / "summary.json").read_text())
    assert {group: facts["n"] for group, facts in summary["files"].items()} == {"highres": 6, "lowres": 14}
    assert summary["radiographs_by_group"] == {"highres": 6, "lowres": 40} and summary["ids"] == 40


def test_the_page_is_never_written_into_the_data_set(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", [("1", 100, True)])
    table = tmp_path / "elsewhere" / "table.csv"
    table.parent.mkdir()
    table.write_text("path,age_months,sex\n../set/boneage-training-dataset/1.png,100,M\n")
    before = snapshot(tmp_path)
    link = tmp_path / "elsewhere" / ".." / "set"
    for dataset, out in (
        (read_dataset(root), root),
        (read_dataset(root), link / "page"),
        (read_dataset(root), root / "boneage-training-dataset"),
        (read_dataset(table), table.parent / "page"),
        (read_dataset(table), root / "boneage-training-dataset" / "page"),
    ):
        with pytest.raises(InvalidArgument, match="lies within the data set"):
            explore(dataset, out)
    with pytest.raises(InvalidArgument, match="is a file"):
        explore(read_dataset(root), table)
    assert snapshot(tmp_path) == before


def test_an_older_page_is_replaced_and_other_files_beside_it_stay(tmp_path: Path) -> None:
    dataset = read_dataset(write_set(tmp_path / "set", [("1", 100, True)]))
    explore(dataset, tmp_path / "page")
    (tmp_path / "page" / "index.html").write_text("old")
    (tmp_path / "page" / "mine.txt").write_text("notes")
    index = explore(dataset, tmp_path / "page").page
    assert "Data set set" in index.read_text()
    assert (tmp_path / "page" / "mine.txt").read_text() == "notes"


def test_a_stopped_run_leaves_nothing_behind(tmp_path: Path) -> None:
    dataset = read_dataset(write_set(tmp_path / "set", [("1", 100, True), ("2", 100, True)]))

    def stop(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        explore(dataset, tmp_path / "page", progress=stop)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["set"]


def test_it_needs_neither_torch_nor_the_state_of_pyplot() -> None:
    heavy = {"torch", "matplotlib.pyplot", "pandas", "jinja2"}
    code = f"import carpal.explore, sys; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --------------------------------------------------------------------------- quantile classes


def test_a_class_holds_its_upper_edge_and_the_first_one_its_lower_edge_as_well() -> None:
    edges = (1.0, 94.0, 120.0, 144.0, 162.0, 228.0)
    assert class_counts([1, 94, 94.5, 120, 121, 144, 162, 163, 228], edges) == [2, 2, 2, 1, 2]


def test_five_classes_of_evenly_spread_ages_are_of_equal_size() -> None:
    ages = np.arange(1, 101)
    edges = quantile_edges(ages)
    assert edges[0] == 1 and edges[-1] == 100
    assert class_counts(ages, edges) == [20] * 5


def test_the_shared_labels_give_the_edges_of_the_full_training_set(shared: Path) -> None:
    """12,311 of the 12,611 labels from which carpal's classes were made."""
    dataset = read_dataset(shared / "rsna", groups=["lowres"])
    assert len(dataset) == 12_311
    ages = [s.age_months for s in dataset.samples]
    assert quantile_edges(ages) == tuple(map(float, CLASS_EDGES))
    assert class_counts(ages, CLASS_EDGES) == [2856, 2280, 2481, 2565, 2129]
