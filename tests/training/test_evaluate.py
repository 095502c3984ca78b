"""What a model is worth, beside who never looks."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_posts import made_posts

from hashstagram.vocabulary import Vocabulary
from training import metrics
from training.dataset import Posts, read_posts
from training.evaluate import (
    ceiling_scores,
    legacy_sets,
    main,
    model_scores,
    per_photo_sets,
    popularity_scores,
    report,
    score_sets,
    score_sources,
    score_tags,
)
from training.split import split_sha256

BROKEN = "instagram_dataset/sun/image_3.jpg"


def _posts() -> Posts:
    """Ten training photos of seven tags, and four val photos, one of them of a gap source."""
    train = [{0}, {0}, {0}, {0, 1}, {1}, {1, 2}, {2}, {3}, {4, 3}, {3, 0}]
    val = [{0}, {1, 3}, {5, 6, 0, 1}, {4, 6}]
    tags = np.array([[tag in photo for tag in range(8)] for photo in [*train, *val]])
    return made_posts(
        tags,
        sources=np.array(["pp_clothing"] * 10 + ["coco128", "pp_clothing", "coco128", "gap_life"]),
        split=np.array(["train"] * 10 + ["val"] * 4),
        vocabulary=Vocabulary(tuple("abcdefgh")),
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


def test_ceiling_worked_by_hand() -> None:
    posts = _posts()
    # Val has 1, 2, 4 and, of the gap source, 2 tags: all of them found, among five.
    sets = score_sets(ceiling_scores(posts), posts)
    assert _values(sets["main"]) == pytest.approx([1, 7 / 15, 1, 1])
    assert _values(sets["gap"]) == pytest.approx([1, 2 / 5, 1, 1])


def test_metrics_of_2018_worked_by_hand() -> None:
    posts = _posts()
    # Everybody gets 0, 1, 3, 2, 4. Recall as in the paper, as nobody has more than five tags; {4, 6} and all others
    # have a hit, if only on one of the zeros that fill the label vector's top five.
    sets = legacy_sets(popularity_scores(posts), posts)
    assert sets["all"]["photos"] == 4
    values = [sets["all"][name] for name in ("legacy_precision", "legacy_recall", "legacy_accuracy")]
    assert [value.value for value in values if isinstance(value, metrics.Estimate)] == pytest.approx([6 / 20, 3 / 4, 1])


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


def test_photos_without_a_tag_are_scored_nowhere() -> None:
    posts = _posts()
    posts.tags[11] = False  # the only val photo of its source
    scores = popularity_scores(posts)
    assert score_sets(scores, posts)["all"]["photos"] == 3
    assert list(score_sources(scores, posts)) == ["coco128", "gap_life"]
    assert per_photo_sets(scores, posts)["main"]["recall_at_5"].tolist() == [1.0, 0.5]


def test_tags_are_figured_in_the_photos_rows_and_by_name() -> None:
    posts = _posts()
    random = np.random.default_rng(0)
    many = replace(
        posts,
        photos=tuple(f"{number}.jpg" for number in range(1400)),
        tags=np.tile(posts.tags, (100, 1)),
        sources=np.tile(posts.sources, 100),
        groups=np.repeat(np.arange(100), 14),
        split=np.where(np.repeat(np.arange(100), 14) % 2 == 0, "train", "val"),
        readable=np.ones(1400, dtype=np.bool_),
    )
    scores = ceiling_scores(many) + random.uniform(0, 0.1, (700, 7))
    figures = score_tags(scores, many)
    assert [each.tag for each in figures] == list("abcdefg")
    # Per fourteen photos, tag by tag; all of them found, as nobody has more than five.
    assert [each.support for each in figures] == [50 * count for count in (7, 5, 2, 4, 2, 1, 2)]
    assert [each.recall_in_five for each in figures] == [1.0] * 7
    assert [(each.precision_by_threshold, each.recall_by_threshold) for each in figures] == [(1.0, 1.0)] * 7


def test_a_set_without_photos_is_left_out() -> None:
    posts = _posts()
    posts.sources[:] = "gap_life"
    posts.sources[13] = "pp_clothing"
    assert list(score_sets(popularity_scores(posts), posts)) == ["main", "gap", "all"]


def _small_harrison(folder: Path) -> Path:
    """Ten posts of seven tags in HARRISON's layout, without photos.

    numpy's seed 42 shuffles ten rows to 8, 1, 5, 0, 7, 2, 9, 4, 3, 6: val is rows 1 and 8.
    """
    tags = ["a b", "b g", "a", "a c", "b", "a e", "d", "c", "a b c d e f g", "b d"]
    (folder / "data_list.txt").write_text("".join(f"instagram_dataset/x/image_{row}.jpg\n" for row in range(10)))
    (folder / "tag_list.txt").write_text("".join(f"{line} \n" for line in tags))
    (folder / "vocab_index.txt").write_text("".join(f"{tag} {place}\n" for place, tag in enumerate("abcdefg")))
    return folder


def test_command_scores_the_baseline_and_the_ceiling_without_a_photo(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Train has a four times, b thrice, c twice, d twice, e once. So everybody gets a, b, c, d, e: of {b, g} one is
    # right, of all seven five, the first of them a.
    arguments = ["--data", str(_small_harrison(tmp_path)), "--baseline", "popularity", "--legacy-metrics"]
    assert main([*arguments, "--json", str(tmp_path / "figures.json")]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("protocol notebook: 8 training and 2 val photos, split ")
    assert "| all val | 2 | popularity | 50.00 [0.0, 100.0] | 60.00 [20.0, 100.0] | 60.71 [50.0, 71.4] |" in printed
    # Seven tags do not fit into five, two do not fill them.
    assert "| all val | 2 | label ceiling | 100.00 [100.0, 100.0] | 70.00 [40.0, 100.0] | 85.71 [" in printed
    # Recall of 2018: 1 of 2, and 5 of 5.
    assert "| all val | 2 | popularity | 60.00 [20.0, 100.0] | 75.00 [50.0, 100.0] | 100.00 [" in printed
    # HARRISON's photos are of one source.
    assert "| source |" not in printed
    figures = json.loads((tmp_path / "figures.json").read_text())
    posts = read_posts(tmp_path)
    assert figures["protocol"] == "notebook"
    assert figures["split_sha256"] == split_sha256(posts)
    assert figures["sets"]["popularity"] == report({"": score_sets(popularity_scores(posts), posts)})[""]
    assert figures["sets"]["label ceiling"]["all"]["recall_at_5"]["value"] == pytest.approx(6 / 7, abs=1e-4)
    assert figures["legacy"]["popularity"]["all"]["legacy_recall"]["value"] == 0.75


def test_command_divides_by_the_protocol_that_is_chosen(photos_copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--data", str(photos_copy), "--baseline", "popularity"]
    assert main(arguments) == 0
    assert capsys.readouterr().out.startswith("protocol own: 72 training and 24 val photos")
    # The pairs of near-duplicates would be torn apart.
    assert main([*arguments, "--protocol", "notebook"]) == 2
    assert "groups of near-duplicates have photos in train and in val" in capsys.readouterr().err
    (photos_copy / "index.csv").unlink()
    assert main([*arguments, "--protocol", "notebook"]) == 0
    assert capsys.readouterr().out.startswith("protocol notebook: 77 training and 19 val photos")
    assert main([*arguments, "--protocol", "paper"]) == 2
    assert "another list, of 96 photos" in capsys.readouterr().err


@pytest.mark.usefixtures("small_networks")
def test_command_compares_models_and_writes_each_tags_figures(
    published: Path, photos_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--data", str(photos_folder), "--weights", str(published), "--compare"]
    arguments += ["--model", "alexnet", "--model", "vgg16", "--json", str(tmp_path / "figures.json")]
    assert main([*arguments, "--per-tag", str(tmp_path / "tags.csv")]) == 0
    printed = capsys.readouterr().out
    assert "| source | n | popularity P@1 / R@5 | label ceiling P@1 / R@5 | alexnet P@1 / R@5 | vgg16" in printed
    assert "| val without the gap sources | 18 | alexnet − vgg16 | P@1 | " in printed
    figures = json.loads((tmp_path / "figures.json").read_text())
    for each in figures["differences"]:
        alexnet, vgg16 = (figures["sets"][each[side]][each["photos"]] for side in ("first", "second"))
        assert each["count"] == alexnet["photos"]
        expected = alexnet[each["metric"]]["value"] - vgg16[each["metric"]]["value"]
        assert each["difference"]["value"] == pytest.approx(expected, abs=2e-4)
    rows = (tmp_path / "tags.csv").read_text().splitlines()
    assert [sum(row.startswith(f"{model},") for row in rows) for model in ("alexnet", "vgg16")] == [12, 12]
    assert sum(row.startswith("alexnet,red,6,") for row in rows) == 1


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
        (["--data", "DATA", "--model", "alexnet", "--compare"], "--compare takes two models or more"),
        (["--data", "DATA", "--baseline", "popularity", "--compare"], "--compare takes two models or more"),
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
