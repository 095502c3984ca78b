"""How a server ends: it says so, finishes what runs, and is gone when nobody needs it any more."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

# What has no answer by then gets none. To hang up and to clean up takes up to two seconds more, and ten in all are what
# may be expected of who waits.
MOST_SECONDS = 8


class Draining:
    """Whether the server is about to end, and whether something still keeps it."""

    def __init__(self) -> None:
        self._begun: float | None = None
        self._held = 0
        self._last = 0.0

    @property
    def begun(self) -> bool:
        """Whether the server is about to end."""
        return self._begun is not None

    def begin(self) -> None:
        """Let nothing new come."""
        self._begun = time.monotonic()

    @contextmanager
    def held(self, *, for_photo: bool) -> Iterator[None]:
        """Keep the server while a request is answered, and a while longer if it is one of several for a photo."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            if for_photo:
                self._last = time.monotonic()

    def over(self, quiet: float) -> bool:
        """Whether the server may go: nothing holds it and all photos were done with `quiet` seconds ago, or it has
        waited long enough.

        A page asks in several requests, so the end of one is not yet the end of its photo; and balancers look once in
        a while, and must see an answer that says that no more shall come.
        """
        if self._begun is None:
            return False
        now = time.monotonic()
        at_rest = not self._held and now - max(self._begun, self._last) >= quiet
        return at_rest or now - self._begun >= MOST_SECONDS
