"""The networks are the published ones: their sizes, their names, their padding."""

import pytest
import torch
import torchvision
from torch.nn import functional as F

from hashstagram.errors import SettingError
from hashstagram.networks import EfficientNetLite, build, network_names
from hashstagram.networks.efficientnet_lite import SameConv2d


# Google's own table of EfficientNet-Lite, in millions of parameters with its 1000 classes.
@pytest.mark.parametrize(
    ("width", "depth", "millions"),
    [(1.0, 1.0, 4.7), (1.0, 1.1, 5.4), (1.1, 1.2, 6.1), (1.2, 1.4, 8.2), (1.4, 1.8, 13.0)],
)
def test_every_efficientnet_lite_has_its_published_size(width: float, depth: float, millions: float) -> None:
    with torch.device("meta"):
        network = EfficientNetLite(1000, width=width, depth=depth)
    assert sum(tensor.numel() for tensor in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.06)


@pytest.mark.parametrize(
    ("size", "kernel", "before", "after"), [(8, 3, 0, 1), (7, 3, 1, 1), (8, 5, 1, 2), (9, 5, 2, 2)]
)
def test_strides_are_padded_as_tensorflow_pads_them(size: int, kernel: int, before: int, after: int) -> None:
    torch.manual_seed(0)
    convolution = SameConv2d(3, 6, kernel, stride=2, groups=3)
    maps = torch.randn(2, 3, size, size)
    padded = F.pad(maps, (before, after, before, after))
    expected = F.conv2d(padded, convolution.weight, stride=2, groups=3)
    assert expected.shape[-1] == -(-size // 2)
    assert torch.allclose(convolution(maps), expected, atol=1e-6)


def test_depthwise_layers_keep_float32_under_autocast_and_their_answer() -> None:
    torch.manual_seed(0)
    convolution = SameConv2d(8, 8, 3, groups=8)
    maps = torch.randn(2, 8, 9, 9)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert convolution(maps.bfloat16()).dtype is torch.float32
        assert SameConv2d(8, 8, 1)(maps).dtype is torch.bfloat16
    assert convolution(maps).shape == maps.shape


def test_resnet18_computes_what_torchvisions_does_with_the_same_tensors() -> None:
    torch.manual_seed(0)
    theirs, ours = torchvision.models.resnet18(weights=None, num_classes=997).eval(), build("resnet18").eval()
    ours.load_state_dict(theirs.state_dict())
    photos = torch.randn(2, 3, 96, 96)
    with torch.inference_mode():
        assert torch.allclose(ours(photos), theirs(photos), atol=1e-5)
        assert torch.equal(ours(photos), ours.classify(ours.penultimate(photos)))


@pytest.mark.parametrize("name", ["alexnet", "efficientnet_lite", "resnet18", "vgg16"])
def test_a_single_network_has_features_and_one_logit_a_tag(name: str) -> None:
    options = {"ranks": [4, 4, 4]} if name in ("alexnet", "vgg16") else {}
    network = build(name, num_tags=11, options=options).eval()
    photos = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        features = network.penultimate(photos)
        assert features.shape == (2, network.penultimate_width)
        assert (features >= 0).all()
        assert network(photos).shape == (2, 11)


def test_a_name_that_is_not_known_is_told_those_that_are() -> None:
    assert network_names() == ("alexnet", "efficientnet_lite", "resnet18", "vgg16", "hashnet")
    with pytest.raises(SettingError, match=r"'resnet' is not a network\. Choose one of: alexnet, efficientnet_lite"):
        build("resnet")
