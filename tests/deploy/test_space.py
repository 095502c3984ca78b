"""The repository of a Space: what is in it, and that it runs as a Space runs it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from gradio_client import Client, handle_file
from serving import Server, free_port

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = ROOT / "deploy" / "space" / "assemble.py"


def assemble(out: Path, script: Path = SCRIPT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(script), str(out)], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The assembled repository."""
    out = tmp_path_factory.mktemp("space") / "hashstagram"
    made = assemble(out)
    assert made.returncode == 0, made.stderr
    return out


@pytest.fixture(scope="module")
def running(space: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The Space as its platform starts it, but that it listens to this machine alone."""
    home, port = tmp_path_factory.mktemp("home"), free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(home),
        "SYSTEM": "spaces",
        "SPACE_ID": "someone/hashstagram",
        "SPACE_HOST": "someone-hashstagram.hf.space",
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_SSR_MODE": "True",
    }
    log = home / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=space, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    server = Server(process, port, home / f"hashstagram-{port}", log)
    server.wait()
    yield server
    server.stop()


def test_it_holds_what_serves_and_nothing_else(space: Path) -> None:
    there = {path.relative_to(space).parts[0] for path in space.rglob("*")}

    assert there == {
        ".gitattributes",
        "LICENSE",
        "README.md",
        "app.py",
        "examples",
        "hashstagram",
        "requirements.txt",
        "weights",
    }
    kinds = {path.suffix for path in space.rglob("*") if path.is_file() and path.parent != space}
    assert kinds <= {".bin", ".css", ".html", ".jpg", ".js", ".json", ".md", ".png", ".py", ".safetensors", ".svg"} | {
        ".txt",
        ".typed",
        ".xml",
    }


def test_its_readme_configures_it_and_links_to_what_is_there(space: Path) -> None:
    text = (space / "README.md").read_text(encoding="utf-8")
    facts = yaml.safe_load(text.split("---\n")[1])

    assert (facts["sdk"], facts["app_file"]) == ("gradio", "app.py")
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert links
    assert [link for link in links if not (space / link).exists()] == []
    assert "![" not in text


def test_what_it_installs_is_what_is_tested_here(space: Path) -> None:
    facts = yaml.safe_load((space / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    lines = (space / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))

    assert {name: metadata.version(name).partition("+")[0] for name in pins} == pins
    assert facts["sdk_version"] == pins["gradio"]


def test_it_answers_gradios_client_and_programs(running: Server, space: Path) -> None:
    client = Client(running.url, verbose=False, download_files=False, analytics_enabled=False)
    answer = client.predict(photo=handle_file(str(space / "examples" / "cat.jpg")), api_name="/recommend")
    client.close()
    other = running.post("/api/v1/hashtags", files={"photo": (space / "examples" / "cat.jpg").read_bytes()})

    assert answer["label"] == "cat"
    assert other.status_code == 200
    assert {entry["label"] for entry in answer["confidences"]} == {tag["tag"] for tag in other.json()["hashtags"]}


def test_its_code_is_its_own(running: Server, space: Path) -> None:
    # From the folder that was assembled: nothing of the repository is in its way.
    modules = subprocess.run(
        [sys.executable, "-c", "import hashstagram; print(hashstagram.__file__)"],
        cwd=space,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert Path(modules.strip()).is_relative_to(space)
    assert Path(f"/proc/{running.process.pid}/cwd").resolve() == space
    assert "Traceback" not in running.said()


def test_hugging_face_may_show_it(running: Server) -> None:
    policy = running.get("/").headers["content-security-policy"]

    assert policy.endswith("frame-ancestors https://huggingface.co https://*.hf.space")


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.odt").write_text("chapter 1")
    refused = assemble(tmp_path)

    assert refused.returncode == 1
    assert "is there and not an empty folder. Name another one." in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.odt"]


def test_it_must_agree_with_itself_on_gradio(tmp_path: Path) -> None:
    project = tmp_path / "project"
    script = project / "deploy" / "space" / "assemble.py"
    script.parent.mkdir(parents=True)
    script.write_bytes(SCRIPT.read_bytes())
    (project / "README.md").write_text("---\nsdk: gradio\nsdk_version: 5.0.0\n---\n")
    (project / "requirements.txt").write_text("gradio==6.31.0\n")
    refused = assemble(tmp_path / "out", script)

    assert refused.returncode == 1
    assert refused.stderr == (
        "README.md asks a Space for Gradio 5.0.0, and requirements.txt pins 6.31.0. Make them the same.\n"
    )
