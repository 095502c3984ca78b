"""The memory of both servers with every model loaded and warm, one server at a time.

Memory is the proportional set size (PSS) of a server's processes: pages that are shared with other programs count in
parts. Warm means that every model has answered all photos, asked by one client and by several at once. What an answer
left behind for the next one comes and goes, so the least of several readings counts, for both.
"""

from collections.abc import Callable, Iterator
from statistics import median

from benchmarks.crowd import ask_all
from benchmarks.pictures import two_megapixels
from benchmarks.rounds import ratios
from benchmarks.rows import Figures, Row
from benchmarks.servers import ROUTE, ROUTE_OF_2018, Server, our_server, server_of_2018
from benchmarks.session import Session
from benchmarks.visitors import Photo, form_requests

WORK = "server with every model warm"
_SIDES: tuple[tuple[Callable[[], Server], str], ...] = ((server_of_2018, ROUTE_OF_2018), (our_server, ROUTE))


def measure(session: Session) -> list[Row]:
    """One row, in MB of a million bytes."""
    photos = [Photo(path.read_bytes(), ()) for path in two_megapixels(session.folder)]
    requests = {
        route: [request for model in session.models for request in form_requests(route, photos, model)]
        for _, route in _SIDES
    }
    megabytes: dict[str, list[float]] = {route: [] for _, route in _SIDES}
    for _ in range(session.rounds(2)):
        for start, route in _SIDES:
            session.say(f"memory of the server of {route}")
            with start() as server:
                server.until(requests[route][0])
                megabytes[route].append(min(_warm(server, requests[route])) / 1e6)
    theirs, own = megabytes[ROUTE_OF_2018], megabytes[ROUTE]
    engine = session.engines[session.default].label
    return [
        Row(
            "memory",
            WORK,
            "",
            f"{len(session.models)} models",
            engine,
            True,
            "MB",
            Figures(median(theirs)),
            Figures(median(own)),
            ratios(theirs, own),
        )
    ]


def _warm(server: Server, requests: list[bytes]) -> Iterator[int]:
    """The memory after every model has answered, again and again."""
    for clients in (1, 4, 4):
        ask_all(server.port, requests, clients)
        yield server.memory_bytes()
