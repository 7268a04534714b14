"""Held-back children are never trained on, are like the others in sex and age, and are the same ones every time."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carpal.errors import DatasetError, InvalidArgument
from carpal.training.datasets import Dataset, Sample, read_dataset
from carpal.training.splits import Split, make_folds, make_split, read_split, thin_out, write_split

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
COMMITTED = Path(__file__).resolve().parents[2] / "recipes" / "split-rsna-shared.json"


@st.composite
def datasets(draw: st.DrawFn, least: int = 4) -> Dataset:
    """Ids in one or two folders, with ages that often coincide."""
    count = draw(st.integers(least, 60))
    children = draw(
        st.lists(st.tuples(st.integers(0, 240), st.sampled_from("FM"), st.booleans()), min_size=count, max_size=count)
    )
    samples = []
    for k, (age, sex, twice) in enumerate(children):
        folders = ("highres", "lowres") if twice else ("lowres",)
        samples += [Sample(str(k), Path(f"{folder}/{k}.png"), float(age), sex, folder) for folder in folders]
    return Dataset(Path("nowhere"), tuple(samples))


def many(ages: np.ndarray, boys: np.ndarray) -> Dataset:
    return Dataset(
        Path("nowhere"),
        tuple(
            Sample(str(k), Path(f"{k}.png"), float(age), "M" if boy else "F")
            for k, (age, boy) in enumerate(zip(ages, boys, strict=True))
        ),
    )


@pytest.fixture(scope="module")
def thousand() -> Dataset:
    rng = np.random.default_rng(0)
    return many(rng.normal(127, 41, 1000).clip(1, 228).round(), rng.random(1000) < 0.54)


@given(datasets(), st.integers(0, 2**31), st.data())
@settings(deadline=None, max_examples=60)
def test_no_id_is_on_two_sides_and_none_is_lost(dataset: Dataset, seed: int, data: st.DataObject) -> None:
    n = len(dataset.ids)
    test = data.draw(st.integers(0, n - 1))
    validation = data.draw(st.integers(0, n - 1 - test))
    split = make_split(dataset, test=test, validation=validation, seed=seed)
    train = split.train_ids(dataset.ids)
    assert (len(split.test), len(split.validation)) == (test, validation)
    assert sorted([*split.test, *split.validation, *train]) == sorted(dataset.ids)
    assert split == make_split(dataset, test=test, validation=validation, seed=seed)


@given(datasets(), st.integers(0, 2**31), st.data())
@settings(deadline=None, max_examples=60)
def test_folds_partition_the_ids_into_sides_of_one_size(dataset: Dataset, seed: int, data: st.DataObject) -> None:
    folds = data.draw(st.integers(2, len(dataset.ids)))
    splits = make_folds(dataset, folds=folds, seed=seed)
    sizes = [len(split.test) for split in splits]
    assert len(splits) == folds and max(sizes) - min(sizes) <= 1
    assert sorted(i for split in splits for i in split.test) == sorted(dataset.ids)
    assert all(set(split.test).isdisjoint(split.train_ids(dataset.ids)) for split in splits)
    assert splits == make_folds(dataset, folds=folds, seed=seed)


def test_both_copies_of_a_radiograph_are_held_back_together() -> None:
    samples = tuple(
        Sample(str(k), Path(f"{group}/{k}.png"), 10.0 * k, "F", group)
        for k in range(9)
        for group in ("highres", "lowres")
    )
    dataset = Dataset(Path("nowhere"), samples)
    split = make_split(dataset, test=2, validation=2)
    held_back = {*split.test, *split.validation}
    assert not held_back & {s.id for s in dataset.only(split.train_ids(dataset.ids)).samples}
    assert len(dataset.only(split.test)) == 4


def test_ids_are_held_back_from_the_named_group_only() -> None:
    samples = [Sample(str(k), Path(f"l/{k}.png"), 5.0 * k, "M", "lowres") for k in range(40)]
    samples += [Sample(str(k), Path(f"h/{k}.png"), 5.0 * k, "M", "highres") for k in range(0, 40, 4)]
    dataset = Dataset(Path("nowhere"), tuple(samples))
    split = make_split(dataset, test=3, validation=3, group="highres")
    assert all(int(i) % 4 == 0 for i in (*split.test, *split.validation))
    assert len(split.train_ids(dataset.ids)) == 34
    with pytest.raises(InvalidArgument, match="of 0 ids"):
        make_split(dataset, test=1, validation=1, group="midres")


@pytest.mark.parametrize("seed", range(5))
def test_held_back_children_are_like_the_others_in_sex_and_age(thousand: Dataset, seed: int) -> None:
    facts = {s.id: (s.age_months, s.sex == "M") for s in thousand.samples}
    split = make_split(thousand, test=100, validation=60, seed=seed)
    folds = make_folds(thousand, folds=8, seed=seed)
    everyone = np.array(list(facts.values()), float)
    for side in (split.test, split.validation, *(fold.test for fold in folds)):
        own = np.array([facts[i] for i in side], float)
        assert own[:, 1].mean() == pytest.approx(everyone[:, 1].mean(), abs=0.02)
        # As a random draw of 60 would miss the mean by 5 months.
        assert own[:, 0].mean() == pytest.approx(everyone[:, 0].mean(), abs=2.5)
        assert np.quantile(own[:, 0], [0.1, 0.5, 0.9]) == pytest.approx(
            np.quantile(everyone[:, 0], [0.1, 0.5, 0.9]), abs=8
        )


def test_another_seed_holds_back_other_children(thousand: Dataset) -> None:
    one, two = (set(make_split(thousand, test=100, validation=0, seed=seed).test) for seed in (0, 1))
    assert len(one & two) < 50


def test_folds_follow_the_seed_even_where_all_ages_differ() -> None:
    dataset = many(np.linspace(10, 200, 50), np.arange(50) % 2 == 0)
    sides = [{frozenset(fold.test) for fold in make_folds(dataset, folds=5, seed=seed)} for seed in (0, 1)]
    assert not sides[0] & sides[1]


@pytest.mark.parametrize(("test", "validation"), [(-1, 2), (2, -1), (5, 5), (11, 0)])
def test_impossible_sizes_are_refused(test: int, validation: int) -> None:
    dataset = many(np.arange(10), np.zeros(10, bool))
    with pytest.raises(InvalidArgument, match="cannot hold back"):
        make_split(dataset, test=test, validation=validation)


@pytest.mark.parametrize("folds", [-1, 0, 1, 11])
def test_impossible_numbers_of_folds_are_refused(folds: int) -> None:
    with pytest.raises(InvalidArgument, match="folds of 10 ids"):
        make_folds(many(np.arange(10), np.zeros(10, bool)), folds=folds)


@pytest.mark.parametrize(("test", "validation"), [(("1",), ("1",)), (("1", "1"), ()), ((), ("2", "2"))])
def test_a_split_that_names_an_id_twice_is_none(test: tuple[str, ...], validation: tuple[str, ...]) -> None:
    with pytest.raises(DatasetError, match="once and on one side only"):
        Split(test, validation, 0)


def test_a_split_comes_back_from_its_file_as_it_was(tmp_path: Path, thousand: Dataset) -> None:
    split = make_split(thousand, test=20, validation=10, seed=7)
    path = tmp_path / "new folder" / "split.json"
    write_split(split, path)
    write_split(split, path)
    assert read_split(path) == split
    assert [p.name for p in path.parent.iterdir()] == ["split.json"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", "null", '{"test": ["1"]}', '{"test": "123", "validation": [], "seed": 0}',
     '{"test": null, "validation": [], "seed": 0}', '{"test": [], "validation": [], "seed": "x"}',
     '{"test": [], "validation": {"a": 1}, "seed": 0}'],
)  # fmt: skip
def test_a_damaged_split_file_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "split.json"
    path.write_text(text)
    with pytest.raises(DatasetError, match=r"split\.json: not a split file"):
        read_split(path)


def test_a_split_file_that_is_absent_binary_or_names_an_id_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="not a split file"):
        read_split(tmp_path / "nowhere.json")
    path = tmp_path / "split.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match="not a split file"):
        read_split(path)
    path.write_text(json.dumps({"test": ["1"], "validation": ["1"], "seed": 0}))
    with pytest.raises(DatasetError, match="one side only"):
        read_split(path)


def test_the_committed_split_of_the_shared_set_can_be_made_again(shared: Path) -> None:
    if not COMMITTED.is_file():
        pytest.skip("no committed split in this checkout")
    split = read_split(COMMITTED)
    dataset = read_dataset(shared / "rsna")
    assert make_split(dataset, test=200, validation=100, seed=2017, group="highres") == split


def test_a_thinned_set_keeps_the_spread_of_sex_and_age() -> None:
    rng = np.random.default_rng(3)
    ages, boys = rng.integers(1, 228, 2000), rng.random(2000) < 0.54
    dataset = many(ages, boys)
    some = [int(i) for i in thin_out(dataset, dataset.ids[:1800], 300)]
    assert len(set(some)) == 300
    assert max(some) < 1800
    assert boys[some].mean() == pytest.approx(boys.mean(), abs=0.02)
    assert ages[some].mean() == pytest.approx(ages.mean(), abs=3)
    with pytest.raises(InvalidArgument, match="there are 1800"):
        thin_out(dataset, dataset.ids[:1800], 1801)


def test_the_committed_folds_hold_every_highres_radiograph_once() -> None:
    folds = [read_split(RECIPES / "folds" / f"fold-{k}.json") for k in range(5)]
    held_back = [i for fold in folds for i in fold.validation]
    assert len(held_back) == len(set(held_back)) == 986
    assert not any(fold.test for fold in folds)
    thumbnails = read_split(RECIPES / "folds" / "thumbnails.json")
    assert set(thumbnails.test) == set(held_back)  # no fold's network has met its fold as a thumbnail
    development = read_split(RECIPES / "folds" / "development.json")
    assert set(development.test) == set(held_back) - set(folds[4].validation)  # the locked fold is not looked at


def test_the_committed_folds_are_those_of_the_shared_data(shared: Path) -> None:
    made = make_folds(read_dataset(shared / "rsna"), folds=5, seed=0, group="highres")
    for k, fold in enumerate(made):
        assert set(read_split(RECIPES / "folds" / f"fold-{k}.json").validation) == set(fold.test)
