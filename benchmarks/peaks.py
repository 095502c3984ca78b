"""What this machine can do at most, measured: arithmetic by matrix products, memory by reading more than a cache holds.

Each figure is the best of several tries, because a peak is what nothing disturbed.
"""

import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.floors import Peaks
from hashstagram.engines.silent_openvino import openvino as ov

_TRIES = 10
# Square matrices of this size, so many of them one after the other.
_SIZE, _LAYERS = 1024, 4
_READ_BYTES = 2**28

ops = ov.opset15


def cpu_peaks(threads: int) -> Peaks:
    """The processor's peaks with so many threads.

    fp32 is the better of OpenVINO's and PyTorch's matrix product. int8 is OpenVINO's, by the CPU's instructions for it
    (VNNI and the like) where it has some. Bytes are those of a matrix that is multiplied by a vector, or summed up.
    """
    torch.set_num_threads(threads)
    operations = 2 * _SIZE**3
    left, right = torch.rand(_SIZE, _SIZE), torch.rand(_SIZE, _SIZE)
    fp32 = [
        _LAYERS * operations / _best(_graph(_fp32_layer, threads)),
        operations / _best(lambda: torch.mm(left, right)),
    ]
    matrix = torch.rand(_READ_BYTES // 4 // 2**13, 2**13)
    vector = torch.rand(2**13)
    seconds = min(_best(lambda: torch.mv(matrix, vector)), _best(matrix.sum))
    return Peaks(max(fp32), _LAYERS * operations / _best(_graph(_int8_layer, threads)), _READ_BYTES / seconds)


def cuda_peaks() -> Peaks:
    """The graphics card's peaks in full fp32 (no TF32). Bytes are those of a copy, read and written."""
    torch.backends.cuda.matmul.allow_tf32 = False
    size = 8192
    left, right = (torch.rand(size, size, device="cuda") for _ in range(2))
    source = torch.rand(2**28, device="cuda")
    target = torch.empty_like(source)
    seconds = _best(lambda: _finished(target.copy_(source)))
    fp32 = 2 * size**3 / _best(lambda: _finished(torch.mm(left, right)))
    return Peaks(fp32, 0, 2 * source.numel() * source.element_size() / seconds)


def _finished(_: torch.Tensor) -> None:
    torch.cuda.synchronize()


def _best(work: Callable[[], object]) -> float:
    """The shortest of some tries in seconds, after one that is not counted."""
    work()
    times = []
    for _ in range(_TRIES):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def _graph(layer: Callable[[ov.Output, np.random.Generator], ov.Node], threads: int) -> Callable[[], object]:
    """Some layers one after the other, ready to run."""
    random = np.random.default_rng(2018)
    inputs = ops.parameter([_SIZE, _SIZE], np.float32)
    node = inputs
    for _ in range(_LAYERS):
        node = layer(node, random)
    model = ov.Model([ops.result(node)], [inputs], "layers")
    settings = {"INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": threads}
    request = ov.Core().compile_model(model, "CPU", settings).create_infer_request()
    matrix = random.random((_SIZE, _SIZE), dtype=np.float32)
    return lambda: request.infer([matrix], share_inputs=True)


def _fp32_layer(node: ov.Output, random: np.random.Generator) -> ov.Node:
    return ops.matmul(node, ops.constant(random.random((_SIZE, _SIZE), dtype=np.float32) / _SIZE), False, False)


def _int8_layer(node: ov.Output, random: np.random.Generator) -> ov.Node:
    """Values in 256 steps, times whole numbers in -127..127: what OpenVINO computes in int8."""
    low, high = np.float32(0), np.float32(2.55)
    steps = ops.fake_quantize(node, low, high, low, high, 256)
    numbers = ops.constant(random.integers(-127, 127, (_SIZE, _SIZE), dtype=np.int8))
    scale = ops.constant(np.full((1, _SIZE), 0.01, dtype=np.float32))
    return ops.matmul(steps, ops.multiply(ops.convert(numbers, np.float32), scale), False, False)
