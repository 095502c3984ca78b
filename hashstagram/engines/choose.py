"""Which engine computes a model, and why: what was asked for, what the machine has, and what the model comes as."""

import ctypes
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

from hashstagram.errors import SettingError

ENGINES = ("auto", "int8", "exact", "torch")

_CPUINFO = Path("/proc/cpuinfo")
# Instructions that multiply and add bytes in one step (VNNI of x86, dot product of ARM), as Linux calls them.
_BYTE_DOT_PRODUCTS = ("avx512_vnni", "avx_vnni", "asimddp")


@dataclass(frozen=True)
class Selected:
    """`library` (`openvino` or `torch`) computes in `precision` (`int8` or `fp32`) on `device`, for this `reason`."""

    library: str
    precision: str
    device: str
    reason: str


def select(engine: str, device: str, *, has_int8: bool, int8_is_default: bool) -> Selected:
    """The engine for a model that comes with an int8 form or not.

    `engine` is `auto`, `int8` (OpenVINO on the CPU), `exact` (fp32: torch on CUDA, OpenVINO on the CPU) or `torch`;
    `device` is `auto` (CUDA when there, else CPU), `cpu`, `cuda` or `cuda:<index>`. On a CPU, `auto` takes int8 where
    that is the model's default and the CPU has instructions for it: int8 counts on them for its accuracy as well.

    Raises SettingError for an engine or device that there is not, and for int8 where it cannot be had.
    """
    if engine not in ENGINES:
        raise SettingError(f"{engine!r} is not an engine. Choose one of: {', '.join(ENGINES)}.")
    where = _device(device, engine)
    if engine == "torch":
        return Selected("torch", "fp32", where, "torch was asked for")
    if where != "cpu":
        if engine == "int8":
            raise SettingError(f"int8 is computed on the CPU, not on {device!r}. Choose the device cpu, or exact.")
        return Selected("torch", "fp32", where, f"PyTorch finds a CUDA device ({where})")
    if engine == "exact":
        return Selected("openvino", "fp32", "cpu", "exact was asked for")
    if engine == "int8":
        if not has_int8:
            raise SettingError(
                "This model has no int8 form. Choose auto or exact, or quantise it (training/README.md)."
            )
        return Selected("openvino", "int8", "cpu", "int8 was asked for")
    if not has_int8:
        return Selected("openvino", "fp32", "cpu", "the model has no int8 form")
    if not int8_is_default:
        return Selected("openvino", "fp32", "cpu", "the model's int8 form is too far from the exact one")
    flag = byte_dot_product()
    if flag is None:
        return Selected("openvino", "fp32", "cpu", "this CPU is not known to have VNNI, which int8 needs")
    return Selected("openvino", "int8", "cpu", f"this CPU has {flag}")


def engine_from_environment() -> str:
    """What HASHSTAGRAM_ENGINE names, `auto` where it names none."""
    return os.environ.get("HASHSTAGRAM_ENGINE") or "auto"


def byte_dot_product() -> str | None:
    """The CPU's instruction set for int8, as the system calls it; None where it has none or does not say."""
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return "asimddp"  # all of Apple's do
    try:
        flags = _CPUINFO.read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return None
    return next((flag for flag in _BYTE_DOT_PRODUCTS if flag in flags), None)


def _device(device: str, engine: str) -> str:
    """`cpu`, or the CUDA device that is meant. PyTorch is imported only where it is needed to tell."""
    if device == "cpu" or (device == "auto" and (engine == "int8" or not _has_nvidia_driver())):
        return "cpu"
    from hashstagram.engines.torch_engine import choose_device

    return choose_device(device)


def _has_nvidia_driver() -> bool:
    """Whether CUDA's driver library can be loaded at all: PyTorch takes seconds to import, and says no without it."""
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True
