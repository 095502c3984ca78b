"""`doctor`: it says what is there and why, and whatever is missing or wrong is a sentence."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from hashstagram import __version__
from hashstagram.engines import choose, cores
from hashstagram.tagging.command_line import main
from hashstagram.tagging.doctor import examine

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _own_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "_limit", None)


def by_name(models: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {model["name"]: model for model in models}


def test_all_is_well(small_weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()

    assert lines[0].startswith(f"HashStagram {__version__} with Python {sys.version_info[0]}.")
    assert lines[-1] == "All is well."
    assert f"package    openvino {metadata.version('openvino')}  (answers on a CPU)" in lines
    assert f"weights    {small_weights} (HASHSTAGRAM_WEIGHTS={small_weights}): 997 tags, all files right" in lines
    assert "model      hashnet: fp32 by openvino on cpu, because the model has no int8 form" in lines
    assert any(line.startswith("answer     hashnet said #") for line in lines)
    assert f"setting    HASHSTAGRAM_WEIGHTS={small_weights}" in lines


def test_json_has_the_same(small_weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)

    assert said["problems"] == []
    assert said["packages"]["torch"] == metadata.version("torch")
    assert said["weights"] == {
        "folder": str(small_weights),
        "from": f"HASHSTAGRAM_WEIGHTS={small_weights}",
        "tags": 997,
    }
    assert list(by_name(said["models"])) == ["hashnet", "vgg16", "alexnet"]
    assert by_name(said["models"])["vgg16"] == {
        "name": "vgg16",
        "id": "vgg16.small_v1",
        "library": "openvino",
        "precision": "fp32",
        "device": "cpu",
        "reason": "the model has no int8 form",
    }
    assert {"HEIC", "AVIF", "WebP", "JPEG"} <= set(said["photos"]["formats"])
    assert said["processor"]["cores"] == os.cpu_count()
    assert said["server"] == {"host": "127.0.0.1", "port": 7860}


@pytest.mark.parametrize("flag", ["avx512_vnni", None])
def test_why_a_published_model_is_computed_as_it_is(
    bundled_weights: Path, monkeypatch: pytest.MonkeyPatch, flag: str | None
) -> None:
    monkeypatch.delenv("HASHSTAGRAM_WEIGHTS")
    monkeypatch.setattr(choose, "byte_dot_product", lambda: flag)
    report = examine()
    model = by_name(report.found["models"])["alexnet"]

    assert report.found["weights"]["from"] == "the repository's own"
    assert (model["precision"], model["reason"]) == (
        ("int8", "this CPU has avx512_vnni")
        if flag
        else ("fp32", "this CPU is not known to have VNNI, which int8 needs")
    )


def test_a_damaged_weight_is_named_and_the_others_are_looked_at(
    weights_copy: Path, rewrite: Callable[[Path, bytes], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HASHSTAGRAM_WEIGHTS", str(weights_copy))
    content = bytearray((weights_copy / "alexnet.small_v1.safetensors").read_bytes())
    content[-1] ^= 1
    rewrite(weights_copy / "alexnet.small_v1.safetensors", bytes(content))
    report = examine()

    assert "problem" not in by_name(report.found["models"])["vgg16"]
    assert "is damaged or changed" in by_name(report.found["models"])["alexnet"]["problem"]
    assert any(
        problem.startswith("alexnet.small_v1: alexnet.small_v1.safetensors is damaged") for problem in report.problems
    )


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("HASHSTAGRAM_WEIGHTS", "/nowhere", "The weight folder /nowhere does not exist."),
        ("HASHSTAGRAM_THREADS", "many", "HASHSTAGRAM_THREADS is 'many'."),
        ("HASHSTAGRAM_MAX_PIXELS", "many", "HASHSTAGRAM_MAX_PIXELS must be a whole number"),
        ("HASHSTAGRAM_ENGINE", "fast", "'fast' is not an engine."),
        ("HASHSTAGRAM_RENAMES", "/nowhere", "The file of names /nowhere cannot be read"),
        ("GRADIO_SHARE", "1", "GRADIO_SHARE"),
    ],
)
def test_a_setting_that_would_stop_it_is_a_sentence_and_code_2(
    variable: str, value: str, sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, value)

    assert main(["doctor"]) == 2
    output = capsys.readouterr().out
    assert sentence in output.split("\n\n")[-1]
    assert "All is well" not in output


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [("openvino", "openvino is not installed. Run make setup."), ("torch", None), ("google", None), ("gradio", None)],
)
def test_what_is_missing_is_said_where_it_is_needed(missing: str, sentence: str | None) -> None:
    """As if it had not been installed: it has no version, and its import fails."""
    code = f"""if True:
        import sys
        from importlib import metadata
        version = metadata.version
        def without(package):
            if package.partition("-")[0] == {missing!r}:
                raise metadata.PackageNotFoundError(package)
            return version(package)
        metadata.version = without
        sys.modules[{missing!r}] = None
        from hashstagram.tagging.command_line import main
        sys.exit(main(["doctor", "--json"]))
    """
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    said = json.loads(run.stdout)

    assert run.stderr == ""
    assert said["problems"] == ([sentence] if sentence else [])
    assert run.returncode == (2 if sentence else 0)
    assert None in said["packages"].values()


def test_weights_from_a_bucket_say_where_they_are(
    cloud: Any, small_weights: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HASHSTAGRAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HASHSTAGRAM_WEIGHTS", "gs://photos-bucket/nothing")
    report = examine()

    assert report.found["cache"] == {"folder": str(tmp_path / "cache"), "exists": False}
    assert "weights" not in report.found
    assert "gs://photos-bucket/nothing" in report.problems[0]
