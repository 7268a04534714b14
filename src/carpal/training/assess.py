"""What a run or a model file says about a data set, as predictions beside their references, and what it costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from carpal.errors import DatasetError
from carpal.evaluation import Predictions
from carpal.evaluation.distributions import Distributions, pool
from carpal.modelfile import find_model
from carpal.reader import Reader
from carpal.training.cache import PreparedCache, prepared_cache
from carpal.training.config import read_config
from carpal.training.datasets import Dataset, Sample
from carpal.training.validation import run_recipe

__all__ = ["Assessed", "assess", "distributions_of", "pool_assessed"]

_BATCH = 16


@dataclass(frozen=True, eq=False)
class Assessed:
    """Predictions of one model, the distributions behind them, and the facts that stand beside them in a table."""

    predictions: Predictions
    distributions: Distributions
    facts: dict[str, str | float]
    unreadable: tuple[str, ...]


def assess(
    model: str | Path,
    dataset: Dataset,
    cache: str | Path,
    *,
    views: Sequence[str] = ("",),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Assessed:
    """Read every radiograph of ``dataset`` with a run folder (torch) or a model file (ONNX Runtime).

    ``views`` (names of ``carpal.views``) are averaged for a run; a model file brings its own.
    """
    if (Path(model) / "config.json").is_file():
        return _assess_run(Path(model), dataset, cache, views, progress)
    reader = Reader(model)
    prepared = prepared_cache(dataset, reader.facts.recipe, cache, progress=progress)
    _check_any(prepared, dataset)
    rows = []
    for start in range(0, len(prepared), _BATCH):
        chosen = range(start, min(start + _BATCH, len(prepared)))
        images = np.stack([prepared.image(k) for k in chosen])
        rows.append(reader.distributions(images, [prepared.samples[k].sex for k in chosen]))
    image, sex = prepared.image(0)[None], [prepared.samples[0].sex]
    facts: dict[str, str | float] = {
        "model": reader.facts.name,
        "cpu_ms": _cpu_ms(lambda: reader.distributions(image, sex)),
        "file_mb": find_model(model).stat().st_size / 1e6,
        "size": reader.facts.recipe.size,
        "data_sha256": dataset.digest()[:16],
    }
    return _assessed(prepared, np.concatenate(rows), facts, reader)


def pool_assessed(parts: Sequence[Assessed]) -> Assessed:
    """Several models on different radiographs as one, such as the networks of a cross-validation."""
    intervals = np.concatenate([part.predictions.intervals for part in parts])
    distributions = pool([part.distributions for part in parts])
    # A pool has no name of its own; what its models agree on is said of it.
    agreed = {k: v for k, v in parts[0].facts.items() if all(part.facts.get(k) == v for part in parts)}
    costs = [float(part.facts["cpu_ms"]) for part in parts]
    facts = {**agreed, "models": float(len(parts)), "cpu_ms": float(np.median(costs))}
    unreadable = tuple(line for part in parts for line in part.unreadable)
    return Assessed(distributions.predictions(intervals), distributions, facts, unreadable)


def _assess_run(
    run: Path, dataset: Dataset, cache: str | Path, views: Sequence[str], progress: Callable[[int, int], None]
) -> Assessed:
    import torch

    from carpal.training.loop import pick_device, predict
    from carpal.training.run import load_checkpoint

    config = read_config(run)
    network, content = load_checkpoint(run)
    prepared = prepared_cache(dataset, run_recipe(config), cache, progress=progress)
    _check_any(prepared, dataset)
    device = pick_device()
    distributions = predict(network.to(device), prepared, device, views=views)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    images, sexes = torch.zeros(len(views), 1, *run_recipe(config).shape), torch.zeros(len(views), dtype=torch.long)
    with torch.inference_mode():
        cpu_ms = _cpu_ms(lambda: network.cpu()(images, sexes))
    torch.set_num_threads(threads)
    parameters = sum(p.numel() for p in network.parameters())
    facts: dict[str, str | float] = {
        "model": config.network.backbone,
        "init": Path(config.init).name,
        "epochs": content["metrics"]["epoch"],
        "parameters": parameters,
        "cpu_ms": cpu_ms,
        "file_mb": parameters * 4 / 1e6,
        "size": config.size,
        "data_sha256": dataset.digest()[:16],
    }
    return _assessed(prepared, distributions, facts, None)


def _check_any(prepared: PreparedCache, dataset: Dataset) -> None:
    if not len(prepared):
        raise DatasetError(f"{dataset.root}: none of its {len(dataset)} radiographs can be read")


def _assessed(
    prepared: PreparedCache, distributions: np.ndarray, facts: dict[str, str | float], reader: Reader | None
) -> Assessed:
    samples = prepared.samples
    found = distributions_of(samples, distributions)
    # Of a model file the intervals that carpal read prints, not the raw ones.
    intervals = (
        None
        if reader is None
        else np.array([reader.interval(d, s.sex) for d, s in zip(distributions, samples, strict=True)])
    )
    return Assessed(
        found.predictions(intervals), found, facts, tuple(f"{p.where}: {p.message}" for p in prepared.problems)
    )


def distributions_of(samples: Sequence[Sample], values: np.ndarray) -> Distributions:
    """What was predicted for these samples, (N, 240), beside what is known of them."""
    ids, sexes, groups = (tuple(getattr(s, name) for s in samples) for name in ("id", "sex", "group"))
    return Distributions(ids, sexes, groups, np.array([s.age_months for s in samples], np.float64), values)


def _cpu_ms(work: Callable[[], object]) -> float:
    """Median CPU milliseconds of this process, after a warm-up."""
    work()
    costs = []
    for _ in range(7):
        started = time.process_time()
        work()
        costs.append(time.process_time() - started)
    return float(np.median(costs)) * 1e3
