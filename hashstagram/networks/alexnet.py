"""AlexNet (Krizhevsky 2014, arXiv 1404.5997, "one weird tricks" form), as torchvision defines it.

Differences: the last layer has one output per tag, and the linear layers may be low-rank.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torchvision.models import alexnet

from hashstagram.networks.base import Network, linear


class AlexNet(Network):
    """torchvision's AlexNet with `num_tags` outputs.

    `ranks` are the ranks of fc6, fc7 and fc8; None keeps a layer dense.
    """

    penultimate_width = 4096

    def __init__(
        self, num_tags: int = 997, *, ranks: Sequence[int | None] = (None, None, None), dropout: float = 0.5
    ) -> None:
        super().__init__()
        # torchvision would fill 60 M weights of dense layers that are not kept: only the convolutions are.
        with torch.device("meta"):
            template = alexnet(weights=None)
        self.features = template.features.to_empty(device="cpu")
        for module in self.features:
            if isinstance(module, nn.Conv2d):
                module.reset_parameters()
        self.avgpool = template.avgpool
        fc6, fc7, fc8 = ranks
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            linear(256 * 6 * 6, 4096, fc6),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            linear(4096, 4096, fc7),
            nn.ReLU(inplace=True),
            linear(4096, num_tags, fc8),
        )

    def maps(self, photos: Tensor) -> Tensor:
        maps: Tensor = self.features[:-1](photos)
        return maps

    def penultimate_of_maps(self, maps: Tensor) -> Tensor:
        pooled = torch.flatten(self.avgpool(self.features[-1:](maps)), 1)
        features: Tensor = self.classifier[:-1](pooled)
        return features

    def classify(self, features: Tensor) -> Tensor:
        logits: Tensor = self.classifier[-1](features)
        return logits
