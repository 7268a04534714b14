"""Frozen features: one row per radiograph, the same ones every time, and a file that says what made them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="features need the train extra")

from carpal.cli.data import features
from carpal.errors import DatasetError, InvalidArgument, TrainingError, WeightsUnavailable
from carpal.prepare import recipe_named
from carpal.training.datasets import read_dataset
from carpal.training.features import FeatureOrigin, FeatureTable, extract_features, read_features

SMALL = recipe_named("hand", 64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def table(phantom_set: Path, folder: Path) -> FeatureTable:
    dataset = read_dataset(phantom_set)
    return extract_features(dataset, backbone="custom", init="random", recipe=SMALL, cache=folder, workers=1)


def test_every_radiograph_has_a_row_of_the_network_s_features(table: FeatureTable, phantom_set: Path) -> None:
    dataset = read_dataset(phantom_set)
    assert table.features.shape == (32, 512) and table.features.dtype == np.float32
    assert list(table.ids) == dataset.ids
    assert table.age_months.tolist() == [s.age_months for s in dataset.samples]
    assert list(table.sex) == [s.sex for s in dataset.samples]
    assert table.origin.backbone == "custom" and table.origin.data_digest == dataset.digest()
    assert '"size": 64' in table.origin.recipe and table.problems == ()


def test_the_same_seed_gives_the_same_features_whatever_the_batch(
    table: FeatureTable, phantom_set: Path, folder: Path
) -> None:
    told: list[tuple[int, int]] = []
    dataset = read_dataset(phantom_set)
    common = {"backbone": "custom", "init": "random", "recipe": SMALL, "cache": folder}
    again = extract_features(dataset, **common, batch_size=5, progress=lambda *step: told.append(step))
    assert np.allclose(again.features, table.features, atol=1e-5)
    assert again.origin == table.origin
    assert told[-1] == (64, 64) and told == sorted(told)
    other = extract_features(dataset, **common, seed=1)
    assert other.origin.weights_digest != table.origin.weights_digest


def test_a_run_folder_brings_its_backbone_and_its_recipe(tiny_run: Path, phantom_set: Path, folder: Path) -> None:
    dataset = read_dataset(phantom_set)
    table = extract_features(dataset, init=str(tiny_run), cache=folder, workers=1)
    assert table.origin.backbone == "custom" and '"size": 64' in table.origin.recipe
    assert table.origin.weights.startswith("run ")
    with pytest.raises(InvalidArgument, match="holds a custom, not a resnet50"):
        extract_features(dataset, init=str(tiny_run), backbone="resnet50", cache=folder)
    with pytest.raises(TrainingError, match="no trained network here"):
        extract_features(dataset, init=str(folder), cache=folder)


def test_radiographs_that_cannot_be_read_are_left_out_and_listed(tmp_path: Path, phantom_png: Path) -> None:
    (tmp_path / "labels.csv").write_text("id,boneage,male\n1,100,False\n2,100,True\n")
    (tmp_path / "1.png").write_bytes(phantom_png.read_bytes())
    (tmp_path / "2.png").write_bytes(b"no image")
    dataset = read_dataset(tmp_path)
    common = {"backbone": "custom", "init": "random", "recipe": SMALL, "workers": 1}
    table = extract_features(dataset, **common, cache=tmp_path / "cache")
    assert table.ids == ("1",) and [p.where for p in table.problems] == ["2.png"]
    with pytest.raises(DatasetError, match="none of the 1 radiographs can be read"):
        extract_features(dataset.only(["2"]), **common, cache=tmp_path / "cache")


def test_weights_that_are_not_there_are_refused_before_anything_is_prepared(phantom_set: Path, tmp_path: Path) -> None:
    dataset = read_dataset(phantom_set)
    with pytest.raises(WeightsUnavailable):
        extract_features(dataset, backbone="custom", init="imagenet", cache=tmp_path)
    with pytest.raises(WeightsUnavailable):
        extract_features(dataset, backbone="custom", init=str(tmp_path / "no.safetensors"), cache=tmp_path)
    with pytest.raises(InvalidArgument, match="batch"):
        extract_features(dataset, backbone="custom", init="random", batch_size=0, cache=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".npz", ".parquet", ".NPZ"])
def test_a_table_comes_back_from_its_file_as_it_was(table: FeatureTable, tmp_path: Path, suffix: str) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow", reason="parquet needs the train extra")
    path = table.write(tmp_path / f"features{suffix}")
    again = read_features(path)
    assert (again.ids, again.groups, again.sex) == (table.ids, table.groups, table.sex)
    assert np.array_equal(again.age_months, table.age_months) and again.age_months.dtype == np.float64
    assert np.array_equal(again.features, table.features) and again.features.dtype == np.float32
    assert again.origin == table.origin
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_parquet_can_be_read_by_pandas(table: FeatureTable, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas comes with the train extra")
    frame = pandas.read_parquet(table.write(tmp_path / "features.parquet"))
    assert frame.columns.tolist() == ["id", "group", "sex", "age_months", "features"]
    assert np.array_equal(np.stack(frame["features"]), table.features)


def test_a_name_that_no_table_has_is_refused_before_anything_is_prepared(phantom_set: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"\.parquet or \.npz"):
        features(phantom_set, tmp_path / "table.csv", backbone="custom", init="random", cache=tmp_path / "cache")
    assert not list(tmp_path.iterdir())


def test_files_that_are_no_feature_table_are_refused(table: FeatureTable, tmp_path: Path) -> None:
    for path in (tmp_path / "features.csv", tmp_path / "features"):
        with pytest.raises(InvalidArgument, match=r"\.parquet or \.npz"):
            table.write(path)
        with pytest.raises(InvalidArgument, match=r"\.parquet or \.npz"):
            read_features(path)
    for name in ("damaged.npz", "damaged.parquet"):
        with pytest.raises(DatasetError, match="no such file"):
            read_features(tmp_path / name)
        (tmp_path / name).write_bytes(b"PAR1 damaged")
        with pytest.raises(DatasetError, match="not a feature table"):
            read_features(tmp_path / name)
    np.savez(tmp_path / "other.npz", features=np.zeros(3))
    with pytest.raises(DatasetError, match="not a feature table"):
        read_features(tmp_path / "other.npz")


def test_a_table_refuses_columns_that_do_not_belong_together(table: FeatureTable) -> None:
    with pytest.raises(InvalidArgument, match="for each of its rows"):
        replace(table, ids=table.ids[1:])
    with pytest.raises(InvalidArgument, match="float32"):
        replace(table, features=table.features.astype(np.float64))
    with pytest.raises(InvalidArgument, match="finite"):
        replace(table, age_months=np.full(32, np.nan))
    with pytest.raises(InvalidArgument, match="sex"):
        replace(table, sex=("X",) * 32)
    with pytest.raises(ValueError, match="read-only"):
        table.features[0, 0] = 1


def test_the_origin_says_which_carpal_wrote_it() -> None:
    from carpal import __version__

    assert FeatureOrigin("custom", "random weights", "", "{}", "").carpal == __version__
