"""Answers that nobody came for. Gradio keeps them for as long as it runs, whoever leaves them behind."""

import asyncio
import time
from collections.abc import Set
from typing import Any

from gradio.queueing import Queue


class Unread:
    """The answers in Gradio's `queue` that are not yet read: `forget` drops those that are `seconds` old."""

    def __init__(self, queue: Queue, seconds: float) -> None:
        self._queue = queue
        self._seconds = seconds
        self._since: dict[str, float] = {}

    def forget(self) -> None:
        """Drop what is old, and what Gradio keeps of visitors who have read everything. In the event loop's thread."""
        now = time.monotonic()
        pending = self._queue.pending_event_ids_session
        finished = {event for events in pending.values() for event in events} - self._queue.event_ids_to_events.keys()
        self._since = {event: self._since.get(event, now) for event in finished}
        old = {event for event, since in self._since.items() if now - since >= self._seconds}
        for session in [session for session, events in pending.items() if events <= old]:
            del pending[session]
            self._queue.pending_messages_per_session.pop(session, None)
        for session, events in pending.items():
            if events & old:
                events -= old
                _drop(self._queue.pending_messages_per_session[session], old)


def _drop(messages: asyncio.Queue[Any], events: Set[str]) -> None:
    """Take what belongs to these events out of the messages, and leave the others in their order."""
    for _ in range(messages.qsize()):
        message = messages.get_nowait()
        if message.event_id not in events:
            messages.put_nowait(message)
