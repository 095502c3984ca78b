"""Both sides as processes of their own, asked over their pipes."""

import os
import signal
import time
from pathlib import Path

import pytest

from benchmarks.driving import BenchmarkError, Worker, environment
from benchmarks.rows import Engine

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "cat.jpg"


def test_both_sides_give_the_same_answers(small_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HASHSTAGRAM_WEIGHTS", str(small_weights))
    asked = {"model": "hashnet", "photo": str(EXAMPLE)}

    with Worker("2018", threads=1) as theirs, Worker("exact", threads=1) as ours:
        engines = [Engine(**worker.ask("load", model="hashnet")).label for worker in (theirs, ours)]
        hashtags = [worker.ask("hashtags", **asked) for worker in (theirs, ours)]
        logits = [worker.ask("logits", **asked) for worker in (theirs, ours)]
        times = [worker.turn(job, **asked)(2) for worker in (theirs, ours) for job in ("network", "decode", "answer")]
        work = theirs.ask("work")

    assert engines == ["fp32-torch-cpu", "fp32-openvino-cpu"]
    assert len(hashtags[0]) == 5
    assert hashtags[0] == hashtags[1]
    assert logits[0] == pytest.approx(logits[1], abs=0.05)
    assert all(len(taken) == 2 and min(taken) > 0 for taken in times)
    assert work["hashnet"]["dense"]["weights"] > work["hashnet"]["published"]["weights"]


def test_what_a_side_cannot_do_is_said_and_it_goes_on(small_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HASHSTAGRAM_WEIGHTS", str(small_weights))

    with Worker("int8") as worker:
        with pytest.raises(BenchmarkError, match="no int8 form"):
            worker.ask("load", model="alexnet")
        with pytest.raises(BenchmarkError, match="'alexnest' is not a model"):
            worker.ask("load", model="alexnest")


def test_a_worker_that_has_ended_is_an_error() -> None:
    with Worker("auto") as worker:
        os.kill(worker.process, signal.SIGKILL)
        while "State:\tZ" not in Path(f"/proc/{worker.process}/status").read_text():
            time.sleep(0.01)
        with pytest.raises(BenchmarkError, match="auto ended while it did 'machine'"):
            worker.ask("machine")


def test_nobodys_settings_change_what_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HASHSTAGRAM_ENGINE", "OMP_NUM_THREADS", "GRADIO_SERVER_NAME"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("HASHSTAGRAM_WEIGHTS", "somewhere")

    kept = environment()

    assert not {"HASHSTAGRAM_ENGINE", "OMP_NUM_THREADS", "GRADIO_SERVER_NAME"} & kept.keys()
    assert kept["HASHSTAGRAM_WEIGHTS"] == "somewhere"
    assert kept["CUDA_VISIBLE_DEVICES"] == ""
    assert environment(cuda=True).get("CUDA_VISIBLE_DEVICES") == os.environ.get("CUDA_VISIBLE_DEVICES")
