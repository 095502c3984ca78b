"""Answers that nobody comes for go with their photos; those that somebody may still read stay."""

import asyncio
import time
from pathlib import Path

import gradio as gr
import pytest
from gradio.queueing import Queue
from gradio.server_messages import ProcessCompletedMessage
from serving import StartServer

from hashstagram.web.unread import Unread

CALL = "/gradio_api/call/recommend"


@pytest.fixture
def queue() -> Queue:
    async def make() -> Queue:
        # Outside a loop, Gradio would make one for its locks and leave it open.
        with gr.Blocks(analytics_enabled=False) as demo:
            gr.Markdown("nothing")
        return demo.queue()._queue

    return asyncio.run(make())


def answer(queue: Queue, session: str, event: str) -> None:
    """Put the answer to an event into the queue, as Gradio does when it has ended."""
    queue.pending_event_ids_session.setdefault(session, set()).add(event)
    if session not in queue.pending_messages_per_session:
        queue.pending_messages_per_session[session] = asyncio.Queue()
    message = ProcessCompletedMessage(output={}, success=True, event_id=event)
    queue.pending_messages_per_session[session].put_nowait(message)


def waiting(queue: Queue, session: str) -> list[str | None]:
    messages = queue.pending_messages_per_session[session]
    return [messages.get_nowait().event_id for _ in range(messages.qsize())]


def test_an_old_answer_goes_and_a_young_one_of_the_same_visitor_stays(queue: Queue) -> None:
    unread = Unread(queue, 0.1)
    answer(queue, "visitor", "old")
    unread.forget()
    time.sleep(0.15)
    for event in ("young", "younger"):
        answer(queue, "visitor", event)

    unread.forget()

    assert queue.pending_event_ids_session == {"visitor": {"young", "younger"}}
    assert waiting(queue, "visitor") == ["young", "younger"]


def test_nothing_is_kept_of_who_left_all_answers_behind_and_of_who_read_them(queue: Queue) -> None:
    unread = Unread(queue, 0)
    answer(queue, "gone", "unread")
    answer(queue, "content", "read")
    waiting(queue, "content")
    queue.pending_event_ids_session["content"].clear()

    unread.forget()

    assert not queue.pending_event_ids_session
    assert not queue.pending_messages_per_session


def test_what_still_runs_is_no_answer_yet(queue: Queue) -> None:
    unread = Unread(queue, 0)
    answer(queue, "visitor", "runs")
    queue.event_ids_to_events["runs"] = object()  # type: ignore[assignment]

    unread.forget()

    assert queue.pending_event_ids_session == {"visitor": {"runs"}}


def test_a_program_that_comes_too_late_is_told_so(start_server: StartServer, small_weights: Path, jpeg: Path) -> None:
    server = start_server(small_weights, HASHSTAGRAM_UPLOAD_SECONDS="4")
    photo = {"path": server.upload(jpeg.read_bytes()), "meta": {"_type": "gradio.FileData"}}

    calls = [server.post(CALL, json={"data": [photo, None, 5]}).json()["event_id"] for _ in range(2)]
    assert "event: complete" in server.get(f"{CALL}/{calls[0]}").text
    time.sleep(8)

    late = server.get(f"{CALL}/{calls[1]}")
    assert late.status_code == 404
    assert "send the photo once more" in late.json()["detail"]
