"""Whether one model is better than another."""

import json

import numpy as np
import pytest

from training import metrics
from training.compare import differences, paired_bootstrap, plain, table


def test_paired_interval_worked_by_theory() -> None:
    # 400 photos: the first is right and the second wrong on 30, the other way round on 10.
    first, second = np.zeros(400), np.zeros(400)
    first[:230] = 1
    second[30:240] = 1
    estimate = paired_bootstrap(first, second)
    assert estimate.value == pytest.approx(20 / 400)
    half = 1.96 * ((40 / 400 - (20 / 400) ** 2) / 400) ** 0.5
    assert [estimate.low, estimate.high] == pytest.approx([0.05 - half, 0.05 + half], abs=0.006)


def test_pairing_shows_what_two_intervals_hide() -> None:
    # Hard and easy photos alike for both; the first model is a little better on all.
    second = (np.arange(300) % 2).astype(np.float64)
    first = np.clip(second + (np.arange(300) % 10 == 0) * 1.0, 0, 1)
    apart = metrics.bootstrap(first), metrics.bootstrap(second)
    assert apart[0].low < apart[1].high
    assert paired_bootstrap(first, second).low > 0
    assert paired_bootstrap(second, first).high < 0


def test_values_of_other_photos_are_refused() -> None:
    with pytest.raises(ValueError, match="of the same photos, not of 3 and 1"):
        paired_bootstrap(np.ones(3), np.ones(1))


def test_each_pair_is_compared_on_each_set() -> None:
    random = np.random.default_rng(1)
    weak, strong = (random.random(200) < 0.3).astype(np.float64), np.ones(200)
    results = {
        "vgg16": {"all": {"precision_at_1": strong, "recall_at_5": weak}},
        "alexnet": {"all": {"precision_at_1": weak, "recall_at_5": weak[::-1].copy()}},
        "hashnet": {"all": {"precision_at_1": strong, "recall_at_5": weak}},
    }
    found = differences(results)
    assert [(each.first, each.second, each.metric, each.includes_zero) for each in found] == [
        ("vgg16", "alexnet", "precision_at_1", False),
        ("vgg16", "alexnet", "recall_at_5", True),
        ("vgg16", "hashnet", "precision_at_1", True),
        ("vgg16", "hashnet", "recall_at_5", True),
        ("alexnet", "hashnet", "precision_at_1", False),
        ("alexnet", "hashnet", "recall_at_5", True),
    ]
    lines = table(found, {"all": "all val"}).splitlines()
    assert lines[2].startswith(f"| all val | 200 | vgg16 − alexnet | P@1 | +{100 * (1 - weak.mean()):.2f} [+")
    assert lines[2].endswith("| outside |")
    assert lines[4].endswith("| +0.00 [+0.00, +0.00] | inside: no winner |")
    assert "alexnet − hashnet | P@1 | -" in lines[6]
    assert json.loads(json.dumps(plain(found)))[2] == {
        "photos": "all",
        "count": 200,
        "first": "vgg16",
        "second": "hashnet",
        "metric": "precision_at_1",
        "difference": {"value": 0.0, "low": 0.0, "high": 0.0},
        "includes_zero": True,
    }
