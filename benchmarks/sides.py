"""The two sides of every comparison, with the same three steps: decode a photo, run a network, give its hashtags."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from benchmarks.rows import Engine
from hashstagram import Choice, Limits, Recommender, load_model
from hashstagram.engines import cores
from hashstagram.photos import open_photo, to_tensor

Floats = npt.NDArray[np.float32]

# Photos here may be larger than those that the server takes: 12 megapixels as PNG have more than 20 MB.
LIMITS = Limits(max_bytes=2**26)


class Side(Protocol):
    """One side. Models are loaded once, by `load`, before they are used."""

    def load(self, model: str) -> Engine:
        """Load a model and say what computes it. Raises SettingError where this side cannot compute it."""

    def decode(self, model: str, photo: bytes) -> Floats:
        """A file's bytes to the model's input (3, crop, crop)."""

    def run(self, model: str, batch: Floats) -> Floats:
        """Photos (B, 3, crop, crop) to logits (B, tags), both in the CPU's memory."""

    def hashtags(self, model: str, photo: bytes) -> list[str]:
        """A file's bytes to its first five visible tags."""


class Ours:
    """HashStagram with one of its engines."""

    def __init__(self, engine: str, device: str) -> None:
        self._engine, self._device = engine, device
        self._recommenders: dict[str, Recommender] = {}
        self._choice = Choice(companions=0)

    def load(self, model: str) -> Engine:
        recommender = load_model(model, device=self._device, engine=self._engine)
        self._recommenders[model] = recommender
        engine = recommender.engine
        return Engine(engine.precision, engine.name, engine.device.partition(":")[0])

    def decode(self, model: str, photo: bytes) -> Floats:
        return to_tensor(open_photo(photo, limits=LIMITS), self._recommenders[model].record.input)

    def run(self, model: str, batch: Floats) -> Floats:
        return self._recommenders[model].engine.run(batch)

    def hashtags(self, model: str, photo: bytes) -> list[str]:
        return [hashtag.tag for hashtag in self._recommenders[model].recommend(photo, self._choice)]


class Stack2018:
    """The yardstick."""

    def __init__(self, device: str) -> None:
        import torch

        from benchmarks.stack2018.model import Model2018, load_models

        self._device = torch.device(device)
        self._models: dict[str, Model2018] = {}
        self._load_models = load_models
        if (threads := cores.limit()) is not None:
            torch.set_num_threads(threads)

    def load(self, model: str) -> Engine:
        self._models |= self._load_models([model])
        self._models[model].network.to(self._device)
        return Engine("fp32", "torch", self._device.type)

    def decode(self, model: str, photo: bytes) -> Floats:
        tensor: Floats = self._models[model].tensor(photo).numpy()
        return tensor

    def run(self, model: str, batch: Floats) -> Floats:
        import torch

        logits: Floats = self._models[model].logits(torch.from_numpy(batch).to(self._device)).cpu().numpy()
        return logits

    def hashtags(self, model: str, photo: bytes) -> list[str]:
        return [tag for tag, _ in self._models[model].hashtags(photo)]
