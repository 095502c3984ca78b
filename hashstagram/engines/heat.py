"""Where in a photo a network sees what it answers, by PyTorch: HiResCAM (Draelos and Carin 2020, arXiv 2011.08891).

Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391, eq. 1 and 2) averages the gradient over the whole photo before it
meets the maps, which points past the subject where the gradient differs from place to place. Here each place keeps its
own: heat = relu(Σ_k ∂y/∂A_k · A_k), A_k being the maps of the network's trunk and y what is explained. Where only a
mean follows the maps, the two are the same.
"""

import os
import threading

import torch
from torch import Tensor
from torch.nn import functional as F

from hashstagram.engines.base import Floats
from hashstagram.engines.torch_engine import TorchEngine, exactly, open_torch
from hashstagram.manifest import Manifest
from hashstagram.networks import HashNet
from hashstagram.records import Record
from hashstagram.vocabulary import Vocabulary

_keeping = threading.Lock()
_kept: TorchEngine | None = None


def open_exact(
    folder: str | os.PathLike[str], manifest: Manifest, record: Record, vocabulary: Vocabulary, device: str
) -> TorchEngine:
    """The exact network of a record. The last one that was asked for stays in memory, and the one before it goes.

    Raises WeightsError as `load_network` does.
    """
    global _kept
    with _keeping:
        # What both share is not loaded again: the one before goes when the new one is there.
        _kept = open_torch(folder, manifest, record, vocabulary, device)
        return _kept


class Look:
    """A look at one photo (3, H, W), normalised as the weight's record says: the `logits` (tags,) and their reasons."""

    def __init__(self, engine: TorchEngine, photo: Floats) -> None:
        network, self._device, self._size = engine.network, engine.device, photo.shape[1:]
        trunks = network.trunks if isinstance(network, HashNet) else (network,)
        tensor = torch.from_numpy(photo[None]).to(self._device).contiguous(memory_format=torch.channels_last)
        with exactly(self._device):
            with torch.no_grad():
                self._maps = [trunk.maps(tensor).requires_grad_() for trunk in trunks]
            with torch.enable_grad():
                features = [trunk.penultimate_of_maps(maps) for trunk, maps in zip(trunks, self._maps, strict=True)]
                if isinstance(network, HashNet):
                    features = [network.penultimate_of_trunks(torch.cat(features, dim=1))]
                self._logits = network.classify(features[0])[0]
        self.logits: Floats = self._logits.detach().cpu().numpy()

    def heat(self, weights: Floats) -> Floats:
        """Where the photo speaks for the sum of its logits, each times its weight (tags,): (H, W), 0 or more."""
        with exactly(self._device):
            aim = self._logits @ torch.from_numpy(weights).to(self._device)
            gradients = torch.autograd.grad(aim, self._maps, retain_graph=True)
            parts = [gradient * maps.detach() for gradient, maps in zip(gradients, self._maps, strict=True)]
            found = torch.stack([_laid_out(part, self._size) for part in parts]).sum(dim=0)
            result: Floats = found.clamp(min=0).cpu().numpy()
        return result


def _laid_out(parts: Tensor, size: tuple[int, ...]) -> Tensor:
    """What each place of the maps (1, C, h, w) adds, as a density over the photo (H, W).

    By area, not by cell: two trunks of different fineness then weigh as much as the answer hangs on each.
    """
    density = parts.sum(dim=1, keepdim=True) * (parts.shape[2] * parts.shape[3])
    return F.interpolate(density, size=size, mode="bilinear", align_corners=False)[0, 0]
