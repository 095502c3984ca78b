"""Figures as tables."""

import pytest

from training.metrics import Estimate
from training.tables import legacy_table, source_table, table

NAMES = ("precision_at_1", "precision_at_5", "recall_at_5", "accuracy_at_5")


def _entry(value: float, mean: float = 0.5) -> dict[str, Estimate | float | int]:
    each = Estimate(value, value - 0.1, value + 0.1)
    return {**dict.fromkeys(NAMES, each), "mean_average_precision": mean, "tags_in_map": 7, "photos": 12}


def test_table_has_a_row_for_each_set_and_model() -> None:
    weak, strong = ({"main": _entry(value), "all": _entry(value, float("nan"))} for value in (0.2, 0.66667))
    lines = table({"popularity": weak, "vgg16": strong}).splitlines()
    assert [line.split(" | ")[:3] for line in lines[2:]] == [
        ["| val without the gap sources", "12", "popularity"],
        ["| val without the gap sources", "12", "vgg16"],
        ["| all val", "12", "popularity"],
        ["| all val", "12", "vgg16"],
    ]
    assert lines[2].endswith(f"{' | '.join(['20.00 [10.0, 30.0]'] * 4)} | 50.0 (7) |")
    # A mean over no tag.
    assert lines[5].endswith("66.67 [56.7, 76.7] | – |")
    assert len({line.count("|") for line in lines}) == 1


def test_legacy_table_has_the_metrics_of_2018() -> None:
    entry = {f"legacy_{name}": Estimate(0.25, 0.2, 0.3) for name in ("precision", "recall", "accuracy")}
    lines = legacy_table({"vgg16": {"all": {**entry, "photos": 8}}}).splitlines()
    assert lines[2] == f"| all val | 8 | vgg16 | {' | '.join(['25.00 [20.0, 30.0]'] * 3)} |"


def test_source_table_has_a_column_for_each_model() -> None:
    first = {"coco128": {"photos": 11, "precision_at_1": 0.5, "recall_at_5": 0.25}}
    second = {"coco128": {"photos": 11, "precision_at_1": 1.0, "recall_at_5": 0.787}}
    assert source_table({"popularity": first, "vgg16": second}).splitlines() == [
        "| source | n | popularity P@1 / R@5 | vgg16 P@1 / R@5 |",
        "|---|---|---|---|",
        "| coco128 | 11 | 50.0 / 25.0 | 100.0 / 78.7 |",
    ]


def test_a_figure_without_interval_is_our_mistake() -> None:
    with pytest.raises(TypeError, match=r"0\.5 has no interval"):
        table({"vgg16": {"all": {**_entry(0.5), "recall_at_5": 0.5}}})
