"""Part `overload`: one process is asked ten times what it can answer, and must stay correct, small and polite."""

import asyncio
import itertools
import math
import statistics
import time
from collections.abc import Sequence

from reliability.clients import (
    ANSWERED,
    BUSY,
    Asked,
    Photo,
    Record,
    example_photos,
    outcome_of,
    program,
    reasons,
    until_over,
)
from reliability.lines import Line
from reliability.machine import Process
from reliability.machine import program as one_process

TIMES = 10
# Where systemd begins to slow a process down (deploy/gcp/systemd/hashstagram@.service) less what heat maps take, in MB.
MOST_MB = 1200
# A refusal is at once when it comes before a person would notice that it does not.
AT_ONCE_SECONDS = 1.0
BACK_SECONDS = 5.0
# Back to normal: this many answers in a row, each in less than so many times the usual time.
_IN_A_ROW, _NORMAL = 3, 2.0
_PART = "overload"


def show(seconds: float) -> list[Line]:
    """Ten times as many photos a second as one process can answer, for so many seconds."""
    with one_process(HASHSTAGRAM_THREADS="1") as process:
        return asyncio.run(_overload(process, seconds))


async def _overload(process: Process, seconds: float) -> list[Line]:
    port = process.port
    photos = await example_photos(port)
    usual = statistics.median([await _seconds_alone(port, photos[0]) for _ in range(15)])
    capacity = await _capacity(port, photos, min(5.0, seconds))
    resting = process.resident_mb()
    process.forget_peak()

    asked, ended = await _flood(port, photos, TIMES * capacity, seconds)
    back = await _until_usual(port, photos[0], usual, ended)
    refused = sorted(each.seconds for each in asked if each.outcome == BUSY)
    lost = [each for each in asked if each.outcome not in (ANSWERED, BUSY)]
    answered = sum(each.outcome == ANSWERED for each in asked)
    return [
        Line(_PART, "capacity", capacity, "photos/s"),
        Line(_PART, "asked for", len(asked) / seconds, "photos/s"),
        Line.at_least(_PART, "answered meanwhile", answered / seconds, capacity / 2, "photos/s"),
        Line.at_most(
            _PART, "answers that were neither right nor 503 with Retry-After", len(lost), 0, note=reasons(lost)
        ),
        Line.at_least(_PART, "refused with 503 and Retry-After", len(refused), 1),
        Line(_PART, "a refusal took, median", statistics.median(refused or [0.0]), "s"),
        Line.at_most(_PART, "a refusal took, 99 of 100", _quantile(refused, 0.99), AT_ONCE_SECONDS, "s"),
        Line(_PART, "memory at rest", resting, "MB"),
        Line.at_most(_PART, "most memory", process.peak_mb(), MOST_MB, "MB"),
        Line(_PART, "an answer takes, alone", usual, "s"),
        Line.at_most(_PART, "until answers take that again", back, BACK_SECONDS, "s"),
        Line.at_most(_PART, "tracebacks in the log", len(told := process.tracebacks()), 0, note="; ".join(told)),
    ]


async def _seconds_alone(port: int, photo: Photo) -> float:
    """How long an answer takes, or infinitely when there is none."""
    began = time.monotonic()
    outcome = await outcome_of(port, photo)
    return time.monotonic() - began if outcome == ANSWERED else math.inf


async def _capacity(port: int, photos: Sequence[Photo], seconds: float) -> float:
    """Photos a second that a few programs get, who ask without pause."""
    record = Record()
    await until_over(
        [record], [program(number, port, photos, record) for number in range(4)], lambda: asyncio.sleep(seconds)
    )
    return record.count(ANSWERED) / (
        max(each.ended for each in record.asked) - min(each.began for each in record.asked)
    )


async def _flood(port: int, photos: Sequence[Photo], rate: float, seconds: float) -> tuple[list[Asked], float]:
    """Ask so many times a second, whatever has been answered by then: what came of it, and when it ended."""
    asked: list[Asked] = []

    async def once(number: int, photo: Photo) -> None:
        began = time.monotonic()
        outcome = await outcome_of(port, photo)
        asked.append(Asked(number, began, time.monotonic(), outcome))

    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number, photo in enumerate(itertools.cycle(photos)):
            due = began + number / rate
            if due - began >= seconds:
                break
            # Always a step aside, or those who ask already would not come to it.
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            group.create_task(once(number, photo))
        ended = time.monotonic()
    return asked, ended


async def _until_usual(port: int, photo: Photo, usual: float, ended: float) -> float:
    """Seconds from when it ended until answers that come alone take their usual time; a minute when they do not."""
    in_a_row = 0
    while in_a_row < _IN_A_ROW and time.monotonic() - ended < 60:
        taken = await _seconds_alone(port, photo)
        in_a_row = in_a_row + 1 if taken < _NORMAL * usual else 0
    return time.monotonic() - ended


def _quantile(values: Sequence[float], share: float) -> float:
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0.0
