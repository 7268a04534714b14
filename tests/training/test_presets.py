from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs the train extra")

from carpal.cli.train import train
from carpal.errors import InvalidArgument
from carpal.training.presets import PRESETS, preset


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_names_options_of_train(name: str) -> None:
    assert set(preset(name)) <= set(inspect.signature(train).parameters)


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="rsna-full"):
        preset("rsna")


def test_what_is_given_goes_before_the_preset(phantom_set: Path, tmp_path: Path) -> None:
    given = ["--backbone", "custom", "--init", "random", "--size", "32", "--epochs", "1", "--validation", "8"]
    folders = ["--out", str(tmp_path / "run"), "--cache", str(tmp_path / "cache"), "--workers", "0"]
    command = [sys.executable, "-m", "carpal", "train", str(phantom_set), "--preset", "rsna-full-light"]
    done = subprocess.run([*command, *given, *folders], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    from carpal.training.config import read_config

    config = read_config(tmp_path / "run")
    assert (config.network.backbone, config.size, config.epochs) == ("custom", 32, 1)
    assert (config.batch_size, config.ema_decay) == (64, 0.999)  # the preset's
