"""Turns and what follows from their times, on times that are made."""

from collections.abc import Sequence

import pytest

from benchmarks.rounds import MOST_CALLS, TURN_MS, compare, figures, percentile, ratios


@pytest.mark.parametrize(
    ("percent", "expected"),
    [(0, 1), (5, 1), (5.1, 2), (50, 10), (95, 19), (95.1, 20), (100, 20)],
)
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(percent: float, expected: float) -> None:
    values = [float(value) for value in range(20, 0, -1)]

    assert percentile(values, percent) == expected


def test_percentiles_of_nothing_or_beyond_all_are_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)
    with pytest.raises(ValueError, match="101"):
        percentile([1.0], 101)


def test_figures_are_median_and_95th_percentile() -> None:
    found = figures([5.0, 1.0, 9.0, 3.0])

    assert (found.value, found.p50, found.p95) == (4.0, 4.0, 9.0)


def test_ratios_are_taken_round_by_round() -> None:
    assert ratios([10.0, 30.0], [5.0, 10.0]) == (2.0, 3.0)
    with pytest.raises(ValueError, match="shorter"):
        ratios([1.0, 2.0], [1.0])


class Engine:
    """Takes given times, one after the other, and notes when it was asked for how many."""

    def __init__(self, name: str, diary: list[tuple[str, int]], times: Sequence[float]) -> None:
        self._name, self._diary, self._times = name, diary, list(times)

    def turn(self, calls: int) -> list[float]:
        self._diary.append((self._name, calls))
        return [self._times.pop(0)] * calls


def test_everybody_has_a_turn_in_every_round_and_is_compared_with_the_baseline_of_that_round() -> None:
    diary: list[tuple[str, int]] = []
    # The first time is that of the call before the rounds. In the second round the machine was half as quick.
    baseline = Engine("baseline", diary, [100, 100, 200, 100])
    quick = Engine("quick", diary, [10, 10, 20, 12.5])
    slow = Engine("slow", diary, [1000, 200, 400, 400])

    found = compare(baseline.turn, {"quick": quick.turn, "slow": slow.turn}, rounds=3)

    assert [name for name, _ in diary] == ["baseline", "quick", "slow"] * 4
    assert found["quick"].ratios == (10, 10, 8)
    assert found["slow"].ratios == (0.5, 0.5, 0.25)
    assert found["slow"].baseline.value == 100
    assert found["quick"].ours.value == 12.5


def test_a_turn_has_as_many_calls_as_fill_its_time() -> None:
    diary: list[tuple[str, int]] = []
    baseline = Engine("baseline", diary, [TURN_MS / 3] * 2)
    others = {"quick": Engine("quick", diary, [0.01] * 2), "slow": Engine("slow", diary, [9 * TURN_MS] * 2)}

    compare(baseline.turn, {name: engine.turn for name, engine in others.items()}, rounds=1)

    assert diary[3:] == [("baseline", 3), ("quick", MOST_CALLS), ("slow", 1)]
