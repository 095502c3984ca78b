"""VGG16, configuration D of Simonyan and Zisserman 2014 (arXiv 1409.1556), as torchvision defines it.

Differences: the last layer has one output per tag, and the linear layers may be low-rank.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torchvision.models import vgg16

from hashstagram.networks.base import Network, linear


class VGG16(Network):
    """torchvision's VGG16 with `num_tags` outputs.

    `ranks` are the ranks of fc6, fc7 and fc8; None keeps a layer dense.
    """

    penultimate_width = 4096

    def __init__(
        self, num_tags: int = 997, *, ranks: Sequence[int | None] = (None, None, None), dropout: float = 0.5
    ) -> None:
        super().__init__()
        # torchvision would fill 120 M weights of dense layers that are not kept: only the convolutions are.
        with torch.device("meta"):
            template = vgg16(weights=None, init_weights=False)
        self.features = template.features.to_empty(device="cpu")
        for module in self.features:
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        self.avgpool = template.avgpool
        fc6, fc7, fc8 = ranks
        self.classifier = nn.Sequential(
            linear(512 * 7 * 7, 4096, fc6),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            linear(4096, 4096, fc7),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
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
