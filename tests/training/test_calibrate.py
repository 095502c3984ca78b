"""Confidence that means something."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from training.calibrate import BINS, Platt, calibration, cross_fitted, fit, plot, reliability, sigmoid

Floats = NDArray[np.float64]
Labels = NDArray[np.bool_]


def _sample(photos: int, tags: int, scale: float, bias: float, seed: int = 0) -> tuple[Floats, Labels]:
    """Logits, and tags that are there as often as sigmoid(scale · logit + bias) says."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 3, size=(photos, tags))
    return logits, random.random((photos, tags)) < 1 / (1 + np.exp(-(scale * logits + bias)))


def test_sigmoid_has_no_overflow() -> None:
    values = sigmoid(np.array([-2000.0, -30.0, 0.0, 30.0, 2000.0], dtype=np.float32))
    assert values == pytest.approx([0.0, np.exp(-30.0), 0.5, 1.0, 1.0])
    assert values[1] > 0


@pytest.mark.parametrize(("scale", "bias"), [(0.5, -1.0), (1.6, 0.4), (1.0, 0.0)])
def test_fit_recovers_scale_and_bias(scale: float, bias: float) -> None:
    platt = fit(*_sample(2000, 10, scale, bias))
    assert [platt.scale, platt.bias] == pytest.approx([scale, bias], abs=0.06)


def test_platt_is_its_formula() -> None:
    assert Platt(2.0, -1.0)(np.array([0.5, 1.0])) == pytest.approx([0.5, 1 / (1 + np.exp(-1.0))])


def test_error_of_honest_confidence_is_near_zero_and_that_of_overconfidence_is_not() -> None:
    logits, labels = _sample(3000, 10, 1.0, 0.0)
    assert reliability(sigmoid(logits), labels).error < 0.015
    assert reliability(sigmoid(3 * logits), labels).error > 0.08


def test_error_worked_by_hand() -> None:
    # Fewer probabilities than bins: each is a bin of its own. The one below 0.05 is not looked at.
    found = reliability(np.array([[0.9, 0.6, 0.01], [0.3, 0.3, 0.3]]), np.array([[1, 0, 1], [0, 1, 0]], dtype=bool))
    assert found.count == 5
    assert found.error == pytest.approx((0.1 + 0.6 + 0.3 + 0.7 + 0.3) / 5)


def test_bins_hold_equally_many_probabilities() -> None:
    random = np.random.default_rng(1)
    probabilities = np.sort(random.uniform(0.05, 1, 3 * BINS))
    found = reliability(probabilities[None], random.random((1, 3 * BINS)) < 0.5)
    assert found.predicted == pytest.approx(probabilities.reshape(BINS, 3).mean(axis=1))


def test_nothing_shown_is_no_error() -> None:
    found = reliability(np.full((2, 3), 0.01), np.zeros((2, 3), dtype=bool))
    assert (found.error, found.count) == (0.0, 0)


def test_no_photo_is_judged_by_a_fit_on_its_own_half() -> None:
    logits, labels = _sample(40, 20, 1.0, 0.0)
    groups = np.arange(40) // 2
    before = cross_fitted(logits, labels, groups, seed=3)
    halves = []
    for group in range(20):
        turned = labels.copy()
        turned[groups == group] = ~turned[groups == group]
        changed = (cross_fitted(logits, turned, groups, seed=3) != before).any(axis=1)
        # Neither the photo nor its near-duplicate nor the rest of their half is judged otherwise; the others are.
        assert not changed[groups == group].any()
        halves.append(tuple(changed))
    assert len(set(halves)) == 2
    first, second = (np.array(half) for half in set(halves))
    assert (first ^ second).all()
    assert all(len(set(first[groups == group])) == 1 for group in range(20))


def test_groups_may_have_any_numbers() -> None:
    logits, labels = _sample(40, 20, 1.0, 0.0)
    found = cross_fitted(logits, labels, np.arange(40) * 10**12, seed=3)
    assert np.isfinite(found).all()
    assert len(np.unique(found)) == found.size


def test_record_of_an_overconfident_model() -> None:
    logits, labels = _sample(400, 20, 0.4, -0.5)
    record, before, after = calibration(logits, labels, np.arange(400), seed=1)
    assert record["method"] == "platt"
    assert record["scale"] == pytest.approx(0.4, abs=0.05)
    assert record["bias"] == pytest.approx(-0.5, abs=0.1)
    assert record["ece_before"] == pytest.approx(before.error, abs=1e-4)
    assert record["ece_after"] == pytest.approx(after.error, abs=1e-4)
    assert record["ece_after"] < 0.03 < 0.1 < record["ece_before"]
    assert record["probabilities"] == after.count
    assert record["fitted_on"] == "400 val photos, cross-fitted over two halves by group, seed 1"


def test_plot_is_a_picture(tmp_path: Path) -> None:
    logits, labels = _sample(100, 10, 0.5, 0.0)
    _, before, after = calibration(logits, labels, np.arange(100), seed=1)
    plot(before, after, "vgg16.tiny_v1", tmp_path / "new" / "vgg16.png")
    with Image.open(tmp_path / "new" / "vgg16.png") as picture:
        assert min(picture.size) > 300
        assert len(np.unique(np.asarray(picture.convert("L")))) > 10
