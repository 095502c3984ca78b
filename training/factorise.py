"""Dense linear layers to low-rank ones: the fully connected layers are nine tenths of AlexNet and VGG16.

The factors are the truncated singular value decomposition, the best approximation of that rank in the Frobenius norm
(Eckart and Young 1936); for trained layers of these networks little is lost (Denton et al. 2014, arXiv 1404.0736).
"""

import torch
from torch import nn


@torch.no_grad()
def factorised(layer: nn.Linear, rank: int) -> nn.Module:
    """The layer as two of rank `rank`, shared scale split evenly; the layer itself where that would not be smaller."""
    if rank * (layer.in_features + layer.out_features) >= layer.in_features * layer.out_features:
        return layer
    left, values, right = torch.linalg.svd(layer.weight.double(), full_matrices=False)
    scale = values[:rank].sqrt()
    first = nn.Linear(layer.in_features, rank, bias=False)
    second = nn.Linear(rank, layer.out_features)
    first.weight.copy_(scale[:, None] * right[:rank])
    second.weight.copy_(left[:, :rank] * scale)
    second.bias.copy_(layer.bias)
    return nn.Sequential(first, second)


def factorise(layers: nn.Sequential, ranks: dict[str, int]) -> nn.Sequential:
    """The layers with those places of `ranks` that are dense brought to their rank; factorised ones stay as learned."""
    for place, rank in ranks.items():
        layer = layers[int(place)]
        if isinstance(layer, nn.Linear):
            layers[int(place)] = factorised(layer, rank)
    return layers
