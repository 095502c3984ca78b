"""Students: the networks as they are trained, and how one becomes the network that is published.

While it learns, a network has batch normalisation, a linear map to its teacher's features, and no trunk where the
trunk is frozen (its features come from disk). Published, it is the plain network of `hashstagram.networks`.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hashstagram.networks import VGG16, AlexNet, EfficientNetLite, HashNet, Network, ResNet18
from hashstagram.photos import Preprocessing
from training.checkpoint import Checkpoints
from training.dataset import Posts
from training.normalise import fold, with_batch_norm
from training.trunks import FROZEN_LAYERS, IMAGENET_MEAN, IMAGENET_STD, LITE_MEAN, LITE_STD

TEACHER_WIDTH = 1280
# The bias of outputs that the photos could not teach: they never appear, whoever reads the logits.
UNTAUGHT_LOGIT = -16.0

# Ranks of the linear layers: what keeps each file under 50 MB in fp16 (VGG16's convolutions are 29 MB of it).
OPTIONS: dict[str, dict[str, Any]] = {
    "alexnet": {"ranks": [256, 256, 256]},
    "efficientnet_lite": {},
    "resnet18": {},
    "vgg16": {"ranks": [224, 160, 160]},
    "hashnet": {"width": 2048, "rank": 192},
}
_DENSE: dict[str, dict[str, Any]] = {
    "alexnet": {"ranks": [None, None, None]},
    "vgg16": {"ranks": [None, None, None]},
    "hashnet": {"width": 2048, "rank": None},
}
_IMAGENET = Preprocessing(resize=246, crop=224, interpolation="bicubic", mean=IMAGENET_MEAN, std=IMAGENET_STD)
# What each published network wants to be shown.
SERVED = {
    "alexnet": _IMAGENET,
    "efficientnet_lite": replace(_IMAGENET, mean=LITE_MEAN, std=LITE_STD),
    "hashnet": _IMAGENET,
    "resnet18": replace(_IMAGENET, resize=176, crop=160),
    "vgg16": _IMAGENET,
}
_DROPOUT = {"alexnet": 0.3, "vgg16": 0.5, "hashnet": 0.5}


class Student(nn.Module):
    """A network in training: inputs to (logits of the visible tags, a vector to lie along the teacher's features)."""

    def __init__(self, network: Network, penultimate: Callable[[Tensor], Tensor], visible: NDArray[np.int64]) -> None:
        super().__init__()
        self.network = network
        self._penultimate = penultimate
        self.to_teacher = nn.Linear(network.penultimate_width, TEACHER_WIDTH)
        self.visible: Tensor
        self.register_buffer("visible", torch.from_numpy(visible), persistent=False)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        features = self._penultimate(inputs)
        return self.network.classify(features)[:, self.visible], self.to_teacher(features)


class _Elsewhere(Network):
    """Stands for a frozen trunk whose features come from disk."""

    penultimate_width = 4096


class _Settled(Student):
    """A student whose batch normalisations keep the statistics that they came with."""

    def train(self, mode: bool = True) -> "_Settled":
        super().train(mode)
        for module in self.network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self


def student(
    model: str,
    visible: NDArray[np.int64],
    num_tags: int,
    *,
    dense: bool = False,
    features: str = "",
    pretrained: bool = False,
) -> Student:
    """The student of `model`, with random weights.

    It takes photos, or with `features` what that trunk of `training.features` gives; then it has only the layers behind
    it. Its linear layers are factors of the ranks in `OPTIONS`, or whole with `dense`. One that is to be given
    `pretrained` convolutions leaves their normalisation as it is.
    """
    if model == "hashnet":
        options = (_DENSE if dense else OPTIONS)[model]
        hashnet = HashNet(_Elsewhere(), _Elsewhere(), num_tags=num_tags, dropout=_DROPOUT[model], **options)
        hashnet.head = with_batch_norm(hashnet.head)
        return Student(hashnet, hashnet.penultimate_of_trunks, visible)
    if model == "resnet18":
        resnet = ResNet18(num_tags)
        return Student(resnet, resnet.penultimate, visible)
    if model == "efficientnet_lite":
        lite = EfficientNetLite(num_tags)
        if features:
            lite.trunk = nn.Sequential()
        # With an empty trunk, its maps are the photos.
        return (_Settled if pretrained else Student)(lite, lite.penultimate, visible)
    options, dropout = (_DENSE if dense else OPTIONS)[model], _DROPOUT[model]
    network = (AlexNet if model == "alexnet" else VGG16)(num_tags, dropout=dropout, **options)
    learned = network.features[FROZEN_LAYERS.get(features, 0) :]
    network.features = learned if pretrained else with_batch_norm(learned)
    network.classifier = with_batch_norm(network.classifier)
    return Student(network, network.penultimate, visible)


def plain_network(
    model: str,
    state: Mapping[str, Tensor],
    visible: NDArray[np.int64],
    num_tags: int,
    *,
    dense: bool = False,
    features: str = "",
    pretrained: bool = False,
    trunk: Mapping[str, Tensor] | None = None,
    parts: tuple[Network, ...] = (),
) -> Network:
    """The published network in evaluation mode, from the `state` of a student of these options.

    `trunk` are the frozen layers in front of `features`, `parts` the two trunks of hashnet. Outputs of tags that were
    not taught get a constant logit. Raises ValueError where the trunk lacks a layer.
    """
    trained = student(model, visible, num_tags, dense=dense, features=features, pretrained=pretrained)
    trained.load_state_dict(dict(state))
    network = trained.eval().network
    if isinstance(network, AlexNet | VGG16):
        network.features = fold(network.features)
        network.classifier = fold(network.classifier)
        _silence(network.classifier[-1], visible)
    elif isinstance(network, EfficientNetLite | ResNet18):
        _silence(network.fc, visible)
    elif isinstance(network, HashNet):
        network.head = fold(network.head)
        _silence(network.head[-1], visible)
        network.vgg16, network.alexnet = parts
    if trunk is not None:
        _complete(network, trunk, features)
    return network.eval()


def _complete(network: Network, trunk: Mapping[str, Tensor], features: str) -> None:
    """Put the frozen layers that the student did not have in front of those that it learned."""
    if isinstance(network, EfficientNetLite):
        name, frozen = "trunk", EfficientNetLite(1).trunk
        network.trunk = frozen
    elif isinstance(network, VGG16):
        complete = VGG16(1, ranks=(1, 1, 1)).features
        name, frozen = "features", complete[: FROZEN_LAYERS[features]]
        network.features = nn.Sequential(OrderedDict([*frozen.named_children(), *network.features.named_children()]))
    else:
        raise ValueError(f"A {type(network).__name__} has no frozen trunk.")
    try:
        frozen.load_state_dict({key: trunk[f"{name}.{key}"] for key in frozen.state_dict()})
    except KeyError as error:
        raise ValueError(f"The trunk's state lacks {error}.") from error


def trained_network(
    run: Path, posts: Posts, *, trunk: Mapping[str, Tensor] | None = None, parts: tuple[Network, ...] = ()
) -> Network:
    """The network of a run's best epoch. Raises DataError where the run has none."""
    checkpoints = Checkpoints(run)
    recipe, state = checkpoints.recipe(), checkpoints.best()["average"]
    visible, num_tags = posts.visible, len(posts.vocabulary)
    how = {"dense": recipe["dense"], "features": recipe["features"], "pretrained": recipe["init"] != ["scratch"]}
    return plain_network(recipe["model"], state, visible, num_tags, **how, trunk=trunk, parts=parts)


@torch.no_grad()
def _silence(last: Any, visible: NDArray[np.int64]) -> None:
    last = last[-1] if isinstance(last, nn.Sequential) else last
    untaught = np.setdiff1d(np.arange(last.out_features), visible)
    last.weight[untaught] = 0.0
    last.bias[untaught] = UNTAUGHT_LOGIT
