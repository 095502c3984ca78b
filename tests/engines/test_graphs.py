"""OpenVINO's graphs give what PyTorch's networks give."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hashstagram import WeightsError
from hashstagram.engines.graphs import FEATURES, LOGITS, build_graph
from hashstagram.engines.silent_openvino import openvino as ov
from hashstagram.networks import HashNet, Network, build
from hashstagram.records import Record
from hashstagram.weights import Manifest, Tensors

SMALL = {"ranks": (8, 8, 8)}


def _record(small_weights: Path, network: str, crop: int) -> Record:
    record = Manifest.load(small_weights).record("alexnet")
    return replace(record, network=network, options={}, input=replace(record.input, resize=crop, crop=crop))


def _network(name: str) -> Network:
    """An untrained network whose normalisation has something to do."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        parts = [build("vgg16", options=SMALL), build("alexnet", options=SMALL)] if name == "hashnet" else []
        network = build(name, options=SMALL if name in ("vgg16", "alexnet") else {}, parts=parts)
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.data.uniform_(0.5, 1.5)
                module.bias.data.normal_(std=0.1)
                module.running_mean.normal_(std=0.1)
                module.running_var.uniform_(0.5, 1.5)
    return network.eval()


def _tensors(network: Network) -> Tensors:
    return {name: tensor.detach().numpy() for name, tensor in network.own_state().items()}


def _run(graph: ov.Model, inputs: np.ndarray) -> dict[str, np.ndarray]:
    compiled = ov.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = compiled([inputs])
    return {name: found[name] for output in graph.outputs for name in output.names}


# 64 and 225 pixels: pooling to another size than the maps have, odd borders, and what is served.
@pytest.mark.parametrize("crop", [64, 224, 225])
@pytest.mark.parametrize("name", ["alexnet", "efficientnet_lite", "resnet18", "vgg16"])
def test_a_single_network_gives_the_same_features_and_logits(small_weights: Path, name: str, crop: int) -> None:
    network = _network(name)
    photo = np.random.default_rng(0).normal(size=(1, 3, crop, crop)).astype(np.float32)
    found = _run(build_graph(_record(small_weights, name, crop), _tensors(network)), photo)
    with torch.inference_mode():
        features = network.penultimate(torch.from_numpy(photo))
        logits = network.classify(features).numpy()
    assert np.abs(found[FEATURES] - features.numpy()).max() <= 1e-4 * np.abs(features.numpy()).max()
    assert np.abs(found[LOGITS] - logits).max() <= 1e-4 * np.abs(logits).max()


def test_linear_layers_may_be_dense_or_factors(small_weights: Path) -> None:
    record = _record(small_weights, "alexnet", 64)
    photo = np.random.default_rng(0).normal(size=(1, 3, 64, 64)).astype(np.float32)
    factors = _tensors(build("alexnet", options={"ranks": (8, None, 8)}).eval())
    dense = dict(factors)
    for layer in ("classifier.1", "classifier.6"):
        first, second = dense.pop(f"{layer}.0.weight"), dense.pop(f"{layer}.1.weight")
        dense[f"{layer}.weight"], dense[f"{layer}.bias"] = second @ first, dense.pop(f"{layer}.1.bias")
    expected = _run(build_graph(record, factors), photo)[LOGITS]
    assert np.allclose(_run(build_graph(record, dense), photo)[LOGITS], expected, atol=1e-4)


def test_hashnet_is_a_head_over_the_features_of_its_trunks(small_weights: Path) -> None:
    network = _network("hashnet")
    assert isinstance(network, HashNet)
    joined = np.random.default_rng(0).normal(size=(1, 8192)).astype(np.float32)
    found = _run(build_graph(_record(small_weights, "hashnet", 64), _tensors(network)), joined)
    with torch.inference_mode():
        expected = network.classify(network.penultimate_of_trunks(torch.from_numpy(joined))).numpy()
    assert list(found) == [LOGITS]
    assert np.allclose(found[LOGITS], expected, atol=1e-4)


@pytest.mark.parametrize("change", ["a tensor is missing", "one too many", "another shape", "another network"])
def test_tensors_of_another_network_are_refused(small_weights: Path, change: str) -> None:
    record, tensors = _record(small_weights, "alexnet", 64), _tensors(_network("alexnet"))
    if change == "a tensor is missing":
        del tensors["features.6.bias"]
    elif change == "one too many":
        tensors["features.12.bias"] = tensors["features.6.bias"]
    elif change == "another shape":
        tensors["classifier.4.0.weight"] = tensors["classifier.4.0.weight"][:, :-1]
    else:
        record = replace(record, network="googlenet")
    with pytest.raises(WeightsError, match=rf"{record.file} does not fit the network {record.network}, .*Export it"):
        build_graph(record, tensors)
