"""The access log: a line a request, and nothing about who asked."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from serving import Server, StartServer

API = "/api/v1/hashtags"
Asked = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def logging_server(start_server: StartServer, small_weights: Path) -> Server:
    server = start_server(small_weights, HASHSTAGRAM_MODELS="alexnet, vgg16", HASHSTAGRAM_ACCESS_LOG="1")
    later(server, 0)  # that it is ready
    return server


def lines(server: Server) -> list[dict[str, Any]]:
    return [json.loads(line) for line in server.said().splitlines() if line.startswith("{")]


def later(server: Server, before: int) -> dict[str, Any]:
    """The line that comes after those `before`: it is written when the client already has its answer."""
    end = time.monotonic() + 30
    while len(lines(server)) == before and time.monotonic() < end:
        time.sleep(0.02)
    (line,) = lines(server)[before:]
    return line


@pytest.fixture
def asked(logging_server: Server) -> Asked:
    """Ask, and get the line about it."""

    def ask(method: str, path: str, **options: Any) -> dict[str, Any]:
        before = len(lines(logging_server))
        logging_server.request(method, path, **options)
        return later(logging_server, before)

    return ask


def test_a_photo_makes_one_line(asked: Asked, jpeg: Path) -> None:
    photo = jpeg.read_bytes()
    line = asked("POST", API, files={"photo": ("grandmother.jpg", photo)}, data={"model": "VGG16"})

    assert list(line) == ["time", "method", "route", "status", "ms", "bytes_in", "bytes_out", "model"]
    came = datetime.fromisoformat(line["time"])
    assert came.tzinfo == UTC
    assert timedelta(0) < datetime.now(UTC) - came < timedelta(minutes=1)
    assert (line["method"], line["route"], line["status"], line["model"]) == ("POST", API, 200, "vgg16")
    assert line["ms"] > 0
    assert len(photo) < line["bytes_in"] < len(photo) + 1000
    assert line["bytes_out"] > 100


def test_refusals_have_lines_too(asked: Asked) -> None:
    refused = asked("POST", API, files={"photo": ("photo.jpg", b"words")})
    assert (refused["status"], refused["model"]) == (415, None)
    assert asked("GET", "/nothing")["status"] == 404
    assert asked("POST", API, files={"photo": ("photo.jpg", bytes(12 * 2**20))})["status"] == 413


@pytest.mark.parametrize("method", ["GET", "GRANDMOTHER"])
@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/readyz?who=grandmother", "/readyz"),
        ("/grandmother", "other"),
        ("/api/grandmother", "other"),
        ("/site/grandmother.js", "/site/{file}"),
        ("/gradio_api/file=/tmp/grandmother.jpg", "/gradio_api/file={file}"),
    ],
)
def test_nothing_that_a_visitor_sends_is_written_down(
    logging_server: Server, asked: Asked, method: str, path: str, route: str
) -> None:
    headers = {"user-agent": "grandmother", "x-forwarded-for": "192.0.2.7", "referer": "https://grandmother.example"}
    line = asked(method, path, headers=headers)

    assert line["route"] == route
    assert line["method"] == ("GET" if method == "GET" else "other")
    said = logging_server.said().lower()
    assert "grandmother" not in said
    assert "192.0.2.7" not in said


def test_the_log_is_off_where_nobody_turned_it_on(small_server: Server) -> None:
    small_server.get("/readyz")

    assert lines(small_server) == []
