"""Each tag's precision, recall and support."""

import csv
from pathlib import Path

import numpy as np
import pytest

from training.per_tag import TagFigures, tag_figures, write_csv


def test_figures_among_five_worked_by_hand() -> None:
    # Six tags; the sixth is the lowest but on the last 20 photos, where the first is. All photos have the second tag,
    # half of them (10 of the first 30 and all of the last 20) the first, none the sixth but photo 0.
    probabilities = np.tile([0.9, 0.8, 0.7, 0.6, 0.5, 0.1], (50, 1))
    probabilities[30:] = [0.1, 0.8, 0.7, 0.6, 0.5, 0.4]
    probabilities += np.random.default_rng(0).uniform(0, 0.01, probabilities.shape)
    labels = np.zeros((50, 6), dtype=np.bool_)
    labels[:, 1] = labels[:10, 0] = labels[30:, 0] = labels[0, 5] = True
    first, second, third, *_, sixth = tag_figures(probabilities, labels, np.arange(50), list("abcdef"))
    assert (first.tag, first.support, first.given_in_five) == ("a", 30, 30)
    assert [first.precision_in_five, first.recall_in_five] == pytest.approx([10 / 30, 10 / 30], abs=1e-4)
    assert (second.support, second.given_in_five, second.precision_in_five, second.recall_in_five) == (50, 50, 1, 1)
    assert (third.support, third.given_in_five, third.precision_in_five, third.recall_in_five) == (0, 50, 0, None)
    assert (sixth.support, sixth.given_in_five, sixth.precision_in_five, sixth.recall_in_five) == (1, 20, 0, 0)


def test_figures_by_threshold_are_near_break_even_and_not_fitted_on_themselves() -> None:
    random = np.random.default_rng(8)
    probabilities = random.random((2000, 6)) ** 2
    labels = random.random((2000, 6)) < probabilities
    figures = tag_figures(probabilities, labels, np.arange(2000), list("abcdef"))
    for place, each in enumerate(figures):
        assert each.precision_by_threshold == pytest.approx(each.recall_by_threshold, abs=0.06)
        fitted = probabilities[:, place] >= each.threshold
        assert abs(int(fitted.sum()) - each.support) <= 1
    # Equal for every tag they would be if each were judged on what it was fitted on.
    assert any(each.precision_by_threshold != each.recall_by_threshold for each in figures)


def test_csv_has_a_row_for_each_model_and_tag(tmp_path: Path) -> None:
    row = TagFigures("love", 3, 4, 0.5, 0.6667, 0.25, 0, None, 0.0)
    write_csv({"vgg16": [row], "alexnet": [row, row]}, tmp_path / "tags.csv")
    with (tmp_path / "tags.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["model"] for row in rows] == ["vgg16", "alexnet", "alexnet"]
    assert rows[0] == {
        "model": "vgg16",
        "tag": "love",
        "support": "3",
        "given_in_five": "4",
        "precision_in_five": "0.5",
        "recall_in_five": "0.6667",
        "threshold": "0.25",
        "given_by_threshold": "0",
        "precision_by_threshold": "",
        "recall_by_threshold": "0.0",
    }
