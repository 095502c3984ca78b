"""What every engine offers: photos in, logits out, and what several networks need of one photo computed once."""

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
# What engines have computed of one batch of photos so far: penultimate features (B, width) and logits (B, tags).
Known = dict["Engine", tuple[Floats, Floats]]


class Engine(ABC):
    """A network ready to run: by one library, in one precision, on one device. Safe to call from many threads.

    `name` is the library, `precision` `int8` or `fp32`, `device` such as `cpu` or `cuda:0`. A tag's probability is
    sigmoid(scale · logit + bias). `parts` are the engines of the trunks that the network is a head over.
    """

    name: str
    precision: str
    device: str
    scale: float
    bias: float
    parts: tuple["Engine", ...] = ()

    def run(self, batch: Floats, known: Known | None = None) -> Floats:
        """Photos (B, 3, H, W), normalised as the weight's record says, to logits (B, tags).

        Who asks several engines about one batch gives them the same `known`: a trunk that they share is then computed
        once. Raises ValueError for another shape.
        """
        if batch.ndim != 4 or batch.shape[1] != 3:
            raise ValueError(f"The batch has shape {batch.shape}; (B, 3, H, W) was expected.")
        return self._answer(batch, {} if known is None else known)[1]

    def _answer(self, batch: Floats, known: Known) -> tuple[Floats, Floats]:
        if self not in known:
            inputs = batch
            if self.parts:
                inputs = np.concatenate([part._answer(batch, known)[0] for part in self.parts], axis=1)
            known[self] = self.compute(inputs)
        return known[self]

    @abstractmethod
    def compute(self, inputs: Floats) -> tuple[Floats, Floats]:
        """Photos (B, 3, H, W), or the trunks' features side by side (B, joined), to features and logits."""
