"""Near-synonyms: which tags say nearly the same, on posts where that is known; and what heeding them costs."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_posts import made_posts
from numpy.typing import NDArray

from hashstagram.vocabulary import Vocabulary
from hashstagram.weights import Manifest, load_vocabulary
from training import synonyms
from training.dataset import Posts
from training.synonyms import agreement, groups, learn, main, together
from training.variety import cost

# What people write, by subject.
SUBJECTS = {
    "sea": ["sea", "ocean", "beach", "wave", "sand"],
    "dog": ["dog", "pet", "puppy", "walk", "seadog"],
    "cat": ["cat", "pet", "kitten", "sofa", "sleep"],
    "cup": ["coffee", "kaffee", "morning", "cafe", "break"],
    "art": ["drawing", "sketch", "pencil", "paper", "gallery"],
    "car": ["car", "road", "engine", "drive", "wheel"],
}
TAGS = sorted({tag for tags in SUBJECTS.values() for tag in tags})


def _row(tags: list[str]) -> NDArray[np.bool_]:
    return np.isin(TAGS, tags)


def _written(count: int = 6000) -> Posts:
    """Posts of one subject each, and now and then a tag of another."""
    random = np.random.default_rng(1)
    posts = []
    for number in range(count):
        tags = list(SUBJECTS.values())[number % len(SUBJECTS)]
        # Each subject has two that come with whatever else is written, and three that exclude each other.
        written = [tag for tag in tags[:2] if random.random() < 0.6]
        written += [str(random.choice(tags[2:])), str(random.choice(TAGS))]
        posts.append(_row(written))
    return made_posts(np.array(posts), vocabulary=Vocabulary(tuple(TAGS)))


def _photographed() -> Posts:
    """Photos with sea and ocean always together, and dogs and cats that are pets."""
    shown = [["sea", "ocean"], ["dog", "pet"], ["cat", "pet"], ["car", "road"], ["car"], ["beach", "sea", "ocean"]]
    rows = [_row(shown[number % len(shown)]) for number in range(300)]
    return made_posts(np.array(rows), vocabulary=Vocabulary(tuple(TAGS)))


def _named(found: list[list[int]]) -> set[frozenset[str]]:
    return {frozenset(TAGS[tag] for tag in group) for group in found}


def test_synonyms_are_found_and_what_is_only_seen_together_is_not() -> None:
    found, how = learn(_written(), _photographed())

    # By the photos, though posts with one need not have the other.
    assert frozenset({"sea", "ocean"}) in _named(found)
    # By the posts; half of those that could hardly be more alike are left out, so as to find few that are not.
    by_posts = {frozenset({"coffee", "kaffee"}), frozenset({"drawing", "sketch"})}
    assert _named(found) & by_posts
    # A dog is a pet, but a pet may be a cat; cars are on roads, but photos show one without the other.
    assert _named(found) <= {frozenset({"sea", "ocean"}), *by_posts}
    assert 0.5 < how["least_agreement"]["photos"] < how["least_agreement"]["posts"] < 1.1
    assert how["train_posts"] + how["held_out_posts"] == 6000


def test_posts_must_not_speak_against_what_photos_show_together() -> None:
    # Whoever took these photos had the car washed by the sea; the posts know better.
    rows = [_row(["sea", "car"]) for _ in range(50)]
    photos = made_posts(np.array(rows), vocabulary=Vocabulary(tuple(TAGS)))
    assert not [group for group in _named(learn(_written(), photos)[0]) if group >= {"sea", "car"}]


def test_the_least_of_both_ways_counts() -> None:
    tags = np.array([[True, True], [True, False], [True, True], [True, False]])
    assert together(tags, 1)[0, 1] == together(tags, 1)[1, 0] == 0.5
    assert not together(tags, 3)[0, 1]


def test_a_group_is_as_alike_as_its_members_are_on_the_whole() -> None:
    similarity = np.eye(5)
    for (a, b), alike in {(0, 1): 0.9, (1, 2): 0.85, (0, 2): 0.76, (2, 3): 0.9}.items():
        similarity[a, b] = similarity[b, a] = alike
    # 3 is like 2 alone, so they do not make one group of four.
    assert groups(similarity, 0.8) in ([[0, 1, 2]], [[0, 1], [2, 3]])
    assert groups(np.eye(3), 0.8) == []


def test_agreement_does_not_see_how_often_tags_come() -> None:
    posts = _written().tags
    # Nine of ten posts with the one word lose it: it is as much a synonym as before.
    rare = posts.copy()
    rare[np.random.default_rng(2).random(len(rare)) < 0.8, TAGS.index("kaffee")] = False
    pairs, _ = agreement(rare[:4800], rare[4800:])
    coffee = TAGS.index("coffee")
    assert pairs[coffee, TAGS.index("kaffee")] > 0.8
    assert pairs[coffee, TAGS.index("drawing")] < 0.5


def test_the_command_writes_the_list_and_the_folder_knows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(synonyms, "read_posts", lambda root: _written() if root.name == "harrison" else _photographed())
    (tmp_path / "vocabulary.txt").write_text("\n".join(TAGS))
    command = ["--harrison", "harrison", "--data", "photos", "--weights", str(tmp_path)]
    for _ in range(2):  # again, over what is there
        assert main(command) == 0
    manifest = Manifest.load(tmp_path)
    vocabulary = load_vocabulary(tmp_path, manifest)
    assert {frozenset(group) for group in vocabulary.synonyms} >= {frozenset({"sea", "ocean"})}
    assert (tmp_path / "synonyms.txt").read_text() in capsys.readouterr().out
    assert manifest.vocabulary.synonyms is not None
    assert manifest.vocabulary.synonyms.training["command"].startswith("python -m training.synonyms --harrison")

    (tmp_path / "vocabulary.txt").write_text("\n".join(TAGS[::-1]))
    (tmp_path / "manifest.json").unlink()
    assert main(command) == 2
    assert "has another vocabulary" in capsys.readouterr().err


def test_the_cost_is_what_near_synonyms_were_worth(published: Path, prepared: Any, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(published, tmp_path / "weights"))
    # All of them are on a third of the photos, and no more than two of them may come.
    (folder / "synonyms.txt").write_text("nature snow travel mountain landscape\n")
    models = Manifest.load(folder)
    lists = [folder / name for name in ("vocabulary.txt", "platform_tags.txt", "synonyms.txt")]
    models.with_synonyms(Manifest.start(*lists).vocabulary.synonyms).save(folder)

    found = cost(folder, ["efficientnet_lite"], prepared.posts)["efficientnet_lite.tiny_v1"]

    assert found["photos"] == 24
    assert 0 < found["changed"] <= 1
    for metric in ("precision_at_5", "recall_at_5"):
        lost = found["with"][metric]["value"] - found["without"][metric]["value"]
        assert lost == pytest.approx(found["difference"][metric]["value"], abs=2e-4)
        # Networks as small as these are wrong so often that it may be a gain.
        assert lost
