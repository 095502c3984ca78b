"""Is one model better than another, or was it these photos? A paired bootstrap of the difference of their metrics.

Both models are scored on the same resamples of the val photos (Koehn 2004, "Statistical significance tests for machine
translation evaluation", §3; the percentile interval is Efron and Tibshirani's of 1993, chapter 13). A photo that is
hard for both moves neither, so small differences show that two separate intervals would hide.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training import metrics
from training.metrics import Estimate

COMPARED = ("precision_at_1", "recall_at_5")

PerPhoto = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Difference:
    """How far the first model's metric is above the second's on one set of photos, with a 95 % interval."""

    photos: str
    first: str
    second: str
    metric: str
    count: int
    estimate: Estimate

    @property
    def includes_zero(self) -> bool:
        """Whether these photos leave it open which of the two is better."""
        return self.estimate.low <= 0 <= self.estimate.high


def paired_bootstrap(first: NDArray[np.float64], second: NDArray[np.float64], seed: int = 0) -> Estimate:
    """Mean of first - second, per-photo values (n,) of the same photos, with its interval over common resamples."""
    if first.shape != second.shape:
        raise ValueError(f"Paired values must be of the same photos, not of {len(first)} and {len(second)}.")
    # The difference of two means over a resample is the mean of the differences over it.
    return metrics.bootstrap(first - second, seed=seed)


def differences(results: Mapping[str, Mapping[str, PerPhoto]]) -> list[Difference]:
    """P@1 and R@5 of each pair of models on each set: from per-photo metrics by model and set."""
    found = []
    for first, second in combinations(results, 2):
        for photos, values in results[first].items():
            for metric in COMPARED:
                estimate = paired_bootstrap(values[metric], results[second][photos][metric])
                found.append(Difference(photos, first, second, metric, len(values[metric]), estimate))
    return found


def table(found: list[Difference], labels: Mapping[str, str]) -> str:
    """The differences in points as a Markdown table; `labels` spells the names of the sets out."""
    lines = ["| photos | n | difference | of | points [95 %] | zero is |", "|---|---|---|---|---|---|"]
    for each in found:
        value, low, high = (100 * number for number in (each.estimate.value, each.estimate.low, each.estimate.high))
        zero = "inside: no winner" if each.includes_zero else "outside"
        short = {"precision_at_1": "P@1", "recall_at_5": "R@5"}[each.metric]
        lines.append(
            f"| {labels[each.photos]} | {each.count} | {each.first} − {each.second} | {short} "
            f"| {value:+.2f} [{low:+.2f}, {high:+.2f}] | {zero} |"
        )
    return "\n".join(lines)


def plain(found: list[Difference]) -> list[dict[str, Any]]:
    """The differences as JSON."""
    return [
        {
            "photos": each.photos,
            "count": each.count,
            "first": each.first,
            "second": each.second,
            "metric": each.metric,
            "difference": metrics.plain({"": each.estimate})[""],
            "includes_zero": each.includes_zero,
        }
        for each in found
    ]
