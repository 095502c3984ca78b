"""Students become the networks that are published."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from hashstagram.networks import HashNet, Network, build
from training import students
from training.export import frozen_trunk
from training.students import OPTIONS, Student, plain_network, student, trained_network
from training.trunks import FROZEN_LAYERS

VISIBLE = np.array([3, 10, 700])
# What each student takes: photos, or the maps of the frozen trunk that it learns behind.
SHAPES = {
    ("alexnet", ""): (6, 3, 64, 64),
    ("efficientnet_lite", ""): (6, 3, 64, 64),
    ("efficientnet_lite", "efficientnet_lite"): (6, 120, 4, 4),
    ("hashnet", ""): (6, 8192),
    ("resnet18", ""): (6, 3, 64, 64),
    ("vgg16", ""): (6, 3, 64, 64),
    ("vgg16", "vgg16"): (6, 512, 7, 7),
    ("vgg16", "vgg16_pool4"): (6, 512, 4, 4),
}


def _parts() -> tuple[Network, Network]:
    ranks = {"ranks": [4, 4, 4]}
    return build("vgg16", options=ranks).eval(), build("alexnet", options=ranks).eval()


def _trained(model: str, features: str = "", *, dense: bool = False) -> tuple[Student, Tensor]:
    """A student whose batch normalisation has seen something, in evaluation mode, and inputs for it."""
    torch.manual_seed(1)
    network = student(model, VISIBLE, 997, dense=dense, features=features)
    shape = SHAPES[model, features]
    with torch.no_grad():
        for _ in range(3):
            network(torch.rand(shape))
    return network.eval(), torch.rand(shape)


def _logits(network: Network, inputs: Tensor) -> Tensor:
    """What the network, without the layers that its student does not have, answers to the student's inputs."""
    if isinstance(network, HashNet):
        return network.classify(network.penultimate_of_trunks(inputs))
    logits: Tensor = network(inputs)
    return logits


@pytest.mark.parametrize(("model", "features"), SHAPES)
@pytest.mark.usefixtures("small_networks")
def test_the_published_network_answers_as_its_student(model: str, features: str) -> None:
    trained, inputs = _trained(model, features)
    parts = _parts() if model == "hashnet" else ()
    plain = plain_network(model, trained.state_dict(), VISIBLE, 997, features=features, parts=parts)
    with torch.inference_mode():
        tags, embedding = trained(inputs)
        logits = _logits(plain, inputs)
    assert tags.shape == (6, 3)
    assert embedding.shape == (6, 64)
    assert logits.shape == (6, 997)
    assert torch.allclose(logits[:, VISIBLE], tags, atol=1e-4)
    # Tags that were not taught are as good as impossible, and exactly so.
    untaught = np.setdiff1d(np.arange(997), VISIBLE)
    assert (logits[:, untaught] == students.UNTAUGHT_LOGIT).all()
    assert not plain.training
    if not features:
        # It is the library's own network, tensor for tensor.
        ours = build(model, options=OPTIONS[model], parts=parts)
        ours.load_own_state(plain.own_state())


@pytest.mark.usefixtures("small_networks")
def test_linear_layers_may_be_learned_whole() -> None:
    trained, inputs = _trained("hashnet", dense=True)
    plain = plain_network("hashnet", trained.state_dict(), VISIBLE, 997, dense=True, parts=_parts())
    with torch.inference_mode():
        assert torch.allclose(_logits(plain, inputs)[:, VISIBLE], trained(inputs)[0], atol=1e-4)
    assert all(tensor.shape[0] in (256, 997) for tensor in plain.own_state().values())


@pytest.mark.parametrize(("model", "features"), [key for key in SHAPES if key[1]])
@pytest.mark.usefixtures("small_networks")
def test_a_network_stands_on_the_trunk_that_it_learned_behind(model: str, features: str, wheels: Path) -> None:
    trained, _ = _trained(model, features)
    trunk = frozen_trunk(model, wheels)
    plain = plain_network(model, trained.state_dict(), VISIBLE, 997, features=features, trunk=trunk)
    photos = torch.rand(2, 3, 64, 64)
    frozen = build(model, options=OPTIONS[model], num_tags=1)
    frozen.load_state_dict(dict(trunk) | {name: tensor for name, tensor in frozen.state_dict().items()
                                          if name not in trunk or name.startswith("fc.")})  # fmt: skip
    front: Any = frozen.eval()
    layers = front.trunk if model == "efficientnet_lite" else front.features[: FROZEN_LAYERS[features]]
    with torch.inference_mode():
        maps = layers(photos)
        maps = maps if features != "vgg16" else front.avgpool(maps)
        assert torch.allclose(plain(photos)[:, VISIBLE], trained(maps)[0], atol=1e-3)
    # It is the library's own network, tensor for tensor.
    build(model, options=OPTIONS[model]).load_own_state(plain.own_state())
    broken = {name: tensor for name, tensor in trunk.items() if not name.startswith(("features.0.", "trunk.0."))}
    with pytest.raises(ValueError, match="lacks"):
        plain_network(model, trained.state_dict(), VISIBLE, 997, features=features, trunk=broken)


def test_a_pretrained_student_keeps_its_statistics() -> None:
    learning = student("efficientnet_lite", VISIBLE, 997, features="efficientnet_lite", pretrained=True).train()
    before = {name: tensor.clone() for name, tensor in learning.network.named_buffers()}
    learning(torch.rand(SHAPES["efficientnet_lite", "efficientnet_lite"]))
    assert all(torch.equal(tensor, before[name]) for name, tensor in learning.network.named_buffers())


@pytest.mark.usefixtures("small_networks")
def test_hashnet_stands_on_the_very_parts_it_is_given() -> None:
    trained, _ = _trained("hashnet")
    parts = _parts()
    plain = plain_network("hashnet", trained.state_dict(), VISIBLE, 997, parts=parts)
    assert isinstance(plain, HashNet)
    assert (plain.vgg16, plain.alexnet) == parts
    assert all(name.startswith("head.") for name in plain.own_state())


@pytest.mark.usefixtures("small_networks")
def test_a_run_gives_the_network_of_its_best_epoch(runs: Path, prepared: Any) -> None:
    network = trained_network(runs / "vgg16", prepared.posts)
    best = torch.load(runs / "vgg16" / "best-checkpoint.pt", weights_only=True)["average"]
    expected = student("vgg16", prepared.posts.visible, 997, features="vgg16")
    expected.load_state_dict(best)
    maps = torch.rand(SHAPES["vgg16", "vgg16"])
    with torch.inference_mode():
        assert torch.allclose(_logits(network, maps)[:, prepared.posts.visible], expected.eval()(maps)[0], atol=1e-4)


def test_published_files_are_as_small_as_promised() -> None:
    parts: list[Network] = [build(model, options=OPTIONS[model]) for model in ("vgg16", "alexnet")]
    networks = [*parts, build("hashnet", options=OPTIONS["hashnet"], parts=parts), build("resnet18")]
    networks.append(build("efficientnet_lite"))
    megabytes = [sum(2 * tensor.numel() for tensor in network.own_state().values()) / 1e6 for network in networks]
    assert max(megabytes) <= 50
    assert sum(megabytes) <= 150
