"""What a frozen network sees in each radiograph: a table of features, how much age is in it, and a map of it.

table = extract_features(read_dataset("data"), init="imagenet")
table.write("features.parquet")
print(ridge_probe(table).mae_months)
feature_map(table, "map.png")
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from carpal import __version__
from carpal.errors import DatasetError, InvalidArgument, MissingDependency
from carpal.files import replacing
from carpal.prepare import Recipe, recipe_named, recipe_to_dict
from carpal.radiograph import Sex
from carpal.training.cache import PreparedCache, prepared_cache
from carpal.training.datasets import Dataset, Problem
from carpal.training.loop import pick_device
from carpal.training.network import BoneAgeNetwork, NetworkConfig
from carpal.training.run import load_checkpoint, load_weights

__all__ = ["FeatureOrigin", "FeatureTable", "check_suffix", "extract_features", "read_features"]

_SUFFIXES = ("parquet", "npz")


@dataclass(frozen=True)
class FeatureOrigin:
    """What made a table: network, weights in words and as SHA-256, recipe as JSON, digest of the data set."""

    backbone: str
    weights: str
    weights_digest: str
    recipe: str
    data_digest: str
    carpal: str = __version__


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Features of N radiographs: ``features`` (N, F) float32, ``age_months`` (N,) bone age; read-only.

    ``problems`` lists the radiographs that could not be read; files do not keep it. Raises InvalidArgument where the
    columns do not belong together.
    """

    ids: tuple[str, ...]
    groups: tuple[str, ...]
    sex: tuple[Sex, ...]
    age_months: NDArray[np.float64]
    features: NDArray[np.float32]
    origin: FeatureOrigin
    problems: tuple[Problem, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.features.ndim != 2 or self.features.dtype != np.float32:
            raise InvalidArgument(f"features are (N, F) float32, not {self.features.shape} {self.features.dtype}")
        lengths = {len(column) for column in (self.ids, self.groups, self.sex, self.age_months, self.features)}
        if len(lengths) > 1 or not len(self.ids):
            raise InvalidArgument("a feature table needs one id, group, sex and age for each of its rows, and a row")
        if not (np.isfinite(self.features).all() and np.isfinite(self.age_months).all()):
            raise InvalidArgument("a feature table holds finite numbers only")
        if not set(self.sex) <= {"F", "M"}:
            raise InvalidArgument("sex in a feature table is F or M")
        self.features.flags.writeable = False
        self.age_months.flags.writeable = False

    def __len__(self) -> int:
        return len(self.ids)

    def write(self, path: str | Path) -> Path:
        """The table as ``.parquet`` or ``.npz``, written whole or not at all. Raises InvalidArgument."""
        path = Path(path)
        kind = check_suffix(path)
        with replacing(path) as part:
            if kind == "parquet":
                _write_parquet(self, part)
            else:
                _write_npz(self, part)
        return path


def extract_features(
    dataset: Dataset,
    *,
    backbone: str | None = None,
    init: str = "imagenet",
    recipe: Recipe | None = None,
    cache: str | Path = "cache",
    batch_size: int = 32,
    workers: int | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> FeatureTable:
    """Pooled features of every radiograph from a network that is not trained any further.

    ``init`` is ``imagenet``, ``random`` (drawn by ``seed``), a safetensors file of the backbone, or the folder or
    ``best.pt`` of a training run. Where they are not given, ``backbone`` and ``recipe`` are the run's, else
    efficientnet_lite0 and ``hand`` at 224 px. Prepared radiographs are kept in the folder ``cache``. ``progress`` is
    told (done, total), each radiograph counting twice: prepared and seen.
    Raises WeightsUnavailable, TrainingError, InvalidArgument, and DatasetError where nothing can be read.
    """
    if batch_size < 1:
        raise InvalidArgument(f"a batch holds at least one radiograph, not {batch_size}")
    network, weights, recipe = _frozen_network(backbone, init, recipe, seed)
    total = 2 * len(dataset)
    prepared = prepared_cache(
        dataset, recipe, cache, workers=workers, progress=lambda done, _: progress(min(done, len(dataset)), total)
    )
    if not len(prepared):
        raise DatasetError(f"{dataset.root}: none of the {len(dataset)} radiographs can be read")
    missing = len(dataset) - len(prepared)
    features = _run(network, prepared, batch_size, device, lambda done: progress(len(dataset) + missing + done, total))
    recipe_text = json.dumps(recipe_to_dict(recipe))
    origin = FeatureOrigin(network.config.backbone, weights, _digest(network), recipe_text, dataset.digest())
    return _table_of(prepared, features, origin)


def _table_of(prepared: PreparedCache, features: NDArray[np.float32], origin: FeatureOrigin) -> FeatureTable:
    samples = prepared.samples
    return FeatureTable(
        ids=tuple(s.id for s in samples),
        groups=tuple(s.group for s in samples),
        sex=tuple(s.sex for s in samples),
        age_months=np.array([s.age_months for s in samples], np.float64),
        features=features,
        origin=origin,
        problems=prepared.problems,
    )


def _frozen_network(
    backbone: str | None, init: str, recipe: Recipe | None, seed: int
) -> tuple[BoneAgeNetwork, str, Recipe]:
    """The network, a sentence on its weights, and the recipe to prepare with."""
    path = Path(init)
    if path.is_dir() or path.suffix == ".pt":
        network, content = load_checkpoint(path)
        if backbone not in (None, network.config.backbone):
            raise InvalidArgument(f"{init} holds a {network.config.backbone}, not a {backbone}: leave the backbone out")
        config = content["config"]
        return network, f"run {path.resolve().name}", recipe or recipe_named(config["recipe"], config["size"])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = BoneAgeNetwork(NetworkConfig(backbone=backbone or "efficientnet_lite0"))
    return network.eval(), load_weights(network, init), recipe or recipe_named("hand", 224)


def _run(
    network: BoneAgeNetwork, prepared: PreparedCache, batch_size: int, device: str, progress: Callable[[int], None]
) -> NDArray[np.float32]:
    place = pick_device(device)
    network = network.to(place)
    rows = []
    with torch.inference_mode():
        for start in range(0, len(prepared), batch_size):
            stop = min(start + batch_size, len(prepared))
            images = np.stack([prepared.image(k) for k in range(start, stop)])[:, None]
            rows.append(network.features(torch.from_numpy(images).to(place).float() / 255).float().cpu().numpy())
            progress(stop)
    return np.concatenate(rows)


def _digest(network: BoneAgeNetwork) -> str:
    total = hashlib.sha256()
    for name, values in sorted(network.backbone.state_dict().items()):
        total.update(name.encode())
        total.update(values.cpu().contiguous().numpy().tobytes())
    return total.hexdigest()


# --------------------------------------------------------------------------- files


def check_suffix(path: Path) -> str:
    """``parquet`` or ``npz``. Raises InvalidArgument for a name that says neither."""
    kind = path.suffix.lower().removeprefix(".")
    if kind not in _SUFFIXES:
        raise InvalidArgument(f"{path}: a feature table is a .parquet or .npz file")
    return kind


def read_features(path: str | Path) -> FeatureTable:
    """The table in a file that ``FeatureTable.write`` made. Raises DatasetError, InvalidArgument for another suffix."""
    path = Path(path)
    read = _read_parquet if check_suffix(path) == "parquet" else _read_npz
    try:
        return read(path)
    except MissingDependency:
        raise
    except Exception as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else "not a feature table written by carpal"
        raise DatasetError(f"{path}: {reason}") from error


def _write_npz(table: FeatureTable, path: Path) -> None:
    columns = {name: np.array(getattr(table, name), np.str_) for name in ("ids", "groups", "sex")}
    origin = np.array(json.dumps(asdict(table.origin)))
    with path.open("wb") as handle:  # given a name, numpy would add its own suffix
        np.savez_compressed(
            handle, age_months=table.age_months, features=table.features, origin=origin, allow_pickle=False, **columns
        )


def _read_npz(path: Path) -> FeatureTable:
    with np.load(path, allow_pickle=False) as found:
        ids, groups, sex = (tuple(found[name].tolist()) for name in ("ids", "groups", "sex"))
        origin = FeatureOrigin(**json.loads(str(found["origin"])))
        return FeatureTable(ids, groups, sex, found["age_months"], found["features"], origin)


def _arrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingDependency("parquet files need pyarrow: pip install 'carpal[train]', or write .npz") from error
    return pyarrow


def _write_parquet(table: FeatureTable, path: Path) -> None:
    pa = _arrow()
    features = pa.FixedSizeListArray.from_arrays(pa.array(table.features.ravel()), table.features.shape[1])
    columns = {
        "id": pa.array(table.ids),
        "group": pa.array(table.groups),
        "sex": pa.array(table.sex),
        "age_months": pa.array(table.age_months),
        "features": features,
    }
    meta = {"carpal_origin": json.dumps(asdict(table.origin))}
    pa.parquet.write_table(pa.table(columns).replace_schema_metadata(meta), path)


def _read_parquet(path: Path) -> FeatureTable:
    table = _arrow().parquet.read_table(path)
    origin = FeatureOrigin(**json.loads(table.schema.metadata[b"carpal_origin"]))
    ids, groups, sex = (tuple(table[name].to_pylist()) for name in ("id", "group", "sex"))
    flat = table["features"].combine_chunks().flatten().to_numpy()
    features = np.array(flat, np.float32).reshape(len(ids), -1)
    return FeatureTable(ids, groups, sex, np.array(table["age_months"].to_numpy(), np.float64), features, origin)
