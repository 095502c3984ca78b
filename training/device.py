"""Where a network is trained and in which precision, with the reason in words."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from hashstagram.errors import DataError


@dataclass(frozen=True)
class Device:
    """A device, the type that autocast computes in (None: float32) and why."""

    device: torch.device
    precision: torch.dtype | None
    reason: str

    @classmethod
    def best(cls) -> "Device":
        """This process's GPU where there is one, else the CPU; the shortest type that it computes well."""
        if torch.cuda.is_available():
            name = torch.cuda.get_device_name()
            if torch.cuda.is_bf16_supported(including_emulation=False):
                return cls(torch.device("cuda"), torch.bfloat16, f"cuda ({name}), bfloat16")
            return cls(torch.device("cuda"), torch.float16, f"cuda ({name}), float16: it has no bfloat16")
        if torch.backends.cpu.get_cpu_capability() == "AVX512" and torch.ops.mkldnn._is_mkldnn_bf16_supported():
            return cls(torch.device("cpu"), torch.bfloat16, "cpu, bfloat16 (the processor computes it)")
        return cls(torch.device("cpu"), None, "cpu, float32 (the processor has no bfloat16)")

    def autocast(self) -> torch.autocast:
        """The context in which a network computes."""
        return torch.autocast(self.device.type, dtype=self.precision, enabled=self.precision is not None)

    def put(self, inputs: Tensor) -> Tensor:
        """A tensor on this device, photos and maps (B, C, H, W) in channels_last."""
        layout = torch.channels_last if inputs.dim() == 4 else torch.contiguous_format
        return inputs.to(self.device, non_blocking=True).contiguous(memory_format=layout)


@contextmanager
def memory_in_words(photos: int, accumulate: int) -> Iterator[None]:
    """Turn running out of memory, with `photos` computed at once, into a DataError that names what to try."""
    try:
        yield
    except (torch.OutOfMemoryError, RuntimeError, MemoryError) as error:
        # The CPU's allocator has no exception of its own.
        if not isinstance(error, torch.OutOfMemoryError | MemoryError) and "can't allocate memory" not in str(error):
            raise
        if photos <= 1:
            raise DataError(
                "Memory ran out with a single photo at a time. Use smaller crops, or a larger GPU."
            ) from error
        raise DataError(
            f"Memory ran out with {photos} photos at a time. Repeat the command with --accumulate {2 * accumulate}: "
            f"{photos // 2} at a time, and the same batch. It goes on after the last finished epoch."
        ) from error
