"""Photos a second over HTTP with 1, 8 and 32 clients: our stateless route and our page, beside the server of 2018.

All send the same 2-megapixel JPEG files and get the first five tags of the same model. The stateless route is asked for
visible tags only, as the server of 2018 gives; the page always adds tags that are written with those, and that is not
taken out. Both servers run all the time, and one of them is asked at a time.
"""

import asyncio
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

from benchmarks.crowd import Window, meet
from benchmarks.driving import Worker
from benchmarks.pictures import two_megapixels
from benchmarks.rounds import ratios
from benchmarks.rows import Figures, Row
from benchmarks.servers import ROUTE, ROUTE_OF_2018, Server, our_server, server_of_2018
from benchmarks.session import Session
from benchmarks.visitors import Drop, PageVisitor, Photo, Program, Visitor, drop_of, form_requests
from benchmarks.wire import Connection, get

CLIENTS = (1, 8, 32)
STATELESS, PAGE = "stateless route", "page"
SECONDS = 3.0
# As many as there are clients, each of whom may have two things in Gradio's line.
_QUEUE = 64

# So many visitors of a server, by the way that they take; "" is the server of 2018.
_Ways = Mapping[str, Callable[[int], list[Visitor]]]


def measure(session: Session) -> list[Row]:
    """A row for each model, number of clients, and way."""
    session.say("what the servers must answer")
    theirs, own = (_expected(side, session) for side in ("2018", "auto"))
    rows = []
    with server_of_2018() as baseline, our_server(HASHSTAGRAM_QUEUE=str(_QUEUE)) as ours:
        for server, route, photos in ((baseline, ROUTE_OF_2018, theirs), (ours, ROUTE, own)):
            server.until(form_requests(route, photos[session.default], session.default)[0])
        drop = drop_of(asyncio.run(_configuration(ours.port)))
        for model in session.few_models:
            photos = {"": theirs[model], STATELESS: own[model], PAGE: own[model]}
            ways = {
                "": _programs(baseline, form_requests(ROUTE_OF_2018, theirs[model], model)),
                STATELESS: _programs(ours, form_requests(ROUTE, own[model], model, companions="0")),
                PAGE: _page_visitors(ours, own[model], model, drop),
            }
            for clients in CLIENTS:
                session.say(f"throughput of {model}, {clients_of(clients)}")
                windows = _windows(ways, photos, clients, session.rounds(3))
                rows += [_row(session, model, clients, way, windows[""], windows[way]) for way in (STATELESS, PAGE)]
    return rows


def clients_of(count: int) -> str:
    """`1 client`, `8 clients`: the setting of these rows."""
    return f"{count} client{'s' if count > 1 else ''}"


def _expected(side: str, session: Session) -> dict[str, list[Photo]]:
    """For each model, the photos with the hashtags that a side gives them in process."""
    expected = {}
    paths = two_megapixels(session.folder)
    with Worker(side) as worker:
        for model in session.few_models:
            worker.ask("load", model=model)
            expected[model] = [
                Photo(path.read_bytes(), tuple(worker.ask("hashtags", model=model, photo=str(path)))) for path in paths
            ]
    return expected


def _programs(server: Server, requests: list[bytes]) -> Callable[[int], list[Visitor]]:
    return lambda clients: [Program(server.port, requests) for _ in range(clients)]


def _page_visitors(server: Server, photos: list[Photo], model: str, drop: Drop) -> Callable[[int], list[Visitor]]:
    return lambda clients: [PageVisitor(server.port, photos, model, drop) for _ in range(clients)]


async def _configuration(port: int) -> dict[str, Any]:
    connection = Connection(port)
    try:
        configuration: dict[str, Any] = (await connection.ask(get("/config"))).json()
        return configuration
    finally:
        connection.close()


def _windows(ways: _Ways, photos: Mapping[str, list[Photo]], clients: int, rounds: int) -> dict[str, list[Window]]:
    """The windows of each way, in rounds of one after the other."""
    windows: dict[str, list[Window]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, visitors in ways.items():
            windows[way].append(meet(visitors(clients), photos[way], SECONDS))
    return windows


def _row(session: Session, model: str, clients: int, way: str, theirs: list[Window], own: list[Window]) -> Row:
    return Row(
        part="throughput",
        work=way,
        model=model,
        setting=clients_of(clients),
        engine=session.engines[model].label,
        default=True,
        unit="photos/s",
        baseline=_figures(theirs),
        ours=_figures(own),
        ratios=ratios([window.photos_per_second for window in own], [window.photos_per_second for window in theirs]),
        notes={
            "refused": sum(window.refused for window in own),
            "wrong": sum(window.wrong for window in own),
            "baseline refused": sum(window.refused for window in theirs),
            "baseline wrong": sum(window.wrong for window in theirs),
            "cores used by the clients": max(window.own_share for window in own),
        },
    )


def _figures(windows: list[Window]) -> Figures:
    """The medians over the rounds."""
    return Figures(
        median(window.photos_per_second for window in windows),
        median(window.times.value for window in windows),
        median(window.times.p95 or 0 for window in windows),
    )
