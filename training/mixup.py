"""Mixup: convex combinations of pairs of photos and of their targets (Zhang et al. 2018, arXiv 1710.09412)."""

import numpy as np
import torch
from torch import Tensor

# Partners are drawn among this many neighbours: processes that share a batch then mix as one process would.
_NEIGHBOURS = 8


def draw(rng: np.random.Generator, count: int, alpha: float, part: int | None = None) -> tuple[Tensor, Tensor]:
    """For each of `count` examples, its own share (count,), from Beta(alpha, alpha), and its partner (count,).

    No partner lies in another `part` examples: what a process has of a batch.
    """
    share = torch.from_numpy(rng.beta(alpha, alpha, size=count).astype(np.float32))
    part = part or count
    size = _NEIGHBOURS if part % _NEIGHBOURS == 0 else part
    blocks = [start + rng.permutation(min(size, count - start)) for start in range(0, count, size)]
    return share, torch.from_numpy(np.concatenate(blocks))


def mix(examples: Tensor, share: Tensor, partner: Tensor) -> Tensor:
    """Examples (B, …), each with its partner."""
    spread = share.view(-1, *[1] * (examples.dim() - 1)).to(examples)
    return examples * spread + examples[partner.to(examples.device)] * (1 - spread)
