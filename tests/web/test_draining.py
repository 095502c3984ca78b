"""How the server ends: what runs is answered, what comes is sent away, and nobody is left waiting."""

import contextlib
import json
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from serving import Server, StartServer, send

from hashstagram.web import draining
from hashstagram.web.draining import Draining

CALL = "/gradio_api/call/recommend"
ENDING = "The server is about to start again. Please try again in a few seconds."
# Less than the eight seconds after which it would end anyway.
SOON = 6


@pytest.fixture
def ending(start_server: StartServer, small_weights: Path) -> Callable[..., Server]:
    """Start a server with one worker that stays for a few seconds when it is told to end."""

    def start(**variables: str) -> Server:
        settings = {"HASHSTAGRAM_MODELS": "alexnet", "HASHSTAGRAM_WORKERS": "1", "HASHSTAGRAM_DRAIN_SECONDS": "3"}
        return start_server(small_weights, **settings | variables)

    return start


def tell(server: Server) -> None:
    """Send SIGTERM, and wait until it has been heard."""
    server.process.send_signal(signal.SIGTERM)
    end = time.monotonic() + 30
    while server.get("/readyz").status_code == 200:
        assert time.monotonic() < end, "SIGTERM was not heard"


def file(path: str) -> dict[str, object]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def status(client: socket.socket) -> int | None:
    """The status of the answer that comes here; None when none does."""
    with client:
        try:
            answer = client.recv(64)
        except ConnectionError:
            return None
    return int(answer.split()[1]) if answer else None


def test_what_runs_and_what_waits_is_answered_and_what_comes_is_not(
    ending: Callable[..., Server], slow_photo: bytes, jpeg: Path
) -> None:
    server = ending()
    clients = [send(server, slow_photo) for _ in range(2)]
    time.sleep(0.3)
    tell(server)

    assert server.get("/healthz").status_code == 200
    assert server.get("/readyz").json() == {"status": "not ready"}
    refused = server.post("/api/v1/hashtags", files={"photo": jpeg.read_bytes()})
    assert refused.status_code == 503
    assert refused.json() == {"code": "ending", "message": ENDING}
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers["connection"] == "close"
    upload = server.post("/gradio_api/upload", files={"files": ("photo.jpg", jpeg.read_bytes())})
    assert (upload.status_code, upload.text) == (503, ENDING)
    assert [status(client) for client in clients] == [200, 200]
    assert server.process.wait(30) == 0
    assert "Traceback" not in server.said()


def test_a_page_gets_the_answer_to_the_photo_that_it_uploaded(
    ending: Callable[..., Server], slow_photo: bytes, jpeg: Path
) -> None:
    server = ending()
    slow, quick = server.upload(slow_photo, "slow.png"), server.upload(jpeg.read_bytes())
    body = {"data": [file(slow), "alexnet", 5]}
    event = server.post(CALL, json=body).json()["event_id"]
    with httpx.stream("GET", f"{server.url}{CALL}/{event}", timeout=60) as answer:
        tell(server)
        # The photo came before the signal, so this is not a new one.
        asked = server.post(CALL, json={"data": [file(quick), "alexnet", 5]})
        assert asked.status_code == 200
        strange = [
            server.post(CALL, json={"data": [file(quick.replace("photo", "other")), "alexnet", 5]}),
            server.post(CALL, json={"data": [file("/tmp/\0"), "alexnet", 5]}),  # noqa: S108 - no file at all
            server.post(CALL, json={"data": [file(str(jpeg)), "alexnet", 5]}),
            server.get(f"{CALL}/0a1b"),
            server.get("/gradio_api/queue/data?session_hash=0a1b"),
        ]
        assert [(other.status_code, other.json()) for other in strange] == [(503, {"detail": ENDING})] * 5
        assert "event: complete" in answer.read().decode()
    event, data = server.get(f"{CALL}/{asked.json()['event_id']}").text.strip().splitlines()[-2:]

    assert event == "event: complete"
    assert len(json.loads(data.removeprefix("data: "))[0]["confidences"]) == 5
    assert server.process.wait(30) == 0
    assert list(server.uploads.iterdir()) == [server.uploads / ".hashstagram"]


def test_balancers_hear_of_it_and_an_open_page_does_not_hold_it(ending: Callable[..., Server]) -> None:
    server = ending()
    with httpx.stream("GET", f"{server.url}/gradio_api/heartbeat/0a1b", timeout=60) as page:
        assert page.status_code == 200
        tell(server)
        assert server.get("/readyz").status_code == 503
        assert server.process.wait(SOON) == 0
    assert server.said().splitlines()[-1].startswith("HashStagram answers on"), "nothing was amiss"


def test_who_is_refused_does_not_hold_it(ending: Callable[..., Server], jpeg: Path) -> None:
    server = ending(HASHSTAGRAM_DRAIN_SECONDS="1")
    elsewhere = str(server.uploads.with_name("hashstagram-1") / "0a1b" / "photo.jpg")
    tell(server)
    began = time.monotonic()
    while server.process.poll() is None and time.monotonic() - began < SOON:
        with contextlib.suppress(httpx.TransportError):  # it may end meanwhile
            for answer in (
                server.post(CALL, json={"data": [file(elsewhere), "alexnet", 5]}),
                server.post("/api/v1/hashtags", files={"photo": jpeg.read_bytes()}),
                server.get("/gradio_api/queue/data?session_hash=0a1b"),
            ):
                assert answer.status_code == 503

    assert server.process.poll() == 0


def test_a_second_signal_ends_it_at_once(start_server: StartServer, small_weights: Path, jpeg: Path) -> None:
    endless = (
        "import app, time; from hashstagram import Recommender as R; real = R.recommend; "
        "R.recommend = lambda *given: time.sleep(60) if isinstance(given[1], bytes) else real(*given); app.main()"
    )
    server = start_server(
        small_weights, arguments=("-c", endless), HASHSTAGRAM_MODELS="alexnet", HASHSTAGRAM_WORKERS="1"
    )
    upload = Path(server.upload(jpeg.read_bytes()))
    clients = [send(server, jpeg.read_bytes()) for _ in range(2)]
    time.sleep(0.3)
    tell(server)
    server.process.send_signal(signal.SIGINT)

    assert server.process.wait(SOON) == 0
    assert [status(client) for client in clients] == [None, None]
    assert not upload.exists()
    assert "Traceback" not in server.said()


def test_stays_as_long_as_something_holds_it_and_for_a_while_after(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(draining.time, "monotonic", lambda: now)
    server = Draining()
    assert not server.over(0)
    with server.held(for_photo=True):
        server.begin()
        now = 103
        assert not server.over(1)
    assert not server.over(1)
    now = 104
    with server.held(for_photo=False):
        assert not server.over(1)
    assert server.over(1)


def test_ends_after_eight_seconds_whatever_holds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(draining.time, "monotonic", lambda: now)
    server = Draining()
    server.begin()
    with server.held(for_photo=False):
        now = 107.9
        assert not server.over(0)
        now = 108
        assert server.over(0)
