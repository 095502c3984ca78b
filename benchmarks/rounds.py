"""Baseline and ours in turns, so that whatever else the machine does meets both, and what follows from their times."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import median

from benchmarks.rows import Figures

# Does the work so many times and gives each time in milliseconds.
Turn = Callable[[int], Sequence[float]]

# A turn does not end before this many milliseconds of work, nor go on after so many calls.
TURN_MS = 300
MOST_CALLS = 40


@dataclass(frozen=True)
class Times:
    """Both sides' figures in ms and, by round, the baseline's median through ours."""

    baseline: Figures
    ours: Figures
    ratios: tuple[float, ...]


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that `percent` of the values do not exceed: the smallest such one of them (nearest rank).

    Raises ValueError without values, and for a percentage outside 0 to 100.
    """
    if not values:
        raise ValueError("A percentile of no values was asked for.")
    if not 0 <= percent <= 100:
        raise ValueError(f"The percentage is {percent}; 0 to 100 was expected.")
    return sorted(values)[max(math.ceil(percent / 100 * len(values)), 1) - 1]


def figures(times: Sequence[float]) -> Figures:
    """The median, which is the value, and the 95th percentile of times in ms."""
    middle = median(times)
    return Figures(middle, middle, percentile(times, 95))


def compare(baseline: Turn, others: Mapping[str, Turn], rounds: int) -> dict[str, Times]:
    """Each of the others beside the baseline: a round is the baseline's turn and then one of each of the others.

    Everybody has one call before the rounds, from which follows how many calls a turn of theirs has.
    """
    turns = [baseline, *others.values()]
    calls = [_calls(turn(1)[0]) for turn in turns]
    times: list[list[Sequence[float]]] = [[] for _ in turns]
    for _ in range(rounds):
        for turn, count, taken in zip(turns, calls, times, strict=True):
            taken.append(turn(count))
    theirs, *own = times
    return {
        name: Times(
            figures([*chain(*theirs)]),
            figures([*chain(*taken)]),
            ratios([median(turn) for turn in theirs], [median(turn) for turn in taken]),
        )
        for name, taken in zip(others, own, strict=True)
    }


def ratios(baseline: Sequence[float], ours: Sequence[float]) -> tuple[float, ...]:
    """The baseline's values through ours, round by round. Raises ValueError where their numbers differ."""
    return tuple(theirs / own for theirs, own in zip(baseline, ours, strict=True))


def _calls(milliseconds: float) -> int:
    return min(max(math.ceil(TURN_MS / milliseconds), 1), MOST_CALLS)
