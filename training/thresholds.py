"""From which probability on a tag is given: where its precision equals its recall (break-even point, Lewis 1992).

A tag with P photos has hits / given as precision and hits / P as recall: they are equal where exactly P photos are
given the tag, so the threshold lies between its P-th and its next highest probability. Fitted and judged on the same
photos the two are equal by construction, so figures come from `cross_fitted_decisions`.
"""

import numpy as np
from numpy.typing import NDArray

from hashstagram.errors import DataError
from training.metrics import LEAST_POSITIVES, Labels
from training.split import drawn_by_group

Probabilities = NDArray[np.floating]


def _break_even(probabilities: Probabilities, labels: Labels) -> float | None:
    """The threshold of one tag from (n,) and (n,); None where precision and recall meet nowhere but at zero."""
    order = np.argsort(-probabilities, kind="stable")
    ranked, right = probabilities[order].astype(np.float64), np.cumsum(labels[order])
    # How many may be given the tag: equal probabilities all or none, and not everything.
    counts = np.flatnonzero(ranked[:-1] > ranked[1:]) + 1
    if not len(counts):
        return None
    # argmin takes the first of two equally near counts: the fewer.
    given = int(counts[np.abs(counts - labels.sum()).argmin()])
    if not right[given - 1]:
        return None
    return float((ranked[given - 1] + ranked[given]) / 2)


def break_even_thresholds(probabilities: Probabilities, labels: Labels) -> NDArray[np.float64]:
    """Each tag's threshold (tags,) from probabilities and labels, both (n, tags): give it where p ≥ threshold.

    The threshold is halfway between the probabilities on its two sides. Where ties leave no threshold that gives the
    tag to exactly as many photos as have it, the nearest number is taken, of two the smaller. A tag has the threshold
    of all tags pooled (the break-even point of all probabilities as if of one tag) where fewer than 10 photos have it,
    where none of the photos that it would be given to has it (precision and recall meet at zero), and where its
    probabilities are all the same.

    Raises DataError where the pooled threshold cannot be told: no tag is on any photo, or no probability tells right
    from wrong.
    """
    pooled = _break_even(probabilities.reshape(-1), labels.reshape(-1)) if labels.any() else None
    if pooled is None:
        raise DataError(
            f"No threshold can be fitted on {len(labels)} photos with {int(labels.sum())} tags: where the most sure "
            "answers are given, none is right. Fit on more photos, or look at how the model was scored."
        )
    thresholds = np.full(labels.shape[1], pooled)
    for tag in np.flatnonzero(labels.sum(axis=0) >= LEAST_POSITIVES):
        own = _break_even(probabilities[:, tag], labels[:, tag])
        thresholds[tag] = pooled if own is None else own
    return thresholds


def cross_fitted_decisions(
    probabilities: Probabilities, labels: Labels, groups: NDArray[np.int64], seed: int
) -> NDArray[np.bool_]:
    """Which photo is given which tag (n, tags), by thresholds of the half of the groups that the photo is not in.

    Raises DataError as `break_even_thresholds` does, for either half.
    """
    half = drawn_by_group(groups, 2, seed).astype(bool)
    given = np.empty(labels.shape, dtype=np.bool_)
    for side in (half, ~half):
        given[side] = probabilities[side] >= break_even_thresholds(probabilities[~side], labels[~side])
    return given
