"""The repository keeps its own rules: versions, pins, rooms, and documents that say what is there."""

import ast
import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from datetime import date
from importlib import metadata
from pathlib import Path

import pytest

import hashstagram
from hashstagram.tagging import command_line
from hashstagram.weights import Manifest
from training import card

ROOT = Path(__file__).resolve().parent.parent
README, CONTRIBUTING, MODEL_CARD = ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "weights" / "MODEL_CARD.md"
SERVING = [ROOT / "app.py", *sorted((ROOT / "hashstagram").rglob("*.py"))]
TRAINING = sorted((ROOT / "training").rglob("*.py"))
BENCHMARKS = sorted((ROOT / "benchmarks").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
# Each with the code that needs it. What nobody needs who only serves is in a file of its own, pins and code.
MCP = ROOT / "hashstagram" / "web" / "mcp.py"
REQUIREMENTS = {
    "requirements.txt": [path for path in SERVING if path != MCP],
    "requirements-mcp.txt": [MCP],
    "requirements-training.txt": TRAINING,
    "requirements-bench.txt": BENCHMARKS,
    "requirements-dev.txt": TESTS,
}
MEGABYTE = 10**6


def name(path: Path) -> str:
    """A path as the repository's visitors write it."""
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> set[str]:
    """The modules that a file imports anywhere, in full."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def packages(paths: list[Path]) -> set[str]:
    """The top-level modules from elsewhere that files import."""
    own = {"app", "hashstagram", "training", "benchmarks", "deploy", "reliability", "tests"}
    own |= {path.stem for path in TESTS}
    return {module.partition(".")[0] for path in paths for module in imports(path)} - own - sys.stdlib_module_names


def pins(file: str) -> dict[str, str]:
    """Each package that a requirements file and those it names pin, with its version."""
    found: dict[str, str] = {}
    for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
        requirement = line.partition("#")[0].strip()
        if requirement.startswith("-r "):
            found |= pins(requirement.removeprefix("-r ").strip())
        elif requirement:
            package, equals, version = requirement.partition("==")
            assert equals, f"{file}: {requirement!r} is not pinned with =="
            assert re.fullmatch(r"[a-z0-9-]+", package), f"{file}: {package!r}"
            assert re.fullmatch(r"[0-9.]+", version), f"{file}: {requirement!r} is no exact version"
            assert package not in found, f"{file} pins {package} twice"
            found[package] = version
    return found


def targets() -> dict[str, str]:
    """The Makefile's commands with the lines that describe them; empty where there is none."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    rules = re.findall(r"^([a-z][a-z-]*):(?!=)(.*)$", text, re.MULTILINE)
    return {target: rest.partition("## ")[2] for target, rest in rules if target != "environment"}


def code(document: Path, language: str) -> list[str]:
    """The code blocks of a document in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", document.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def commands(module: str) -> list[list[str]]:
    """The arguments of each `python -m module` that the documents show; `module` is a regular expression."""
    lines = [
        line for document in (README, CONTRIBUTING) for block in code(document, "sh") for line in block.splitlines()
    ]
    found = [re.search(rf"python -m ({module}) (.*)", line) for line in lines]
    return [[match[1], *shlex.split(match[2], comments=True)] for match in found if match]


def front_matter() -> dict[str, str]:
    """What the README tells a Space."""
    _, head, _ = README.read_text(encoding="utf-8").split("---\n", 2)
    return {key: value.strip('"') for key, value in (line.split(": ", 1) for line in head.splitlines())}


def test_the_changelog_begins_with_the_version_of_the_package() -> None:
    versions = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert hashstagram.__version__ == project["version"] == versions[0][0]
    days = [date.fromisoformat(day) for _, day in versions]
    assert days == sorted(days, reverse=True)


@pytest.mark.parametrize("file", REQUIREMENTS)
def test_what_is_installed_is_what_is_pinned(file: str) -> None:
    # A local version (torch 2.14.1+cpu) is the same release, built otherwise.
    assert {package: metadata.version(package).partition("+")[0] for package in pins(file)} == pins(file)


@pytest.mark.parametrize(("file", "paths"), REQUIREMENTS.items(), ids=REQUIREMENTS.keys())
def test_every_package_that_is_imported_is_pinned(file: str, paths: list[Path]) -> None:
    providers = metadata.packages_distributions()
    needed = {
        package: {provider.lower().replace("_", "-") for provider in providers[package]} for package in packages(paths)
    }

    assert {package for package, provided in needed.items() if not provided & pins(file).keys()} == set()


def test_serving_needs_nothing_of_training() -> None:
    assert [name(path) for path in SERVING if any(module.split(".")[0] == "training" for module in imports(path))] == []


def test_only_networks_and_engines_know_pytorch_and_only_the_web_room_knows_gradio() -> None:
    for path in SERVING:
        room = path.parent.name
        used = packages([path])
        if room not in ("networks", "engines"):
            assert not used & {"torch", "torchvision"}, name(path)
        if room != "web":
            assert not used & {"gradio", "fastapi", "starlette", "uvicorn", "pydantic"}, name(path)


def test_modules_are_short_and_say_what_they_are_for() -> None:
    for path in SERVING + TRAINING + BENCHMARKS + TESTS:
        text = path.read_text(encoding="utf-8")
        assert ast.get_docstring(ast.parse(text)), f"{name(path)} has no docstring"
        if path not in TESTS:
            assert len(text.splitlines()) <= 400, f"{name(path)} is long: is it one idea?"
    assert len((ROOT / "app.py").read_text(encoding="utf-8").splitlines()) < 80


def test_make_lists_every_command() -> None:
    # Without the settings of an outer make, which may be the one that runs the tests.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE") and key != "MFLAGS"}
    listed = subprocess.run(["make"], cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout

    assert all(targets().values()), f"without a ## line: {[key for key, value in targets().items() if not value]}"
    assert {line.split()[1] for line in listed.splitlines()} == targets().keys()
    assert {"help", "setup", "run", "test", "check", "format"} <= targets().keys()


@pytest.mark.parametrize("document", [README, CONTRIBUTING], ids=name)
def test_documents_name_only_what_is_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")

    assert set(re.findall(r"(?:^|`|[A-Z] )make ([a-z-]+)", text, re.MULTILINE)) <= targets().keys()
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("arguments", commands(r"hashstagram|training\.\w+"), ids=" ".join)
def test_commands_in_the_documents_have_the_options_they_show(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    module, *rest = arguments
    main = command_line.main if module == "hashstagram" else importlib.import_module(module).main
    subcommand = [] if rest[0].startswith("--") else rest[:1]
    with pytest.raises(SystemExit) as stopped:
        main([*subcommand, "--help"])

    assert stopped.value.code == 0
    options = set(re.findall(r"--[a-z0-9-]+", capsys.readouterr().out))
    assert {argument for argument in rest if argument.startswith("--")} <= options


@pytest.mark.parametrize("arguments", commands("hashstagram"), ids=" ".join)
def test_the_readmes_command_lines_run(
    arguments: list[str], beach: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(beach.parent)
    shutil.copytree(beach.parent, beach.parent / "holiday" / "day")

    assert command_line.main(arguments[1:]) == 0
    assert "beach.jpg" in capsys.readouterr().out or list(beach.parent.glob("holiday/day/beach.jpg.xmp"))


def test_the_readmes_python_runs(
    beach: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(beach.parent)
    (snippet,) = (block for block in code(README, "python") if "load_model" in block)
    exec(compile(snippet, "<README.md>", "exec"), {})  # noqa: S102 - our own README

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert all(re.fullmatch(r"#\S+ \d+% (visible|companion)", line) for line in lines), lines


def test_the_readme_lists_the_settings_that_there_are() -> None:
    read = {word for path in SERVING for word in re.findall(r"\bHASHSTAGRAM_[A-Z_]+", path.read_text(encoding="utf-8"))}

    assert set(re.findall(r"HASHSTAGRAM_[A-Z_]+", README.read_text(encoding="utf-8"))) == read


def test_the_figures_are_those_of_the_manifest() -> None:
    assert card.main(["--weights", str(ROOT / "weights"), "--check", str(README), str(MODEL_CARD)]) == 0

    text = README.read_text(encoding="utf-8")
    (table,) = re.findall(r"<!-- figures -->\n(.*?)<!-- /figures -->", text, re.DOTALL)
    rows = {cells[0]: cells[1:] for line in table.splitlines() if len(cells := line.strip("| ").split(" | ")) == 6}
    models = Manifest.load(ROOT / "weights").models
    for record in models:
        measured = record.metrics["val"]["main"]
        for place, metric in enumerate(("precision_at_1", "precision_at_5", "recall_at_5", "accuracy_at_5")):
            value, low, high = (100 * measured[metric][key] for key in ("value", "low", "high"))
            assert rows[record.name][place] == f"{value:.1f} [{low:.1f}, {high:.1f}]"
    assert f"n = {models[0].metrics['val']['main']['photos']:d}" in table.replace(",", "")


def test_a_space_can_be_made_of_the_readme() -> None:
    facts = front_matter()

    assert facts["sdk"] == "gradio"
    assert facts["sdk_version"] == pins("requirements.txt")["gradio"]
    assert (ROOT / facts["app_file"]).is_file()
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert facts["python_version"] == oldest.removeprefix(">=")
    assert len(facts["short_description"]) <= 60
    colours = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {facts["colorFrom"], facts["colorTo"]} <= colours


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) < 190


def test_a_clone_stays_small() -> None:
    sizes = {name(path): path.stat().st_size / MEGABYTE for path in (ROOT / "weights").iterdir()}

    assert {file: size for file, size in sizes.items() if size > 50} == {}
    assert sum(sizes.values()) <= 150


def test_ci_runs_the_tests() -> None:
    script = ROOT / ".ci" / "run"

    assert os.access(script, os.X_OK)
    assert "make test" in script.read_text(encoding="utf-8")


@pytest.fixture
def beach(tmp_path: Path) -> Path:
    """A photo under the name that the documents use."""
    photo = tmp_path / "beach.jpg"
    photo.write_bytes((ROOT / "examples" / "tower.jpg").read_bytes())
    return photo
