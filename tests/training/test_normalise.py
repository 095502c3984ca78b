"""Batch normalisation goes into the layers before it, without a trace in the answers."""

import pytest
import torch
from torch import Tensor, nn

from hashstagram.networks.base import linear
from training.normalise import fold, with_batch_norm


def _convolutions() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 6, 3, stride=2), nn.ReLU()
    )


def _linears() -> nn.Sequential:
    """A factorised and a dense layer before ReLUs, and one that nothing follows."""
    return nn.Sequential(
        nn.Dropout(0.5), linear(20, 16, 4), nn.ReLU(), nn.Linear(16, 12), nn.ReLU(), nn.Dropout(0.5), nn.Linear(12, 5)
    )


def _trained(layers: nn.Sequential, shape: tuple[int, ...]) -> nn.Sequential:
    """The layers with batch normalisation whose statistics, scales and shifts are not those of the start."""
    torch.manual_seed(1)
    normalised = with_batch_norm(layers)
    with torch.no_grad():
        for module in normalised.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.weight.uniform_(0.2, 3)
                module.bias.normal_()
    for _ in range(20):
        normalised(3 * torch.randn(shape) + 1)
    return normalised.eval()


@pytest.mark.parametrize(("layers", "shape"), [(_convolutions(), (8, 3, 16, 16)), (_linears(), (8, 20))])
def test_folded_layers_answer_the_same(layers: nn.Sequential, shape: tuple[int, ...]) -> None:
    normalised = _trained(layers, shape)
    inputs = 2 * torch.randn(shape)
    with torch.inference_mode():
        expected: Tensor = normalised(inputs)
        plain = fold(normalised).eval()
        assert (plain(inputs) - expected).abs().max() <= 1e-4 * max(1.0, float(expected.abs().max()))
    assert not any(isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) for module in plain.modules())
    assert plain.state_dict().keys() == layers.state_dict().keys()


def test_normalisation_stands_before_each_relu_and_nowhere_else() -> None:
    normalised = with_batch_norm(_linears())
    names = [name for name, module in normalised.named_modules() if isinstance(module, nn.BatchNorm1d)]
    assert names == ["1.1", "3.1"]
    assert [name for name, _ in normalised.named_children()] == [name for name, _ in _linears().named_children()]


def test_folding_leaves_the_network_in_training_as_it_was() -> None:
    normalised = _trained(_linears(), (8, 20))
    before = {name: tensor.clone() for name, tensor in normalised.state_dict().items()}
    fold(normalised)
    assert all(torch.equal(tensor, before[name]) for name, tensor in normalised.state_dict().items())
