"""How each network is trained: the recipes of the published weights, and what a recipe says."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """How a network is trained. The schedule is one cycle: linear warm-up, then a cosine to zero."""

    model: str
    epochs: int
    learning_rate: float
    weight_decay: float = 0.05
    sizes: tuple[int, ...] = ()
    """Crop size of each epoch, in pixels; empty where features from disk are the input."""
    features: str = ""
    """The frozen trunk (of `training.features`) whose maps are the input; empty where photos are."""
    init: tuple[str, ...] = ("scratch",)
    """Where the first weights come from, one after the other: scratch, imagenet, a file or the folder of a run."""
    dense: bool = False
    """Linear layers learn whole, and are factorised when exported; else they learn as factors."""
    batch: int = 128
    warm_up: float = 0.05
    distillation: float = 10.0
    mixup: float = 0.0
    averaging: float = 0.998
    seed: int = 2018

    @property
    def pretrained(self) -> bool:
        """Whether the convolutions come from elsewhere and keep their normalisation."""
        return self.init != ("scratch",)


RECIPES = {
    # Small crops first, which cost a third, and the size that is served in the end.
    "alexnet": Recipe("alexnet", epochs=18, learning_rate=1.5e-3, sizes=(128,) * 13 + (176,) * 3 + (224,) * 2),
    # Served at 160 pixels: what a network learned on crops it knows best in somewhat larger photos (Touvron et al.
    # 2019, arXiv 1906.06423).
    "resnet18": Recipe("resnet18", epochs=12, learning_rate=2e-3, sizes=(96,) * 9 + (128,) * 3),
    "vgg16": Recipe("vgg16", epochs=16, learning_rate=1e-3, features="vgg16", mixup=0.4),
    "efficientnet_lite": Recipe(
        "efficientnet_lite", epochs=6, learning_rate=5e-4, features="efficientnet_lite", init=("imagenet",), mixup=0.4
    ),
    "hashnet": Recipe("hashnet", epochs=12, learning_rate=1e-3, mixup=1.0),
}
