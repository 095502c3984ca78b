"""How long the stages of an answer take, for whoever wants to know: decoding, computing, ranking.

The recommender says when a stage begins and ends, and knows nothing of who listens.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

DECODE, COMPUTE, RANK = STAGES = ("decode", "compute", "rank")

_seconds: ContextVar[dict[str, float] | None] = ContextVar("seconds", default=None)


@contextmanager
def measured() -> Iterator[dict[str, float]]:
    """The seconds that each stage takes in this thread from now on; a stage that is reached again adds to its own."""
    seconds: dict[str, float] = {}
    token = _seconds.set(seconds)
    try:
        yield seconds
    finally:
        _seconds.reset(token)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Say that this is the stage `name`, one of STAGES."""
    seconds = _seconds.get()
    started = time.perf_counter()
    try:
        yield
    finally:
        if seconds is not None:
            seconds[name] = seconds.get(name, 0) + time.perf_counter() - started
