"""Part `mixed`: good, bad, huge, slow and disconnecting clients at once, for long; nothing may pile up."""

import asyncio
import itertools
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence

from benchmarks.visitors import Drop
from benchmarks.wire import post_form, post_json
from reliability.clients import (
    ANSWERED,
    BUSY,
    JOIN,
    ROUTE,
    Asked,
    Photo,
    Record,
    example_photos,
    page,
    program,
    reasons,
    until_over,
    upload,
    visitor,
)
from reliability.lines import Line
from reliability.machine import Process
from reliability.machine import program as one_process
from reliability.wire import NoAnswer, answer, ask, closing, connected
from tests.odd_photos import encoded, odd_photos, scene

# Uploads go after so many seconds instead of 900, so that a short run sees them go.
_UPLOAD_SECONDS = 20
# What of the run is left out while memory fills, and how many parts of the rest are looked at.
_WARM, _WINDOWS = 0.25, 12
# Memory is flat when it rises by less than this share of itself from the first of these parts to the last.
_FLAT = 0.05
# In a shorter run memory still fills.
_LONG_ENOUGH = 300
_SAMPLE_SECONDS = 0.5
_PART = "mixed"


def show(seconds: float) -> list[Line]:
    """All kinds of clients for so many seconds, and what is left of them afterwards."""
    with one_process(HASHSTAGRAM_UPLOAD_SECONDS=str(_UPLOAD_SECONDS)) as process:
        return asyncio.run(_mixed(process, seconds))


async def _mixed(process: Process, seconds: float) -> list[Line]:
    port = process.port
    photos, drop = await example_photos(port), await page(port)
    kinds = {name: Record() for name in ("good", "page", "bad", "huge", "slow", "disconnecting")}
    clients = [
        *(program(number, port, photos, kinds["good"]) for number in range(2)),
        visitor(0, port, drop, photos, kinds["page"]),
        _bad(port, kinds["bad"]),
        _huge(port, kinds["huge"]),
        *(_slow(port, photos[number], kinds["slow"]) for number in range(2)),
        *(_disconnecting(port, drop, photos[number], kinds["disconnecting"]) for number in range(2)),
    ]
    descriptors, samples = process.descriptors(), [(0.0, process.resident_mb())]
    began = time.monotonic()

    async def meanwhile() -> None:
        while (now := time.monotonic() - began) < seconds:
            samples.append((now, process.resident_mb()))
            await asyncio.sleep(_SAMPLE_SECONDS)

    await until_over(list(kinds.values()), clients, meanwhile)
    # The janitor comes every quarter of the time that uploads may stay.
    await asyncio.sleep(1.5 * _UPLOAD_SECONDS)
    lost = {name: record.lost for name, record in kinds.items()}
    slope, levels = slope_mb_an_hour(samples)
    level = statistics.median(levels)
    return [
        *(Line.at_least(_PART, f"{name} clients were answered", kinds[name].count(ANSWERED), 1) for name in kinds),
        *(
            Line.at_most(
                _PART, f"{name} clients with another answer than theirs or 503", len(each), 0, note=reasons(each)
            )
            for name, each in lost.items()
        ),
        Line(_PART, "memory when nobody had asked", samples[0][1], "MB"),
        Line(_PART, "memory, median", level, "MB"),
        Line(_PART, "memory, most", max(memory for _, memory in samples), "MB"),
        Line(
            _PART, "slope of memory", slope, "MB/h", note=f"through {', '.join(f'{each:,.0f}' for each in levels)} MB"
        ),
        _growth(seconds, slope * (1 - _WARM) * seconds / 3600, level),
        Line.at_most(_PART, "file descriptors left", process.descriptors() - descriptors, 0),
        Line.at_most(_PART, "uploads left", len(process.uploaded()), 0),
        Line.at_most(_PART, "tracebacks in the log", len(told := process.tracebacks()), 0, note="; ".join(told)),
    ]


def _growth(seconds: float, grown: float, level: float) -> Line:
    what = f"growth after the first quarter, of {level:,.0f} MB"
    if seconds < _LONG_ENOUGH:
        return Line(_PART, what, grown, "MB", note=f"nothing must hold of it in less than {_LONG_ENOUGH} s")
    return Line.at_most(_PART, what, grown, round(_FLAT * level, 1), "MB")


def slope_mb_an_hour(samples: Sequence[tuple[float, float]]) -> tuple[float, list[float]]:
    """How memory rises, in MB an hour, and the levels in MB that say so, from samples of (seconds, MB) in order.

    The line goes through the lowest sample of each of some windows, after the warm-up: what a photo takes for a moment
    is no growth, and what stays is in the lowest as well.
    """
    first, last = samples[0][0], samples[-1][0]
    start = first + _WARM * (last - first)
    width = (last - start) / _WINDOWS
    lowest: dict[int, tuple[float, float]] = {}
    for seconds, memory in samples:
        if seconds >= start:
            window = min(_WINDOWS - 1, int((seconds - start) / width))
            lowest[window] = min(lowest.get(window, (seconds, memory)), (seconds, memory), key=lambda each: each[1])
    hours, levels = zip(*((seconds / 3600, memory) for seconds, memory in lowest.values()), strict=True)
    return statistics.linear_regression(hours, levels).slope, list(levels)


async def _repeat(record: Record, what: Sequence[Callable[[], Awaitable[str]]]) -> None:
    """Do one thing after the other until the record is over."""
    for number, once in enumerate(itertools.cycle(what)):
        if record.over:
            return
        began = time.monotonic()
        try:
            outcome = await once()
        except (NoAnswer, OSError) as error:
            outcome = f"{type(error).__name__}: {error}"
        record.asked.append(Asked(number, began, time.monotonic(), outcome))
        await asyncio.sleep(0.1)


def _sent(port: int, name: str, content: bytes, *expected: int) -> Callable[[], Awaitable[str]]:
    """A photo that must get one of these statuses."""
    request = post_form(ROUTE, ("photo", name, content))

    async def once() -> str:
        status = (await ask(port, request)).status
        return ANSWERED if status in expected else BUSY if status == 503 else f"{name}: status {status}"

    return once


async def _bad(port: int, record: Record) -> None:
    bad = [odd for odd in odd_photos() if odd.expected is not None]
    await _repeat(record, [_sent(port, odd.name, odd.data, 400, 413, 415) for odd in bad])


async def _huge(port: int, record: Record) -> None:
    photos = {"twelve.jpg": scene(4000, 3000), "fifty.png": scene(7000, 7000), "thirty.webp": scene(6000, 5000)}
    kinds = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}
    contents = {
        name: await asyncio.to_thread(encoded, image, kinds[name.split(".")[1]]) for name, image in photos.items()
    }
    await _repeat(
        record,
        [
            *(_sent(port, name, content, 200) for name, content in contents.items()),
            _sent(port, "eleven_megabytes.jpg", bytes(11 * 2**20), 413),
            _sent(port, "sixty_megabytes.jpg", bytes(60 * 2**20), 413),
        ],
    )


async def _slow(port: int, photo: Photo, record: Record) -> None:
    async def once() -> str:
        reader, writer = await connected(port)
        request = closing(photo.request)
        for start in range(0, len(request), len(request) // 20 + 1):
            writer.write(request[start : start + len(request) // 20 + 1])
            await writer.drain()
            await asyncio.sleep(0 if record.over else 0.25)
        try:
            status = (await answer(reader)).status
        except (asyncio.IncompleteReadError, ValueError) as error:
            raise NoAnswer(str(error)) from error
        finally:
            writer.close()
        return ANSWERED if status == 200 else BUSY if status == 503 else f"status {status}"

    await _repeat(record, [once])


async def _disconnecting(port: int, drop: Drop, photo: Photo, record: Record) -> None:
    """Goes away in the middle of a form, right after it, and while the page's event is waited for."""

    def gone(request: bytes, share: float) -> Callable[[], Awaitable[str]]:
        async def once() -> str:
            _, writer = await connected(port)
            writer.write(request[: int(share * len(request))])
            await writer.drain()
            await asyncio.sleep(0.02)
            writer.close()
            return ANSWERED

        return once

    async def left_behind() -> str:
        """An upload that is never asked about, or asked about and not listened to."""
        told = await ask(port, upload(photo.content))
        if told.status != 200:
            return BUSY if told.status == 503 else f"upload: status {told.status}"
        file = {"path": told.json()[0], "meta": {"_type": "gradio.FileData"}}
        await ask(port, post_json(JOIN, drop.call("gone", photo=file)))
        return ANSWERED

    forms = (photo.request, upload(photo.content))
    await _repeat(record, [gone(form, share) for form in forms for share in (0.5, 1.0)] + [left_behind])
