"""The command: what it measures, prints and keeps, with parts that measure nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from made_rows import make_row

from benchmarks import __main__ as command
from benchmarks import chart, machine, report, results, session
from benchmarks.results import Run
from benchmarks.session import Session

ROW = make_row("latency", "network alone, 1 photo", "alexnet", "2 threads", "ms", 30.0, 5.0)


@pytest.fixture
def measured(make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The parts that were measured; results and chart go into `tmp_path`."""
    names: list[str] = []

    def part(name: str) -> Callable[[Session], list[object]]:
        return lambda opened: names.append(f"{name}{' quickly' if opened.quick else ''}") or [ROW]  # type: ignore[func-returns-value]

    @contextmanager
    def opened(*, quick: bool) -> Iterator[Session]:
        yield Session(quick, tmp_path, make_run().machine, ("alexnet",), {}, {})

    monkeypatch.setattr(command, "PARTS", {name: part(name) for name in command.PARTS})
    monkeypatch.setattr(session, "opened", opened)
    monkeypatch.setattr(results, "FOLDER", tmp_path / "results")
    monkeypatch.setattr(report, "CHART", tmp_path / "docs" / "chart.png")
    monkeypatch.setattr(machine, "how_busy", lambda: machine.Busyness(0.0, 0.0))
    return names


def test_a_whole_run_keeps_its_results_and_draws_them(
    measured: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([]) == 0

    assert measured == ["latency", "decode", "in-process", "throughput", "memory", "start", "gpu"]
    assert len(results.read([tmp_path / "results" / "int8-openvino-cpu.json"]).rows) == 7
    assert (tmp_path / "docs" / "chart.png").is_file()
    printed = capsys.readouterr()
    assert printed.out.index("≥ 6×") < printed.out.index("int8-openvino-cpu*")
    assert printed.err == ""


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--quick"], ["latency quickly", "decode quickly", "in-process quickly"]),
        (["--only", "start, latency"], ["start", "latency"]),
        (["--quick", "--only", "memory"], ["memory quickly"]),
        (["--only", "folder"], ["folder"]),
    ],
)
def test_less_than_a_whole_run_only_prints(
    options: list[str], expected: list[str], measured: list[str], tmp_path: Path
) -> None:
    assert command.main(options) == 0

    assert measured == expected
    assert list(tmp_path.iterdir()) == []


def test_results_go_where_they_are_wanted(measured: list[str], tmp_path: Path) -> None:
    assert command.main(["--only", "latency", "--results", str(tmp_path / "mine")]) == 0

    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine"]
    assert (tmp_path / "mine" / "int8-openvino-cpu.csv").is_file()


def test_a_busy_machine_is_warned_of_and_noted(
    measured: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine, "how_busy", lambda: machine.Busyness(2.5, 0.8))

    assert command.main([]) == 0

    assert "Others use 0.8 of" in capsys.readouterr().err
    assert results.read([tmp_path / "results" / "int8-openvino-cpu.json"]).busyness.cores == 0.8


def test_a_part_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(["--only", "latency,speed"])

    assert stopped.value.code == 2
    assert "'speed' is not a part. Choose from: latency, decode, in-process" in capsys.readouterr().err


def test_a_chart_is_not_drawn_over_the_published_one_for_other_results(
    measured: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chart, "draw", lambda *_: pytest.fail("drawn"))

    assert command.main(["--results", str(tmp_path / "mine")]) == 0
