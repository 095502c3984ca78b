"""The networks as OpenVINO graphs, built from the tensors of their weight files: what `networks` defines, in fp32.

A graph looks at one photo. That of a single network gives its penultimate features and its logits; HashNet's is a head
over the features of others. Nothing here needs PyTorch, and the tests hold each graph against its network.
"""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from hashstagram.engines.silent_openvino import openvino as ov
from hashstagram.errors import WeightsError
from hashstagram.records import Record
from hashstagram.weights import Tensors

FEATURES, LOGITS = "features", "logits"

# Of torchvision's `features`, each convolution: its place, stride, padding, and whether a maximum is taken after it.
_ALEXNET = ((0, 4, 2, True), (3, 1, 2, True), (6, 1, 1, False), (8, 1, 1, False), (10, 1, 1, True))
_VGG16 = tuple((place, 1, 1, place in (2, 7, 14, 21, 28)) for place in (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28))
# The stride of each stage's first block; the first five are the trunk's, the others the tail's.
_LITE_TRUNK, _LITE_TAIL = (1, 2, 2, 2, 1), (2, 1)

Node = Any
ops = ov.opset15


def build_graph(record: Record, tensors: Tensors) -> ov.Model:
    """The graph of a record's network with the `tensors` of its weight file.

    A single network takes a photo (1, 3, crop, crop), normalised as the record's `input` says, and gives FEATURES
    (1, width) and LOGITS (1, tags). HashNet takes its trunks' features side by side (1, joined) and gives LOGITS.

    Raises WeightsError for a network that is not known and for tensors that are not those of the network.
    """
    try:
        layers = _Layers(tensors)
        if record.network == "hashnet":
            given = ops.parameter([1, layers.width("head.1")], np.float32, name=FEATURES)
            results = [_named(_head(layers, given), LOGITS)]
        else:
            crop = record.input.crop
            given = ops.parameter([1, 3, crop, crop], np.float32, name="photo")
            features, logits = _NETWORKS[record.network](layers, given)
            results = [_named(features, FEATURES), _named(logits, LOGITS)]
        if strangers := layers.unused():
            raise ValueError(f"{strangers[0]} is no tensor of it")
        return ov.Model(results, [given], record.id)
    except (KeyError, RuntimeError, ValueError) as error:
        raise WeightsError(
            f"{record.file} does not fit the network {record.network}, which {record.id} names. Export it again. "
            f"({' '.join(str(error).split())})"
        ) from error


class _Layers:
    """Layers whose constants are the tensors of a weight file."""

    def __init__(self, tensors: Tensors) -> None:
        self._tensors = tensors
        self._used: set[str] = set()

    def __contains__(self, layer: str) -> bool:
        return f"{layer}.weight" in self._tensors

    def array(self, name: str) -> np.ndarray[Any, np.dtype[np.float32]]:
        self._used.add(name)
        return self._tensors[name].astype(np.float32)

    def unused(self) -> list[str]:
        """Tensors that no layer took. Batch normalisation counts its batches, which is for training only."""
        return [name for name in self._tensors if name not in self._used and not name.endswith("num_batches_tracked")]

    def width(self, linear: str) -> int:
        """How many features a linear layer takes."""
        return int(self._tensors[f"{linear}.weight" if linear in self else f"{linear}.0.weight"].shape[1])

    def convolution(
        self, maps: Node, name: str, stride: int = 1, padding: int | None = 0, norm: str = "", epsilon: float = 1e-5
    ) -> Node:
        """A convolution with its bias, or with the batch normalisation `norm` folded in; padding None is "same"."""
        weight = self.array(f"{name}.weight")
        if norm:
            # Ioffe and Szegedy 2015 (arXiv 1502.03167), algorithm 2, step 11: an affine map, here of the filters.
            scale = self.array(f"{norm}.weight") / np.sqrt(self.array(f"{norm}.running_var") + np.float32(epsilon))
            weight = weight * scale.reshape(-1, 1, 1, 1)
            bias = self.array(f"{norm}.bias") - self.array(f"{norm}.running_mean") * scale
        else:
            bias = self.array(f"{name}.bias")
        strides, pads = [stride, stride], [padding or 0] * 2
        auto_pad = "SAME_UPPER" if padding is None else "EXPLICIT"
        channels = maps.get_output_shape(0)[1]
        if weight.shape[1] == channels:
            maps = ops.convolution(maps, ops.constant(weight), strides, pads, pads, [1, 1], auto_pad)
        else:  # depthwise: every channel by itself
            grouped = weight.reshape(channels, -1, 1, *weight.shape[2:])
            maps = ops.group_convolution(maps, ops.constant(grouped), strides, pads, pads, [1, 1], auto_pad)
        return ops.add(maps, bias.reshape(1, -1, 1, 1))

    def linear(self, features: Node, name: str) -> Node:
        """A dense layer, or the two factors of one."""
        for layer in (name,) if name in self else (f"{name}.0", f"{name}.1"):
            features = ops.matmul(features, ops.constant(self.array(f"{layer}.weight")), False, True)
        return ops.add(features, self.array(f"{layer}.bias").reshape(1, -1))


def _maximum(maps: Node, kernel: int, padding: int = 0) -> Node:
    # The first form of the operation: later ones give the places of the maxima too.
    return ov.opset1.max_pool(maps, [2, 2], [padding] * 2, [padding] * 2, [kernel] * 2)


def _flat(maps: Node) -> Node:
    return ops.reshape(maps, np.array([1, -1]), False)


def _torchvision(
    layers: _Layers, photo: Node, convolutions: tuple[tuple[int, int, int, bool], ...], kernel: int, side: int,
    linears: tuple[int, int, int],
) -> tuple[Node, Node]:  # fmt: skip
    """Convolutions, maps of `side` × `side`, three linear layers: AlexNet and VGG16."""
    maps = photo
    for place, stride, padding, pooled in convolutions:
        maps = ops.relu(layers.convolution(maps, f"features.{place}", stride, padding))
        maps = _maximum(maps, kernel) if pooled else maps
    if list(maps.get_output_shape(0)[2:]) != [side, side]:
        maps = ops.adaptive_avg_pool(maps, np.array([side, side]))
    fc6, fc7, fc8 = (f"classifier.{place}" for place in linears)
    hidden = ops.relu(layers.linear(_flat(maps), fc6))
    features = ops.relu(layers.linear(hidden, fc7))
    return features, layers.linear(features, fc8)


def _alexnet(layers: _Layers, photo: Node) -> tuple[Node, Node]:
    return _torchvision(layers, photo, _ALEXNET, kernel=3, side=6, linears=(1, 4, 6))


def _vgg16(layers: _Layers, photo: Node) -> tuple[Node, Node]:
    return _torchvision(layers, photo, _VGG16, kernel=2, side=7, linears=(0, 3, 6))


def _resnet18(layers: _Layers, photo: Node) -> tuple[Node, Node]:
    maps = ops.relu(layers.convolution(photo, "conv1", 2, 3, "bn1"))
    maps = _maximum(maps, 3, 1)
    for stage, block in itertools.product((1, 2, 3, 4), (0, 1)):
        name = f"layer{stage}.{block}"
        stride = 2 if stage > 1 and block == 0 else 1
        inner = ops.relu(layers.convolution(maps, f"{name}.conv1", stride, 1, f"{name}.bn1"))
        inner = layers.convolution(inner, f"{name}.conv2", 1, 1, f"{name}.bn2")
        if f"{name}.downsample.0" in layers:
            maps = layers.convolution(maps, f"{name}.downsample.0", stride, 0, f"{name}.downsample.1")
        maps = ops.relu(ops.add(inner, maps))
    features = ops.reduce_mean(maps, np.array([2, 3]))
    return features, layers.linear(features, "fc")


def _efficientnet_lite(layers: _Layers, photo: Node) -> tuple[Node, Node]:
    def layer(maps: Node, name: str, stride: int = 1) -> Node:
        return layers.convolution(maps, f"{name}.0", stride, None, f"{name}.1", 1e-3)

    def active(maps: Node) -> Node:
        return ops.clamp(maps, 0.0, 6.0)

    maps = active(layer(photo, "trunk.0", 2))
    stages = [(f"trunk.{number}", stride) for number, stride in enumerate(_LITE_TRUNK, start=1)]
    stages += [(f"tail.{number}", stride) for number, stride in enumerate(_LITE_TAIL)]
    for stage, first in stages:
        for block in itertools.takewhile(lambda block: f"{stage}.{block}.layers.0.0" in layers, itertools.count()):  # noqa: B023
            name, stride, inner = f"{stage}.{block}.layers", first if block == 0 else 1, maps
            expands = f"{name}.2.0" in layers
            if expands:
                inner = active(layer(inner, f"{name}.0"))
            inner = active(layer(inner, f"{name}.{int(expands)}", stride))
            inner = layer(inner, f"{name}.{int(expands) + 1}")
            around = inner.get_output_shape(0) == maps.get_output_shape(0)
            maps = ops.add(maps, inner) if around else inner
    maps = active(layer(maps, f"tail.{len(_LITE_TAIL)}"))
    features = ops.reduce_mean(maps, np.array([2, 3]))
    return features, layers.linear(features, "fc")


def _head(layers: _Layers, joined: Node) -> Node:
    hidden = ops.relu(layers.linear(joined, "head.1"))
    hidden = ops.relu(layers.linear(hidden, "head.4"))
    return layers.linear(hidden, "head.7")


_NETWORKS: dict[str, Callable[[_Layers, Node], tuple[Node, Node]]] = {
    "alexnet": _alexnet,
    "efficientnet_lite": _efficientnet_lite,
    "resnet18": _resnet18,
    "vgg16": _vgg16,
}


def _named(node: Node, name: str) -> Node:
    result = ops.result(node)
    result.get_output_tensor(0).set_names({name})
    return result
