"""A run over many photos: several computed at a time, answers in the order of the photos, and what was said of each."""

import sys
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import Protocol

from tqdm import tqdm

from hashstagram.choice import Choice, Hashtag
from hashstagram.engines import cores
from hashstagram.errors import PhotoError
from hashstagram.recommender import Recommender
from hashstagram.tagging.folders import Listed, Problem
from hashstagram.tagging.sidecars import SidecarError

_Answer = list[Hashtag] | PhotoError

# Enough that a photo which takes long does not keep the other cores waiting.
_WAITING_PER_CORE = 8


class Results(Protocol):
    """Where the hashtags of a run go."""

    def has(self, photo: Listed) -> bool:
        """Whether an earlier run's answer for this photo is there and still right."""

    def put(self, photo: Listed, recommender: Recommender, hashtags: Sequence[Hashtag]) -> None:
        """Take the answer for a photo. Raises SidecarError where it cannot be kept for this one."""


@dataclass
class Outcome:
    """What came of a run: photos that were tagged, `kept` from earlier runs, and those that could not be used."""

    tagged: int = 0
    kept: int = 0
    problems: list[Problem] = field(default_factory=list)
    seconds: float = 0.0

    def __str__(self) -> str:
        rate = f" in {self.seconds:.1f} s ({self.tagged / self.seconds:.1f} photos/s)" if self.tagged else ""
        parts = [f"{_photos(self.tagged)} tagged{rate}"]
        if self.kept:
            parts.append(f"{_photos(self.kept)} done before")
        if self.problems:
            parts.append(f"{len(self.problems)} could not be used:")
        return ", ".join(parts)


def run(
    recommender: Recommender, photos: Sequence[Listed], choice: Choice, results: Results, outcome: Outcome, *, bar: bool
) -> Iterator[Problem]:
    """Tag photos into `results` and count them in `outcome`; gives each problem when it is the photo's turn.

    `bar` shows on standard error how far it is. Raises SettingError as `recommend` does.
    """
    started = time.monotonic()
    progress = tqdm(
        total=len(photos),
        unit=" photos",
        disable=not bar,
        dynamic_ncols=True,
        file=sys.stderr,
        bar_format="{percentage:3.0f} % |{bar}| {n_fmt} of {total_fmt} photos, {rate_noinv_fmt}, {remaining} left",
    )
    with progress, closing(answers(recommender, photos, choice)) as answered:
        try:
            for photo, answer in answered:
                try:
                    if isinstance(answer, PhotoError):
                        raise answer
                    results.put(photo, recommender, answer)
                    outcome.tagged += 1
                except (PhotoError, SidecarError) as error:
                    problem = Problem(photo.name, str(error))
                    outcome.problems.append(problem)
                    yield problem
                progress.update()
        finally:
            outcome.seconds = time.monotonic() - started


def answers(
    recommender: Recommender, photos: Iterable[Listed], choice: Choice
) -> Generator[tuple[Listed, _Answer], None, None]:
    """The answer for each photo, in order, while those after it are computed: a photo for each processor core.

    Stopping early waits for the photos at work, and begins no other. Raises SettingError as `recommend` does.
    """

    def answer(photo: Listed) -> _Answer:
        try:
            return recommender.recommend(photo.name, choice)
        except PhotoError as error:
            return error

    waiting: deque[tuple[Listed, Future[_Answer]]] = deque()
    with ThreadPoolExecutor(cores.count(), "photo") as pool:
        try:
            for photo in photos:
                waiting.append((photo, pool.submit(answer, photo)))
                if len(waiting) == _WAITING_PER_CORE * cores.count():
                    first, future = waiting.popleft()
                    yield first, future.result()
            for first, future in waiting:
                yield first, future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _photos(count: int) -> str:
    return f"{count:,} photo{'' if count == 1 else 's'}"
