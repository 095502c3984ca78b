"""Companions: which tags people write with what is seen, on posts where that is known."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_posts import made_posts
from numpy.typing import NDArray
from torch import nn

from hashstagram.companions import load_companions
from hashstagram.weights import Manifest, load_vocabulary
from training import companions
from training.companions import implications, main, noisy_or, noisy_or_scores, publish, tensors_of, train_and_score
from training.dataset import Posts

INPUTS, OUTPUTS = 12, 48


Learned = tuple[dict[str, NDArray[Any]], dict[str, Any]]


def _written(count: int = 2500) -> Posts:
    """Posts with one or two seen tags, each bringing its own two of the others along; popular ones come anyway."""
    random = np.random.default_rng(0)
    tags = np.zeros((count, INPUTS + OUTPUTS), dtype=np.bool_)
    for post in tags:
        for seen in random.choice(INPUTS, size=random.integers(0, 3), replace=False):
            post[seen] = True
            for companion in (2 * seen, 2 * seen + 1):
                post[INPUTS + companion] |= random.random() < 0.6
        post[INPUTS + 24 :] |= random.random(24) < np.linspace(0.12, 0.01, 24)
    return made_posts(tags)


def _photographed() -> Posts:
    """Photos that show the tags 0 to 11, one each; where 1 is, 0 is too."""
    tags = np.zeros((240, INPUTS + OUTPUTS), dtype=np.bool_)
    tags[np.arange(240), np.arange(240) % INPUTS] = True
    tags[tags[:, 1], 0] = True
    return made_posts(tags)


@pytest.fixture(scope="module")
def learned() -> Learned:
    return train_and_score(_written(), _photographed())


def test_implications_worked_by_hand() -> None:
    # Tags: dog, animal, pet, sea, ocean, and rare, which is always with animal but on too few photos to tell.
    photos = [{0, 1, 2}] * 19 + [{0, 1}] + [{1, 2}] * 5 + [{1}] * 20 + [{3, 4}] * 30 + [{1, 5}] * 11
    tags = np.array([[tag in photo for tag in range(6)] for photo in photos])
    implied = {(int(source), int(tag)) for source, tag in np.argwhere(implications(tags))}
    # 19 of 20 dogs are called pets; 19 of 24 pets are dogs, which is no rule; sea and ocean are two words for one.
    assert implied == {(0, 1), (0, 2), (2, 1)}


def test_noisy_or_worked_by_hand() -> None:
    # Ten posts; tag a is seen in two of them, b in one; the one output is written in four, once with a, once with b.
    seen: NDArray[np.bool_] = np.zeros((10, 2), dtype=np.bool_)
    written: NDArray[np.bool_] = np.zeros((10, 1), dtype=np.bool_)
    seen[:2, 0] = seen[0, 1] = True
    written[[0, 5, 6, 7], 0] = True
    given, base = noisy_or(seen, written)
    assert base.tolist() == [0.4]
    assert given[:, 0] == pytest.approx([(1 + 4) / 12, (1 + 4) / 11])
    scores = noisy_or_scores(np.array([[True, True], [False, True], [False, False]]), given)
    assert scores[:, 0] == pytest.approx([1 - (7 / 12) * (6 / 11), 5 / 11, 0])


def test_the_layer_knows_more_than_popularity(learned: Learned) -> None:
    _, results = learned
    recall = {name: results[name]["recall_at_5"]["value"] for name in ("popularity", "noisy_or", "layer")}
    assert recall["layer"] > recall["popularity"] + 0.1
    assert recall["layer"] > recall["noisy_or"] - 0.05
    assert results["ece"] < 0.1


def test_only_held_out_posts_with_both_kinds_of_tags_are_scored(learned: Learned) -> None:
    posts = _written()
    order = np.arange(len(posts))
    np.random.RandomState(42).shuffle(order)
    val = order[:500]
    both = posts.tags[val, :INPUTS].any(axis=1) & posts.tags[val, INPUTS:].any(axis=1)
    _, results = learned
    assert results["posts"] == int(both.sum())
    assert results["train_posts"] == int(posts.tags[order[500:], :INPUTS].any(axis=1).sum())


def test_the_seed_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(companions, "EPOCHS", 1)
    seen, written = torch.eye(12).repeat(10, 1), torch.eye(12).repeat(10, 1)
    first, again, other = (tensors_of(companions.fit(seen, written, seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["output.weight"], other["output.weight"])


def test_implications_come_from_the_training_photos_and_are_published(learned: Learned) -> None:
    tensors, _ = learned
    assert np.argwhere(tensors["implied"]).tolist() == [[1, 0]]
    assert {name: tensor.shape for name, tensor in tensors.items()} == {
        "implied": (INPUTS, INPUTS),
        "hidden.weight": (companions.WIDTH, INPUTS),
        "hidden.bias": (companions.WIDTH,),
        "output.weight": (OUTPUTS, companions.WIDTH),
        "output.bias": (OUTPUTS,),
    }


def test_what_is_published_is_what_the_library_computes(empty_weights: Path) -> None:
    visible = np.array([2, 5, 30, 500])
    torch.manual_seed(3)
    layer = nn.Sequential(nn.Dropout(0.1), nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 993)).eval()
    implied = np.zeros((4, 4), dtype=np.float32)
    implied[0, 3] = 1
    publish({**tensors_of(layer), "implied": implied}, {"posts": 7}, visible, empty_weights, "tiny_v1")
    manifest = Manifest.load(empty_weights)
    record = manifest.companions
    assert record is not None
    vocabulary = load_vocabulary(empty_weights, manifest)
    assert record.id == "companions.tiny_v1"
    assert record.inputs == tuple(vocabulary.tags[index] for index in visible)
    assert len(record.outputs) == 993
    assert not set(record.inputs) & set(record.outputs)
    assert record.metrics == {"posts": 7}
    probabilities = np.random.default_rng(0).random(997, dtype=np.float32)
    probabilities[500] = 0.9
    seen = torch.from_numpy(probabilities[visible])
    seen[3] -= seen[0]
    with torch.inference_mode():
        expected = torch.sigmoid(layer(seen[None]))[0].numpy()
    found = load_companions(empty_weights, record, vocabulary).probabilities(probabilities)
    others = np.setdiff1d(np.arange(997), visible)
    assert np.allclose(found[others], expected, atol=2e-3)
    assert not found[visible].any()


def test_command_learns_from_posts_and_publishes(
    harrison_download: Path,
    photos_folder: Path,
    empty_weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Each post has one of two tags that the photos do not show.
    posts = tmp_path / "posts"
    posts.mkdir()
    for name in ("data_list.txt", "vocab_index.txt"):
        (posts / name).write_bytes((harrison_download / name).read_bytes())
    lines = (harrison_download / "tag_list.txt").read_text().splitlines()
    (posts / "tag_list.txt").write_text("".join(f"{line}{('love', 'beach')[n % 2]}\n" for n, line in enumerate(lines)))
    arguments = ["--harrison", str(posts), "--data", str(photos_folder), "--weights", str(empty_weights)]
    assert main(arguments) == 0
    assert "8 posts, ECE " in capsys.readouterr().out
    record = Manifest.load(empty_weights).companions
    assert record is not None
    assert record.metrics["layer"]["recall_at_5"]["value"] == 1
    assert len(record.inputs) == 12


def test_command_refuses_posts_with_other_tags(
    harrison_download: Path, photos_copy: Path, empty_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = photos_copy / "vocab_index.txt"
    path.write_text(path.read_text().replace("friend 1\n", "companion 1\n"))
    arguments = ["--harrison", str(harrison_download), "--data", str(photos_copy), "--weights", str(empty_weights)]
    assert main(arguments) == 2
    assert "have different vocabularies" in capsys.readouterr().err
