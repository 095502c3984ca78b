"""How well each tag is given: precision, recall and support, among the five recommended and by its own threshold."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.metrics import Labels, top_k
from training.thresholds import break_even_thresholds, cross_fitted_decisions


@dataclass(frozen=True)
class TagFigures:
    """One tag's figures on the val photos.

    `support` photos have the tag. Precision is the share of the photos given the tag that have it (None where none was
    given it), recall the share of those that have it that were given it (None without support): once given where it is
    among the photo's five highest, once where its probability reaches the break-even threshold fitted on the other
    half of the photos. `threshold` is the one fitted on all of them.
    """

    tag: str
    support: int
    given_in_five: int
    precision_in_five: float | None
    recall_in_five: float | None
    threshold: float
    given_by_threshold: int
    precision_by_threshold: float | None
    recall_by_threshold: float | None


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def tag_figures(
    probabilities: NDArray[np.floating], labels: Labels, groups: NDArray[np.int64], tags: Sequence[str], seed: int = 0
) -> list[TagFigures]:
    """Figures of each tag from probabilities and labels, both (n, tags); groups of near-duplicates (n,).

    Raises DataError where there are too few photos to fit thresholds on a half of them.
    """
    in_five = np.zeros(labels.shape, dtype=np.bool_)
    np.put_along_axis(in_five, top_k(probabilities, 5), values=True, axis=1)
    by_threshold = cross_fitted_decisions(probabilities, labels, groups, seed)
    thresholds = break_even_thresholds(probabilities, labels)
    support = labels.sum(axis=0)
    given = [(which.sum(axis=0), (which & labels).sum(axis=0)) for which in (in_five, by_threshold)]
    found = []
    for place, tag in enumerate(tags):
        (fives, right_fives), (chosen, right_chosen) = ((int(a[place]), int(b[place])) for a, b in given)
        there = int(support[place])
        found.append(
            TagFigures(
                tag=tag,
                support=there,
                given_in_five=fives,
                precision_in_five=_share(right_fives, fives),
                recall_in_five=_share(right_fives, there),
                threshold=round(float(thresholds[place]), 6),
                given_by_threshold=chosen,
                precision_by_threshold=_share(right_chosen, chosen),
                recall_by_threshold=_share(right_chosen, there),
            )
        )
    return found


def write_csv(figures: Mapping[str, Sequence[TagFigures]], path: Path) -> None:
    """Write the figures of each model by name; what is None is an empty cell."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["model", *(field.name for field in fields(TagFigures))], lineterminator="\n")
        writer.writeheader()
        for model, rows in figures.items():
            writer.writerows({"model": model, **asdict(row)} for row in rows)
