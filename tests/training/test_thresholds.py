"""The threshold at which a tag's precision equals its recall."""

import numpy as np
import pytest
from numpy.typing import NDArray

from hashstagram.errors import DataError
from training.thresholds import break_even_thresholds, cross_fitted_decisions

Floats = NDArray[np.float64]
Labels = NDArray[np.bool_]


def _precision_and_recall(given: Labels, labels: Labels) -> tuple[float, float]:
    right = (given & labels).sum()
    return right / given.sum(), right / labels.sum()


def test_threshold_worked_by_hand() -> None:
    # 40 photos at 0.40, 0.39, …, 0.01; the tag is on the first eight, on the 11th and on the 15th: ten in all.
    # Of the ten most sure eight are right: precision and recall 8/10. They end at 0.31, and 0.30 follows.
    probabilities = np.arange(40, 0, -1)[:, None] / 100
    labels = np.isin(np.arange(40), [*range(8), 10, 14])[:, None]
    thresholds = break_even_thresholds(probabilities, labels)
    assert thresholds == pytest.approx([0.305])
    assert _precision_and_recall(probabilities >= thresholds, labels) == pytest.approx((0.8, 0.8))


def test_precision_equals_recall_for_each_tag() -> None:
    random = np.random.default_rng(2)
    probabilities = random.random((400, 6)) ** 2
    labels = random.random((400, 6)) < probabilities
    thresholds = break_even_thresholds(probabilities, labels)
    assert len(set(thresholds)) == 6
    for tag in range(6):
        precision, recall = _precision_and_recall(probabilities[:, tag] >= thresholds[tag], labels[:, tag])
        assert precision == recall > 0.3


def test_ties_take_the_nearest_number_and_of_two_the_smaller() -> None:
    # Ten photos have the tag, and it can be given to 8, 12 or 20 of them at a time.
    steps = np.repeat([0.9, 0.7, 0.5, 0.1], [8, 4, 8, 20])[:, None]
    labels = (np.arange(40) < 10)[:, None]
    assert break_even_thresholds(steps, labels) == pytest.approx([0.8])
    # With eleven, 12 is nearer.
    labels = (np.arange(40) < 11)[:, None]
    assert break_even_thresholds(steps, labels) == pytest.approx([0.6])


def test_tags_that_have_none_of_their_own_take_the_pooled_threshold() -> None:
    random = np.random.default_rng(3)
    probabilities = random.random((100, 5))
    labels = random.random((100, 5)) < probabilities
    labels[:, 1] = np.arange(100) < 9  # too few
    labels[:, 2] = False
    labels[:, 3] = probabilities[:, 3] < np.sort(probabilities[:, 3])[20]  # on the least sure: equal at zero
    probabilities[:, 4] = 0.2  # says nothing
    thresholds = break_even_thresholds(probabilities, labels)
    assert thresholds[1] == thresholds[2] == thresholds[3] == thresholds[4] != thresholds[0]
    everything = break_even_thresholds(probabilities.reshape(-1, 1), labels.reshape(-1, 1))
    assert thresholds[1] == everything[0]
    given = probabilities >= thresholds[1]
    assert abs(int(given.sum()) - int(labels.sum())) <= 50  # as many as there are tags, but for the tie of 100


@pytest.mark.parametrize(
    "labels", [np.zeros((20, 2), dtype=bool), np.ones((20, 2), dtype=bool)], ids=["no tags", "probabilities all equal"]
)
def test_what_cannot_be_fitted_is_explained(labels: Labels) -> None:
    with pytest.raises(DataError, match=rf"on 20 photos with {labels.sum()} tags.* Fit on more photos"):
        break_even_thresholds(np.full((20, 2), 0.5), labels)


def test_no_photo_is_decided_by_thresholds_from_its_own_half() -> None:
    random = np.random.default_rng(5)
    probabilities = random.random((120, 3))
    labels = random.random((120, 3)) < probabilities
    groups = np.arange(120) // 2
    before = cross_fitted_decisions(probabilities, labels, groups, seed=3)
    halves = set()
    for group in range(60):
        turned = labels.copy()
        turned[groups == group] = ~turned[groups == group]
        changed = (cross_fitted_decisions(probabilities, turned, groups, seed=3) != before).any(axis=1)
        assert not changed[groups == group].any()
        halves.add(tuple(np.flatnonzero(changed)))
    # Turning a pair moves the other half's thresholds, and some decision there.
    assert any(halves)


def test_held_out_decisions_are_near_break_even() -> None:
    random = np.random.default_rng(8)
    probabilities = random.random((2000, 2)) ** 2
    labels = random.random((2000, 2)) < probabilities
    given = cross_fitted_decisions(probabilities, labels, np.arange(2000) * 10**9, seed=0)
    for tag in range(2):
        precision, recall = _precision_and_recall(given[:, tag], labels[:, tag])
        assert precision == pytest.approx(recall, abs=0.06)
