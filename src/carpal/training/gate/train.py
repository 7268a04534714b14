"""Training the gate: examples are drawn as they are needed, none twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from carpal.prepare import Plain
from carpal.training.backbones import initialise
from carpal.training.gate.draws import Drawer, Example
from carpal.training.gate.network import GateNetwork, Wanted
from carpal.training.gate.pictures import Picture
from carpal.training.gate.scenes import SCENES

__all__ = ["train_gate"]

BATCH = 64


def train_gate(
    hands: Sequence[Picture],
    others: Sequence[Picture],
    recipe: Plain,
    *,
    scenes: Sequence[str] = tuple(SCENES),
    init: str | Path = "imagenet",
    steps: int = 600,
    learning_rate: float = 1e-3,
    workers: int = 1,
    seed: int = 0,
    progress: Callable[[int, float], None] = lambda step, loss: None,
) -> GateNetwork:
    """A network trained on ``steps`` batches of 64 examples; ``progress`` is told the step and its loss.

    ``init`` is as for ``carpal train``: ``imagenet``, ``random`` or a safetensors file. Raises WeightsUnavailable.
    """
    torch.manual_seed(seed)
    network = GateNetwork()
    initialise(network.backbone, network.name, str(init))
    network.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, learning_rate, total_steps=steps, pct_start=0.15)
    loader = torch.utils.data.DataLoader(
        _Draws(Drawer(hands, others, recipe, scenes), seed), batch_size=BATCH, num_workers=workers, collate_fn=collate
    )
    for step, (images, wanted) in zip(range(1, steps + 1), loader, strict=False):
        loss = network.loss(images.to(memory_format=torch.channels_last), wanted)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        progress(step, float(loss.detach()))
    return network.eval()


def collate(examples: Sequence[Example]) -> tuple[torch.Tensor, Wanted]:
    """A batch: (N, 1, S, S) grey in 0..1, and the answers to it."""
    images = torch.from_numpy(np.stack([e.image for e in examples]))[:, None].float() / 255
    ways = [e.turns + 4 * e.mirrored if e.turns >= 0 else -1 for e in examples]
    wanted = Wanted(
        torch.tensor([e.kind for e in examples]),
        torch.tensor(ways),
        torch.tensor([float(e.inverted) for e in examples]),
    )
    return images, wanted


class _Draws(torch.utils.data.IterableDataset):
    """Endless; each worker draws from a stream of its own."""

    def __init__(self, drawer: Drawer, seed: int) -> None:
        self.drawer, self.seed = drawer, seed

    def __iter__(self):  # type: ignore[no-untyped-def]
        worker = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        while True:
            yield self.drawer.draw(rng)
