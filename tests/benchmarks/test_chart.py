"""The chart and the table of a small run, from its result files."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_rows import EXACT, make_row
from PIL import Image

from benchmarks import folder, report, results
from benchmarks.chart import draw, sections
from benchmarks.driving import BenchmarkError
from benchmarks.results import Run

ROWS = (
    make_row("latency", "network alone, 1 photo", "alexnet", "2 threads", "ms", 30.0, 5.0),
    make_row("latency", "network alone, 1 photo", "hashnet", "2 threads", "ms", 180.0, 35.0),
    make_row("latency", "network alone, 1 photo", "alexnet", "1 thread", "ms", 50.0, 9.0),
    make_row("decode", "12-MP photo to tensor", "", "JPEG", "ms", 150.0, 40.0),
    make_row("in_process", "12-MP JPEG to hashtags, in process", "alexnet", "", "ms", 180.0, 45.0),
    make_row("throughput", "stateless route", "alexnet", "8 clients", "photos/s", 25.0, 110.0),
    make_row("throughput", "page", "alexnet", "8 clients", "photos/s", 25.0, 55.0),
    make_row("throughput", "page", "alexnet", "32 clients", "photos/s", 25.0, 55.0),
    make_row("memory", "server with every model warm", "", "5 models", "MB", 1600.0, 500.0),
)


def test_the_chart_shows_latency_throughput_and_memory_of_what_is_taken_unasked() -> None:
    shown = sections([*ROWS, replace(ROWS[0], engine=EXACT, default=False)])

    assert {heading: [bar.label for bar in bars] for heading, bars in shown.items()} == {
        "Network alone, 1 photo, 2 threads": ["AlexNet", "HashNet"],
        "12-MP JPEG to hashtags": ["AlexNet"],
        "Photos a second over HTTP, 8 clients": ["AlexNet, stateless", "AlexNet, page"],
        "Memory of the server": ["every model loaded"],
    }


def test_the_report_draws_and_writes_what_the_files_say(
    make_run: Callable[..., Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results.write(make_run(*ROWS), tmp_path / "results")
    chart, document = tmp_path / "docs" / "chart.png", tmp_path / "README.md"
    document.write_text("# Title\n\n<!-- speed -->\nold\n<!-- /speed -->\n\nMore.\n")

    paths = ["--results", str(tmp_path / "results"), "--chart", str(chart), "--write", str(document)]
    assert report.main(paths) == 0

    with Image.open(chart) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    assert 1200 <= pixels.shape[1] <= 1600
    assert (pixels[0, 0] == 255).all(), "a light background"
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50
    table = capsys.readouterr().out
    assert "On A CPU, 2 cores (avx2), 24 GB:" in table
    assert "| AlexNet, 1 photo, network alone | 30.0 ms | 5.00 ms | 6.0× |" in table
    assert "| memory, every model warm | 1,600 MB | 500 MB | 31% |" in table
    assert document.read_text() == f"# Title\n\n<!-- speed -->\n{table}<!-- /speed -->\n\nMore.\n"


def test_the_report_says_how_long_a_folder_took(
    make_run: Callable[..., Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = replace(
        make_row("folder", folder.WORK, "alexnet", "200 photos", "s", 60.0, 8.0),
        notes={"photos/s": 25.0, "slowest": 9.0},
    )
    results.write(make_run(*ROWS), tmp_path)
    results.write(make_run(row), tmp_path / "folder")
    paths = ["--results", str(tmp_path), "--chart", str(tmp_path / "chart.png")]
    work = "folder of 200 photos, 12-MP JPEG, by the command line, start included"
    figures = "60.0 s | 8.00 s, 25.0 photos/s | 7.5×"

    assert report.main(paths) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"| {work} | {figures} |"
    other = make_run(row)
    results.write(replace(other, machine=replace(other.machine, processor="Another CPU")), tmp_path / "folder")
    assert report.main(paths) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"| {work}, on Another CPU, 2 cores (avx2), 24 GB | {figures} |"


def test_what_the_report_lacks_is_said(
    make_run: Callable[..., Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chart = ["--chart", str(tmp_path / "chart.png"), "--results", str(tmp_path)]
    assert report.main(chart) == 2
    assert "make bench" in capsys.readouterr().err

    results.write(make_run(*ROWS), tmp_path)
    document = tmp_path / "README.md"
    document.write_text("nothing here")
    assert report.main([*chart, "--write", str(document)]) == 2
    assert "<!-- speed -->" in capsys.readouterr().err

    with pytest.raises(BenchmarkError, match="nothing that the chart shows"):
        draw(make_run(ROWS[3]), tmp_path / "none.png")
