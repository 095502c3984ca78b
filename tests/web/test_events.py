"""What happens between the page's events and the line."""

import time
from pathlib import Path

import httpx
from serving import Server, has_room, send

CALL = "/gradio_api/call/recommend"
BUSY = "Many photos are waiting right now. Please try again in a few seconds."


def call(server: Server, photo: str) -> str:
    file = {"path": photo, "meta": {"_type": "gradio.FileData"}}
    answer = server.post(CALL, json={"data": [file, "alexnet", 5]})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["event_id"])


def end(server: Server, event_id: str) -> str:
    return server.get(f"{CALL}/{event_id}").text


def ask(server: Server, photo: bytes) -> int:
    return server.post("/api/v1/hashtags", files={"photo": photo}).status_code


def test_page_and_api_wait_in_one_line(space_server: Server, slow_photo: bytes, jpeg: Path) -> None:
    slow = space_server.upload(slow_photo, "slow.png")

    events = [call(space_server, slow) for _ in range(2)]
    time.sleep(0.3)
    refused = ask(space_server, jpeg.read_bytes())
    third = end(space_server, call(space_server, slow))

    assert refused == 503
    assert "event: error" in third
    assert BUSY in third
    assert all("event: complete" in end(space_server, event) for event in events)


def test_a_page_that_is_closed_leaves_its_place(space_server: Server, slow_photo: bytes, jpeg: Path) -> None:
    slow = space_server.upload(slow_photo, "slow.png")

    with send(space_server, slow_photo) as at_work:
        time.sleep(0.05)
        waiting = call(space_server, slow)
        with httpx.stream("GET", f"{space_server.url}{CALL}/{waiting}", timeout=60):
            time.sleep(0.05)
        assert has_room(space_server, jpeg.read_bytes(), at_work)
