"""The README's examples for programs, against the program as it is served."""

import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import httpx
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
ADDRESS = "http://127.0.0.1:7860"


class Served(Protocol):
    """What these tests need of a running server: where it is."""

    @property
    def url(self) -> str: ...


@pytest.fixture
def beach(tmp_path: Path) -> Path:
    """A photo under the name that the README uses."""
    photo = tmp_path / "beach.jpg"
    photo.write_bytes((ROOT / "examples" / "tower.jpg").read_bytes())
    return photo


def example(language: str, word: str) -> str:
    """The README's one code block of a language that has a word in it."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    (found,) = (str(block) for block in blocks if word in block)
    assert ADDRESS in found
    return found


def test_the_curl_example_answers(server: Served, beach: Path) -> None:
    # Said with httpx: a machine without curl is to run this too.
    words = shlex.split(example("sh", "curl").replace(ADDRESS, server.url))
    fields = dict(field.split("=", 1) for option, field in pairwise(words) if option == "-F")
    photo = beach.parent / fields.pop("photo").removeprefix("@")
    answer = httpx.post(words[-1], files={"photo": photo.read_bytes()}, data=fields, timeout=60)

    assert answer.status_code == 200, answer.text
    assert answer.json()["model"] == fields["model"]
    assert len(answer.json()["hashtags"]) == int(fields["top_k"])


def test_the_gradio_example_prints_five_hashtags(server: Served, beach: Path) -> None:
    program = example("python", "gradio_client").replace(ADDRESS, server.url)
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=beach.parent, capture_output=True, text=True, timeout=120, check=False
    )

    assert run.returncode == 0, run.stderr
    lines = [line for line in run.stdout.splitlines() if not line.startswith("Loaded as API")]
    assert len(lines) == 5
    assert all(re.fullmatch(r"\S+ [01]\.\d+", line) for line in lines), lines
