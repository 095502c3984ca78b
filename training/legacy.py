"""The 2018 notebook's metrics, to compare with its figures (P 0.1418, R 0.2337, "accuracy" 0.5370), nothing else.

Their formulas differ from the paper's (`training.metrics`) in two of three. With the five highest-scored tags S and a
photo's true tags T: precision = |S ∩ T| / 5, as in the paper; recall = |S ∩ T| / min(|T|, 5), so that it reaches 1 for
photos of more than five tags; "accuracy" = 1 where S meets the top five *of the label vector*. With fewer than five
true tags that top five is filled up with tags that are not true, and a hit on one of them counts. Which ones is left
to the sort that is used; here, as for all ties, they are the first in vocabulary order, that is the most frequent. So
popularity, which recommends just these, has an "accuracy" of 71 % on HARRISON's val of 2018, and an accuracy@5 of 28 %.
"""

import numpy as np
from numpy.typing import NDArray

from training.metrics import Labels, Scores, hits, top_k

NAMES = ("legacy_precision", "legacy_recall", "legacy_accuracy")


def per_photo(scores: Scores, labels: Labels) -> dict[str, NDArray[np.float64]]:
    """The three metrics of each photo, (n,) each, from scores and labels, both (n, tags).

    Raises ValueError where a photo has no tag: its recall is not defined.
    """
    true = labels.sum(axis=1)
    if not true.all():
        raise ValueError(f"{int((true == 0).sum())} photos have no tag; score only photos that have one.")
    five = hits(scores, labels, 5)
    # Of two rankings of the same tags, where do the first fives meet?
    filled = top_k(labels.astype(np.float64), 5)
    met = (top_k(scores, 5)[:, :, None] == filled[:, None, :]).any(axis=(1, 2))
    return {
        "legacy_precision": five / 5.0,
        "legacy_recall": five / np.minimum(true, 5),
        "legacy_accuracy": met.astype(np.float64),
    }
