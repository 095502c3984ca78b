"""Students: the networks as they are trained, and how one becomes the network that is published.

While it learns, a network has batch normalisation, a linear map to its teacher's features, and no trunk where the
trunk is frozen (its features come from disk). Published, it is the plain network of `hashstagram.networks`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hashstagram.networks import VGG16, AlexNet, HashNet, Network
from training.checkpoint import Checkpoints
from training.dataset import Posts
from training.normalise import fold, with_batch_norm

TEACHER_WIDTH = 1280
# The bias of outputs that the photos could not teach: they never appear, whoever reads the logits.
UNTAUGHT_LOGIT = -16.0

# Ranks of the linear layers: what keeps each file under 50 MB in fp16 (VGG16's convolutions are 29 MB of it).
OPTIONS: dict[str, dict[str, Any]] = {
    "alexnet": {"ranks": [256, 256, 256]},
    "vgg16": {"ranks": [224, 160, 160]},
    "hashnet": {"width": 2048, "rank": 192},
}
_DENSE: dict[str, dict[str, Any]] = {
    "alexnet": {"ranks": [None, None, None]},
    "vgg16": {"ranks": [None, None, None]},
    "hashnet": {"width": 2048, "rank": None},
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


def student(model: str, visible: NDArray[np.int64], num_tags: int, *, dense: bool = False) -> Student:
    """The untrained student of `model`: `alexnet` takes photos, `vgg16` pool5 maps, `hashnet` both trunks' features.

    Its linear layers are factors of the ranks in `OPTIONS`, or whole with `dense`.
    """
    options, dropout = (_DENSE if dense else OPTIONS)[model], _DROPOUT[model]
    if model == "alexnet":
        alexnet = AlexNet(num_tags, dropout=dropout, **options)
        alexnet.features = with_batch_norm(alexnet.features)
        alexnet.classifier = with_batch_norm(alexnet.classifier)
        return Student(alexnet, alexnet.penultimate, visible)
    if model == "vgg16":
        vgg16 = VGG16(num_tags, dropout=dropout, **options)
        vgg16.features = nn.Sequential()
        vgg16.classifier = with_batch_norm(vgg16.classifier)
        return Student(vgg16, vgg16.penultimate_of_pool5, visible)
    hashnet = HashNet(_Elsewhere(), _Elsewhere(), num_tags=num_tags, dropout=dropout, **options)
    hashnet.head = with_batch_norm(hashnet.head)
    return Student(hashnet, hashnet.penultimate_of_trunks, visible)


def plain_network(
    model: str,
    state: Mapping[str, Tensor],
    visible: NDArray[np.int64],
    num_tags: int,
    *,
    dense: bool = False,
    trunk: Mapping[str, Tensor] | None = None,
    parts: tuple[Network, ...] = (),
) -> Network:
    """The published network in evaluation mode, from a student's `state`.

    `trunk` are the frozen convolutions of vgg16, `parts` the two trunks of hashnet. Outputs of tags that were not
    taught get a constant logit.
    """
    trained = student(model, visible, num_tags, dense=dense)
    trained.load_state_dict(dict(state))
    network = trained.eval().network
    if isinstance(network, AlexNet):
        network.features = fold(network.features)
        network.classifier = fold(network.classifier)
        _silence(network.classifier[-1], visible)
    elif isinstance(network, VGG16):
        complete = VGG16(1, ranks=(1, 1, 1))
        network.features = complete.features
        network.classifier = fold(network.classifier)
        _silence(network.classifier[-1], visible)
        if trunk is not None:
            missing, _ = network.load_state_dict(dict(trunk), strict=False)
            if any(name.startswith("features.") for name in missing):
                raise ValueError("The trunk's state lacks convolutions.")
    elif isinstance(network, HashNet):
        network.head = fold(network.head)
        _silence(network.head[-1], visible)
        network.vgg16, network.alexnet = parts
    return network.eval()


def trained_network(
    run: Path, posts: Posts, *, trunk: Mapping[str, Tensor] | None = None, parts: tuple[Network, ...] = ()
) -> Network:
    """The network of a run's best epoch. Raises DataError where the run has none."""
    checkpoints = Checkpoints(run)
    recipe, state = checkpoints.recipe(), checkpoints.best()["average"]
    visible, num_tags = posts.visible, len(posts.vocabulary)
    return plain_network(recipe["model"], state, visible, num_tags, dense=recipe["dense"], trunk=trunk, parts=parts)


@torch.no_grad()
def _silence(last: Any, visible: NDArray[np.int64]) -> None:
    last = last[-1] if isinstance(last, nn.Sequential) else last
    untaught = np.setdiff1d(np.arange(last.out_features), visible)
    last.weight[untaught] = 0.0
    last.bias[untaught] = UNTAUGHT_LOGIT
