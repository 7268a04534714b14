"""Several processes that train one network together, as ``torchrun`` starts them.

Every process sees its own share of each batch and the gradients are averaged, so all networks stay equal. This is done
with torch's collectives rather than with DistributedDataParallel: a loss that is no ``forward``, a frozen backbone and
an embedding that a setting switches off would each need an exception there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import distributed, nn

from carpal.errors import TrainingError

__all__ = ["Team", "join_team"]

T = TypeVar("T")


@dataclass(frozen=True)
class Team:
    """This process among ``size``; alone, everything below does nothing."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes files and talks."""
        return self.rank == 0

    @contextmanager
    def leader_first(self) -> Iterator[None]:
        """The leader goes through this block before the others do, such as to make a file that all of them read."""
        if not self.leads:
            self._wait()
        try:
            yield
        finally:
            if self.leads:
                self._wait()

    def _wait(self) -> None:
        if self.size > 1:
            distributed.barrier()

    def share(self, value: T) -> T:
        """The leader's value, for all."""
        if self.size == 1:
            return value
        box: list[Any] = [value]
        distributed.broadcast_object_list(box, src=0)
        return box[0]

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """After ``backward``: every process goes on with the mean gradient."""
        if self.size > 1:
            self._average([p.grad for p in parameters if p.grad is not None])

    def average_statistics(self, network: nn.Module) -> None:
        """The running means of batch norm, of which every process has seen a part."""
        if self.size > 1:
            self._average([b for b in network.buffers() if b.is_floating_point()])

    def _average(self, tensors: list[torch.Tensor]) -> None:
        flat = torch.cat([t.reshape(-1) for t in tensors])  # one message instead of hundreds
        distributed.all_reduce(flat)
        flat /= self.size
        for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def check_equal(self, network: nn.Module) -> None:
        """Raises TrainingError where the networks of the processes have drifted apart."""
        if self.size == 1:
            return
        own = torch.stack([p.detach().double().sum() for p in network.parameters()])
        leaders = own.clone()
        distributed.broadcast(leaders, src=0)
        if not torch.equal(own, leaders):
            raise TrainingError("the processes' networks have drifted apart: please report this with your settings")


def join_team() -> Team:
    """The team that torchrun has started this process for; a process on its own is a team of one."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return Team()
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if local_rank < gpus:
        torch.cuda.set_device(local_rank)  # else NCCL would take the first GPU for every process
    if not distributed.is_initialized():
        # Gloo besides NCCL: what is shared as an object, and a training with --device cpu, need no GPU.
        distributed.init_process_group("cpu:gloo,cuda:nccl" if gpus and distributed.is_nccl_available() else "gloo")
    return Team(distributed.get_rank(), size, local_rank)
