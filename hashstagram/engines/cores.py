"""The processor cores that this process computes with, and how many photos it is looking at right now.

A photo that is alone gets all cores. As soon as there are others each gets one: networks on a CPU answer more photos a
second that way, because nothing waits for the slower of two threads.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from hashstagram.errors import SettingError

VARIABLE = "HASHSTAGRAM_THREADS"

_lock = threading.Lock()
_photos = 0
_limit: int | None = None


def limit_from_environment() -> None:
    """Compute with HASHSTAGRAM_THREADS cores, where that is set.

    This holds for the whole process and for what is loaded from now on, so only a program's entry point may call it,
    never the library. Raises SettingError for a value that is not a whole number from 1 on.
    """
    global _limit
    wanted = os.environ.get(VARIABLE, "")
    if wanted and (not wanted.isdecimal() or int(wanted) < 1):
        raise SettingError(f"{VARIABLE} is {wanted!r}. Give a whole number from 1 on, or leave it unset.")
    _limit = int(wanted) if wanted else None


def limit() -> int | None:
    """How many threads the program's entry point allows; None where it said nothing."""
    return _limit


def count() -> int:
    """How many cores this process computes with: the limit, else all that the system lets it use."""
    if _limit is not None:
        return _limit
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def photo_at_work() -> Iterator[None]:
    """Say that a photo is being looked at, from its decoding to its logits."""
    global _photos
    with _lock:
        _photos += 1
    try:
        yield
    finally:
        with _lock:
            _photos -= 1


def alone() -> bool:
    """Whether no other photo is being looked at in this process."""
    return _photos <= 1
