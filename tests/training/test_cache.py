from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from carpal.prepare import HandCrop, Plain, prepare
from carpal.training.cache import prepared_cache
from carpal.training.datasets import load_radiograph, read_dataset


def test_the_cache_holds_what_prepare_makes(phantom_set: Path, tmp_path: Path) -> None:
    dataset = read_dataset(phantom_set)
    told = []
    cache = prepared_cache(dataset, HandCrop(size=48), tmp_path, workers=1, progress=lambda *both: told.append(both))
    assert told[-1] == (32, 32)
    for k in (0, 17, 31):
        expected = prepare(load_radiograph(cache.samples[k]), HandCrop(size=48)).pixels
        np.testing.assert_array_equal(cache.image(k), expected)
    assert isinstance(cache.array, np.memmap)


def test_the_cache_is_of_radiographs_as_the_gate_hands_them_on(tmp_path: Path) -> None:
    from PIL import Image

    from carpal.exposure import as_admitted
    from carpal.phantom import draw_phantom
    from carpal.training.datasets import Dataset, Sample

    film = draw_phantom(120, "F", seed=3).pixels
    grainy = np.clip(film + np.random.default_rng(1).normal(0, 0.06, film.shape), 0, 1)
    path = tmp_path / "1.png"
    Image.fromarray((grainy * 255).astype(np.uint8)).save(path)
    sample = Sample("1", path, 120.0, "F")
    cache = prepared_cache(Dataset(tmp_path, (sample,)), HandCrop(size=96), tmp_path / "cache", workers=1)
    given = load_radiograph(sample)
    np.testing.assert_array_equal(cache.image(0), prepare(as_admitted(given), HandCrop(size=96)).pixels)
    assert not np.array_equal(cache.image(0), prepare(given, HandCrop(size=96)).pixels)


def test_what_the_code_before_prepared_is_prepared_anew(
    phantom_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seven was that of code which took a DICOM radiograph's pixels for squares and its padding for what is white."""
    dataset = read_dataset(phantom_set)
    with monkeypatch.context() as before:
        before.setattr("carpal.training.cache.PREPARATION", 7)
        prepared_cache(dataset, HandCrop(size=48), tmp_path, workers=1)
    told = []
    prepared_cache(dataset, HandCrop(size=48), tmp_path, workers=1, progress=lambda *both: told.append(both))
    assert told[-1] == (32, 32)


def test_a_selection_shows_the_right_radiographs(phantom_set: Path, tmp_path: Path) -> None:
    cache = prepared_cache(read_dataset(phantom_set), HandCrop(size=48), tmp_path, workers=1)
    chosen = cache.only(["1005", "1030"])
    assert [s.id for s in chosen.samples] == ["1005", "1030"]
    np.testing.assert_array_equal(chosen.image(1), cache.image(30))


def test_another_process_opens_the_array_and_is_not_sent_it(phantom_set: Path, tmp_path: Path) -> None:
    cache = prepared_cache(read_dataset(phantom_set), HandCrop(size=96), tmp_path, workers=1).only(["1003", "1005"])
    sent = pickle.dumps(cache)
    assert len(sent) < cache.array.nbytes / 10
    received = pickle.loads(sent)
    assert received.samples == cache.samples
    np.testing.assert_array_equal(received.image(1), cache.image(1))


def test_a_cache_that_was_stopped_goes_on(phantom_set: Path, tmp_path: Path) -> None:
    dataset = read_dataset(phantom_set)
    whole = prepared_cache(dataset, HandCrop(size=48), tmp_path, workers=1)
    (state,) = tmp_path.glob("*.json")
    state.write_text(json.dumps({"done": 0, "failed": {}}))
    told = []
    again = prepared_cache(dataset, HandCrop(size=48), tmp_path, workers=1, progress=lambda *both: told.append(both))
    assert told == [(32, 32)]
    np.testing.assert_array_equal(np.asarray(again.array), np.asarray(whole.array))


def test_a_radiograph_that_cannot_be_read_is_listed_and_the_rest_used(phantom_set: Path, tmp_path: Path) -> None:
    dataset = read_dataset(phantom_set)
    broken = tmp_path / "broken.png"
    broken.write_bytes(dataset.samples[3].path.read_bytes()[:900])
    samples = list(dataset.samples)
    from dataclasses import replace

    samples[3] = replace(samples[3], path=broken)
    cache = prepared_cache(replace(dataset, samples=tuple(samples)), HandCrop(size=48), tmp_path, workers=1)
    assert len(cache) == 31
    assert [p.kind for p in cache.problems] == ["unreadable"]
    assert samples[3].id not in [s.id for s in cache.samples]


def test_what_could_not_be_read_for_a_while_is_read_the_next_time(phantom_set: Path, tmp_path: Path) -> None:
    dataset = read_dataset(phantom_set)
    whole = prepared_cache(dataset, HandCrop(size=48), tmp_path, workers=1)
    expected = np.asarray(whole.array).copy()
    (state,), (array,) = tmp_path.glob("*.json"), tmp_path.glob("*.npy")
    state.write_text(json.dumps({"done": 32, "failed": {"3": "there is not enough memory to decode it"}}))
    pixels = np.load(array)
    pixels[3] = 0
    np.save(array, pixels)
    again = prepared_cache(dataset, HandCrop(size=48), tmp_path, workers=1)
    assert len(again) == 32
    assert not again.problems
    np.testing.assert_array_equal(np.asarray(again.array), expected)
    assert json.loads(state.read_text())["failed"] == {}


def test_a_changed_file_is_prepared_anew(phantom_set: Path, tmp_path: Path) -> None:
    from PIL import Image

    from carpal.training.datasets import Dataset, Sample

    path = tmp_path / "1.bmp"
    Image.fromarray(np.full((64, 64), 200, np.uint8)).save(path)
    dataset = Dataset(tmp_path, (Sample("1", path, 100.0, "F"),))
    before = prepared_cache(dataset, Plain(size=32, low_percentile=0), tmp_path / "cache").image(0).copy()
    ramp = np.tile(np.arange(64, dtype=np.uint8), (64, 1))
    Image.fromarray(ramp).save(path)  # the same size in bytes
    after = prepared_cache(dataset, Plain(size=32, low_percentile=0), tmp_path / "cache").image(0)
    assert not np.array_equal(before, after)


def test_a_damaged_cache_is_made_again(phantom_set: Path, tmp_path: Path) -> None:
    dataset = read_dataset(phantom_set)
    whole = np.asarray(prepared_cache(dataset, HandCrop(size=48), tmp_path, workers=1).array).copy()
    (array,) = tmp_path.glob("*.npy")
    array.write_bytes(array.read_bytes()[:4000])
    np.testing.assert_array_equal(
        np.asarray(prepared_cache(dataset, HandCrop(size=48), tmp_path, workers=1).array), whole
    )
