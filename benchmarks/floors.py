"""The least time in which a machine can run a network: whichever is longer, its arithmetic or reading its weights.

    floor in ms = 1000 · max(2 · multiply_adds / operations a second, bytes of weights / bytes a second)

A multiply-add counts as two operations. Both rates are measured on this machine, so a floor is what a network would
take if all of it ran as quickly as a large matrix product does. Two things can go below it: convolutions by Winograd's
method, which need fewer multiplications, and weights that stay in the processor's cache between photos.
"""

from dataclasses import dataclass

# Of one weight, by precision.
_BYTES = {"int8": 1, "fp32": 4}


@dataclass(frozen=True)
class Work:
    """What one photo costs: multiply-adds of all convolutions and linear layers, and the number of weights."""

    multiply_adds: int
    weights: int


@dataclass(frozen=True)
class Peaks:
    """The most that was measured: operations a second in fp32 and int8 (0: not measured), and bytes read a second."""

    fp32: float
    int8: float
    bytes: float

    def __str__(self) -> str:
        int8 = f"{self.int8 / 1e9:.0f} GOP/s int8, " if self.int8 else ""
        return f"{self.fp32 / 1e9:.0f} GFLOP/s fp32, {int8}{self.bytes / 1e9:.0f} GB/s"


def floor_ms(work: Work, peaks: Peaks, precision: str, batch: int = 1) -> float:
    """The floor for `batch` photos at once, in ms; `precision` is `int8` or `fp32`."""
    rate = peaks.int8 if precision == "int8" else peaks.fp32
    arithmetic = 2 * batch * work.multiply_adds / rate
    return 1000 * max(arithmetic, work.weights * _BYTES[precision] / peaks.bytes)
