"""Models side by side on the same radiographs, and which differences between them are more than chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carpal.errors import DatasetError, InvalidArgument
from carpal.evaluation.bootstrap import Estimate, estimate
from carpal.evaluation.metrics import Metrics, measure
from carpal.evaluation.predictions import Predictions

__all__ = ["Candidate", "Comparison", "Difference", "Fact", "compare"]

Fact = str | int | float | None

# Tables write ages to 0.1 to 0.001 months; two versions of the RSNA references differ by 2.8 months on average.
REFERENCE_TOLERANCE_MONTHS = 0.051


@dataclass(frozen=True, eq=False)
class Candidate:
    """A model to compare: what it predicted and what it costs (parameters, cpu_ms, file_mb, epochs, init or others)."""

    name: str
    predictions: Predictions
    facts: Mapping[str, Fact] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.name.isprintable():
            raise InvalidArgument(f"{self.name!r} is no name for a model: give it printable characters")


@dataclass(frozen=True)
class Difference:
    """``first`` minus ``second`` on the same radiographs, with paired 95 % bootstrap intervals."""

    first: str
    second: str
    mae_months: Estimate
    class_accuracy: Estimate

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "first": self.first,
            "second": self.second,
            "mae_difference_months": self.mae_months.to_dict(),
            "mae_difference_excludes_zero": self.mae_months.excludes_zero,
            "class_accuracy_difference": self.class_accuracy.to_dict(),
            "class_accuracy_difference_excludes_zero": self.class_accuracy.excludes_zero,
        }


@dataclass(frozen=True, eq=False)
class Comparison:
    """Candidates sorted by MAE, reduced to the ``n`` radiographs they share, with their metrics in the same order.

    ``own_n`` is how many radiographs each had; ``differences`` holds every pair once, the better model first.
    """

    candidates: tuple[Candidate, ...]
    metrics: tuple[Metrics, ...]
    own_n: tuple[int, ...]
    differences: tuple[Difference, ...]
    reference: str
    resamples: int
    seed: int

    @property
    def n(self) -> int:
        """How many radiographs all candidates share."""
        return len(self.candidates[0].predictions)

    def difference(self, first: str, second: str) -> Difference:
        """``first`` minus ``second``, whichever way it was computed; exactly 0 for a model against itself."""
        for found in self.differences:
            if (found.first, found.second) == (first, second):
                return found
            if (found.first, found.second) == (second, first):
                return Difference(first, second, -found.mae_months, -found.class_accuracy)
        if first == second and first in {candidate.name for candidate in self.candidates}:
            return Difference(first, second, Estimate(0.0, 0.0, 0.0), Estimate(0.0, 0.0, 0.0))
        raise InvalidArgument(f"there is no pair {first!r} and {second!r} in this comparison")

    def to_dict(self) -> dict[str, Any]:
        """For JSON: no NaN, units in the names."""
        rows = [
            {
                "name": candidate.name,
                "n_own": own,
                "class_origin": candidate.predictions.class_origin,
                "facts": dict(candidate.facts),
                **metrics.to_dict(),
            }
            for candidate, metrics, own in zip(self.candidates, self.metrics, self.own_n, strict=True)
        ]
        return {
            "n_common": self.n,
            "reference": self.reference,
            "bootstrap": {"resamples": self.resamples, "seed": self.seed, "level": 0.95, "drawn": "ids, paired"},
            "candidates_by_mae": rows,
            "differences": [difference.to_dict() for difference in self.differences],
        }


def compare(
    candidates: Sequence[Candidate], *, reference: str | None = None, resamples: int = 2000, seed: int = 0
) -> Comparison:
    """Metrics of each candidate and paired differences of all pairs, on the radiographs that all of them share.

    ``reference`` names the candidate that the others are held against; None takes the one with the lowest MAE.
    Raises InvalidArgument for fewer than two candidates or names that are unknown or given twice, DatasetError where
    fewer than two radiographs are shared or the references of one differ.
    """
    names = [candidate.name for candidate in candidates]
    if len(names) < 2:
        raise InvalidArgument(f"a comparison takes two models or more, not {len(names)}")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InvalidArgument(f"two models are called {twice[0]!r}; give each its own name")
    if reference is not None and reference not in names:
        raise InvalidArgument(f"no model is called {reference!r}; there are {', '.join(names)}")
    shared = _on_shared_radiographs(candidates)
    metrics = [measure(candidate.predictions, resamples=resamples, seed=seed) for candidate in shared]
    order = sorted(range(len(names)), key=lambda i: (metrics[i].mae_months.value, names[i]))
    ranked = tuple(shared[i] for i in order)
    return Comparison(
        candidates=ranked,
        metrics=tuple(metrics[i] for i in order),
        own_n=tuple(len(candidates[i].predictions) for i in order),
        differences=_differences(ranked, resamples, seed),
        reference=reference if reference is not None else ranked[0].name,
        resamples=resamples,
        seed=seed,
    )


def _on_shared_radiographs(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates reduced to what all have, in the order of the first."""
    # A table without groups may stand beside one with: ids alone are enough wherever they are unique.
    by_id = all(len(set(c.predictions.ids)) == len(c.predictions) for c in candidates)
    rows = [_rows_by_key(c.predictions, by_id) for c in candidates]
    common = [key for key in rows[0] if all(key in other for other in rows[1:])]
    if len(common) < 2:
        counts = ", ".join(f"{c.name} has {len(c.predictions)}" for c in candidates)
        raise DatasetError(f"the models share {len(common)} radiographs, and a comparison takes 2 or more ({counts})")
    shared = [
        replace(candidate, predictions=candidate.predictions.subset([row[key] for key in common]))
        for candidate, row in zip(candidates, rows, strict=True)
    ]
    for other in shared[1:]:
        _check_same_truth(shared[0], other)
    return shared


def _rows_by_key(predictions: Predictions, by_id: bool) -> dict[Any, int]:
    groups = predictions.groups or ("",) * len(predictions)
    keys: Sequence[Any] = predictions.ids if by_id else list(zip(predictions.ids, groups, strict=True))
    return {key: row for row, key in enumerate(keys)}


def _check_same_truth(first: Candidate, other: Candidate) -> None:
    one, two = first.predictions, other.predictions
    apart = np.abs(one.reference_months - two.reference_months) > REFERENCE_TOLERANCE_MONTHS
    if apart.any():
        i = int(np.flatnonzero(apart)[0])
        raise DatasetError(
            f"{first.name} and {other.name} have different references for {int(apart.sum())} of {len(one)} radiographs "
            f"(id {one.ids[i]}: {one.reference_months[i]:g} and {two.reference_months[i]:g} months); "
            "only errors against the same references can be compared"
        )
    differs = one.sexes != two.sexes
    if differs.any():
        i = int(np.flatnonzero(differs)[0])
        raise DatasetError(
            f"{first.name} and {other.name} disagree on the sex of {int(differs.sum())} of {len(one)} radiographs "
            f"(id {one.ids[i]}: {one.sexes[i]} and {two.sexes[i]})"
        )


def _differences(ranked: Sequence[Candidate], resamples: int, seed: int) -> tuple[Difference, ...]:
    pairs = [(a, b) for i, a in enumerate(ranked) for b in ranked[i + 1 :]]
    # Differences row by row before any sum: two models that agree in every row then differ by exactly 0.
    errors = [np.abs(a.predictions.errors_months) - np.abs(b.predictions.errors_months) for a, b in pairs]
    hits = [_right(a.predictions) - _right(b.predictions) for a, b in pairs]
    matrix = np.column_stack(errors + hits)

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        means: NDArray[np.float64] = weights @ matrix / weights.sum(axis=1, keepdims=True)
        return means

    found = estimate(ranked[0].predictions.ids, statistic, resamples, seed)
    return tuple(
        Difference(a.name, b.name, mae, accuracy)
        for (a, b), mae, accuracy in zip(pairs, found[: len(pairs)], found[len(pairs) :], strict=True)
    )


def _right(predictions: Predictions) -> NDArray[np.float64]:
    return (predictions.predicted_classes == predictions.reference_classes).astype(np.float64)
