from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from carpal.distribution import expected_months
from carpal.errors import DatasetError, InvalidArgument
from carpal.evaluation.distributions import Distributions, average, pool, read_distributions, write_distributions


def some(ids: str, mean: float, group: str = "highres") -> Distributions:
    weights = np.exp(-0.5 * ((np.arange(240) - (mean + np.arange(len(ids)))[:, None]) / 7) ** 2)
    values = weights / weights.sum(1, keepdims=True)
    sexes = tuple("FM"[k % 2] for k in range(len(ids)))
    return Distributions(tuple(ids), sexes, (group,) * len(ids), np.full(len(ids), 100.0), values)


def test_a_file_keeps_the_ages_to_a_hundredth(tmp_path: Path) -> None:
    found = some("abcde", 93.7)
    write_distributions(found, tmp_path / "d.npz")
    again = read_distributions(tmp_path / "d.npz")
    assert again.keys == found.keys
    np.testing.assert_allclose(expected_months(again.values), expected_months(found.values), atol=0.01)
    np.testing.assert_allclose(again.values.sum(1), 1.0)


def test_the_average_goes_by_id_not_by_place() -> None:
    first, second = some("abc", 100), some("abc", 120)
    shuffled = second.take([2, 0, 1])
    both = average([first, shuffled])
    assert both.ids == ("a", "b", "c")
    np.testing.assert_allclose(expected_months(both.values), [110, 111, 112], atol=1e-6)


def test_an_average_over_different_radiographs_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="different radiographs"):
        average([some("abc", 100), some("abd", 100)])


def test_pooled_parts_keep_their_order_and_may_not_overlap() -> None:
    assert pool([some("ab", 90), some("cd", 100)]).ids == ("a", "b", "c", "d")
    assert len(pool([some("ab", 90), some("ab", 90, "lowres")])) == 4
    with pytest.raises(InvalidArgument, match="highres/b"):
        pool([some("ab", 90), some("bc", 100)])


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "d.npz").write_bytes(b"no zip")
    for name in ("d.npz", "absent.npz"):
        with pytest.raises(DatasetError):
            read_distributions(tmp_path / name)


def test_parts_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(InvalidArgument):
        Distributions(("a",), ("F", "M"), ("",), np.array([1.0]), np.zeros((1, 240)))
