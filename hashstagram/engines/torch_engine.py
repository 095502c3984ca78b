"""PyTorch as engine: the reference on CPU, and what computes on CUDA. Networks are in memory once for the process."""

import json
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from hashstagram.engines import cores
from hashstagram.engines.base import Engine, Floats
from hashstagram.errors import SettingError, WeightsError
from hashstagram.manifest import Manifest
from hashstagram.networks import HashNet, Network, build
from hashstagram.records import Record
from hashstagram.sharing import SharedCache
from hashstagram.vocabulary import Vocabulary
from hashstagram.weights import check_vocabulary, load_tensors, trained_outputs

_networks: SharedCache[tuple[str, ...], Network] = SharedCache()
# One computation at a time: each already uses all cores, or the whole GPU.
_computing = threading.Lock()


class TorchEngine(Engine):
    """A network that is loaded on a device (`cpu` or `cuda:0`), in fp32."""

    name = "torch"
    precision = "fp32"

    def __init__(
        self, network: Network, device: str, *, scale: float = 1, bias: float = 0, parts: Iterable[Engine] = ()
    ) -> None:
        self.network = network
        self.device = device
        self.scale, self.bias = scale, bias
        self.parts = tuple(parts)

    def compute(self, inputs: Floats) -> tuple[Floats, Floats]:
        tensor = torch.from_numpy(np.require(inputs, np.float32, ("C", "W"))).to(self.device)
        with torch.inference_mode(), exactly(self.device):
            if isinstance(self.network, HashNet):
                features = self.network.penultimate_of_trunks(tensor)
            else:
                features = self.network.penultimate(tensor.contiguous(memory_format=torch.channels_last))
            return features.cpu().numpy(), self.network.classify(features).cpu().numpy()


def choose_device(device: str) -> str:
    """`cpu` or `cuda:<index>` for `auto`, `cpu`, `cuda` or `cuda:<index>`. Raises SettingError where there is none."""
    available = torch.cuda.is_available()
    if device == "auto":
        device = "cuda" if available else "cpu"
    if device == "cpu":
        return device
    kind, _, index = device.partition(":")
    if kind != "cuda" or (index and not index.isdecimal()):
        raise SettingError(f"{device!r} is not a device. Choose one of: auto, cpu, cuda.")
    if not available:
        raise SettingError(
            f"The device {device!r} was asked for, but PyTorch finds no CUDA device. Choose auto or cpu."
        )
    number = int(index) if index else torch.cuda.current_device()
    if number >= torch.cuda.device_count():
        raise SettingError(
            f"There is no device {device!r}: this machine has {torch.cuda.device_count()}, from cuda:0 on."
        )
    return f"cuda:{number}"


def open_torch(
    folder: str | os.PathLike[str], manifest: Manifest, record: Record, vocabulary: Vocabulary, device: str
) -> TorchEngine:
    """The engine of a record on a device, with those of its parts. Raises WeightsError as `load_network` does."""
    if (threads := cores.limit()) is not None:
        torch.set_num_threads(threads)
    parts = [open_torch(folder, manifest, manifest.record(part), vocabulary, device) for part in record.parts]
    network = load_network(folder, manifest, record, vocabulary, device)
    return TorchEngine(network, device, scale=record.scale, bias=record.bias, parts=parts)


def load_network(
    folder: str | os.PathLike[str], manifest: Manifest, record: Record, vocabulary: Vocabulary, device: str
) -> Network:
    """The network of a record on a device, with those of its parts as trunks.

    While somebody in this process uses a network, whoever asks for the same weight gets the same one.

    Raises WeightsError for a weight that is missing, damaged, or made for another vocabulary, network or shape.
    """
    if record.vocabulary_sha256 != vocabulary.sha256:
        check_vocabulary(record, vocabulary, trained_outputs(load_tensors(folder, record)))
    parts = [manifest.record(part) for part in record.parts]
    key = (
        record.network,
        json.dumps(record.options, sort_keys=True),
        record.sha256,
        *(part.sha256 for part in parts),
        device,
    )

    def load() -> Network:
        tensors = load_tensors(folder, record)
        trunks = [load_network(folder, manifest, part, vocabulary, device) for part in parts]
        try:
            with _Unfilled():
                network = build(record.network, num_tags=len(vocabulary), options=record.options, parts=trunks)
        except (SettingError, TypeError) as error:
            raise WeightsError(f"{record.id} cannot be built from its record: {error} Export it again.") from error
        try:
            # The network is fp32 and takes fp16 as it is, so no second copy of the file is made.
            network.load_own_state({name: torch.from_numpy(array) for name, array in tensors.items()})
        except RuntimeError as error:
            raise WeightsError(
                f"{record.file} does not fit the network {record.network} with {dict(record.options)} and "
                f"{len(vocabulary)} tags. Export it again. ({' '.join(str(error).split())})"
            ) from error
        # Channels last: convolutions on a CPU are a fifth quicker (VGG16) that way, and alike to six digits.
        return network.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

    return _networks.get(key, load)


class _Unfilled(TorchFunctionMode):
    """Leaves tensors as they are where a network would be filled with random numbers, in this thread only.

    Every value comes from the file right after. It would cost half a second, and would use up random numbers that
    belong to whoever runs us.
    """

    def __torch_function__(
        self, function: Any, types: Any, arguments: tuple[Any, ...] = (), options: dict[str, Any] | None = None
    ) -> Any:
        options = options or {}
        in_place = function in (torch.Tensor.uniform_, torch.Tensor.normal_)
        if in_place or getattr(function, "__module__", None) == "torch.nn.init":
            return arguments[0] if arguments else options["tensor"]
        return function(*arguments, **options)


@contextmanager
def exactly(device: str) -> Iterator[None]:
    """Full fp32, one call at a time.

    cuDNN rounds to TF32 by default, so much that a photo alone and in a batch would differ in the third decimal. The
    switch belongs to the whole process, and it is put back.
    """
    with _computing:
        if device == "cpu":
            yield
            return
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            yield
