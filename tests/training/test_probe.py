"""The ridge probe finds the age that is in the features, and no more than that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="features need the train extra")
pytest.importorskip("sklearn", reason="the probe needs the train extra")

from carpal.errors import InvalidArgument, MissingDependency
from carpal.training.features import FeatureOrigin, FeatureTable
from carpal.training.probe import feature_map, ridge_probe

ORIGIN = FeatureOrigin("custom", "random weights", "0", "{}", "0")


def make_table(n: int, *, signal: float, width: int = 20, copies: int = 1, seed: int = 0) -> FeatureTable:
    """Features of which one half follows age with noise of 1 / ``signal``; boys are 20 months older."""
    rng = np.random.default_rng(seed)
    boys = rng.random(n) < 0.5
    age = np.clip(rng.normal(110, 30, n) + 20 * boys, 1, 228)
    features = rng.normal(size=(n, width))
    features[:, : width // 2] += signal * ((age - 120) / 40)[:, None]
    repeat = np.tile(np.arange(n), copies)
    return FeatureTable(
        ids=tuple(str(k) for k in repeat),
        groups=tuple(f"copy {k // n}" for k in range(n * copies)),
        sex=tuple("M" if boys[k] else "F" for k in repeat),
        age_months=age[repeat],
        features=features[repeat].astype(np.float32),
        origin=ORIGIN,
    )


def test_age_that_is_in_the_features_is_found() -> None:
    table = make_table(300, signal=3)
    result = ridge_probe(table)
    assert result.predicted_months.shape == (300,)
    assert result.mae_months == pytest.approx(np.abs(result.predicted_months - table.age_months).mean())
    assert result.mae_months < 6 < 20 < result.baseline_mae_months
    low, high = result.interval_months
    assert low < result.mae_months < high < low + 3
    assert len(result.alphas) == 5
    again = ridge_probe(table)
    assert np.array_equal(again.predicted_months, result.predicted_months)
    assert again.interval_months == result.interval_months


def test_noise_is_no_better_than_the_median_of_the_sex() -> None:
    result = ridge_probe(make_table(300, signal=0))
    assert result.mae_months == pytest.approx(result.baseline_mae_months, rel=0.1)


def test_the_baseline_is_the_median_age_of_the_other_children_of_that_sex() -> None:
    table = make_table(300, signal=0)
    ages = {sex: table.age_months[np.array(table.sex) == sex] for sex in "FM"}
    expected = sum(np.abs(a - np.median(a)).sum() for a in ages.values()) / 300
    assert ridge_probe(table).baseline_mae_months == pytest.approx(expected, rel=0.03)


def test_sex_helps_where_boys_are_older() -> None:
    table = make_table(400, signal=0.1)
    assert ridge_probe(table).mae_months < ridge_probe(table, with_sex=False).mae_months


def test_copies_of_a_radiograph_stay_in_one_fold() -> None:
    # With more features than ids, a copy in the training folds would give every age away.
    table = make_table(60, signal=0, width=200, copies=2)
    result = ridge_probe(table)
    assert result.mae_months > 0.7 * result.baseline_mae_months
    assert np.allclose(result.predicted_months[:60], result.predicted_months[60:])


def test_the_interval_is_over_ids_so_that_copies_make_it_no_narrower() -> None:
    one, three = (ridge_probe(make_table(80, signal=1, copies=copies)).interval_months for copies in (1, 3))
    assert three[1] - three[0] > 0.8 * (one[1] - one[0])


def test_one_sex_only_is_no_trouble_but_too_few_ids_are_refused() -> None:
    table = make_table(40, signal=1)
    girls = FeatureTable(table.ids, table.groups, ("F",) * 40, table.age_months, table.features, ORIGIN)
    assert ridge_probe(girls).mae_months > 0
    with pytest.raises(InvalidArgument, match="folds of 4 ids"):
        ridge_probe(make_table(4, signal=1))


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_a_map_is_drawn(tmp_path: Path, method: str) -> None:
    from PIL import Image

    path = feature_map(make_table(30, signal=2), tmp_path / "new" / "map.png", method=method)
    with Image.open(path) as image:
        assert image.width > 2 * image.height > 1000
    assert [p.name for p in path.parent.iterdir()] == ["map.png"]


def test_a_map_of_four_radiographs_or_of_one_feature_is_drawn(tmp_path: Path) -> None:
    assert feature_map(make_table(4, signal=1), tmp_path / "four.png").is_file()
    assert feature_map(make_table(9, signal=1, width=1), tmp_path / "one.png").is_file()


def test_maps_that_cannot_be_made_are_refused(tmp_path: Path) -> None:
    table = make_table(10, signal=1)
    with pytest.raises(InvalidArgument, match="takes four"):
        feature_map(make_table(3, signal=1), tmp_path / "map.png")
    with pytest.raises(InvalidArgument, match=r"\.png"):
        feature_map(table, tmp_path / "map.jpg")
    with pytest.raises(InvalidArgument, match="pca, tsne or umap"):
        feature_map(table, tmp_path / "map.png", method="lda")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_umap_is_drawn_where_it_is_installed_and_else_says_what_is_missing(tmp_path: Path) -> None:
    from importlib.util import find_spec

    table = make_table(30, signal=2)
    if find_spec("umap"):
        assert feature_map(table, tmp_path / "map.png", method="umap").is_file()
        return
    with pytest.raises(MissingDependency, match="pip install umap-learn"):
        feature_map(table, tmp_path / "map.png", method="umap")
