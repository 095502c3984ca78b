"""The mark of an order: the same for the same, another one for whatever could change a photo's hashtags."""

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import hashstagram
from hashstagram import Choice, SettingError
from hashstagram.tagging.order import Order

OTHER: dict[str, Any] = {
    "top_k": 6,
    "min_confidence": 0.1,
    "exclude": ["dog"],
    "always": ["dog"],
    "platform_tags": True,
    "companions": 1,
    "variety": not Choice().variety,
}


def mark(model: str | None = None, engine: str = "auto", **choice: Any) -> str:
    return Order.given(model, engine, Choice(**choice)).mark


def test_the_same_is_the_same() -> None:
    assert mark() == mark("hashnet") == mark("hashnet.small_v1")
    assert mark(exclude=["dog", "cat"]) == mark(exclude=["#Cat", "dog", "cat"])


def test_every_wish_counts() -> None:
    assert OTHER.keys() == {field.name for field in fields(Choice)}
    marks = [mark(), *(mark(**{name: value}) for name, value in OTHER.items())]

    assert len(set(marks)) == len(marks)
    assert mark(always=["dog", "cat"]) != mark(always=["cat", "dog"])


def test_model_engine_version_and_weights_count(
    weights_copy: Path,
    rewrite: Callable[[Path, bytes], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    marks = [mark(), mark("vgg16"), mark(engine="exact")]
    monkeypatch.setattr(hashstagram, "__version__", "99.0.0")
    marks.append(mark())
    monkeypatch.undo()
    monkeypatch.setenv("HASHSTAGRAM_WEIGHTS", str(weights_copy))
    manifest = json.loads((weights_copy / "manifest.json").read_text())
    # HashNet is a head over VGG16's trunk: a trunk that was trained again changes its answers, too.
    (trunk,) = (model for model in manifest["models"] if model["name"] == "vgg16")
    trunk["sha256"] = "0" * 64
    rewrite(weights_copy / "manifest.json", json.dumps(manifest).encode())
    marks.append(mark())

    assert len(set(marks)) == 5


def test_names_of_ones_own_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = mark()
    (tmp_path / "names.txt").write_text("dog: hund\n")
    monkeypatch.setenv("HASHSTAGRAM_RENAMES", str(tmp_path / "names.txt"))

    assert mark() != before


def test_what_does_not_exist_is_said_before_anything_is_loaded() -> None:
    with pytest.raises(SettingError, match="'vgg61' is not a model"):
        mark("vgg61")
    with pytest.raises(SettingError, match="'sunste' is not one of"):
        mark(exclude=["sunste"])
