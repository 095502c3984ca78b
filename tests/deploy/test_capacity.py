"""The capacity model: its figures follow from the result files, and its tables stand in CAPACITY.md."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import results
from benchmarks.driving import BenchmarkError
from benchmarks.machine import Busyness, Machine
from benchmarks.results import Run
from benchmarks.rows import Figures, Row
from deploy.capacity import BATCH_UTILISATION, KINDS, Kind, Measured, machines, main, measured, tables
from hashstagram import available_models

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENT = ROOT / "deploy" / "CAPACITY.md"
MODEL = available_models(weights=ROOT / "weights")[0].name
INT8, EXACT = "int8-openvino-cpu", "fp32-openvino-cpu"

TWO_CORES = Machine(
    processor="A processor",
    cores=2,
    memory_gb=8.0,
    instructions=("avx512_vnni",),
    gpu="",
    system="Linux 6.1",
    python="3.11.2",
    libraries={"openvino": "2026.4.1"},
    commit="abc1234",
    date="2026-11-24",
)
SMALL = Kind("small", 2, 8, 0.1, int8=True)


def row(part: str, work: str, setting: str, unit: str, ours: float, model: str = MODEL, engine: str = INT8) -> Row:
    return Row(part, work, model, setting, engine, engine == INT8, unit, Figures(ours), Figures(ours), (1.0,))


@pytest.fixture
def run() -> Run:
    """Forty photos a second on two cores; the network alone takes 10 ms in int8 and 60 ms in fp32."""
    rows = (
        row("throughput", "stateless route", "1 client", "photos/s", 30.0),
        row("throughput", "stateless route", "8 clients", "photos/s", 40.0),
        row("throughput", "page", "8 clients", "photos/s", 90.0),
        row("throughput", "stateless route", "8 clients", "photos/s", 95.0, model="another"),
        row("latency", "network alone, 1 photo", "1 thread", "ms", 10.0),
        row("latency", "network alone, 1 photo", "1 thread", "ms", 60.0, engine=EXACT),
        row("latency", "network alone, 1 photo", "2 threads", "ms", 1.0, engine=EXACT),
        row("memory", "server with every model warm", "5 models", "MB", 700.0, model=""),
    )
    return Run(TWO_CORES, Busyness(0.0, 0.0), rows)


def without(run: Run, unwanted: Callable[[Row], bool]) -> Run:
    return replace(run, rows=tuple(row for row in run.rows if not unwanted(row)))


def test_figures_are_those_of_the_run(run: Run) -> None:
    found = measured(run, MODEL)

    assert found.int8 == 20.0
    # 50 ms a photo, and 50 ms more for the network.
    assert found.exact == pytest.approx(10.0)
    assert (found.setting, found.process_mb) == ("8 clients", 700.0)
    assert [found.per_core(kind) for kind in KINDS if kind.name[:3] in ("e2-", "c3d")] == pytest.approx([10, 20, 20])


@pytest.mark.parametrize(
    ("unwanted", "sentence"),
    [
        (lambda row: row.part == "throughput", f"no throughput of {MODEL}"),
        (lambda row: row.part == "memory", "no memory of the servers"),
        (lambda row: row.engine == EXACT, "no latency of .* in fp32"),
    ],
)
def test_what_was_not_measured_is_not_made_up(run: Run, unwanted: Callable[[Row], bool], sentence: str) -> None:
    with pytest.raises(BenchmarkError, match=sentence):
        measured(without(run, unwanted), MODEL)


def test_throughput_in_fp32_is_not_taken_for_int8(run: Run) -> None:
    rows = tuple(replace(row, engine=EXACT) if row.part == "throughput" else row for row in run.rows)

    with pytest.raises(BenchmarkError, match="Measure where the CPU has VNNI"):
        measured(replace(run, rows=rows), MODEL)


@pytest.mark.parametrize(
    ("rate", "count"),
    [
        # 20 photos a second and core are 2,400 a minute and machine.
        (10, 2),
        (2400 * 2 * 0.6, 2 + 1),  # two machines could, but not one alone
        (2400 * 3 * 0.6, 3),
        (2400 * 3 * 0.601, 4 + 1),  # with four, two of them share a zone, and two others remain
        (2400 * 6 * 0.6, 6),
        (2400 * 300 * 0.6, 300),
        (2400 * 300 * 0.65, 326),  # of 325 two zones have 216, which is less than 195 through 0.9
    ],
)
def test_machines_bear_the_loss_of_a_zone(rate: float, count: int) -> None:
    assert machines(rate, SMALL, 20.0) == count


def test_tables_have_machines_money_and_what_is_assumed(run: Run) -> None:
    text = tables(measured(run, MODEL))

    assert "| photos a second and core | 20.0 | 10.0 (derived) |" in text
    # 16.7 photos a second through 40 a machine: two of them, 21 % busy, at 730 hours.
    assert "| n2-standard-2 | int8 | 1.4 of 8 GB | 2, under 1 % busy, $142 | 2, 21 % busy, $142 |" in text
    assert "| c3d-standard-4 | int8 | 2.8 of 16 GB | 2, under 1 % busy, $265 |" in text
    # A million photos through 18 a second and vCPU.
    assert BATCH_UTILISATION == 0.9
    assert "| spot c3d-standard-4, int8 | 15 | $0.28 |" in text
    assert "**Check them**" in text


def test_processes_that_do_not_fit_are_said(run: Run) -> None:
    found = measured(run, MODEL)
    heavy = Measured(found.model, found.machine, found.setting, found.int8, found.exact, 3500.0)

    assert "| 14.0 of 16 GB, too much |" in tables(heavy)


def test_the_command_writes_its_tables_between_the_marks(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, document = tmp_path / "results", tmp_path / "CAPACITY.md"
    results.write(run, folder)
    document.write_text("Before.\n<!-- capacity -->\nold\n<!-- /capacity -->\nAfter.\n")

    assert main(["--results", str(folder), "--write", str(document)]) == 0
    text = tables(measured(run, MODEL))
    assert document.read_text() == f"Before.\n<!-- capacity -->\n{text}\n<!-- /capacity -->\nAfter.\n"
    assert capsys.readouterr().out == f"{text}\n"

    document.write_text("No place.\n")
    assert main(["--results", str(folder), "--write", str(document)]) == 2
    assert "has no place for it" in capsys.readouterr().err
    assert main(["--results", str(tmp_path / "none")]) == 2
    assert "Measure first: make bench." in capsys.readouterr().err


def test_the_document_has_the_figures_of_the_last_run() -> None:
    written = re.search(r"<!-- capacity -->\n(.*)\n<!-- /capacity -->", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert written is not None
    if not results.FOLDER.is_dir():
        pytest.skip("There are no results yet: make bench")
    found = measured(results.read(sorted(results.FOLDER.glob("*-cpu.json"))), MODEL)
    assert written[1] == tables(found), "python -m deploy.capacity --write deploy/CAPACITY.md"
