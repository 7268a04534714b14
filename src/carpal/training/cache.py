"""Prepared radiographs in one memory-mapped array, so that training never waits for decoding."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carpal.errors import CarpalError
from carpal.exposure import as_admitted
from carpal.files import replacing
from carpal.parallel import parallel_map
from carpal.prepare import PREPARATION, Recipe, prepare, recipe_to_dict
from carpal.training.datasets import Dataset, Problem, Sample, load_radiograph

__all__ = ["PreparedCache", "prepared_cache"]

_CHUNK = 64


@dataclass(frozen=True, eq=False)
class PreparedCache:
    """Prepared radiographs of ``samples``: ``image(k)`` shows ``samples[k]``. The array stays on disk, read-only."""

    array: NDArray[np.uint8]  # (M, rows, columns), memory-mapped; may hold more than this selection
    rows: NDArray[np.int64]  # (N,) where each sample lies in it
    samples: tuple[Sample, ...]
    problems: tuple[Problem, ...]

    def __len__(self) -> int:
        return len(self.samples)

    def image(self, k: int) -> NDArray[np.uint8]:
        """(rows, columns) uint8, bone bright."""
        return self.array[self.rows[k]]

    def __getstate__(self) -> dict[str, Any]:
        """A process that loads batches opens the array itself: sent along, all of it would be copied to each."""
        path = self.array.filename if isinstance(self.array, np.memmap) else None
        return {**self.__dict__, "array": path or self.array}

    def __setstate__(self, state: dict[str, Any]) -> None:
        array = state["array"]
        opened = array if isinstance(array, np.ndarray) else np.load(array, mmap_mode="r")
        self.__dict__.update(state, array=opened)

    def only(self, ids: Iterable[str]) -> PreparedCache:
        """The radiographs with one of these ids."""
        wanted = set(ids)
        kept = [k for k, sample in enumerate(self.samples) if sample.id in wanted]
        return replace(self, rows=self.rows[kept], samples=tuple(self.samples[k] for k in kept))


def prepared_cache(
    dataset: Dataset,
    recipe: Recipe,
    folder: str | Path,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> PreparedCache:
    """The cache of ``dataset`` under ``recipe`` in ``folder``, made or continued where it is not complete.

    Radiographs that cannot be read are left out and listed. ``progress`` is told (done, total).
    """
    folder = Path(folder)
    order = [f"{sample.group}/{sample.id}" for sample in dataset.samples]  # rows lie in this order
    changed = [sample.path.stat().st_mtime_ns for sample in dataset.samples]
    facts = json.dumps([dataset.digest(), order, changed, recipe_to_dict(recipe), PREPARATION])
    key = hashlib.sha256(facts.encode()).hexdigest()[:16]
    array_path, state_path = (
        folder / f"{recipe.name}-{recipe.size}-{key}.npy",
        folder / f"{recipe.name}-{recipe.size}-{key}.json",
    )
    shape = (len(dataset.samples), *recipe.shape)
    state: dict[str, Any] = _read_state(state_path) if _is_whole(array_path, shape) else {"done": 0, "failed": {}}
    if state["done"] < shape[0]:
        _fill(dataset.samples, recipe, array_path, state_path, state, shape, workers, progress)
    elif state["failed"]:
        _try_again(dataset.samples, recipe, array_path, state_path, state)
    failed = {int(k): str(v) for k, v in state["failed"].items()}
    array = np.load(array_path, mmap_mode="r")
    problems = tuple(Problem("unreadable", dataset.samples[k].path.name, text) for k, text in failed.items())
    rows = np.array([k for k in range(shape[0]) if k not in failed], np.int64)
    return PreparedCache(array, rows, tuple(dataset.samples[k] for k in rows), problems)


def _is_whole(array_path: Path, shape: tuple[int, int, int]) -> bool:
    """A cache that was damaged or cut short is made again: it holds nothing that cannot be had anew."""
    try:
        return np.load(array_path, mmap_mode="r").shape == shape
    except (OSError, ValueError, EOFError):
        return False


def _read_state(path: Path) -> dict[str, Any]:
    """How far the cache got."""
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        return {"done": int(state["done"]), "failed": dict(state["failed"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {"done": 0, "failed": {}}


def _fill(
    samples: tuple[Sample, ...],
    recipe: Recipe,
    array_path: Path,
    state_path: Path,
    state: dict[str, Any],
    shape: tuple[int, int, int],
    workers: int | None,
    progress: Callable[[int, int], None],
) -> None:
    array_path.parent.mkdir(parents=True, exist_ok=True)
    if state["done"] == 0 or not array_path.exists():
        state.update(done=0, failed={})
        np.lib.format.open_memmap(array_path, "w+", np.uint8, shape).flush()
        if hasattr(os, "posix_fallocate"):  # a full disk is met here, as an error, not later as a bus error
            with array_path.open("r+b") as handle:
                os.posix_fallocate(handle.fileno(), 0, array_path.stat().st_size)
    pixels = np.lib.format.open_memmap(array_path, "r+")
    starts = range(state["done"], shape[0], _CHUNK)
    jobs = [(samples[s : s + _CHUNK], recipe) for s in starts]
    with parallel_map(_prepare_chunk, jobs, workers) as chunks:
        for start, (images, failed) in zip(starts, chunks, strict=True):
            pixels[start : start + len(images)] = images
            pixels.flush()
            state["failed"].update({str(start + k): text for k, text in failed.items()})
            state["done"] = start + len(images)
            _write_state(state_path, state)
            progress(state["done"], shape[0])


def _try_again(
    samples: tuple[Sample, ...], recipe: Recipe, array_path: Path, state_path: Path, state: dict[str, Any]
) -> None:
    """What could not be read need not be damaged: memory may have been short, or a decoder missing."""
    mended = {}
    for row in map(int, state["failed"]):
        images, failed = _prepare_chunk(((samples[row],), recipe))
        if not failed:
            mended[row] = images[0]
    if not mended:
        return
    pixels = np.lib.format.open_memmap(array_path, "r+")
    for row, image in mended.items():
        pixels[row] = image
    pixels.flush()
    state["failed"] = {k: text for k, text in state["failed"].items() if int(k) not in mended}
    _write_state(state_path, state)


def _write_state(path: Path, state: dict[str, Any]) -> None:
    with replacing(path) as part:
        part.write_text(json.dumps(state), encoding="utf-8")


def _prepare_chunk(job: tuple[tuple[Sample, ...], Recipe]) -> tuple[NDArray[np.uint8], dict[int, str]]:
    samples, recipe = job
    images = np.zeros((len(samples), *recipe.shape), np.uint8)
    failed = {}
    for k, sample in enumerate(samples):
        try:
            images[k] = prepare(as_admitted(load_radiograph(sample)), recipe).pixels
        except CarpalError as error:
            failed[k] = str(error)
    return images, failed
