"""The machine that was measured on, the code and the libraries, and whether somebody else was at work there.

Everything but `how_busy` belongs into a worker: it imports what the measured processes import.
"""

import os
import platform
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

_LIBRARIES = ("torch", "openvino", "numpy", "pillow", "gradio", "uvicorn", "flask", "gunicorn")
# What makes networks quick on a processor, as Linux calls it.
_INSTRUCTIONS = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "asimddp")
_CPUINFO, _STAT = Path("/proc/cpuinfo"), Path("/proc/stat")

# More than this share of one core used by others makes the figures doubtful.
BUSY_CORES = 0.1


@dataclass(frozen=True)
class Machine:
    """A machine and what runs on it; `commit` is the code's, with a + where files were changed since."""

    processor: str
    cores: int
    memory_gb: float
    instructions: tuple[str, ...]
    gpu: str
    system: str
    python: str
    libraries: dict[str, str]
    commit: str
    date: str

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Machine":
        """Read what `dataclasses.asdict` gave."""
        return cls(**{**content, "instructions": tuple(content["instructions"])})

    def __str__(self) -> str:
        return f"{self.processor}, {self.cores} cores ({' '.join(self.instructions)}), {self.memory_gb:.0f} GB"


@dataclass(frozen=True)
class Busyness:
    """What others do: the load average of the last minute, and how many cores they used in the last half second."""

    load: float
    cores: float

    @property
    def disturbs(self) -> bool:
        """Whether figures that are measured now mean little."""
        return self.cores > BUSY_CORES


def describe() -> Machine:
    """This machine, now."""
    from hashstagram.engines import cores
    from training.machine import Machine as TrainingMachine

    here = TrainingMachine.here()
    flags = set(_CPUINFO.read_text(encoding="utf-8").split()) if _CPUINFO.is_file() else set()
    return Machine(
        processor=here.processor,
        cores=cores.count(),
        memory_gb=round(_memory_bytes() / 2**30, 1),
        instructions=tuple(name for name in _INSTRUCTIONS if name in flags),
        gpu=here.gpu,
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        libraries={name: metadata.version(name) for name in _LIBRARIES},
        commit=here.commit,
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
    )


def how_busy(seconds: float = 0.5) -> Busyness:
    """What others do while this process waits so long. Where Linux's /proc is missing, only the load is known."""
    before, own = _busy_seconds(), time.process_time()
    started = time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - started
    used = _busy_seconds() - before - (time.process_time() - own)
    return Busyness(round(os.getloadavg()[0], 2), round(max(used, 0) / passed, 2))


def _busy_seconds() -> float:
    """The processor time that all programs together have used since the machine started, of every core."""
    if not _STAT.is_file():
        return 0.0
    user, nice, system, _, _, irq, soft_irq, steal = map(int, _STAT.read_text(encoding="utf-8").split()[1:9])
    return (user + nice + system + irq + soft_irq + steal) / os.sysconf("SC_CLK_TCK")


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
