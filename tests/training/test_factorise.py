"""Low-rank factors of linear layers."""

import numpy as np
import pytest
import torch
from torch import nn

from hashstagram.networks.base import linear
from training.factorise import factorise, factorised


def _dense(outputs: int, inputs: int, rank: int | None = None) -> nn.Linear:
    torch.manual_seed(1)
    layer = nn.Linear(inputs, outputs)
    if rank is not None:
        with torch.no_grad():
            layer.weight.copy_(torch.randn(outputs, rank) @ torch.randn(rank, inputs))
    return layer


def _product(module: nn.Module) -> torch.Tensor:
    assert isinstance(module, nn.Sequential)
    first, second = module
    assert isinstance(first, nn.Linear)
    assert isinstance(second, nn.Linear)
    return second.weight @ first.weight


def test_a_layer_of_that_rank_loses_nothing() -> None:
    layer = _dense(40, 60, rank=7)
    inputs = torch.randn(9, 60)
    with torch.inference_mode():
        assert torch.allclose(factorised(layer, 7)(inputs), layer(inputs), atol=1e-4)


@pytest.mark.parametrize("rank", [1, 5, 20])
def test_the_error_is_the_smallest_that_the_rank_allows(rank: int) -> None:
    """Eckart and Young: the squared error is the sum of the squared singular values that are left out."""
    layer = _dense(40, 60)
    low = factorised(layer, rank)
    values = np.linalg.svd(layer.weight.detach().double().numpy(), compute_uv=False)
    with torch.no_grad():
        error = float((_product(low) - layer.weight).double().norm() ** 2)
    assert error == pytest.approx(float((values[rank:] ** 2).sum()), rel=1e-4)
    state = low.state_dict()
    assert state["0.weight"].shape == (rank, 60)
    assert torch.equal(state["1.bias"], layer.bias)
    # The scale is shared evenly, so that fp16 can hold both.
    assert float(state["0.weight"].norm()) == pytest.approx(float(state["1.weight"].norm()), rel=1e-4)


def test_factors_that_would_not_be_smaller_are_not_made() -> None:
    layer = _dense(40, 60)
    assert factorised(layer, 24) is layer
    assert factorised(layer, 23) is not layer
    assert factorised(layer, 40) is layer


def test_dense_places_are_factorised_and_factors_stay_as_learned() -> None:
    layers = nn.Sequential(_dense(50, 60), nn.ReLU(), linear(50, 40, 8), nn.ReLU(), _dense(30, 40))
    learned = layers[2].state_dict()
    result = factorise(layers, {"0": 6, "2": 4})
    assert result[0].state_dict()["0.weight"].shape == (6, 60)
    assert {name: tensor.shape for name, tensor in result[2].state_dict().items()} == {
        name: tensor.shape for name, tensor in learned.items()
    }
    assert isinstance(result[4], nn.Linear)
    # The names and shapes are those of the networks' own low-rank layers.
    assert result[0].state_dict().keys() == linear(60, 50, 6).state_dict().keys()
