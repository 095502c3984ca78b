"""Goals against rows that are made."""

from dataclasses import replace

import pytest
from made_rows import EXACT, make_row

from benchmarks import reach, table
from benchmarks.reach import value
from benchmarks.rows import Row

ALEXNET = make_row("latency", "network alone, 1 photo", "alexnet", "2 threads", "ms", 30.0, 5.0)


@pytest.mark.parametrize(
    ("row", "line"),
    [
        (ALEXNET, ("AlexNet, 1 photo, network alone", "30.0 ms", "5.00 ms", "6.0×", "≥ 6×", "met")),
        (
            make_row("latency", "network alone, 1 photo", "vgg16", "2 threads", "ms", 150.0, 31.0),
            ("VGG16, 1 photo, network alone", "150 ms", "31.0 ms", "4.8×", "≥ 5×", "short"),
        ),
        (
            make_row("throughput", "page", "alexnet", "8 clients", "photos/s", 20.0, 40.0),
            (
                "photos/s through the page, 8 clients, AlexNet",
                "20.0 photos/s",
                "40.0 photos/s",
                "2.0×",
                "≥ 2×",
                "met",
            ),
        ),
        (
            make_row("memory", "server with every model warm", "", "5 models", "MB", 1600.0, 400.0),
            ("memory, every model warm", "1,600 MB", "400 MB", "25%", "≤ 40%", "met"),
        ),
        (
            make_row("memory", "server with every model warm", "", "5 models", "MB", 1000.0, 410.0),
            ("memory, every model warm", "1,000 MB", "410 MB", "41%", "≤ 40%", "short"),
        ),
        (
            make_row("start", "start to ready", "", "5 models", "s", 6.5, 6.1),
            ("start to ready", "6.50 s", "6.10 s", "1.1×", "≤ 6 s", "short"),
        ),
    ],
)
def test_a_measured_goal_is_met_or_short(row: Row, line: tuple[str, ...]) -> None:
    assert reach.table([row]) == [line]


def test_only_what_is_taken_unasked_counts() -> None:
    quick = replace(ALEXNET, default=False, ratios=(9.0,))
    one_thread = replace(ALEXNET, setting="1 thread", ratios=(7.0,))
    page_of_one = make_row("throughput", "page", "alexnet", "1 client", "photos/s", 20.0, 90.0)

    assert reach.table([quick, page_of_one]) == []
    ((_, _, _, ratio, *_),) = reach.table([quick, ALEXNET, one_thread])
    assert ratio == "6.0×"


@pytest.mark.parametrize(
    ("number", "shown"), [(0.5, "0.50 ms"), (9.994, "9.99 ms"), (31.25, "31.2 ms"), (1234.5, "1,234 ms")]
)
def test_figures_have_three_digits(number: float, shown: str) -> None:
    assert value(number, "ms") == shown


def test_the_terminal_shows_each_row_with_its_rounds_and_notes() -> None:
    row = replace(ALEXNET, ratios=(5.9, 6.0, 6.3), floor=2.5, notes={"refused": 3, "wrong": 0})
    head, _, first, second = table.lines([row, replace(row, engine=EXACT, default=False)]).splitlines()

    assert head.split()[:4] == ["work", "model", "setting", "engine"]
    for part in ("alexnet", "2 threads", "int8-openvino-cpu*", "30.0 ms", "6.00×", "5.90–6.30", "2.50 ms", "refused 3"):
        assert part in first
    assert "wrong" not in first
    assert f"{EXACT} " in second
    assert table.goals([row]).splitlines()[2].endswith("met")
