"""The paper's metrics (Park et al. 2016, arXiv 1605.05054, §5) and their uncertainty.

For one photo with true tags T and the k highest-scored tags S: precision@k = |S ∩ T| / k, recall@k = |S ∩ T| / |T|,
accuracy@k = 1 where S ∩ T is not empty; each is averaged over photos. T is all of a photo's tags, also when there are
more than k; photos without a tag are not scored. Ties are broken by vocabulary order, more frequent tags first.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from hashstagram.errors import DataError

Scores = NDArray[np.floating]
Labels = NDArray[np.bool_]

# The metrics that are means over photos, in the order they are given in.
PER_PHOTO = ("precision_at_1", "precision_at_5", "recall_at_5", "accuracy_at_5")

# A tag's average precision on fewer positives is mostly chance.
LEAST_POSITIVES = 10


def top_k(scores: Scores, k: int) -> NDArray[np.int64]:
    """Indices (n, k) of the highest scores (n, tags) in falling order; ties in column order."""
    order: NDArray[np.int64] = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return order


def hits(scores: Scores, labels: Labels, k: int) -> NDArray[np.int64]:
    """|S ∩ T| of each photo: (n,) from scores and labels, both (n, tags)."""
    found: NDArray[np.int64] = np.take_along_axis(labels, top_k(scores, k), axis=1).sum(axis=1)
    return found


def per_photo(scores: Scores, labels: Labels) -> dict[str, NDArray[np.float64]]:
    """The four metrics of each photo, (n,) each; their means are the metrics.

    Raises ValueError where a photo has no tag: its recall is not defined.
    """
    true = labels.sum(axis=1)
    if not true.all():
        raise ValueError(f"{int((true == 0).sum())} photos have no tag; score only photos that have one.")
    one, five = hits(scores, labels, 1), hits(scores, labels, 5)
    return {
        "precision_at_1": one / 1.0,
        "precision_at_5": five / 5.0,
        "recall_at_5": five / true,
        "accuracy_at_5": (five > 0).astype(np.float64),
    }


@dataclass(frozen=True)
class Totals:
    """The per-photo metrics of a part of the photos as sums and their count: parts add up to the whole, exactly once.

    `sums` has the names of `PER_PHOTO`, in that order.
    """

    sums: dict[str, float]
    count: int

    @classmethod
    def of(cls, scores: Scores, labels: Labels) -> "Totals":
        """The totals of scores and labels, both (n, tags), n may be 0; photos without a tag are left out."""
        tagged = labels.any(axis=1)
        found = per_photo(scores[tagged], labels[tagged])
        return cls({name: float(found[name].sum()) for name in PER_PHOTO}, int(tagged.sum()))

    def __add__(self, other: "Totals") -> "Totals":
        return Totals({name: self.sums[name] + other.sums[name] for name in PER_PHOTO}, self.count + other.count)

    def means(self) -> dict[str, float]:
        """The metrics. Raises DataError where no photo was counted."""
        if not self.count:
            raise DataError("There is no val photo with a tag to score. Put some tagged photos on the val side.")
        return {name: total / self.count for name, total in self.sums.items()}


def mean_average_precision(scores: Scores, labels: Labels) -> tuple[float, int]:
    """Mean of scikit-learn's average precision over tags with at least 10 positives, and how many tags those are."""
    scored = np.flatnonzero(labels.sum(axis=0) >= LEAST_POSITIVES)
    if not len(scored):
        return float("nan"), 0
    return float(np.mean([average_precision_score(labels[:, tag], scores[:, tag]) for tag in scored])), len(scored)


@dataclass(frozen=True)
class Estimate:
    """A metric's value with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def bootstrap(values: NDArray[np.float64], *, rounds: int = 2000, seed: int = 0) -> Estimate:
    """Mean of per-photo values (n,) with the percentile interval of `rounds` resamples (Efron 1979)."""
    rng = np.random.default_rng(seed)
    means = [values[rng.integers(0, len(values), len(values))].mean() for _ in range(rounds)]
    low, high = np.percentile(means, [2.5, 97.5])
    return Estimate(float(values.mean()), float(low), float(high))


def summary(scores: Scores, labels: Labels) -> dict[str, Estimate | float | int]:
    """All metrics of one set of photos: estimates by name, `mean_average_precision`, its tags and `photos`."""
    result: dict[str, Estimate | float | int] = {
        name: bootstrap(values) for name, values in per_photo(scores, labels).items()
    }
    result["mean_average_precision"], result["tags_in_map"] = mean_average_precision(scores, labels)
    result["photos"] = len(labels)
    return result


def plain(result: Mapping[str, Estimate | float | int]) -> dict[str, object]:
    """A summary as JSON: an estimate becomes {"value", "low", "high"}, rounded to what n photos can tell.

    What was not to be had (a mean over no tag) is None: JSON knows no NaN.
    """
    return {
        name: {"value": round(item.value, 4), "low": round(item.low, 4), "high": round(item.high, 4)}
        if isinstance(item, Estimate)
        else (None if math.isnan(item) else round(item, 4))
        for name, item in result.items()
    }


def ceiling(labels: Labels) -> NDArray[np.float64]:
    """The scores (n, tags) of who knows the tags of each photo: no model's metrics are higher.

    P@5 and R@5 stay below 1 all the same, where a photo has fewer or more than five tags.
    """
    return labels.astype(np.float64)


def popularity(train_labels: Labels) -> NDArray[np.float64]:
    """The scores (tags,) of who never looks: how often each tag occurs in training."""
    counts: NDArray[np.float64] = train_labels.mean(axis=0)
    return counts
