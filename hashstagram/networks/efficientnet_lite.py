"""EfficientNet-Lite (Tan and Le 2019, arXiv 1905.11946; Google's Lite form of 2020): no squeeze-and-excitation, ReLU6.

Lite 0 to 4 differ by `width` and `depth`: 1.0/1.0, 1.0/1.1, 1.1/1.2, 1.2/1.4 and 1.4/1.8. Stem and head keep their
width. Padding is TensorFlow's "same", for which the ImageNet weights were trained.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hashstagram.networks.base import Network

# Of each stage in Lite 0: blocks, kernel, stride, expansion, channels (table 1 of the paper).
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM = 32


def _same(size: int, kernel: int, stride: int) -> tuple[int, int]:
    missing = max(0, (math.ceil(size / stride) - 1) * stride + kernel - size)
    return missing // 2, missing - missing // 2


class SameConv2d(nn.Conv2d):
    """A convolution without bias, padded as TensorFlow's "same" pads: the odd row at the lower right.

    Under autocast on a CPU, a depthwise one computes in float32: its gradient in bfloat16 takes oneDNN four times as
    long.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, padding=0, groups=groups, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        if stride == 1:
            padding = kernel // 2
        else:
            padding = 0
            maps = F.pad(maps, (*_same(maps.shape[3], kernel, stride), *_same(maps.shape[2], kernel, stride)))
        if self.groups > 1 and maps.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            with torch.autocast("cpu", enabled=False):
                return F.conv2d(maps.float(), self.weight, None, stride, padding, 1, self.groups)
        return F.conv2d(maps, self.weight, None, stride, padding, 1, self.groups)


def _normalised(convolution: SameConv2d, *, active: bool = True) -> nn.Sequential:
    layers: list[nn.Module] = [convolution, nn.BatchNorm2d(convolution.out_channels, eps=1e-3)]
    return nn.Sequential(*layers, nn.ReLU6(inplace=True)) if active else nn.Sequential(*layers)


class Block(nn.Module):
    """An inverted bottleneck (Sandler et al. 2018, arXiv 1801.04381): expand, depthwise, project, and around them."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        expand = [_normalised(SameConv2d(inputs, hidden, 1))] if expansion > 1 else []
        self.layers = nn.Sequential(
            *expand,
            _normalised(SameConv2d(hidden, hidden, kernel, stride, groups=hidden)),
            _normalised(SameConv2d(hidden, outputs, 1), active=False),
        )
        self.around = stride == 1 and inputs == outputs

    def forward(self, maps: Tensor) -> Tensor:
        result: Tensor = self.layers(maps)
        return maps + result if self.around else result


def _channels(channels: int, width: float) -> int:
    """Scaled and brought to a multiple of eight, never below nine tenths of what was asked."""
    scaled = channels * width
    nearest = max(8, int(scaled + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * scaled else nearest + 8


def _stages(width: float, depth: float) -> Iterator[nn.Sequential]:
    inputs = _STEM
    for number, (blocks, kernel, stride, expansion, channels) in enumerate(_STAGES):
        outputs = _channels(channels, width)
        # The first and the last stage keep their single block in every Lite.
        count = blocks if number in (0, len(_STAGES) - 1) else math.ceil(blocks * depth)
        yield nn.Sequential(
            Block(inputs, outputs, kernel, stride, expansion),
            *(Block(outputs, outputs, kernel, 1, expansion) for _ in range(count - 1)),
        )
        inputs = outputs


class EfficientNetLite(Network):
    """EfficientNet-Lite with `num_tags` outputs; `width` and `depth` as of Lite 2."""

    penultimate_width = 1280

    def __init__(self, num_tags: int = 997, *, width: float = 1.1, depth: float = 1.2, dropout: float = 0.3) -> None:
        super().__init__()
        stages = list(_stages(width, depth))
        # All but the last two stages: what training may keep on disk.
        self.trunk = nn.Sequential(_normalised(SameConv2d(3, _STEM, 3, 2)), *stages[:5])
        last = _channels(_STAGES[-1][-1], width)
        self.tail = nn.Sequential(*stages[5:], _normalised(SameConv2d(last, self.penultimate_width, 1)))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(self.penultimate_width, num_tags)

    def maps(self, photos: Tensor) -> Tensor:
        maps: Tensor = self.trunk(photos)
        return maps

    def penultimate_of_maps(self, maps: Tensor) -> Tensor:
        features: Tensor = self.tail(maps).mean((2, 3))
        return features

    def classify(self, features: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.dropout(features))
        return logits
