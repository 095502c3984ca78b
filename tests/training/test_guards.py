"""What must not go unnoticed: a model that is told the answer."""

import numpy as np
import pytest
from made_posts import made_posts
from numpy.typing import NDArray

from hashstagram.errors import DataError
from training import metrics
from training.dataset import Posts
from training.guards import JumpGuard, check_control, shuffled_tags
from training.split import train_and_val

TAGS = 12


def _posts(count: int = 1000) -> Posts:
    """Photos of one to four tags, the first of the vocabulary the more frequent ones."""
    random = np.random.default_rng(6)
    tags = random.random((count, TAGS)) < np.linspace(0.4, 0.05, TAGS)
    tags[:, 0] |= ~tags.any(axis=1)
    return made_posts(tags, readable=np.arange(count) != 5)


def _learned(posts: Posts, seen: NDArray[np.float64]) -> dict[str, float]:
    """What least squares from what is seen in the photos to their tags reach on val."""
    train, val = train_and_val(posts)
    inputs = np.hstack([seen, np.ones((len(seen), 1))])
    weights = np.linalg.lstsq(inputs[train], posts.tags[train].astype(np.float64), rcond=None)[0]
    return metrics.Totals.of(inputs[val] @ weights, posts.tags[val]).means()


def test_shuffled_tags_are_those_of_other_training_photos() -> None:
    posts = _posts()
    before = posts.tags.copy()
    shuffled = shuffled_tags(posts, seed=1)
    train, val = train_and_val(posts)
    assert np.array_equal(posts.tags, before)
    assert np.array_equal(shuffled.tags[val], before[val])
    assert np.array_equal(shuffled.tags[5], before[5])  # it is not readable, and in neither
    assert not np.array_equal(shuffled.tags[train], before[train])
    # Each training photo's set of tags is given to exactly one.
    assert sorted(map(tuple, shuffled.tags[train].tolist())) == sorted(map(tuple, before[train].tolist()))
    assert np.array_equal(shuffled.tags, shuffled_tags(posts, seed=1).tags)
    assert not np.array_equal(shuffled.tags, shuffled_tags(posts, seed=2).tags)


def test_control_ends_at_popularity_level_where_nothing_leaks() -> None:
    posts = _posts()
    # What is seen tells the tags well, and yet nothing is learned from other photos' tags.
    seen = posts.tags + np.random.default_rng(0).normal(0, 0.3, posts.tags.shape)
    assert _learned(posts, seen)["precision_at_1"] > 0.85
    control = _learned(shuffled_tags(posts, seed=3), seen)
    assert control["precision_at_1"] < 0.5
    check_control(control, shuffled_tags(posts, seed=3))


def test_control_that_still_knows_is_refused() -> None:
    posts = _posts()
    shuffled = shuffled_tags(posts, seed=3)
    # The leak: what is given to the model is made from the tags that it is scored with.
    leaking = shuffled.tags + np.random.default_rng(0).normal(0, 0.3, posts.tags.shape)
    with pytest.raises(DataError, match=r"shuffled tags, the model reaches precision_at_1 0\.\d+ on val, where pop"):
        check_control(_learned(shuffled, leaking), shuffled)


def test_control_has_a_margin_as_wide_as_the_val_photos_are_few() -> None:
    posts = _posts()
    train, val = train_and_val(posts)
    popular = np.tile(metrics.popularity(posts.tags[train]), (len(val), 1))
    found = metrics.Totals.of(popular, posts.tags[val]).means()
    check_control(found, posts)
    check_control({**found, "recall_at_5": found["recall_at_5"] + 0.03}, posts)
    with pytest.raises(DataError, match="recall_at_5"):
        check_control({**found, "recall_at_5": found["recall_at_5"] + 0.15}, posts)


@pytest.mark.parametrize(
    "curve",
    [
        (0.42, 0.55, 0.62, 0.66, 0.68),
        (0.88, 0.89, 0.891, 0.9),
        # HARRISON, from less than popularity on.
        (0.002, 0.1, 0.17, 0.24, 0.28),
        # A head on good features, evaluated before it learned and after.
        (0.01, 0.6, 0.8),
        (0.42, 0.86, 0.88),
        # A few photos, all of them right at last.
        (0.7, 0.9, 1.0, 1.0),
        # A bad epoch, and back again.
        (0.8, 0.02, 0.81),
    ],
)
def test_honest_curves_go_through(curve: tuple[float, ...]) -> None:
    guard = JumpGuard()
    for value in curve:
        guard.check({"precision_at_1": value, "recall_at_5": 0.7 * value, "accuracy_at_5": 0.5})


@pytest.mark.parametrize(
    ("name", "curve"),
    [
        ("precision_at_1", (0.45, 0.97)),
        ("precision_at_1", (0.42, 0.44, 0.95)),
        ("recall_at_5", (0.09, 0.2, 0.21, 0.88)),
        ("recall_at_5", (0.0, 0.75)),
    ],
)
def test_a_leap_stops_the_run_and_names_the_usual_causes(name: str, curve: tuple[float, ...]) -> None:
    guard = JumpGuard()
    calm = {"precision_at_1": 0.5, "recall_at_5": 0.5}
    for value in curve[:-1]:
        guard.check({**calm, name: value})
    with pytest.raises(DataError, match=f"{name} rose from {curve[-2]:.3f} to {curve[-1]:.3f}.*Usual causes") as said:
        guard.check({**calm, name: curve[-1]})
    for cause in ("near-duplicates", "folders are named after them", "val photos in training", "code changed"):
        assert cause in str(said.value)


def test_the_factor_decides() -> None:
    # The odds rise from 1 to 3.
    first, second = ({"precision_at_1": value, "recall_at_5": 0.3} for value in (0.5, 0.75))
    for factor, stops in ((2.9, True), (3.1, False)):
        guard = JumpGuard(factor)
        guard.check(first)
        if stops:
            with pytest.raises(DataError, match=r"grew 3-fold, and more than 2\.9-fold"):
                guard.check(second)
        else:
            guard.check(second)
