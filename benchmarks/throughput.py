"""Does training wait for data? Images per second of the loop against the same steps on random tensors.

usage: python benchmarks/throughput.py [DATA] [--backbone NAME] [--size PX] [--batch-size N] [--workers N]
           [--frozen-layers N]

Blocks of steps on real batches (drawn, augmented, collated) and on random tensors take turns, so that a machine that
slows down slows both. On a CPU without workers the process's CPU time is counted, else the wall's.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from carpal.training.backbones import freeze_layers
from carpal.training.batches import Batch, train_batches
from carpal.training.config import TrainConfig
from carpal.training.loop import Trainer
from carpal.training.network import NetworkConfig
from carpal.training.run import RunFolder
from carpal.training.train import prepare_sides

BLOCK, BLOCKS = 6, 8


def endless(trainer: Trainer, config: TrainConfig) -> Iterator[Batch]:
    epoch = 0
    while True:
        yield from train_batches(trainer.train_set, config, epoch)
        epoch += 1


def images_per_second(trainer: Trainer, batches: Iterator[Batch], clock, batch_size: int) -> float:  # type: ignore[no-untyped-def]
    started = clock()
    for _ in range(BLOCK):
        trainer.step(0, next(batches))
    if trainer.device.type == "cuda":
        torch.cuda.synchronize()
    return BLOCK * batch_size / (clock() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", default="../shared/rsna")
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--frozen-layers", type=int, default=0)
    parser.add_argument("--group", default="highres")
    parser.add_argument("--cache", default="cache")
    chosen = parser.parse_args()
    config = TrainConfig(
        data=chosen.data,
        groups=(chosen.group,) if chosen.group else (),
        size=chosen.size,
        batch_size=chosen.batch_size,
        workers=chosen.workers,
        frozen_layers=chosen.frozen_layers,
        network=NetworkConfig(backbone=chosen.backbone),
    )
    sides = prepare_sides(config, chosen.cache)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(config, sides.train, sides.validation, RunFolder(Path(folder)))
        trainer.network.train()
        freeze_layers(trainer.network.backbone, config.frozen_layers)
        shape = (config.batch_size, 1, config.size, config.size)
        nothing = (torch.rand(shape), torch.zeros(shape[0], dtype=torch.long), torch.full((shape[0],), 120.0))
        on_cpu = trainer.device.type == "cpu" and not chosen.workers
        clock = time.process_time if on_cpu else time.perf_counter
        sources = {"real": endless(trainer, config), "random": iter(lambda: nothing, None)}
        rates: dict[str, list[float]] = {name: [] for name in sources}
        for batches in sources.values():  # warm-up
            images_per_second(trainer, batches, clock, config.batch_size)
        for _ in range(BLOCKS):
            for name, batches in sources.items():
                rates[name].append(images_per_second(trainer, batches, clock, config.batch_size))
    real, random = (statistics.median(rates[name]) for name in ("real", "random"))
    ratio = statistics.median(a / b for a, b in zip(rates["real"], rates["random"], strict=True))
    device = (
        torch.cuda.get_device_name() if trainer.device.type == "cuda" else f"CPU, {torch.get_num_threads()} thread(s)"
    )
    seconds = "CPU second" if on_cpu else "second"
    frozen = f", {config.frozen_layers} layers frozen" if config.frozen_layers else ""
    setting = f"{config.size} px{frozen}, batch {config.batch_size}, {chosen.workers} workers"
    print(f"{chosen.backbone} at {setting}, {device}")
    print(f"training loop {real:.1f} images per {seconds}, random tensors {random:.1f}, ratio {ratio:.3f}")


if __name__ == "__main__":
    main()
