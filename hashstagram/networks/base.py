"""What every network offers, and the low-rank linear layer they share."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Network(nn.Module):
    """A network with one logit per tag.

    `penultimate_width` is the number of features under the last layer.
    """

    penultimate_width: int

    def maps(self, photos: Tensor) -> Tensor:
        """Photos (B, 3, H, W), normalised, to the maps (B, C, h, w) that still tell places in the photo apart."""
        raise NotImplementedError

    def penultimate_of_maps(self, maps: Tensor) -> Tensor:
        """What `maps` gave to non-negative features (B, penultimate_width)."""
        raise NotImplementedError

    def penultimate(self, photos: Tensor) -> Tensor:
        """Photos (B, 3, H, W), normalised, to non-negative features (B, penultimate_width)."""
        return self.penultimate_of_maps(self.maps(photos))

    def classify(self, features: Tensor) -> Tensor:
        """Penultimate features (B, penultimate_width) to logits (B, num_tags)."""
        raise NotImplementedError

    def forward(self, photos: Tensor) -> Tensor:
        """Photos (B, 3, H, W), normalised, to logits (B, num_tags)."""
        return self.classify(self.penultimate(photos))

    def own_state(self) -> dict[str, Tensor]:
        """The tensors that this network's weight file holds: all, unless trunks are shared with other networks."""
        return dict(self.state_dict())

    def load_own_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Load what `own_state` gave. Raises RuntimeError, as `load_state_dict` does, where names or shapes differ."""
        self.load_state_dict(dict(tensors))


def linear(in_features: int, out_features: int, rank: int | None) -> nn.Module:
    """A linear layer, or with `rank` its factorised form out = B (A x) + b.

    A holds (rank, in_features) and B (out_features, rank). The factors start so that their product has the variance
    of He et al. 2015 (arXiv 1502.01852, eq. 10), as one dense layer before a ReLU would.
    """
    if rank is None or rank >= min(in_features, out_features):
        return nn.Linear(in_features, out_features)
    first = nn.Linear(in_features, rank, bias=False)
    second = nn.Linear(rank, out_features)
    with torch.no_grad():
        nn.init.normal_(first.weight, std=(1.0 / in_features) ** 0.5)
        nn.init.normal_(second.weight, std=(2.0 / rank) ** 0.5)
        nn.init.zeros_(second.bias)
    return nn.Sequential(first, second)
