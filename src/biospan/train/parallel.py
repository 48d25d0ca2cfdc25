"""One run on several processes, as torchrun starts them: a device for each, sums over all.

Every process takes its share of each batch and makes the same step with the summed gradients.
Without torchrun there is one process, and nothing here does anything.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, distributed


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among those of the run.

    Attributes:
        rank: Its number; 0 is the one that evaluates and writes.
        count: How many there are.
        device: What it computes on.
    """

    rank: int
    count: int
    device: torch.device

    def sum(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors by their sums over all processes."""
        tensors = list(tensors)
        if self.count > 1:
            flat = torch.cat([tensor.flatten() for tensor in tensors])
            distributed.all_reduce(flat)
            totals = torch.split_with_sizes(flat, [tensor.numel() for tensor in tensors])
            for tensor, total in zip(tensors, totals, strict=True):
                tensor.copy_(total.view_as(tensor))

    def any(self, flag: bool) -> bool:
        """Whether it is so on any process."""
        if self.count == 1:
            return flag
        told = torch.tensor([float(flag)], device=self.device)
        self.sum([told])
        return told.item() > 0

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.count > 1:
            distributed.barrier()


def join() -> Processes:
    """This process's place, from the environment that torchrun gives it."""
    rank, count = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    cuda = torch.cuda.is_available()
    device = torch.device("cpu")
    if cuda:
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    if count > 1 and not distributed.is_initialized():
        distributed.init_process_group("nccl" if cuda else "gloo")
    return Processes(rank, count, device)
