"""Visitors who ask without pause, each its next photo as soon as the last one is answered: a closed loop."""

import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.driving import BenchmarkError
from benchmarks.rounds import figures
from benchmarks.rows import Figures
from benchmarks.visitors import Photo, Program, Refused, Visitor

# A refused visitor comes back after so many seconds, and nobody waits longer than this for a window.
_PAUSE = 0.1
_PATIENCE = 300


@dataclass(frozen=True)
class Window:
    """What a crowd met: its answers a second while all were asking, how long they took in ms, and what went wrong.

    `refused` answers had status 503, `wrong` ones another first hashtag. `own_share` is how much of one core the crowd
    itself used.
    """

    photos_per_second: float
    times: Figures
    refused: int
    wrong: int
    own_share: float


def meet(visitors: Sequence[Visitor], photos: Sequence[Photo], seconds: float) -> Window:
    """Let visitors ask for so many seconds, from when each of them has had an answer; until then the line fills.

    The window begins and ends with an answer, so that its length fits what is counted in it, and has at least as many
    answers as there are visitors. What is on its way at its end is awaited and not counted.

    Raises BenchmarkError for an answer that is none, and when there are not enough within minutes.
    """
    return asyncio.run(_Crowd(visitors, photos, seconds).meet())


def ask_all(port: int, requests: Sequence[bytes], clients: int) -> None:
    """Send each of some requests once, from so many clients at once, and await the answers.

    Raises BenchmarkError for an answer that is none, or is a refusal.
    """

    async def stay(program: Program, numbers: Iterator[int]) -> None:
        for number in numbers:
            await program.ask(number)
        program.leave()

    async def everybody() -> None:
        numbers = iter(range(len(requests)))
        await asyncio.gather(*(stay(Program(port, requests), numbers) for _ in range(clients)))

    try:
        asyncio.run(everybody())
    except Refused as error:
        raise BenchmarkError(f"The server had no room for {clients} clients.") from error


@dataclass
class _Crowd:
    visitors: Sequence[Visitor]
    photos: Sequence[Photo]
    seconds: float
    served: set[int] = field(default_factory=set)
    times: list[float] = field(default_factory=list)
    refused: int = 0
    wrong: int = 0
    # When the window opened and closed, on the clock and in this process's own time.
    opened: tuple[float, float] | None = None
    closed: tuple[float, float] | None = None

    async def meet(self) -> Window:
        order = itertools.cycle(range(len(self.photos)))
        try:
            async with asyncio.timeout(_PATIENCE):
                await asyncio.gather(*(self._stay(number, order) for number in range(len(self.visitors))))
        except TimeoutError as error:
            raise BenchmarkError(
                f"{len(self.visitors)} clients did not all get answers within {_PATIENCE} s."
            ) from error
        finally:
            for visitor in self.visitors:
                visitor.leave()
        if self.opened is None or self.closed is None:
            raise BenchmarkError("Nobody asked.")
        length = self.closed[0] - self.opened[0]
        return Window(
            photos_per_second=len(self.times) / length,
            times=figures(self.times),
            refused=self.refused,
            wrong=self.wrong,
            own_share=(self.closed[1] - self.opened[1]) / length,
        )

    async def _stay(self, number: int, order: Iterator[int]) -> None:
        while self.closed is None:
            photo = next(order)
            try:
                taken, hashtag = await self.visitors[number].ask(photo)
            except Refused:
                self.refused += 1
                await asyncio.sleep(_PAUSE)
                continue
            if self.closed is None:
                self.wrong += hashtag != self.photos[photo].hashtags[0]
                self._count(number, 1000 * taken)

    def _count(self, number: int, taken: float) -> None:
        now = (time.perf_counter(), time.process_time())
        if self.opened is None:
            self.served.add(number)
            if len(self.served) == len(self.visitors):
                self.opened = now
            return
        self.times.append(taken)
        if now[0] - self.opened[0] >= self.seconds and len(self.times) >= len(self.visitors):
            self.closed = now
