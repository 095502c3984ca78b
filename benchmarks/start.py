"""How long both servers take from the command to being ready, with their files in the system's cache.

Ours is ready when `/readyz` says so; every model has looked at a picture by then. The server of 2018 has no such route:
it is ready when it has answered its first photo. It multiplies the published factors out while it loads, where one of
2018 would have read 1 GB of products.
"""

from statistics import median

from benchmarks.pictures import EXAMPLES
from benchmarks.rounds import ratios
from benchmarks.rows import Figures, Row
from benchmarks.servers import ROUTE_OF_2018, our_server, server_of_2018
from benchmarks.session import Session
from benchmarks.visitors import Photo, form_requests
from benchmarks.wire import get

WORK = "start to ready"


def measure(session: Session) -> list[Row]:
    """One row, in seconds."""
    first = form_requests(ROUTE_OF_2018, [Photo(EXAMPLES[0].read_bytes(), ())], session.default)[0]
    theirs, own = [], []
    # The first round brings the files into the cache.
    for number in range(1 + session.rounds(5)):
        session.say(f"start {number}" if number else "start, to warm the disk")
        with server_of_2018() as server:
            theirs.append(server.until(first))
        with our_server() as server:
            own.append(server.until(get("/readyz")))
    theirs, own = theirs[1:], own[1:]
    return [
        Row(
            part="start",
            work=WORK,
            model="",
            setting=f"{len(session.models)} models",
            engine=session.engines[session.default].label,
            default=True,
            unit="s",
            baseline=Figures(median(theirs)),
            ours=Figures(median(own)),
            ratios=ratios(theirs, own),
            notes={"slowest": max(own)},
        )
    ]
