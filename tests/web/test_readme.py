"""The README's examples for programs, against the program as it is served."""

import json
import re
from pathlib import Path

import pytest
from commanding import lacking, photographed, printed, run
from serving import ROOT, Server

from hashstagram.web.commands import ADDRESS, COMMANDS


def examples() -> list[tuple[str, str]]:
    """The README's code blocks that ask a server, with their languages."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [(language, code) for language, code in blocks if f"{ADDRESS}/" in code]


def test_there_are_examples_for_the_shell_for_python_and_for_javascript() -> None:
    assert {language for language, _ in examples()} == {"sh", "python", "js"}


@pytest.mark.parametrize(("language", "code"), examples(), ids=[language for language, _ in examples()])
def test_an_example_is_one_of_the_page_for_programs_and_answers(
    server: Server, tmp_path: Path, language: str, code: str
) -> None:
    if missing := lacking(language):
        pytest.skip(f"{missing}, which runs this example, is not installed")
    folder = photographed(tmp_path)
    done = run(language, code.replace(ADDRESS, server.url), folder)

    assert code in [command.text for command in COMMANDS]
    if language == "sh":
        assert len(json.loads(done.stdout)["hashtags"]) == 5
    else:
        assert len(printed(done)) == 5
