"""One choice gives the same hashtags by the library, over HTTP and on the command line, whatever is set in it."""

import dataclasses
import json
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
from serving import Server, StartServer

from hashstagram import Choice, Recommender, load_model
from hashstagram.tagging import command_line
from hashstagram.weights import Manifest

# Each field of a choice, set so that the answer changes.
SETTINGS: dict[str, dict[str, Any]] = {
    "top_k": {"top_k": 9},
    "min_confidence": {"min_confidence": 0.6},
    "exclude": {"exclude": ["meer", "#Sunset"]},
    "always": {"always": ["하늘", "daytime"]},
    "platform_tags": {"platform_tags": True, "top_k": 30, "companions": 15},
    "companions": {"companions": 0},
    "variety": {"variety": False},
}
TOGETHER = {
    "top_k": 12,
    "min_confidence": 0.1,
    "exclude": ["meer", "friend"],
    "always": ["daytime", "wedding"],
    "platform_tags": True,
    "companions": 4,
}


@pytest.fixture(scope="module")
def folder(small_weights: Path, tmp_path_factory: pytest.TempPathFactory, jpeg: Path) -> Path:
    """Weights with near-synonyms, among which are the surest tags of the photo, and a file of names."""
    folder = tmp_path_factory.mktemp("road") / "weights"
    shutil.copytree(small_weights, folder)
    surest = load_model(weights=small_weights, device="cpu").recommend(jpeg, Choice(companions=0, top_k=4))
    (folder / "synonyms.txt").write_text(" ".join(hashtag.tag for hashtag in surest))
    lists = Manifest.start(*(folder / name for name in ("vocabulary.txt", "platform_tags.txt", "synonyms.txt")))
    Manifest.load(folder).with_synonyms(lists.vocabulary.synonyms).save(folder)
    (folder / "names.txt").write_text(f"sea: meer\n{surest[0].tag}: meer\nsky: 하늘\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def road_server(start_server: StartServer, folder: Path) -> Server:
    return start_server(folder, HASHSTAGRAM_MODELS="hashnet", HASHSTAGRAM_RENAMES=str(folder / "names.txt"))


@pytest.fixture(scope="module")
def recommender(folder: Path) -> Recommender:
    return load_model(weights=folder, renames=folder / "names.txt")


def _form(settings: dict[str, Any]) -> dict[str, str]:
    """The settings as the form of a page sends them."""
    return {
        name: " ".join(value) if isinstance(value, list) else str(value).lower() for name, value in settings.items()
    }


def _arguments(settings: dict[str, Any]) -> list[str]:
    arguments = []
    for name, value in settings.items():
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            arguments.append(option if value else f"--no-{option[2:]}")
        else:
            arguments.append(f"{option}={','.join(value) if isinstance(value, list) else value}")
    return arguments


def _plain(hashtags: Collection[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(hashtag["tag"], hashtag["kind"]) for hashtag in hashtags]


def test_every_field_of_a_choice_is_set_here() -> None:
    assert list(SETTINGS) == [field.name for field in dataclasses.fields(Choice)]


@pytest.mark.parametrize("settings", [*SETTINGS.values(), TOGETHER], ids=[*SETTINGS, "together"])
def test_all_ways_give_the_same(
    road_server: Server,
    recommender: Recommender,
    folder: Path,
    jpeg: Path,
    settings: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    expected = recommender.recommend(jpeg, Choice(**settings))
    assert expected != recommender.recommend(jpeg), "this photo does not tell whether the setting counts"

    answer = road_server.post("/api/v1/hashtags", files={"photo": jpeg.read_bytes()}, data=_form(settings)).json()
    assert _plain(answer["hashtags"]) == [(hashtag.tag, hashtag.kind) for hashtag in expected]

    monkeypatch.setenv("HASHSTAGRAM_WEIGHTS", str(folder))
    monkeypatch.setenv("HASHSTAGRAM_RENAMES", str(folder / "names.txt"))
    assert command_line.main(["tag", str(jpeg), "--format", "jsonl", *_arguments(settings)]) == 0
    line = json.loads(capsys.readouterr().out)
    assert _plain(line["hashtags"]) == _plain(answer["hashtags"])
    assert [hashtag["confidence"] for hashtag in answer["hashtags"]] == pytest.approx(
        [hashtag.confidence for hashtag in expected], abs=1e-4
    )
