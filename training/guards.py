"""What tells a good model from a leak: a control run on shuffled tags, and a stop when a metric leaps.

A training whose photos carry the tags of other photos can learn how frequent each tag is and nothing more; if it still
scores above popularity on val, val's tags reach the model by another way than the photo. And learning is gradual, so a
metric that leaps between two evaluations has more often been helped than earned.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from hashstagram.errors import DataError
from training import metrics
from training.dataset import Posts
from training.split import train_and_val

WATCHED = ("precision_at_1", "recall_at_5")

# Odds between these only: below, learning starts and any step is a large one; above, a few photos of a small val set
# make the difference.
LEAST, MOST = 0.1, 0.97


def shuffled_tags(posts: Posts, seed: int) -> Posts:
    """The posts with each training photo under the tags of another, drawn at random; val keeps its own.

    How frequent tags are, and which go together, stays. Whatever was learned from the true tags (the teacher's soft
    tags) has to be left out of the run or computed anew from these.
    """
    train, _ = train_and_val(posts)
    tags = posts.tags.copy()
    tags[train] = posts.tags[np.random.default_rng(seed).permutation(train)]
    return replace(posts, tags=tags)


def check_control(found: Mapping[str, float], posts: Posts) -> None:
    """Judge the val metrics of a run on `shuffled_tags`: at popularity level, or below where it was short.

    Raises DataError where P@1 or R@5 is more than 0.01 and four standard errors above popularity's on the same photos;
    the margin is wide because the run's best epoch was chosen on them.
    """
    train, val = train_and_val(posts)
    labels = posts.tags[val][:, posts.visible]
    labels = labels[labels.any(axis=1)]
    scores = np.tile(metrics.popularity(posts.tags[train][:, posts.visible]), (len(labels), 1))
    for name, values in metrics.per_photo(scores, labels).items():
        popular, margin = float(values.mean()), 0.01 + 4 * float(values.std()) / len(values) ** 0.5
        if name in WATCHED and found[name] > popular + margin:
            raise DataError(
                f"Trained on shuffled tags, the model reaches {name} {found[name]:.3f} on val, where popularity has "
                f"{popular:.3f} ± {margin:.3f}: the tags of val reach it by another way than the photo. Look for val "
                "photos in training, tags in the path, and soft tags or features computed from the true tags."
            )


def _odds(rate: float) -> float:
    rate = min(max(rate, LEAST), MOST)
    return rate / (1 - rate)


class JumpGuard:
    """Stops a run whose P@1 or R@5 leaps from one evaluation to the next.

    The leap is the ratio of the odds p / (1 - p) of an evaluation to those of the best before it, with p kept in
    0.1..0.97. Odds count alike at both ends, where differences of p do not: from 0.88 to 0.89 they rise 1.1-fold, from
    0.42 to 0.55 1.7-fold, from 0.45 to 0.97 40-fold. The first evaluation has nothing to be compared with.
    """

    def __init__(self, factor: float = 20.0) -> None:
        self.factor = factor
        self._best: dict[str, float] = {}

    def check(self, found: Mapping[str, float]) -> None:
        """Take an evaluation's metrics; a run that goes on gives those of its last epoch first.

        Raises DataError where one leaps by more than the factor.
        """
        for name in WATCHED:
            before, now = self._best.get(name, found[name]), found[name]
            if _odds(now) > self.factor * _odds(before):
                raise DataError(
                    f"{name} rose from {before:.3f} to {now:.3f} between two evaluations: its odds grew "
                    f"{_odds(now) / _odds(before):.0f}-fold, and more than {self.factor:g}-fold is not how networks "
                    "learn. Usual causes: near-duplicates of val photos in training, tags in what the model is given "
                    "(HARRISON's folders are named after them), val photos in training after a change of split, or a "
                    "metric whose code changed. Find the cause before you train on."
                )
            self._best[name] = max(before, now)
