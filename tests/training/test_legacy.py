"""The 2018 notebook's metrics on cases worked by hand, beside the paper's."""

import numpy as np
import pytest

from training import legacy, metrics


# Eight tags with rising scores: the five recommended are 7, 6, 5, 4, 3.
@pytest.mark.parametrize(
    ("true", "precision", "recall", "accuracy", "papers_recall", "papers_accuracy"),
    [
        ({7}, 1 / 5, 1, 1, 1, 1),
        # Filled up to {2, 0, 1, 3, 4}: 3 and 4 are not true and count as hits.
        ({2}, 0, 0, 1, 0, 0),
        # Filled up to {0, 1, 2, 3, 4}: the same with two true tags, neither of them recommended.
        ({0, 1}, 0, 0, 1, 0, 0),
        # Eight true tags: all five are right, and recall is over five.
        ({0, 1, 2, 3, 4, 5, 6, 7}, 1, 1, 1, 5 / 8, 1),
        # Six true tags, two recommended; the first five of them are {0, 1, 2, 3, 4}.
        ({0, 1, 2, 3, 4, 5}, 3 / 5, 3 / 5, 1, 3 / 6, 1),
        ({0, 1, 2, 3}, 1 / 5, 1 / 4, 1, 1 / 4, 1),
    ],
)
def test_metrics_of_one_photo(
    true: set[int], precision: float, recall: float, accuracy: float, papers_recall: float, papers_accuracy: float
) -> None:
    scores, labels = np.linspace(0.1, 0.9, 8)[None], np.isin(np.arange(8), list(true))[None]
    found = {name: float(values[0]) for name, values in legacy.per_photo(scores, labels).items()}
    assert found == pytest.approx(dict(zip(legacy.NAMES, (precision, recall, accuracy), strict=True)))
    papers = metrics.per_photo(scores, labels)
    assert papers["precision_at_5"][0] == pytest.approx(precision)
    assert [papers["recall_at_5"][0], papers["accuracy_at_5"][0]] == pytest.approx([papers_recall, papers_accuracy])


def test_six_true_tags_are_cut_to_the_first_five_of_the_label_vector() -> None:
    # Recommended are 5 and four that are not true; 5 is the sixth true tag and is not among the first five.
    scores = np.array([[0, 0, 0, 0, 0, 1, 1, 1, 1, 1]], dtype=np.float64)
    labels = np.isin(np.arange(10), range(6))[None]
    found = legacy.per_photo(scores, labels)
    assert {name: float(values[0]) for name, values in found.items()} == {
        "legacy_precision": 1 / 5,
        "legacy_recall": 1 / 5,
        "legacy_accuracy": 0.0,
    }
    assert metrics.per_photo(scores, labels)["accuracy_at_5"][0] == 1


def test_a_photo_without_tags_is_not_scored_silently() -> None:
    with pytest.raises(ValueError, match="1 photos have no tag"):
        legacy.per_photo(np.zeros((2, 6)), np.array([[True] * 6, [False] * 6]))
