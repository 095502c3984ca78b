"""Every text in every language, and who gets which."""

import ast
import json
import re
import string
from pathlib import Path
from typing import Any

import pytest
from serving import ROOT

from hashstagram.web import languages, texts
from hashstagram.web.languages import LANGUAGES, negotiated

OTHERS = LANGUAGES[1:]
PACKAGE = ROOT / "hashstagram"
# Where the sentences of errors that visitors get stand.
SPEAKERS = ("photos.py", "headers.py", "choice.py", "vocabulary.py", "web/service.py", "web/calls.py")
KINDS = ("PhotoError", "PhotoTooLarge", "PhotoUnsupported", "PhotoBroken", "SettingError", "Refusal")
# What these say is for whoever runs the server, or for programmers.
BEHIND = ("Limits", "_whole_number", "open_photo", "to_tensor", "_choose", "renamed", "from_environment")


def raised(path: Path) -> list[ast.expr]:
    """The first arguments of the errors that a module makes for visitors."""
    found = []

    def walk(node: ast.AST) -> None:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name in BEHIND:
            return
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS and node.args:
            found.append(node.args[0])
        for child in ast.iter_child_nodes(node):
            walk(child)

    walk(ast.parse(path.read_text(encoding="utf-8")))
    return found


def sentences() -> dict[str, None]:
    """All English texts that a visitor can get, in the order in which they stand."""
    found: list[str] = []
    for name, value in vars(texts).items():
        if name.isupper() and name not in (*texts.ENGLISH, "ENGLISH"):
            found += value.values() if isinstance(value, dict) else [value]
    manifest = json.loads((ROOT / "weights" / "manifest.json").read_text(encoding="utf-8"))
    found += [model["description"] for model in manifest["models"]]
    found += [example.stem.capitalize() for example in sorted((ROOT / "examples").glob("*.jpg"))]
    for speaker in SPEAKERS:
        found += [
            argument.value
            for argument in raised(PACKAGE / speaker)
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
        ]
    return dict.fromkeys(found)


def table(language: str) -> dict[str, str]:
    content: dict[str, str] = json.loads(
        (PACKAGE / "web" / "translations" / f"{language}.json").read_text(encoding="utf-8")
    )
    return content


def places(sentence: str) -> list[tuple[str, str | None, str | None]]:
    return sorted(
        (name, spec, conversion)
        for _, name, spec, conversion in string.Formatter().parse(sentence)
        if name is not None
    )


@pytest.mark.parametrize("language", OTHERS)
def test_everything_is_said_in_every_language(language: str) -> None:
    known = table(language)

    missing = [sentence for sentence in sentences() if sentence not in known]
    stale = [sentence for sentence in known if sentence not in sentences()]

    assert missing == [], f"translations/{language}.json lacks what is said."
    assert stale == [], f"translations/{language}.json has what nobody says."


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_has_the_same_places_links_and_lines(language: str) -> None:
    for english, other in table(language).items():
        assert places(other) == places(english)
        assert sorted(re.findall(r"\]\((.*?)\)|(`.*?`)", other)) == sorted(re.findall(r"\]\((.*?)\)|(`.*?`)", english))
        assert other.strip() == other or english.strip() != english
        assert re.findall(r"^#+ ", other, re.MULTILINE) == re.findall(r"^#+ ", english, re.MULTILINE)
