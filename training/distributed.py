"""One process or many: who trains on which part of a batch, and how their sums come together.

`torchrun --standalone --nproc-per-node=gpu -m training.train …` starts a process for each GPU; without torchrun there
is one. Processes on a CPU talk over gloo, on GPUs over NCCL.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import distributed

from hashstagram.errors import DataError


@dataclass(frozen=True)
class Processes:
    """This process's place among those that train together."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self.rank == 0

    def share(self, batch: int) -> slice:
        """This process's part of a global batch. Raises DataError where it cannot be divided evenly."""
        if batch % self.world:
            raise DataError(
                f"A batch of {batch} photos cannot be divided among {self.world} processes. "
                f"Give a multiple of {self.world}: --batch {(batch // self.world + 1) * self.world}."
            )
        size = batch // self.world
        return slice(self.rank * size, (self.rank + 1) * size)

    @property
    def turns(self) -> slice:
        """This process's rows of what is evaluated: every world-th, each row by one process only."""
        return slice(self.rank, None, self.world)

    def sum(self, values: NDArray[np.float64], device: torch.device) -> NDArray[np.float64]:
        """The sum over all processes."""
        if self.world == 1:
            return values
        together = torch.from_numpy(values.astype(np.float64)).to(device)
        distributed.all_reduce(together)
        result: NDArray[np.float64] = together.cpu().numpy()
        return result

    def together(self, rows: NDArray[np.float32], total: int) -> NDArray[np.float32]:
        """All processes' rows (theirs by `turns`) in order, (total, …)."""
        if self.world == 1:
            return rows
        parts: list[NDArray[np.float32]] = [rows] * self.world
        distributed.all_gather_object(parts, rows)
        result = np.empty((total, *rows.shape[1:]), dtype=np.float32)
        for rank, part in enumerate(parts):
            result[rank :: self.world] = part
        return result

    def wait(self) -> None:
        """Until every process is here."""
        if self.world > 1:
            distributed.barrier()


@contextmanager
def processes() -> Iterator[Processes]:
    """Join the processes that torchrun started; leave them at the end."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Processes()
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield Processes(distributed.get_rank(), world)
    finally:
        distributed.destroy_process_group()
