"""The networks: photo tensor in, one logit per tag out. Pure PyTorch; nothing here knows files or weights.

Every network is a `Network`: `penultimate` gives the features under the last layer, `forward` the logits.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from hashstagram.errors import SettingError
from hashstagram.networks.alexnet import AlexNet
from hashstagram.networks.base import Network
from hashstagram.networks.efficientnet_lite import EfficientNetLite
from hashstagram.networks.hashnet import HashNet
from hashstagram.networks.resnet18 import ResNet18
from hashstagram.networks.vgg16 import VGG16

__all__ = ["VGG16", "AlexNet", "EfficientNetLite", "HashNet", "Network", "ResNet18", "build", "network_names"]

_SINGLE: dict[str, type[AlexNet] | type[EfficientNetLite] | type[ResNet18] | type[VGG16]] = {
    "alexnet": AlexNet,
    "efficientnet_lite": EfficientNetLite,
    "resnet18": ResNet18,
    "vgg16": VGG16,
}


def network_names() -> tuple[str, ...]:
    """The names that `build` knows."""
    return (*_SINGLE, "hashnet")


def build(
    network: str,
    *,
    num_tags: int = 997,
    options: Mapping[str, Any] | None = None,
    parts: Sequence[Network] = (),
) -> Network:
    """Build a network with untrained weights.

    `options` are the network's own keyword arguments (`ranks`, `dropout`, ...). `parts` are the trunks of a network
    that shares them: `hashnet` takes (vgg16, alexnet) and keeps these very modules, no copies.

    Raises SettingError for a name that is not known and for missing or superfluous parts.
    """
    options = dict(options or {})
    if network == "hashnet":
        if len(parts) != 2:
            raise SettingError(f"hashnet is built from two trunks (vgg16, alexnet), not from {len(parts)}.")
        return HashNet(parts[0], parts[1], num_tags=num_tags, **options)
    if network not in _SINGLE:
        raise SettingError(f"{network!r} is not a network. Choose one of: {', '.join(network_names())}.")
    if parts:
        raise SettingError(f"{network} stands alone: it takes no parts, but {len(parts)} were given.")
    return _SINGLE[network](num_tags=num_tags, **options)
