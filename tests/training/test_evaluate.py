"""What a model is worth, beside who never looks."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hashstagram.vocabulary import Vocabulary
from training import metrics
from training.dataset import Posts, read_posts
from training.evaluate import main, model_scores, popularity_scores, report, score_sets, score_sources, table

BROKEN = "instagram_dataset/sun/image_3.jpg"


def _posts() -> Posts:
    """Ten training photos of seven tags, and four val photos, one of them of a gap source."""
    train = [{0}, {0}, {0}, {0, 1}, {1}, {1, 2}, {2}, {3}, {4, 3}, {3, 0}]
    val = [{0}, {1, 3}, {5, 6, 0, 1}, {4, 6}]
    tags = np.array([[tag in photo for tag in range(8)] for photo in [*train, *val]])
    return Posts(
        root=Path("nowhere"),
        photos=tuple(f"{number}.jpg" for number in range(14)),
        tags=tags,
        sources=np.array(["pp_clothing"] * 10 + ["coco128", "pp_clothing", "coco128", "gap_life"]),
        groups=np.arange(14),
        split=np.array(["train"] * 10 + ["val"] * 4),
        vocabulary=Vocabulary(tuple("abcdefgh")),
        readable=np.ones(14, dtype=np.bool_),
    )


def _values(entry: dict[str, Any]) -> list[float]:
    names = ("precision_at_1", "precision_at_5", "recall_at_5", "accuracy_at_5")
    return [entry[name].value for name in names]


def test_popularity_worked_by_hand() -> None:
    # In training: tag 0 five times, tags 1 and 3 thrice, tag 2 twice, tag 4 once, 5 and 6 never; 7 occurs nowhere.
    # So everybody gets 0, 1, 3, 2, 4.
    posts = _posts()
    scores = popularity_scores(posts)
    assert scores.shape == (4, 7)
    assert scores[0] == pytest.approx([0.5, 0.3, 0.2, 0.3, 0.1, 0, 0])
    sets = score_sets(scores, posts)
    # Val: {0}: 1 of 1; {1, 3}: 2 of 2, not first; {0, 1, 5, 6}: 2 of 4; {4, 6}, the gap source: 1 of 2.
    assert _values(sets["main"]) == pytest.approx([2 / 3, (1 + 2 + 2) / 15, (1 + 1 + 1 / 2) / 3, 1])
    assert _values(sets["wild"]) == pytest.approx([1, 3 / 10, 3 / 4, 1])
    assert _values(sets["gap"]) == pytest.approx([0, 1 / 5, 1 / 2, 1])
    assert _values(sets["all"]) == pytest.approx([1 / 2, 6 / 20, 3 / 4, 1])
    assert [sets[name]["photos"] for name in ("main", "wild", "gap", "all")] == [3, 2, 1, 4]


def test_popularity_is_counted_on_training_photos_only(photos_folder: Path) -> None:
    posts = read_posts(photos_folder)
    before = popularity_scores(posts)
    posts.tags[posts.split == "val"] = ~posts.tags[posts.split == "val"] & posts.tags.any(axis=0)
    assert np.array_equal(popularity_scores(posts), before)


def test_scores_belong_to_the_photo_in_their_row() -> None:
    posts = _posts()
    perfect = posts.tags[10:, posts.visible] + np.linspace(0.1, 0, 7)
    for name, entry in score_sets(perfect, posts).items():
        assert _values(entry)[2:] == [1, 1], name
    assert score_sources(perfect, posts) == {
        "coco128": {"photos": 2, "precision_at_1": 1.0, "recall_at_5": 1.0},
        "gap_life": {"photos": 1, "precision_at_1": 1.0, "recall_at_5": 1.0},
        "pp_clothing": {"photos": 1, "precision_at_1": 1.0, "recall_at_5": 1.0},
    }
    assert score_sources(perfect[::-1], posts)["gap_life"]["recall_at_5"] == 0.5


def test_a_set_without_photos_is_left_out() -> None:
    posts = _posts()
    posts.sources[:] = "gap_life"
    posts.sources[13] = "pp_clothing"
    assert list(score_sets(popularity_scores(posts), posts)) == ["main", "gap", "all"]


def test_table_has_a_row_for_each_set_and_model() -> None:
    posts = _posts()
    sets = score_sets(popularity_scores(posts), posts)
    lines = table({"popularity": sets, "vgg16": sets}).splitlines()
    assert len(lines) == 2 + 4 * 2
    assert lines[2].startswith("| val without the gap sources | 3 | popularity | 66.7 [")
    assert lines[3].startswith("| val without the gap sources | 3 | vgg16 | 66.7 [")
    # No tag has ten positives among these few.
    assert lines[2].endswith("| – |")


def test_command_scores_the_baseline_without_a_photo(
    harrison_download: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("data_list.txt", "tag_list.txt", "vocab_index.txt"):
        (tmp_path / name).write_bytes((harrison_download / name).read_bytes())
    arguments = ["--data", str(tmp_path), "--baseline", "popularity", "--json", str(tmp_path / "figures.json")]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "| all val | 8 | popularity |" in printed
    figures = json.loads((tmp_path / "figures.json").read_text())
    posts = read_posts(tmp_path)
    assert figures == report({"popularity": score_sets(popularity_scores(posts), posts)})
    value = figures["popularity"]["all"]["recall_at_5"]
    assert value["low"] <= value["value"] <= value["high"]


def test_a_model_is_asked_as_everybody_asks_it(published: Path, prepared: Any) -> None:
    from hashstagram import load_model

    posts = prepared.posts
    scores = model_scores("alexnet", published, posts, batch=5)
    val = np.flatnonzero(posts.split == "val")
    assert scores.shape == (len(val), len(posts.visible))
    recommender = load_model("alexnet", weights=published)
    for place in (0, 6, 23):
        alone = recommender.probabilities([posts.root / posts.photos[val[place]]])[0, posts.visible]
        assert np.allclose(scores[place], alone, atol=1e-4)


def test_broken_val_photos_are_named_or_left_out_as_training_did(
    published: Path, harrison_download: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    posts = read_posts(harrison_download)
    val = np.random.RandomState(42).permutation(40)[:8]
    broken = posts.photos[val[0]]
    root = tmp_path / "harrison"
    root.mkdir()
    for name in ("data_list.txt", "tag_list.txt", "vocab_index.txt"):
        (root / name).write_bytes((harrison_download / name).read_bytes())
    for photo in posts.photos:
        (root / photo).parent.mkdir(parents=True, exist_ok=True)
        (root / photo).write_bytes((harrison_download / photo).read_bytes() if photo != broken else b"")
    arguments = ["--data", str(root), "--weights", str(published), "--model", "alexnet"]
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert f"{root / broken}: This file is empty" in said or f"{root / BROKEN}: " in said
    assert "name its cache with --cache" in said
    assert main([*arguments, "--cache", str(tmp_path / "cache")]) == 0
    readable = 8 - len({broken, BROKEN} & {posts.photos[row] for row in val})
    assert f"| all val | {readable} | alexnet |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "DATA", "--model", "alexnett"], "'alexnett' is not a model. Did you mean alexnet"),
        (["--data", "DATA", "--weights", "nowhere"], "The weight folder nowhere does not exist"),
        (["--data", "nowhere"], "nowhere has no vocab_index.txt"),
    ],
)
def test_command_says_what_is_wrong(
    options: list[str], message: str, published: Path, photos_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(photos_folder) if option == "DATA" else option for option in options]
    assert main(["--weights", str(published), *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_model_for_other_tags_is_refused(
    published: Path, photos_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = photos_copy / "vocab_index.txt"
    path.write_text(path.read_text().replace("friend 1\n", "companion 1\n"))
    assert main(["--data", str(photos_copy), "--weights", str(published)]) == 2
    assert "vocabulary is not that of the weights" in capsys.readouterr().err


def test_a_perfect_ranking_is_scored_by_scikit_learns_mean() -> None:
    labels = np.zeros((30, 6), dtype=np.bool_)
    labels[:12, 0] = labels[12:, 1] = True
    assert metrics.mean_average_precision(labels.astype(float), labels) == (1.0, 2)
