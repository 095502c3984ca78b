"""The paper's metrics on cases worked by hand and against a second implementation, and their uncertainty."""

import json

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from hashstagram.errors import DataError
from training import metrics

Scores = NDArray[np.float64]
Labels = NDArray[np.bool_]


def _labels(true: list[set[int]], tags: int) -> Labels:
    return np.array([[tag in photo for tag in range(tags)] for photo in true])


# Eight tags with falling scores: the five recommended are 0 to 4.
@pytest.mark.parametrize(
    ("true", "precision_at_1", "precision_at_5", "recall_at_5", "accuracy_at_5"),
    [
        ({0}, 1, 1 / 5, 1, 1),
        ({4}, 0, 1 / 5, 1, 1),
        ({5}, 0, 0, 0, 0),
        ({0, 6}, 1, 1 / 5, 1 / 2, 1),
        ({1, 2, 7}, 0, 2 / 5, 2 / 3, 1),
        ({0, 1, 2, 3, 4}, 1, 1, 1, 1),
        # All five are right, and recall is over all eight tags of the photo, not over five.
        ({0, 1, 2, 3, 4, 5, 6, 7}, 1, 1, 5 / 8, 1),
        ({1, 3, 4, 5, 6, 7}, 0, 3 / 5, 3 / 6, 1),
    ],
)
def test_metrics_of_one_photo(
    true: set[int], precision_at_1: float, precision_at_5: float, recall_at_5: float, accuracy_at_5: float
) -> None:
    scores = np.linspace(0.9, 0.2, 8)[None]
    found = metrics.per_photo(scores, _labels([true], 8))
    assert {name: values.tolist() for name, values in found.items()} == {
        "precision_at_1": [precision_at_1],
        "precision_at_5": [pytest.approx(precision_at_5)],
        "recall_at_5": [pytest.approx(recall_at_5)],
        "accuracy_at_5": [accuracy_at_5],
    }


def test_ties_go_to_the_tag_that_comes_first_in_the_vocabulary() -> None:
    scores = np.array([[0.5] * 8, [0.1, 0.1, 0.7, 0.1, 0.1, 0.1, 0.1, 0.7]])
    assert metrics.top_k(scores, 5).tolist() == [[0, 1, 2, 3, 4], [2, 7, 0, 1, 3]]
    found = metrics.per_photo(scores, _labels([{0, 5}, {4, 7}], 8))
    assert found["precision_at_1"].tolist() == [1, 0]
    assert found["recall_at_5"].tolist() == [1 / 2, 1 / 2]


def test_scores_of_single_precision_rank_as_they_are() -> None:
    scores = np.array([[1e-8, 2e-8, 3e-8]], dtype=np.float32)
    assert metrics.top_k(scores, 2).tolist() == [[2, 1]]


def _by_sets(scores: Scores, labels: Labels, k: int) -> tuple[float, float, float]:
    """Precision, recall and accuracy at k once more, by the paper's sets."""
    precisions, recalls, accuracies = [], [], []
    for row, truth in zip(scores.tolist(), labels.tolist(), strict=True):
        true = {tag for tag, there in enumerate(truth) if there}
        ranked = sorted(range(len(row)), key=lambda tag: (-row[tag], tag))
        common = true & set(ranked[:k])
        precisions.append(len(common) / k)
        recalls.append(len(common) / len(true))
        accuracies.append(1.0 if common else 0.0)
    n = len(precisions)
    return sum(precisions) / n, sum(recalls) / n, sum(accuracies) / n


@pytest.mark.parametrize("seed", range(5))
def test_metrics_equal_an_independent_implementation(seed: int) -> None:
    random = np.random.default_rng(seed)
    # Few different scores, so that there are many ties.
    scores = random.integers(0, 6, size=(60, 30)) / 5
    labels = random.random((60, 30)) < random.uniform(0.02, 0.4)
    labels[np.arange(60), random.integers(0, 30, 60)] = True
    found = {name: values.mean() for name, values in metrics.per_photo(scores, labels).items()}
    assert found["precision_at_1"] == pytest.approx(_by_sets(scores, labels, 1)[0])
    assert [found["precision_at_5"], found["recall_at_5"], found["accuracy_at_5"]] == pytest.approx(
        _by_sets(scores, labels, 5)
    )


def test_a_photo_without_tags_is_not_scored_silently() -> None:
    with pytest.raises(ValueError, match="2 photos have no tag"):
        metrics.per_photo(np.zeros((3, 6)), _labels([{1}, set(), set()], 6))


def test_totals_of_shards_add_up_to_the_metrics_of_all() -> None:
    random = np.random.default_rng(4)
    scores, labels = random.random((50, 12)), random.random((50, 12)) < 0.3
    labels[:, 0] |= ~labels.any(axis=1)
    whole = {name: values.mean() for name, values in metrics.per_photo(scores, labels).items()}
    # Shards of unequal size, one of them empty.
    total = metrics.Totals.of(scores[:0], labels[:0])
    for rows in (slice(0, 3), slice(3, 40), slice(40, 50)):
        total += metrics.Totals.of(scores[rows], labels[rows])
    assert total.count == 50
    assert tuple(total.sums) == metrics.PER_PHOTO
    assert total.means() == pytest.approx(whole)


def test_totals_leave_photos_without_a_tag_out() -> None:
    scores = np.linspace(0.9, 0.2, 8)[None].repeat(3, axis=0)
    total = metrics.Totals.of(scores, _labels([{0, 6}, set(), {5}], 8))
    assert total == metrics.Totals(
        {"precision_at_1": 1.0, "precision_at_5": 0.2, "recall_at_5": 0.5, "accuracy_at_5": 1.0}, 2
    )
    assert total.means()["recall_at_5"] == 0.25
    with pytest.raises(DataError, match="no val photo with a tag to score"):
        metrics.Totals.of(scores[:1], _labels([set()], 8)).means()


def test_the_ceiling_worked_by_hand() -> None:
    labels = _labels([{3}, {1, 2, 6, 7}, {0, 1, 2, 3, 4, 5, 6, 7}], 8)
    found = metrics.Totals.of(metrics.ceiling(labels), labels).means()
    assert found == {
        "precision_at_1": 1.0,
        "precision_at_5": pytest.approx((1 / 5 + 4 / 5 + 1) / 3),
        "recall_at_5": pytest.approx((1 + 1 + 5 / 8) / 3),
        "accuracy_at_5": 1.0,
    }


def test_mean_average_precision_is_scikit_learns_over_tags_with_ten_positives() -> None:
    random = np.random.default_rng(3)
    labels = np.zeros((80, 4), dtype=np.bool_)
    for tag, positives in enumerate((40, 10, 9, 0)):
        labels[random.permutation(80)[:positives], tag] = True
    scores = random.random((80, 4)) + 0.5 * labels
    each = [average_precision_score(labels[:, tag], scores[:, tag]) for tag in (0, 1)]
    value, tags = metrics.mean_average_precision(scores, labels)
    assert value == pytest.approx(sum(each) / 2)
    assert tags == 2
    assert metrics.summary(scores[labels.any(axis=1)], labels[labels.any(axis=1)])["tags_in_map"] == 2


def test_popularity_scores_tags_by_how_often_they_occur() -> None:
    # Tag 2 thrice, tag 0 twice, tag 1 never.
    labels = _labels([{0, 2}, {2}, {0, 2}, set()], 3)
    assert metrics.popularity(labels).tolist() == [0.5, 0.0, 0.75]


def test_bootstrap_is_seeded_and_as_wide_as_theory_says() -> None:
    values = (np.arange(400) < 120).astype(np.float64)
    estimate = metrics.bootstrap(values)
    assert estimate == metrics.bootstrap(values)
    assert estimate != metrics.bootstrap(values, seed=1)
    assert estimate.value == pytest.approx(0.3)
    half = 1.96 * (0.3 * 0.7 / 400) ** 0.5
    assert estimate.low == pytest.approx(0.3 - half, abs=0.006)
    assert estimate.high == pytest.approx(0.3 + half, abs=0.006)


def test_bootstrap_interval_holds_the_true_value_nineteen_times_in_twenty() -> None:
    random = np.random.default_rng(5)
    samples = (random.random((100, 200)) < 0.4).astype(np.float64)
    held = [(e := metrics.bootstrap(sample, rounds=200)).low <= 0.4 <= e.high for sample in samples]
    assert 88 <= sum(held) <= 100


def test_bootstrap_of_equal_values_has_no_width() -> None:
    assert metrics.bootstrap(np.ones(30)) == metrics.Estimate(1.0, 1.0, 1.0)


def test_summary_as_json_has_intervals_and_no_nan() -> None:
    scores, labels = np.linspace(1, 0, 6)[None].repeat(9, axis=0), _labels([{0, 5}] * 9, 6)
    summary = metrics.plain(metrics.summary(scores, labels))
    assert json.loads(json.dumps(summary, allow_nan=False)) == {
        "precision_at_1": {"value": 1.0, "low": 1.0, "high": 1.0},
        "precision_at_5": {"value": 0.2, "low": 0.2, "high": 0.2},
        "recall_at_5": {"value": 0.5, "low": 0.5, "high": 0.5},
        "accuracy_at_5": {"value": 1.0, "low": 1.0, "high": 1.0},
        # No tag has ten positives.
        "mean_average_precision": None,
        "tags_in_map": 0,
        "photos": 9,
    }


def test_an_estimate_reads_as_value_and_interval() -> None:
    assert str(metrics.Estimate(0.5, 0.25, 0.75)) == "0.500 [0.250, 0.750]"
