"""Part `nginx`: a process is killed, then all are restarted one after the other, while programs and visitors ask."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from reliability.clients import (
    ANSWERED,
    WRONG,
    Asked,
    Record,
    example_photos,
    page,
    program,
    reasons,
    until_over,
    visitor,
)
from reliability.lines import Line
from reliability.machine import RESTART_SECONDS, Machine, Process, machine

PROGRAMS, VISITORS = 8, 8


def show(seconds: float) -> list[Line]:
    """Kill one of two processes within so many seconds of asking, and then restart both."""
    with machine() as here:
        return [*asyncio.run(_killed(here, seconds)), *asyncio.run(_rolling(here, seconds))]


async def _ask(here: Machine, meanwhile: Callable[[], Awaitable[None]]) -> tuple[Record, Record]:
    """What programs and visitors got while something happened to the processes."""
    photos = await example_photos(here.port)
    drop = await page(here.port)
    programs, visitors = Record(), Record()
    await until_over(
        [programs, visitors],
        [
            *(program(number, here.port, photos, programs) for number in range(PROGRAMS)),
            *(visitor(number, here.port, drop, photos, visitors) for number in range(VISITORS)),
        ],
        meanwhile,
    )
    return programs, visitors


async def _killed(here: Machine, seconds: float) -> list[Line]:
    doomed = here.processes[0]
    moments: dict[str, float] = {}

    async def meanwhile() -> None:
        began = time.monotonic()
        await asyncio.sleep(seconds / 4)
        moments["doomed"] = time.monotonic()
        await asyncio.to_thread(doomed.kill)
        moments["killed"] = time.monotonic()
        await asyncio.sleep(RESTART_SECONDS)
        await _start(doomed)
        moments["back"] = time.monotonic()
        await asyncio.sleep(max(seconds / 4, seconds - (time.monotonic() - began)))

    programs, visitors = await _ask(here, meanwhile)
    alive, killed, name = moments["doomed"], moments["killed"], str(doomed.port)
    before = [each for each in visitors.asked if each.ended < alive and each.process]
    homes = {client: {each.process for each in before if each.client == client} for client in range(VISITORS)}
    in_flight = [
        each
        for each in visitors.asked
        if each.began < killed and each.ended > alive and name in (homes[each.client] or {name})
    ]
    part = "kill -9"
    return [
        *_programs(part, programs),
        Line(part, "the killed process was away", moments["back"] - killed, "s"),
        *_answered(part, visitors),
        Line.at_most(part, "visitors who met two processes before", sum(len(each) > 1 for each in homes.values()), 0),
        Line.at_least(part, "processes that had visitors", len(set().union(*homes.values())), len(here.processes)),
        _lost(part, "photos lost of those under way there", in_flight, len(in_flight)),
        _lost(part, "other photos lost", [each for each in visitors.asked if each not in in_flight], 0),
    ]


async def _rolling(here: Machine, seconds: float) -> list[Line]:
    slowest = 0.0

    async def meanwhile() -> None:
        nonlocal slowest
        pause = seconds / (len(here.processes) + 1)
        for process in here.processes:
            await asyncio.sleep(pause)
            slowest = max(slowest, await asyncio.to_thread(process.end))
            await _start(process)
        await asyncio.sleep(pause)

    programs, visitors = await _ask(here, meanwhile)
    part = "rolling restart"
    return [
        *_programs(part, programs),
        Line.at_most(part, "SIGTERM to end, the slower process", slowest, 10, "s"),
        *_answered(part, visitors),
        _lost(part, "photos lost", visitors.asked, 0),
    ]


async def _start(process: Process) -> None:
    process.start()
    await asyncio.to_thread(process.wait)


def _programs(part: str, record: Record) -> list[Line]:
    failed = [each for each in record.asked if each.outcome != ANSWERED]
    return [
        Line.at_least(part, f"answers to {PROGRAMS} programs", record.count(ANSWERED), 1),
        Line(part, "the slowest of them", max(each.seconds for each in record.asked), "s"),
        Line.at_most(part, "failed requests of programs", len(failed), 0, note=reasons(failed)),
    ]


def _answered(part: str, record: Record) -> list[Line]:
    return [
        Line.at_least(part, f"photos answered to {VISITORS} visitors", record.count(ANSWERED), 1),
        Line.at_most(part, "of all, with wrong hashtags", record.count(WRONG), 0),
    ]


def _lost(part: str, what: str, among: list[Asked], most: int) -> Line:
    lost = [each for each in among if each.outcome != ANSWERED]
    return Line.at_most(part, what, len(lost), most, note=reasons(lost))
