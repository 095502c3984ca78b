"""What can be told of the GPU part without a GPU."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import gpu
from benchmarks.results import Run
from benchmarks.rounds import Times
from benchmarks.rows import Engine, Figures
from benchmarks.session import Session


def test_without_a_gpu_nothing_is_measured_and_that_is_said(
    make_run: Callable[..., Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = replace(make_run().machine, gpu="")

    assert gpu.measure(Session(False, tmp_path, here, ("alexnet",), {}, {})) == []
    assert "no CUDA GPU" in capsys.readouterr().err


def test_the_time_of_a_batch_becomes_photos_a_second() -> None:
    times = Times(Figures(20.0, 20.0, 25.0), Figures(10.0, 10.0, 12.0), (2.0, 2.1, 1.9))

    row = gpu.row("alexnet", Engine("fp32", "torch", "cuda"), 64, times, 8.0)

    assert (row.baseline.value, row.ours.value) == (3200, 6400)
    assert (row.ours.p50, row.ours.p95, row.floor, row.ratio) == (10.0, 12.0, 8.0, 2.0)
    assert (row.setting, row.engine, row.unit) == ("batch 64", "fp32-torch-cuda", "photos/s")
