"""HashNet: VGG16 and AlexNet seen together, the fused network of HARRISON (Park et al. 2016, arXiv 1605.05054, §4).

Two trunks look at the photo, their penultimate features are laid side by side, and a head with ReLUs between its
layers ranks the tags. The trunks are the single models themselves: whoever holds all three holds each trunk once.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from hashstagram.networks.base import Network, linear


class HashNet(Network):
    """Head over the penultimate features of two trunks; only the head is this network's own weight.

    `width` is the hidden layers' size, `rank` that of their factors (None: dense).
    """

    def __init__(
        self,
        vgg16: Network,
        alexnet: Network,
        *,
        num_tags: int = 997,
        width: int = 2048,
        rank: int | None = None,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.penultimate_width = width
        self.vgg16 = vgg16
        self.alexnet = alexnet
        joined = vgg16.penultimate_width + alexnet.penultimate_width
        self.head = nn.Sequential(
            nn.Dropout(dropout),
            linear(joined, width, rank),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            linear(width, width, rank),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            linear(width, num_tags, rank),
        )

    def trunk_features(self, photos: Tensor) -> Tensor:
        """Photos (B, 3, H, W) to both trunks' penultimate features side by side (B, 8192), VGG16's first."""
        return torch.cat([trunk.penultimate(photos) for trunk in self.trunks], dim=1)

    @property
    def trunks(self) -> tuple[Network, Network]:
        """VGG16 and AlexNet, in the order of their features."""
        return self.vgg16, self.alexnet

    def penultimate(self, photos: Tensor) -> Tensor:
        return self.penultimate_of_trunks(self.trunk_features(photos))

    def penultimate_of_trunks(self, features: Tensor) -> Tensor:
        """The trunks' features side by side (B, 8192) to penultimate features (B, width)."""
        hidden: Tensor = self.head[:-1](features)
        return hidden

    def classify(self, features: Tensor) -> Tensor:
        logits: Tensor = self.head[-1](features)
        return logits

    def own_state(self) -> dict[str, Tensor]:
        return {f"head.{name}": tensor for name, tensor in self.head.state_dict().items()}

    def load_own_state(self, tensors: Mapping[str, Tensor]) -> None:
        head: dict[str, Any] = {name.removeprefix("head."): tensor for name, tensor in tensors.items()}
        self.head.load_state_dict(head)
