"""Engines compute the logits. Only this room knows which engines exist; PyTorch is imported when one is opened."""

import os
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from hashstagram.errors import SettingError
from hashstagram.vocabulary import Vocabulary

if TYPE_CHECKING:
    from hashstagram.weights import Manifest, Record

__all__ = ["Engine", "Floats", "open_engine", "set_threads_from_environment"]

Floats = npt.NDArray[np.float32]


class Engine(Protocol):
    """A network ready to run. Safe to call from many threads."""

    @property
    def name(self) -> str:
        """Which engine this is, such as `torch`."""

    @property
    def device(self) -> str:
        """Where it computes, such as `cpu` or `cuda:0`."""

    def run(self, batch: Floats) -> Floats:
        """Photos (B, 3, H, W), normalised as the weight's record says, to logits (B, tags)."""


def open_engine(
    folder: str | os.PathLike[str],
    manifest: "Manifest",
    record: "Record",
    vocabulary: Vocabulary,
    device: str = "auto",
) -> Engine:
    """The engine for a model of a weight folder; `device` is `auto` (CUDA when there, else CPU), `cpu` or `cuda`.

    Raises WeightsError for a weight that is missing, damaged or made for something else, and SettingError for a device
    that is not there.
    """
    from hashstagram.engines.torch_engine import TorchEngine, choose_device, load_network

    chosen = choose_device(device)
    return TorchEngine(load_network(folder, manifest, record, vocabulary, chosen), chosen)


def set_threads_from_environment() -> None:
    """Let PyTorch compute with HASHSTAGRAM_THREADS threads, where that is set.

    This holds for the whole process, so only a program's entry point may call it, never the library.
    Raises SettingError for a value that is not a whole number from 1 on.
    """
    wanted = os.environ.get("HASHSTAGRAM_THREADS", "")
    if not wanted:
        return
    if not wanted.isdecimal() or int(wanted) < 1:
        raise SettingError(f"HASHSTAGRAM_THREADS is {wanted!r}. Give a whole number from 1 on, or leave it unset.")
    import torch

    torch.set_num_threads(int(wanted))
