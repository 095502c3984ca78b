"""What a model card says of each network beside its figures: what it is, in a line, and whose rights are in it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A network's line for visitors, and the licences of its weights and of what they were made from."""

    description: str
    licence: Mapping[str, str]


_PHOTOS = "by the HashStagram authors on research photos: research use"

CATALOGUE = {
    "alexnet": Entry(
        "From 2012, trained from scratch by us: the quickest, less sure of details", {"weights": f"trained {_PHOTOS}"}
    ),
    "efficientnet_lite": Entry(
        "From 2020, fine-tuned by us: the surest, and quick",
        {
            "weights": f"fine-tuned {_PHOTOS}",
            "trunk": "EfficientNet-Lite2, Google's ImageNet weights, Apache-2.0; its first layers are unchanged",
        },
    ),
    "hashnet": Entry(
        "VGG16 and AlexNet side by side under one head: the 2018 idea", {"weights": f"head trained {_PHOTOS}"}
    ),
    "resnet18": Entry(
        "From 2015, learned from a teacher: the one that did not work in 2018", {"weights": f"trained {_PHOTOS}"}
    ),
    "vgg16": Entry(
        "From 2014, on its ImageNet convolutions: slower, much better eyes",
        {
            "weights": f"last convolutions and linear layers trained {_PHOTOS}",
            "trunk": "Oxford VGG (Simonyan and Zisserman 2014), CC BY 4.0; its first ten convolutions are unchanged "
            "but for folding its preprocessing in",
        },
    ),
}
