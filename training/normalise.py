"""Batch normalisation for training, folded away for serving.

AlexNet and VGG16 have none, and from scratch they learn many times faster with it (Ioffe and Szegedy 2015, arXiv
1502.03167). At inference it is one scale and shift a channel, which go into the layer before it without a trace: the
published network is torchvision's own.
"""

from collections import OrderedDict
from typing import Any

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval


class NormalisedConv2d(nn.Sequential):
    """A convolution and its batch normalisation, in one place of a `Sequential`."""


class NormalisedLinear(nn.Sequential):
    """A linear layer (perhaps factorised) and its batch normalisation."""


def with_batch_norm(layers: nn.Sequential) -> nn.Sequential:
    """The layers with a batch normalisation before each ReLU; the order and names of the places stay."""
    modules = list(layers.named_children())
    result: OrderedDict[str, nn.Module] = OrderedDict()
    for place, (name, module) in enumerate(modules):
        before_relu = place + 1 < len(modules) and isinstance(modules[place + 1][1], nn.ReLU)
        if before_relu and isinstance(module, nn.Conv2d):
            result[name] = NormalisedConv2d(module, nn.BatchNorm2d(module.out_channels))
        elif before_relu and isinstance(module, nn.Linear | nn.Sequential):
            last: Any = module[-1] if isinstance(module, nn.Sequential) else module
            result[name] = NormalisedLinear(module, nn.BatchNorm1d(last.out_features))
        else:
            result[name] = module
    return nn.Sequential(result)


@torch.no_grad()
def fold(layers: nn.Sequential) -> nn.Sequential:
    """The inverse of `with_batch_norm`, with the same answers in evaluation mode."""
    result: OrderedDict[str, nn.Module] = OrderedDict()
    for name, module in layers.named_children():
        if isinstance(module, NormalisedConv2d):
            convolution: Any = module[0]
            normalisation: Any = module[1]
            result[name] = fuse_conv_bn_eval(convolution.eval(), normalisation.eval())
        elif isinstance(module, NormalisedLinear):
            inner: Any = module[0]
            normalisation = module[1]
            if isinstance(inner, nn.Sequential):
                last: Any = inner[-1]
                result[name] = nn.Sequential(inner[0], fuse_linear_bn_eval(last.eval(), normalisation.eval()))
            else:
                result[name] = fuse_linear_bn_eval(inner.eval(), normalisation.eval())
        else:
            result[name] = module
    return nn.Sequential(result)
