"""The arithmetic of floors, and the networks' multiply-adds against those that were worked out by hand."""

import pytest
import torch
from torch import nn

from benchmarks.floors import Peaks, Work, floor_ms
from benchmarks.stack2018.networks import multiply_out
from benchmarks.work import count
from hashstagram.networks import build

# Places of the output, output channels, input channels, kernel area.
ALEXNET = [(55, 64, 3, 11), (27, 192, 64, 5), (13, 384, 192, 3), (13, 256, 384, 3), (13, 256, 256, 3)]
CONVOLUTIONS = sum(side**2 * outputs * inputs * kernel**2 for side, outputs, inputs, kernel in ALEXNET)
LINEAR = [(9216, 4096), (4096, 4096), (4096, 997)]


def test_dense_alexnet_takes_1_43_gflop() -> None:
    work = count(build("alexnet").eval(), 224)

    assert work.multiply_adds == CONVOLUTIONS + sum(inputs * outputs for inputs, outputs in LINEAR)
    assert 2 * work.multiply_adds / 1e9 == pytest.approx(1.43, abs=0.005)
    kernels = sum(outputs * inputs * kernel**2 for _, outputs, inputs, kernel in ALEXNET)
    assert work.weights == kernels + sum(inputs * outputs for inputs, outputs in LINEAR)


def test_factors_take_less_and_multiplied_out_they_take_the_same() -> None:
    network = build("alexnet", options={"ranks": [256, 256, 256]}).eval()

    assert count(network, 224).multiply_adds == CONVOLUTIONS + sum(256 * (ins + outs) for ins, outs in LINEAR)
    multiply_out(network)
    assert count(network, 224) == count(build("alexnet").eval(), 224)


def test_a_grouped_convolution_multiplies_within_its_groups() -> None:
    depthwise = nn.Conv2d(3, 3, 3, padding=1, groups=3, bias=False)
    network = nn.Sequential(depthwise, nn.Conv2d(3, 5, 1, stride=2))

    assert count(network, 8) == Work(3 * 9 * 64 + 15 * 16, 3 * 9 + 15)
    assert not depthwise._forward_hooks, "counting leaves nothing behind"


@pytest.mark.parametrize(
    ("precision", "batch", "expected"),
    [
        ("fp32", 1, 40.0),  # 4 MB at 100 MB/s takes longer than the arithmetic
        ("int8", 1, 10.0),
        ("fp32", 100, 200.0),  # weights are read once for all photos
        ("int8", 100, 50.0),
    ],
)
def test_a_floor_is_the_longer_of_arithmetic_and_reading(precision: str, batch: int, expected: float) -> None:
    peaks = Peaks(fp32=10e9, int8=40e9, bytes=100e6)

    assert floor_ms(Work(10_000_000, 1_000_000), peaks, precision, batch) == pytest.approx(expected)


def test_multiplying_out_changes_no_answer() -> None:
    torch.manual_seed(2018)
    network = build("alexnet", options={"ranks": [16, 16, 16]}).eval()
    photos = torch.rand(2, 3, 224, 224)
    with torch.inference_mode():
        before = network(photos)
    multiply_out(network)

    assert [tuple(layer.weight.shape) for layer in network.modules() if isinstance(layer, nn.Linear)] == [
        (outputs, inputs) for inputs, outputs in LINEAR
    ]
    with torch.inference_mode():
        assert torch.allclose(network(photos), before, rtol=1e-4, atol=1e-5)
