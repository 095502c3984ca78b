"""Nothing is ever reported to anybody: OpenVINO's wheel brings a package that would."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# What a process does towards the outside: Python tells its audit hooks before it is done, and this one lets none of it
# happen. The telemetry package sends from a thread that forks, also while the process ends.
_WATCH = """
import os, sys
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "urllib.Request", "os.fork"):
        os.write(1, f"{event}\\n".encode())
        raise OSError("not from this test")
sys.addaudithook(watch)
"""


def _seen(script: str, home: Path, weights: Path) -> list[str]:
    run = subprocess.run(
        [sys.executable, "-c", _WATCH + script],
        cwd=ROOT,
        env={"HOME": str(home), "HASHSTAGRAM_WEIGHTS": str(weights)},
        capture_output=True,
        text=True,
        check=True,
    )
    return [line for line in run.stdout.splitlines() if "." in line and " " not in line]


def test_answering_a_photo_sends_and_writes_nothing(bundled_weights: Path, tmp_path: Path) -> None:
    script = """
from PIL import Image
from hashstagram import load_model
for engine in ("int8", "exact"):
    recommender = load_model("alexnet", engine=engine)
    assert recommender.engine.name == "openvino"
    recommender.recommend(Image.new("RGB", (300, 300), "red"))
"""
    assert _seen(script, tmp_path, bundled_weights) == []
    assert list(tmp_path.iterdir()) == []


def test_quantising_sends_nothing(small_weights: Path, tmp_path: Path) -> None:
    script = """
import numpy as np
from hashstagram.engines.silent_openvino import openvino as ov
import nncf
given = ov.opset15.parameter([1, 8], np.float32)
graph = ov.Model([ov.opset15.matmul(given, ov.opset15.constant(np.ones((8, 8), np.float32)), False, True)], [given])
nncf.quantize(graph, nncf.Dataset([np.ones((1, 8), np.float32)]), subset_size=1)
"""
    assert _seen(script, tmp_path, small_weights) == []


def test_left_alone_openvino_would_report_its_import(small_weights: Path, tmp_path: Path) -> None:
    # If this fails, OpenVINO has changed, and so must what keeps it silent.
    assert "os.fork" in _seen("import openvino", tmp_path, small_weights)
