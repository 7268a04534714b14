from __future__ import annotations

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the train extra")

from carpal.errors import CarpalError, DatasetError, InvalidArgument, TrainingError, WeightsUnavailable
from carpal.training.augment import Augmentation
from carpal.training.backbones import BACKBONES, backbone
from carpal.training.batches import draw_epoch, train_batches
from carpal.training.config import TrainConfig, config_from_dict, read_config
from carpal.training.loop import Trainer, parameter_groups
from carpal.training.network import BoneAgeNetwork, NetworkConfig
from carpal.training.run import RunFolder, load_checkpoint, scale_of
from carpal.training.team import Team, join_team
from carpal.training.train import prepare_sides, train


def tiny_config(data: Path, **changes) -> TrainConfig:
    config = TrainConfig(
        data=str(data), network=NetworkConfig(backbone="custom"), size=64, epochs=2, batch_size=8, validation=8
    )
    return replace(config, **changes)


def metrics(run: Path) -> list[dict[str, str]]:
    path = run / "metrics.csv"
    return list(csv.DictReader(path.open())) if path.exists() else []


def test_a_run_folder_holds_all_that_happened(tiny_run: Path) -> None:
    names = {path.name for path in tiny_run.iterdir()}
    expected = {"config.json", "environment.json", "split.json", "metrics.csv", "curves.png", "best.pt", "last.pt"}
    assert expected <= names
    assert len(metrics(tiny_run)) == 2
    environment = json.loads((tiny_run / "environment.json").read_text())
    assert environment["train_images"] == 24
    assert environment["validation_images"] == 8
    assert environment["initial_weights"] == "random weights"
    assert list(tiny_run.glob("tensorboard/events*"))
    assert read_config(tiny_run).size == 64


def test_a_config_survives_json(phantom_set: Path) -> None:
    config = tiny_config(phantom_set, groups=("highres", "lowres"), group_weights=(2.0, 0.5))
    assert config_from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize(
    "changes",
    [{"epochs": 0}, {"batch_size": 1}, {"learning_rate": 7.0}, {"head_epochs": 99}, {"layer_decay": 0.0},
     {"group_weights": (1.0,)}, {"keep": "first"}, {"ema_decay": 1.0}, {"start_share": 1.0},
     {"keep": "last", "patience": 2}, {"precision": "float8"}, {"network": NetworkConfig(target="age")}],  # type: ignore[arg-type]
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(changes: dict) -> None:
    with pytest.raises(InvalidArgument):
        TrainConfig(data="anywhere", **changes)


def test_a_folder_with_another_run_is_refused(tiny_run: Path, phantom_set: Path) -> None:
    config = replace(read_config(tiny_run), learning_rate=0.5)
    with pytest.raises(TrainingError, match="learning_rate"):
        train(config, prepare_sides(config, tiny_run.parent / "cache"), tiny_run)


def test_a_finished_run_is_not_trained_again(tiny_run: Path) -> None:
    config = read_config(tiny_run)
    before = (tiny_run / "last.pt").stat().st_mtime_ns
    history = train(config, prepare_sides(config, tiny_run.parent / "cache"), tiny_run)
    assert len(history) == 2
    assert (tiny_run / "last.pt").stat().st_mtime_ns == before


def test_the_last_line_of_the_table_outlives_a_kill_before_it_was_written(tiny_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    table = (run / "metrics.csv").read_text()
    (run / "metrics.csv").write_text("".join(table.splitlines(keepends=True)[:-1]))
    config = read_config(run)
    train(config, prepare_sides(config, tmp_path / "cache", run=run), run)
    assert (run / "metrics.csv").read_text() == table


def test_training_learns(phantom_set: Path, tmp_path: Path) -> None:
    config = tiny_config(
        phantom_set, epochs=8, samples_per_epoch=96, learning_rate=3e-3, ema_decay=0.9, augmentation=Augmentation(0)
    )
    history = train(config, prepare_sides(config, tmp_path / "cache"), tmp_path / "run")
    assert min(row["validation_mae"] for row in history) < 0.8 * history[0]["validation_mae"]
    assert history[-1]["train_loss"] < history[0]["train_loss"]


@pytest.mark.parametrize(
    ("changes", "frozen"),
    [({"head_epochs": 1}, "backbone."), ({"frozen_layers": 2}, ("backbone.blocks.0.", "backbone.blocks.1."))],
)
def test_what_is_frozen_stays_and_the_rest_learns(
    phantom_set: Path, tmp_path: Path, changes: dict[str, int], frozen: str | tuple[str, ...]
) -> None:
    config = tiny_config(phantom_set, epochs=1, **changes)
    sides = prepare_sides(config, tmp_path / "cache")
    folder = RunFolder(tmp_path / "run")
    folder.open(config, "digest", {}, sides.split)
    trainer = Trainer(config, sides.train, sides.validation, folder)
    before = {k: v.clone() for k, v in trainer.network.state_dict().items()}
    trainer.train(lambda *step: None, lambda row: None)
    after = trainer.network.state_dict()
    assert {k for k in before if torch.equal(before[k], after[k])} == {k for k in before if k.startswith(frozen)}


def test_more_layers_than_there_are_cannot_be_frozen(phantom_set: Path, tmp_path: Path) -> None:
    config = tiny_config(phantom_set, frozen_layers=40)
    with pytest.raises(InvalidArgument, match="layers, so 40 of them cannot be frozen"):
        train(config, prepare_sides(config, tmp_path / "cache"), tmp_path / "run")


def test_deeper_layers_learn_more_slowly() -> None:
    network = BoneAgeNetwork(NetworkConfig(backbone="efficientnet_lite0"))
    groups = parameter_groups(network, TrainConfig(data="x", layer_decay=0.5))
    rates = {id(p): group["rate"] for group in groups for p in group["params"]}
    assert len(rates) == len(list(network.parameters()))
    assert rates[id(network.backbone.conv_stem.weight)] < rates[id(network.backbone.conv_head.weight)] <= 1.0
    assert rates[id(network.sex.weight)] == 1.0


def test_the_last_epoch_is_kept_where_validation_must_not_choose(phantom_set: Path, tmp_path: Path) -> None:
    config = tiny_config(phantom_set, epochs=3, learning_rate=0.3, keep="last")  # learns nothing, wanders
    train(config, prepare_sides(config, tmp_path / "cache"), tmp_path / "run")
    _, content = load_checkpoint(tmp_path / "run")
    assert content["metrics"]["epoch"] == 3


def test_no_gain_stops_a_run(phantom_set: Path, tmp_path: Path) -> None:
    config = tiny_config(phantom_set, epochs=30, learning_rate=1e-9, patience=2)
    history = train(config, prepare_sides(config, tmp_path / "cache"), tmp_path / "run")
    assert len(history) < 30


def test_rare_ages_and_groups_are_drawn_more_often(phantom_set: Path, tmp_path: Path) -> None:
    config = tiny_config(phantom_set)
    cache = prepare_sides(config, tmp_path / "cache").train
    every = draw_epoch(cache, config, 0)
    assert sorted(every) == list(range(len(cache)))
    assert list(every) != list(draw_epoch(cache, config, 1))
    relabelled = replace(
        cache, samples=tuple(replace(s, group="rare" if k < 4 else "usual") for k, s in enumerate(cache.samples))
    )
    weighted = replace(config, groups=("rare", "usual"), group_weights=(50.0, 1.0), samples_per_epoch=400)
    assert np.mean(draw_epoch(relabelled, weighted, 0) < 4) > 0.7


def test_a_checkpoint_gives_back_the_network(tiny_run: Path, tmp_path: Path) -> None:
    network, content = load_checkpoint(tiny_run)
    assert content["metrics"]["validation_mae"] > 0
    assert network(torch.rand(1, 1, 64, 64), torch.tensor([0])).shape == (1, 240)
    (tmp_path / "best.pt").write_bytes(b"PK nonsense")
    with pytest.raises(TrainingError, match=r"best\.pt"):
        load_checkpoint(tmp_path)
    with pytest.raises(TrainingError, match="train first"):
        load_checkpoint(tmp_path / "nowhere")


def test_grey_values_stay_scaled_as_a_run_began(tiny_run: Path, phantom_set: Path, tmp_path: Path) -> None:
    """Whatever this version would choose for the backbone's name."""
    shutil.copytree(tiny_run, tmp_path / "run")
    for name in ("best.pt", "last.pt"):
        content = torch.load(tmp_path / "run" / name, weights_only=True)
        torch.save(content | {"scale": (0.3, 0.7)}, tmp_path / "run" / name)
    assert load_checkpoint(tmp_path / "run")[0].scale == (0.3, 0.7)

    config = read_config(tmp_path / "run")
    sides = prepare_sides(config, tmp_path / "cache", run=tmp_path / "run")
    trainer = Trainer(config, sides.train, sides.validation, RunFolder(tmp_path / "run"))
    trainer._resume()
    assert trainer.network.scale == trainer._average.scale == (0.3, 0.7)

    begun = replace(config, init=str(tmp_path / "run"), epochs=1)
    train(begun, prepare_sides(begun, tmp_path / "cache"), tmp_path / "next")
    assert load_checkpoint(tmp_path / "next")[0].scale == (0.3, 0.7)

    # Checkpoints that do not say it are older: it went by the name then.
    assert scale_of({}, BoneAgeNetwork(NetworkConfig(backbone="mobilenetv3_small_050"))) == (0.5, 0.5)
    assert scale_of({}, BoneAgeNetwork(NetworkConfig(backbone="resnet18"))) == (0.449, 0.226)


def test_a_run_can_start_from_another(tiny_run: Path, phantom_set: Path, tmp_path: Path) -> None:
    config = tiny_config(phantom_set, epochs=1, init=str(tiny_run), size=80)
    history = train(config, prepare_sides(config, tmp_path / "cache"), tmp_path / "run")
    assert len(history) == 1


def test_what_is_kept_may_lie_between_start_and_end(tiny_run: Path, phantom_set: Path, tmp_path: Path) -> None:
    kept = {}
    for share in (0.0, 0.25):
        config = tiny_config(phantom_set, epochs=1, init=str(tiny_run), start_share=share)
        train(config, prepare_sides(config, tmp_path / "cache"), tmp_path / str(share))
        kept[share] = load_checkpoint(tmp_path / str(share))[0].state_dict()
    start = load_checkpoint(tiny_run)[0].state_dict()
    for name, learned in kept[0.0].items():
        between = 0.25 * start[name] + 0.75 * learned if learned.is_floating_point() else learned
        torch.testing.assert_close(kept[0.25][name], between, msg=name)


@pytest.mark.parametrize("target", [None, "classes"])
def test_a_start_that_is_another_network_is_no_part_of_what_is_kept(
    tiny_run: Path, phantom_set: Path, tmp_path: Path, target: str | None
) -> None:
    config = tiny_config(phantom_set, start_share=0.2)
    if target is not None:
        config = replace(config, init=str(tiny_run), network=replace(config.network, target=target))
    with pytest.raises(WeightsUnavailable, match="--start-share 0"):
        train(config, prepare_sides(config, tmp_path / "cache"), tmp_path / "run")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
def test_killed_at_a_random_moment_it_goes_on_and_loses_at_most_one_epoch(phantom_set: Path, tmp_path: Path) -> None:
    run, epochs = tmp_path / "run", 6
    command = [
        sys.executable, "-m", "carpal", "train", str(phantom_set), "--out", str(run), "--backbone", "custom",
        "--init", "random", "--size", "64", "--epochs", str(epochs), "--batch-size", "4", "--validation", "8",
        "--samples-per-epoch", "48", "--cache", str(tmp_path / "cache"),
    ]  # fmt: skip
    moment = random.Random(os.getpid())
    kept: list[dict[str, str]] = []
    for finished in (1, 3):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 120
        while len(metrics(run)) < finished and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(moment.uniform(0, 0.4))
        process.send_signal(signal.SIGKILL)
        _, errors = process.communicate(timeout=60)
        rows = metrics(run)
        assert len(rows) >= finished, errors.decode()[-2000:]
        assert [r["validation_mae"] for r in rows[: len(kept)]] == [r["validation_mae"] for r in kept]
        kept = rows
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = metrics(run)
    assert [int(float(r["epoch"])) for r in rows] == list(range(1, epochs + 1))
    assert rows[: len(kept)] == kept  # what was finished before the kill was not done again
    assert len(list(run.glob(".*.part"))) <= 2  # a kill leaves at most the file it cut short


def test_a_split_of_another_data_set_is_refused(phantom_set: Path, tmp_path: Path) -> None:
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"test": ["77"], "validation": ["1001"], "seed": 0}))
    with pytest.raises(DatasetError, match="another data set"):
        prepare_sides(tiny_config(phantom_set, split=str(split)), tmp_path / "cache")


def test_a_split_file_in_a_folder_where_no_run_has_begun_does_not_go_before_the_one_that_is_given(
    phantom_set: Path, tmp_path: Path
) -> None:
    given, lying = tmp_path / "split.json", tmp_path / "run" / "split.json"
    lying.parent.mkdir()
    for path, held_back in ((given, "1001"), (lying, "1002")):
        path.write_text(json.dumps({"test": [], "validation": [held_back], "seed": 0}))
    sides = prepare_sides(tiny_config(phantom_set, split=str(given)), tmp_path / "cache", run=tmp_path / "run")
    assert sides.split.validation == ("1001",)


def test_a_run_never_goes_on_with_another_split(phantom_set: Path, tmp_path: Path) -> None:
    given = tmp_path / "split.json"
    for held_back in ("1001", "1002"):
        given.write_text(json.dumps({"test": [], "validation": [held_back], "seed": 0}))
        config = tiny_config(phantom_set, split=str(given), epochs=1)
        other = prepare_sides(config, tmp_path / "cache")
        if held_back == "1001":
            train(config, other, tmp_path / "run")
    with pytest.raises(TrainingError, match="another split"):
        train(config, other, tmp_path / "run")
    again = prepare_sides(config, tmp_path / "cache", run=tmp_path / "run")
    assert again.split.validation == ("1001",)
    assert len(train(config, again, tmp_path / "run")) == 1


def test_an_empty_side_is_refused_before_training(phantom_set: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="validate"):
        prepare_sides(tiny_config(phantom_set, validation=0), tmp_path / "cache")


def test_what_cannot_begin_leaves_no_run_behind(phantom_set: Path, tmp_path: Path) -> None:
    sides = prepare_sides(tiny_config(phantom_set), tmp_path / "cache")
    for changes in ({"init": str(tmp_path / "no.safetensors")}, {"device": "cuda:9"}):
        with pytest.raises(CarpalError):
            train(tiny_config(phantom_set, **changes), sides, tmp_path / "run")
    assert len(train(tiny_config(phantom_set, epochs=1), sides, tmp_path / "run")) == 1


def test_a_size_the_network_cannot_take_is_refused_at_once(phantom_set: Path, tmp_path: Path) -> None:
    sides = prepare_sides(tiny_config(phantom_set), tmp_path / "cache")
    config = tiny_config(phantom_set, network=NetworkConfig(backbone="inception_v3"))
    with pytest.raises(InvalidArgument, match="64 px"):
        train(config, sides, tmp_path / "run")


def test_one_radiograph_is_too_few_to_train_on(phantom_set: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="one radiograph is too few"):
        prepare_sides(tiny_config(phantom_set, limit=1), tmp_path / "cache")
    assert len(prepare_sides(tiny_config(phantom_set, limit=2), tmp_path / "cache").train) == 2


def test_want_of_memory_is_said_in_a_sentence(phantom_set: Path, tmp_path: Path) -> None:
    class Greedy(torch.nn.Module):
        num_features = 4

        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(3, 4)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            if self.training:
                torch.empty(1 << 50)
            return self.layer(images.mean((2, 3)))

        def group_matcher(self, coarse: bool = False) -> dict[str, str]:
            return {"layer": "^layer"}

    backbone("greedy")(Greedy)
    try:
        config = tiny_config(phantom_set, network=NetworkConfig(backbone="greedy"))
        with pytest.raises(TrainingError, match="smaller --batch-size"):
            train(config, prepare_sides(config, tmp_path / "cache"), tmp_path / "run")
    finally:
        del BACKBONES["greedy"]


def test_a_damaged_checkpoint_is_said_in_a_sentence(tiny_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    (run / "last.pt").write_bytes(b"half a checkpoint")
    config = read_config(run)
    with pytest.raises(TrainingError, match=r"last\.pt"):
        train(config, prepare_sides(config, tmp_path / "cache"), run)


def test_checkpoints_are_on_the_disk_before_they_count(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[tuple[int, int]] = []
    flush = os.fsync

    def noting(handle: int) -> None:
        flush(handle)
        flushed.append((os.fstat(handle).st_dev, os.fstat(handle).st_ino))

    monkeypatch.setattr(os, "fsync", noting)
    network, content = load_checkpoint(tiny_run)
    folder = RunFolder(tmp_path)
    folder.save_best(network, read_config(tiny_run), content["metrics"])
    folder.save_last({"network": network.state_dict()}, [content["metrics"]])
    folder.close()
    for name in ("best.pt", "last.pt"):
        assert ((tmp_path / name).stat().st_dev, (tmp_path / name).stat().st_ino) in flushed


def test_two_processes_never_train_in_one_folder(tmp_path: Path) -> None:
    pytest.importorskip("fcntl", reason="there are no advisory locks on Windows")
    with (
        RunFolder(tmp_path).locked(),
        pytest.raises(TrainingError, match="another process"),
        RunFolder(tmp_path).locked(),
    ):
        pass


def test_two_processes_train_one_network(phantom_set: Path, tmp_path: Path) -> None:
    """Under torchrun; the loop itself raises where the networks of the processes differ after an epoch."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "carpal"]
    options = ["--backbone", "custom", "--init", "random", "--size", "64", "--epochs", "2", "--batch-size", "4"]
    folders = ["--out", str(tmp_path / "run"), "--cache", str(tmp_path / "cache"), "--validation", "8"]
    done = subprocess.run(
        [*command, "train", str(phantom_set), *options, *folders], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("run folder") == 1  # one of them talks
    assert len(metrics(tmp_path / "run")) == 2
    network, content = load_checkpoint(tmp_path / "run")
    assert content["metrics"]["validation_mae"] > 0
    assert all(torch.isfinite(p).all() for p in network.parameters())


def test_each_process_has_a_gpu_of_its_own_and_the_cpu_for_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    """What torch asks of those who share objects over NCCL; there is no machine of several GPUs in the tests."""
    asked: dict[str, object] = {}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", lambda number: asked.update(gpu=number))
    monkeypatch.setattr(torch.distributed, "is_nccl_available", lambda: True)
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda backend: asked.update(backend=backend))
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 3)
    for name, value in (("WORLD_SIZE", "4"), ("RANK", "3"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    assert join_team() == Team(rank=3, size=4, local_rank=1)
    assert asked == {"gpu": 1, "backend": "cpu:gloo,cuda:nccl"}


def test_processes_share_an_epoch_evenly(phantom_set: Path, tmp_path: Path) -> None:
    config = tiny_config(phantom_set, batch_size=4, augmentation=Augmentation(0))
    cache = prepare_sides(config, tmp_path / "cache").train
    shares = [[float(a) for batch in train_batches(cache, config, 0, rank, 2) for a in batch[2]] for rank in (0, 1)]
    assert len(shares[0]) == len(shares[1]) == 12
    assert sorted(shares[0] + shares[1]) == sorted(s.age_months for s in cache.samples)
