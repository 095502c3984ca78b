"""The machine that a training ran on: noted in the run's folder when the training starts, for it cannot be told later.

A run that was stopped may go on elsewhere, so there may be several, in order.
"""

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from hashstagram.errors import DataError
from training.device import Device

# In a run's folder: a list of machines, the first one first.
FILE = "machine.json"


@dataclass(frozen=True)
class Machine:
    """A machine and what trains on it.

    `gpu` is its name or "" where there is none, `device` the device and precision in words, `commit` the code's short
    commit (with a + where files were changed since) or "" outside a git checkout.
    """

    processor: str
    cores: int
    gpu: str
    device: str
    torch: str
    processes: int
    commit: str

    @classmethod
    def here(cls, processes: int = 1) -> "Machine":
        """This machine, now, for a training in so many processes."""
        gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
        return cls(
            _processor(), os.cpu_count() or 1, gpu, Device.best().reason, torch.__version__, processes, commit_of_code()
        )

    def __str__(self) -> str:
        gpus = f", {self.processes} × {self.gpu}" if self.gpu else ""
        return f"{self.processor}, {self.cores} cores{gpus}"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def commit_of_code() -> str:
    """The short commit of this code, with a + where files were changed since; "" outside a git checkout."""
    root = str(Path(__file__).resolve().parents[1])
    try:
        commit = subprocess.run(
            ["git", "-C", root, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = subprocess.run(["git", "-C", root, "diff", "--quiet", "HEAD"], capture_output=True).returncode
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"{commit}+" if changed else commit


def note(run: Path, machine: Machine) -> None:
    """Add a machine to those of a run's folder, unless it is the last one of them."""
    machines = noted(run)
    if machines and machines[-1] == machine:
        return
    part = run / f"{FILE}.part"
    part.write_text(json.dumps([asdict(one) for one in [*machines, machine]], indent=1) + "\n", encoding="utf-8")
    part.replace(run / FILE)


def noted(run: Path) -> list[Machine]:
    """The machines that a run was noted to have trained on, or none. Raises DataError for a broken file."""
    path = run / FILE
    if not path.is_file():
        return []
    try:
        return [Machine(**one) for one in json.loads(path.read_text(encoding="utf-8"))]
    except (ValueError, TypeError) as error:
        raise DataError(f"{path} is not a list of machines as the training writes it ({error}). Remove it.") from error
