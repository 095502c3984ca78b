"""A worker process from its parent's side: one side of the comparison, asked over pipes, alone with its libraries."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from hashstagram import HashStagramError

ROOT = Path(__file__).resolve().parent.parent
# Settings of whoever runs the benchmarks, and what would make either side other than it is.
_THEIRS = ("HASHSTAGRAM_", "GRADIO_", "SPACE", "SYSTEM", "HF_", "OMP_", "MKL_", "KMP_", "OPENBLAS_")


class BenchmarkError(HashStagramError):
    """Something cannot be measured. The message says what, and what to do."""


def environment(*, cuda: bool = False) -> dict[str, str]:
    """The environment of a measured process; graphics cards are hidden unless `cuda`, so that CPU is beside CPU."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_THEIRS)}
    if "HASHSTAGRAM_WEIGHTS" in os.environ:
        kept["HASHSTAGRAM_WEIGHTS"] = os.environ["HASHSTAGRAM_WEIGHTS"]
    if not cuda:
        kept["CUDA_VISIBLE_DEVICES"] = ""
    return kept


class Worker:
    """A process with one side: `2018`, or an engine of ours. It computes on `device` with `threads` (None: all cores).

    Used with `with`, at the end of which the process is gone.
    """

    def __init__(self, side: str, *, threads: int | None = None, device: str = "cpu") -> None:
        self.side = side
        limit = {} if threads is None else {"HASHSTAGRAM_THREADS": str(threads)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", side, device],
            cwd=ROOT,
            env=environment(cuda=device != "cpu") | limit,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self.process = self._process.pid

    def __enter__(self) -> "Worker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):  # of a process that ended by itself
                self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def ask(self, job: str, **arguments: Any) -> Any:
        """Have a job of `benchmarks.worker` done, and wait for what it gives.

        Raises BenchmarkError with the worker's sentence for what it cannot do, and when it has ended.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise BenchmarkError(f"The worker {self.side} has no pipes.")
        with suppress(BrokenPipeError):  # its answer will be empty
            self._process.stdin.write(json.dumps({"job": job, "arguments": arguments}) + "\n")
            self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise BenchmarkError(
                f"The process of {self.side} ended while it did {job!r}; what it said is above. "
                "If it said nothing, the machine may be short of memory."
            )
        content = json.loads(answer)
        if "problem" in content:
            raise BenchmarkError(content["problem"])
        return content["value"]

    def turn(self, job: str, **arguments: Any) -> Callable[[int], list[float]]:
        """A timed job as a turn of `rounds.compare`."""

        def turn(calls: int) -> list[float]:
            times: list[float] = self.ask(job, calls=calls, **arguments)
            return times

        return turn
