"""A process that does one side's jobs: `python -m benchmarks.worker SIDE DEVICE`.

SIDE is `2018` or an engine of ours (`auto`, `int8`, `exact`, `torch`). Each line of its input is a job in JSON, each
line of its output the answer. `benchmarks.driving.Worker` is the other end.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.sides import Ours, Side, Stack2018
from hashstagram import HashStagramError
from hashstagram.engines import cores


def timed(work: Callable[[], object], calls: int) -> list[float]:
    """How long each of some calls takes, in ms, after one that is not counted: others were at work before."""
    work()
    times = []
    for _ in range(calls):
        started = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - started))
    return times


class Jobs:
    """What a worker can be asked for; the names of the methods are those of the jobs. Photos are given by path."""

    def __init__(self, side: Side) -> None:
        self._side = side

    def load(self, model: str) -> dict[str, str]:
        """What computes a model: the fields of `rows.Engine`."""
        return asdict(self._side.load(model))

    def network(self, model: str, photo: str, calls: int, batch: int = 1) -> list[float]:
        """Times of the network alone, with `batch` times the same photo."""
        inputs = np.stack([self._side.decode(model, Path(photo).read_bytes())] * batch)
        return timed(lambda: self._side.run(model, inputs), calls)

    def decode(self, model: str, photo: str, calls: int) -> list[float]:
        """Times from a file's bytes to the model's input."""
        content = Path(photo).read_bytes()
        return timed(lambda: self._side.decode(model, content), calls)

    def answer(self, model: str, photo: str, calls: int) -> list[float]:
        """Times from a file's bytes to hashtags."""
        content = Path(photo).read_bytes()
        return timed(lambda: self._side.hashtags(model, content), calls)

    def hashtags(self, model: str, photo: str) -> list[str]:
        """The hashtags themselves."""
        return self._side.hashtags(model, Path(photo).read_bytes())

    def logits(self, model: str, photo: str) -> list[float]:
        """The logits of one photo."""
        logits = self._side.run(model, self._side.decode(model, Path(photo).read_bytes())[np.newaxis])
        return [float(logit) for logit in logits[0]]

    def peaks(self, device: str) -> dict[str, float]:
        """What the machine can do at most: the fields of `floors.Peaks`."""
        from benchmarks.peaks import cpu_peaks, cuda_peaks

        return asdict(cuda_peaks() if device == "cuda" else cpu_peaks(cores.count()))

    def work(self) -> dict[str, dict[str, dict[str, int]]]:
        """What each model's network has to do, dense and as it is published: the fields of `floors.Work`."""
        from benchmarks.work import all_work

        return {name: {form: asdict(work) for form, work in forms.items()} for name, forms in all_work().items()}

    def machine(self) -> dict[str, Any]:
        """The machine: the fields of `machine.Machine`."""
        from benchmarks.machine import describe

        return asdict(describe())


def main(arguments: Sequence[str]) -> int:
    """Answer jobs until the input ends."""
    # What libraries print goes where errors go, and never between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    name, device = arguments
    cores.limit_from_environment()
    jobs = Jobs(Stack2018(device) if name == "2018" else Ours(name, device))
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"value": getattr(jobs, request["job"])(**request["arguments"])}
        except HashStagramError as error:
            answer = {"problem": str(error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
