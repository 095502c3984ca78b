"""The files of a run: written together, read back, and refused where they are not what they should be."""

import csv
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from made_rows import EXACT, make_row

from benchmarks import results
from benchmarks.driving import BenchmarkError
from benchmarks.results import Run
from benchmarks.rows import Figures, Row

MakeRun = Callable[..., Run]
LATENCY = replace(
    make_row("latency", "network alone, 1 photo", "vgg16", "2 threads", "ms", 150.0, 30.0),
    baseline=Figures(150.0, 150.0, 171.5),
    ours=Figures(30.0, 30.0, 33.3),
    ratios=(4.9, 5.0, 5.2),
    floor=12.5,
    notes={"largest logit difference": 0.01},
)
OTHER = replace(make_row("latency", "network alone, 1 photo", "vgg16", "2 threads", "ms", 150.0, 100.0), engine=EXACT)


def test_a_run_is_written_by_engine_and_read_back(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(LATENCY, OTHER)
    folder = tmp_path / "new" / "results"

    written = results.write(run, folder)

    names = ["fp32-openvino-cpu.csv", "fp32-openvino-cpu.json", "int8-openvino-cpu.csv", "int8-openvino-cpu.json"]
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in written) == names
    assert results.read([folder / names[3], folder / names[1]]) == run
    content = json.loads((folder / "int8-openvino-cpu.json").read_text())
    assert content["library"] == "openvino 2026.4.1"
    assert content["machine"]["commit"] == "abc1234"
    assert content["busyness"] == {"load": 0.2, "cores": 0.0}
    (line,) = csv.DictReader((folder / "int8-openvino-cpu.csv").read_text().splitlines())
    assert (line["model"], line["stack_2018"], line["ours"], line["ratio"]) == ("vgg16", "150", "30", "5")
    assert (line["ratio_low"], line["ratio_high"], line["floor_ms"]) == ("4.9", "5.2", "12.5")
    assert (line["ours_p95_ms"], line["library"]) == ("33.3", "openvino 2026.4.1")


@pytest.mark.parametrize("bad", [replace(OTHER, floor=math.nan), replace(OTHER, engine="fp32-onnx-cpu")])
def test_a_run_that_cannot_be_written_leaves_the_last_one(bad: Row, make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(LATENCY)
    results.write(run, tmp_path)

    with pytest.raises((ValueError, KeyError)):
        results.write(make_run(replace(LATENCY, floor=1.0), bad), tmp_path)

    assert len(list(tmp_path.iterdir())) == 2
    assert results.read([tmp_path / "int8-openvino-cpu.json"]) == run


def test_a_file_that_cannot_be_finished_does_not_replace_the_last_one(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results.write(make_run(LATENCY), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(path: Path, text: str, encoding: str) -> int:
        path.write_bytes(text.encode(encoding)[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(BenchmarkError, match="No space left on device"):
        results.write(make_run(OTHER, replace(LATENCY, floor=1.0)), tmp_path)

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_files_of_different_runs_are_not_put_together(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(LATENCY)
    results.write(run, tmp_path)
    results.write(replace(make_run(OTHER), machine=replace(run.machine, commit="def5678")), tmp_path)

    with pytest.raises(BenchmarkError, match="different runs"):
        results.read(sorted(tmp_path.glob("*.json")))


@pytest.mark.parametrize("content", ["", "[]", '{"format": 0}', '{"format": 1, "machine": {}}'])
def test_what_is_no_result_file_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "int8-openvino-cpu.json"
    path.write_text(content)

    with pytest.raises(BenchmarkError, match="not a result file"):
        results.read([path])


def test_without_files_it_says_how_to_get_some(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="make bench"):
        results.read([])
    with pytest.raises(BenchmarkError, match="cannot be read"):
        results.read([tmp_path / "none.json"])
