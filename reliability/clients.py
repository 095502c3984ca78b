"""Who asks: programs on the stateless route, and visitors of the page, each the next photo once one is answered."""

import asyncio
import itertools
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from benchmarks.driving import ROOT, BenchmarkError
from benchmarks.visitors import Drop, Refused, drop_of, hashtags_of
from benchmarks.wire import get, post_form, post_json
from hashstagram.web import texts
from reliability.wire import Answer, NoAnswer, ask

ROUTE = "/api/v1/hashtags"
UPLOAD, JOIN, EVENTS = "/gradio_api/upload", "/gradio_api/queue/join", "/gradio_api/queue/data"
ANSWERED, BUSY, WRONG = "answered", "busy", "wrong hashtags"
_NAME = "photo.jpg"
# Who is refused comes back after so many seconds.
_PAUSE = 0.1


@dataclass(frozen=True)
class Photo:
    """A photo with the hashtags that must come, the surest first; `request` asks the stateless route for them."""

    content: bytes
    hashtags: tuple[str, ...]

    @property
    def request(self) -> bytes:
        return post_form(ROUTE, ("photo", _NAME, self.content))


@dataclass(frozen=True)
class Asked:
    """A photo that a client asked for: when, in seconds of the monotonic clock, and what came of it."""

    client: int
    began: float
    ended: float
    outcome: str
    process: str = ""

    @property
    def seconds(self) -> float:
        return self.ended - self.began


@dataclass
class Record:
    """All that was asked, and whether the clients go on."""

    asked: list[Asked] = field(default_factory=list)
    over: bool = False

    def count(self, *outcomes: str) -> int:
        return sum(each.outcome in outcomes for each in self.asked)

    @property
    def lost(self) -> list[Asked]:
        """Photos that got neither hashtags nor a word that there is no room."""
        return [each for each in self.asked if each.outcome not in (ANSWERED, BUSY)]


def reasons(asked: Iterable[Asked]) -> str:
    """What became of photos, the most frequent first."""
    return "; ".join(f"{count} × {outcome}" for outcome, count in Counter(each.outcome for each in asked).most_common())


async def example_photos(port: int) -> list[Photo]:
    """The example photos, with the hashtags that a server which is at rest answers."""
    photos = []
    for path in sorted((ROOT / "examples").glob("*.jpg")):
        content = path.read_bytes()
        told = (await ask(port, Photo(content, ()).request)).json()
        photos.append(Photo(content, tuple(tag["tag"] for tag in told["hashtags"])))
    return photos


async def until_over(
    records: Sequence[Record], clients: Sequence[Awaitable[None]], meanwhile: Callable[[], Awaitable[None]]
) -> None:
    """Let clients ask until `meanwhile` has ended, and wait for the answers that are under way."""
    running = asyncio.gather(*clients)
    try:
        await meanwhile()
    finally:
        for record in records:
            record.over = True
    await running


async def program(number: int, port: int, photos: Sequence[Photo], record: Record) -> None:
    """A program that asks the stateless route until the record is over."""
    for photo in itertools.islice(itertools.cycle(photos), number % len(photos), None):
        if record.over:
            return
        began = time.monotonic()
        outcome = await outcome_of(port, photo)
        record.asked.append(Asked(number, began, time.monotonic(), outcome))
        if outcome == BUSY:
            await asyncio.sleep(_PAUSE)


async def outcome_of(port: int, photo: Photo) -> str:
    """What comes of a photo on the stateless route."""
    try:
        told = await ask(port, photo.request)
    except NoAnswer as error:
        return str(error)
    if told.status == 503:
        if int(told.headers.get("retry-after", 0)) < 1:
            return "503 without Retry-After"
        code = told.json()["code"]
        return BUSY if code == "busy" else f"503, {code}"
    if told.status != 200:
        return f"status {told.status}"
    return ANSWERED if tuple(tag["tag"] for tag in told.json()["hashtags"]) == photo.hashtags else WRONG


async def page(port: int) -> Drop:
    """What the page does for a dropped photo."""
    return drop_of((await ask(port, get("/config"))).json())


async def visitor(number: int, port: int, drop: Drop, photos: Sequence[Photo], record: Record) -> None:
    """A visitor with an address of its own who drops photos on the page until the record is over."""
    source = f"127.0.0.{10 + number}"
    for photo in itertools.cycle(photos):
        if record.over:
            return
        began, process = time.monotonic(), ""
        try:
            told = await ask(port, upload(photo.content), source=source)
            if told.status == 503 and told.body.decode() == texts.BUSY:
                raise Refused
            path = str(_good("upload", told).json()[0])
            process = path.rpartition("/hashstagram-")[2].partition("/")[0]
            outcome = await _dropped(port, source, drop, path, photo)
        except (NoAnswer, BenchmarkError) as error:
            outcome = str(error)
        except Refused:
            outcome = BUSY
        record.asked.append(Asked(number, began, time.monotonic(), outcome, process))
        if outcome != ANSWERED:
            await asyncio.sleep(_PAUSE)


def upload(content: bytes) -> bytes:
    """A photo on its way to the page's server."""
    return post_form(UPLOAD, ("files", _NAME, content))


async def _dropped(port: int, source: str, drop: Drop, path: str, photo: Photo) -> str:
    """What comes of a photo that was uploaded: the page's event for it."""
    session = secrets.token_hex(8)
    file = {"path": path, "orig_name": _NAME, "size": len(photo.content), "meta": {"_type": "gradio.FileData"}}
    _good("call", await ask(port, post_json(JOIN, drop.call(session, photo=file)), source=source))
    told = _good("events", await ask(port, get(f"{EVENTS}?session_hash={session}"), source=source))
    return ANSWERED if tuple(hashtags_of(told.body, drop)) == photo.hashtags else WRONG


def _good(step: str, answer: Answer) -> Answer:
    if answer.status != 200:
        raise BenchmarkError(f"{step}: status {answer.status}, {answer.body[:120].decode(errors='replace')}")
    return answer
