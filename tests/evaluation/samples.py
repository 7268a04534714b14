"""Simulated predictions for the tests of evaluation."""

from __future__ import annotations

import numpy as np

from carpal.evaluation import Predictions


def plain(errors: list[float], reference: list[float] | None = None, sexes: str = "") -> Predictions:
    """Predictions with these errors, without interval and probabilities; ids 0, 1, 2, ..."""
    truth = np.array(reference if reference is not None else [100.0 + k for k in range(len(errors))])
    sex = np.array(list(sexes or "F" * len(errors)))
    return Predictions(tuple(str(k) for k in range(len(errors))), sex, truth, truth + np.array(errors))


def simulated(n: int, *, sd: float = 6.0, seed: int = 0, groups: bool = False) -> Predictions:
    """Predictions of n children (the same for any seed) by a model of that spread, with distributions."""
    children = np.random.default_rng(1)
    reference = np.clip(children.normal(130, 42, n), 3, 228).round()
    sexes = children.choice(["F", "M"], n)
    mean = np.clip(reference + np.random.default_rng(seed + 2).normal(0, sd, n), 2, 235)
    weights = np.exp(-0.5 * ((np.arange(240) - mean[:, None]) / sd) ** 2)
    distributions = weights / weights.sum(axis=1, keepdims=True)
    named = ["highres" if k % 2 else "lowres" for k in range(n)] if groups else None
    return Predictions.from_distributions(
        [f"{4000 + k}" for k in range(n)], list(sexes), reference, distributions, named
    )
