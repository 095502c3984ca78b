"""Who asks the servers: programs that use a stateless route, and visitors whose browser shows the page.

What can be prepared is prepared before, because whatever a visitor computes is lost to the server beside it.
"""

import asyncio
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from benchmarks.driving import BenchmarkError
from benchmarks.wire import Answer, Connection, get, post_form, post_json
from hashstagram.web import texts

_NAME = "photo.jpg"


@dataclass(frozen=True)
class Photo:
    """A photo with the hashtags that a server must answer, the surest first."""

    content: bytes
    hashtags: tuple[str, ...]


class Refused(Exception):  # noqa: N818 - an answer, not an accident
    """The server has no room: status 503."""


class Visitor(Protocol):
    """Somebody with a connection of their own."""

    async def ask(self, number: int) -> tuple[float, str]:
        """Ask for a photo's hashtags: seconds until they were there, and the first of them. Raises Refused."""

    def leave(self) -> None:
        """Close what is open."""


class Program:
    """Sends prepared requests to a stateless route, over a connection that is kept where the server keeps it."""

    def __init__(self, port: int, requests: Sequence[bytes]) -> None:
        self._connection = Connection(port)
        self._requests = requests

    async def ask(self, number: int) -> tuple[float, str]:
        started = time.perf_counter()
        answer = _good(await self._connection.ask(self._requests[number]))
        return time.perf_counter() - started, str(answer.json()["hashtags"][0]["tag"])

    def leave(self) -> None:
        self._connection.close()


def form_requests(path: str, photos: Sequence[Photo], model: str, **fields: str) -> list[bytes]:
    """The requests of a Program: a form with the photo, the model, and more fields."""
    return [post_form(path, ("photo", _NAME, photo.content), {"model": model, **fields}) for photo in photos]


@dataclass(frozen=True)
class Drop:
    """The page's event that follows a dropped photo: its number, and that of the component which sets it off.

    `inputs` are the element ids of what it is told, with the value that each has when the page has just been opened;
    its output number `line` is the line of hashtags to paste.
    """

    event: int
    trigger: int
    inputs: tuple[tuple[str, Any], ...] = ()
    line: int = 0

    def call(self, session: str, **values: Any) -> dict[str, Any]:
        """What the page sends to have the event run, with other `values` by the element ids of the inputs."""
        return {
            "data": [values.get(name, value) for name, value in self.inputs],
            "event_data": None,
            "fn_index": self.event,
            "trigger_id": self.trigger,
            "session_hash": session,
        }


def drop_of(configuration: dict[str, Any]) -> Drop:
    """Find the event in the page's `/config`. Raises BenchmarkError for a page that has none."""
    components = {each["id"]: each["props"] for each in configuration["components"]}
    names = {number: str(props.get("elem_id")) for number, props in components.items()}
    for event in configuration["dependencies"]:
        for component, name in event["targets"]:
            if names.get(component) == "photo" and name == "upload":
                inputs = tuple((names[number], components[number].get("value")) for number in event["inputs"])
                line = [names[number] for number in event["outputs"]].index("line")
                return Drop(event["id"], component, inputs, line)
    raise BenchmarkError("The page has no event for a dropped photo. Bring benchmarks/visitors.py up to it.")


class PageVisitor:
    """Drops photos on the page, as a browser was seen to do it.

    It uploads the photo and follows the upload's progress meanwhile; then it fetches the preview while it joins the
    queue and listens to its events. The time ends with the hashtags. The next photo comes when all is there but the
    progress, which nobody awaits.
    """

    def __init__(self, port: int, photos: Sequence[Photo], model: str, drop: Drop) -> None:
        self._port = port
        self._main, self._preview = Connection(port), Connection(port)
        self._photos = photos
        self._model = model
        self._drop = drop
        self._session = secrets.token_hex(8)
        self._following: set[asyncio.Task[None]] = set()

    async def ask(self, number: int) -> tuple[float, str]:
        upload = secrets.token_hex(8)
        content = self._photos[number].content
        form = post_form(f"/gradio_api/upload?upload_id={upload}", ("files", _NAME, content))
        started = time.perf_counter()
        following = asyncio.create_task(self._follow(upload))
        self._following.add(following)
        following.add_done_callback(self._following.discard)
        path = _good(await self._main.ask(form)).json()[0]
        preview = asyncio.create_task(self._preview.ask(get(f"/gradio_api/file={path}")))
        file = {
            "path": path,
            "orig_name": _NAME,
            "size": len(content),
            "mime_type": "image/jpeg",
            "meta": {"_type": "gradio.FileData"},
        }
        try:
            hashtags = await self._event(self._drop.call(self._session, photo=file, model=self._model))
            seconds = time.perf_counter() - started
        finally:
            _good(await preview)
        return seconds, hashtags[0]

    async def _follow(self, upload: str) -> None:
        progress = Connection(self._port)
        try:
            await progress.ask(get(f"/gradio_api/upload_progress?upload_id={upload}"))
        finally:
            progress.close()

    async def _event(self, call: dict[str, Any]) -> list[str]:
        """Join the queue and listen until the event's end: the hashtags that it gives."""
        _good(await self._main.ask(post_json("/gradio_api/queue/join", call)))
        told = _good(await self._main.ask(get(f"/gradio_api/queue/data?session_hash={self._session}"))).body
        return hashtags_of(told, self._drop)

    def leave(self) -> None:
        for following in self._following:
            following.cancel()
        self._main.close()
        self._preview.close()


def hashtags_of(told: bytes, drop: Drop) -> list[str]:
    """The hashtags that the page's event gave, out of the stream of its queue.

    Raises Refused when the server said it had no room, and BenchmarkError for any other end.
    """
    for line in told.splitlines():
        if line.startswith(b"data:") and b"process_completed" in line:
            message = json.loads(line[5:])
            if message["success"] and (line := message["output"]["data"][drop.line]):
                return [tag.removeprefix("#") for tag in str(line).split()]
            # The page shows it where the hashtags would stand.
            if texts.BUSY in str(message["output"]):
                raise Refused
            raise BenchmarkError(f"The page's event failed: {message['output']}.")
    raise BenchmarkError(f"The page's event had no end: {told[-200:]!r}.")


def _good(answer: Answer) -> Answer:
    if answer.status == 503:
        raise Refused
    if answer.status != 200:
        raise BenchmarkError(f"A server answered {answer.status}: {answer.body[:200].decode(errors='replace')}")
    return answer
