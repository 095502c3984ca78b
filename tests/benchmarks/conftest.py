"""A made run, so that what shows and keeps results is tested without measuring."""

from collections.abc import Callable

import pytest

from benchmarks.machine import Busyness, Machine
from benchmarks.results import Run
from benchmarks.rows import Row


@pytest.fixture
def make_run() -> Callable[..., Run]:
    """A run of some rows on a machine that there is not."""
    libraries = {"openvino": "2026.4.1", "torch": "2.14.1"}
    machine = Machine("A CPU", 2, 23.5, ("avx2",), "", "Linux 6", "3.11.7", libraries, "abc1234", "2026-11-25")

    def make(*rows: Row) -> Run:
        return Run(machine, Busyness(0.2, 0.0), rows)

    return make
