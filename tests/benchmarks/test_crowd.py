"""What is counted while a crowd asks, with visitors whose answers are known."""

import asyncio

import pytest

from benchmarks.crowd import meet
from benchmarks.driving import BenchmarkError
from benchmarks.visitors import Photo, Refused

PHOTOS = [Photo(b"", ("dog", "pet")), Photo(b"", ("beach", "sea"))]


class Visitor:
    """Answers rightly, but for the numbers of the questions that are named."""

    def __init__(self, *, refused: tuple[int, ...] = (), wrong: tuple[int, ...] = (), broken: bool = False) -> None:
        self.asked = 0
        self.gone = False
        self._refused, self._wrong, self._broken = refused, wrong, broken

    async def ask(self, number: int) -> tuple[float, str]:
        self.asked += 1
        await asyncio.sleep(0.001)
        if self._broken:
            raise BenchmarkError("A server answered 500.")
        if self.asked in self._refused:
            raise Refused
        return self.asked / 1000, "cat" if self.asked in self._wrong else PHOTOS[number].hashtags[0]

    def leave(self) -> None:
        self.gone = True


def test_the_window_opens_when_everybody_has_been_served_and_closes_with_an_answer_for_each() -> None:
    visitors = [Visitor(), Visitor(refused=(1,)), Visitor()]

    window = meet(visitors, PHOTOS, seconds=0)

    assert window.refused == 1
    assert window.wrong == 0
    assert window.photos_per_second > 0
    # The others had many answers while the refused one paused, and none of those counts.
    assert visitors[0].asked > 10
    assert window.times.value > 10
    assert all(visitor.gone for visitor in visitors)


def test_wrong_answers_are_counted() -> None:
    assert meet([Visitor(wrong=(1, 2))], PHOTOS, seconds=0).wrong == 2


def test_an_answer_that_is_none_ends_it() -> None:
    visitors = [Visitor(), Visitor(broken=True)]

    with pytest.raises(BenchmarkError, match="500"):
        meet(visitors, PHOTOS, seconds=60)
    assert all(visitor.gone for visitor in visitors)
