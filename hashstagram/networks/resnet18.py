"""ResNet-18 (He et al. 2016, arXiv 1512.03385, table 1), as torchvision defines it.

Difference: the last layer has one output per tag.
"""

import torch
from torch import Tensor, nn
from torchvision.models import resnet18

from hashstagram.networks.base import Network


class ResNet18(Network):
    """torchvision's ResNet-18 with `num_tags` outputs; its tensors have torchvision's names."""

    penultimate_width = 512

    def __init__(self, num_tags: int = 997) -> None:
        super().__init__()
        template = resnet18(weights=None, zero_init_residual=True)
        for name, module in template.named_children():
            if name not in ("avgpool", "fc"):
                self.add_module(name, module)
        self.avgpool = template.avgpool
        self.fc = nn.Linear(self.penultimate_width, num_tags)

    def maps(self, photos: Tensor) -> Tensor:
        maps = photos
        for name, module in self.named_children():
            if name not in ("layer4", "avgpool", "fc"):
                maps = module(maps)
        return maps

    def penultimate_of_maps(self, maps: Tensor) -> Tensor:
        features: Tensor = torch.flatten(self.avgpool(self.get_submodule("layer4")(maps)), 1)
        return features

    def classify(self, features: Tensor) -> Tensor:
        logits: Tensor = self.fc(features)
        return logits
