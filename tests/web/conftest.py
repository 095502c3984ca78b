"""The real program in a process of its own, as visitors, programs and balancers meet it."""

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from browsing import CHROMIUM, DESK, EXPECTED, QUIET, Open
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright
from serving import ROOT, Server, StartServer, free_port

# Settings of whoever runs the tests.
_THEIRS = ("HASHSTAGRAM_", "GRADIO_", "SPACE", "SYSTEM", "HF_")


@pytest.fixture(scope="session")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    """Start the program with an environment of its own: `start_server(weights, NAME="value", ready=True)`.

    `arguments` are Python's own, for a program that differs from the real one.
    """
    started: list[Server] = []

    def start(
        weights: Path,
        *,
        ready: bool = True,
        port: int | None = None,
        arguments: Sequence[str] = ("app.py",),
        **variables: str,
    ) -> Server:
        home = tmp_path_factory.mktemp("server")
        port = port or free_port()
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_THEIRS)}
        environment |= {
            "HOME": str(home),
            "TMPDIR": str(home),
            "HASHSTAGRAM_WEIGHTS": str(weights),
            "GRADIO_SERVER_PORT": str(port),
        }
        environment |= variables
        log = home / "log.txt"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *arguments], cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
            )
        uploads = Path(environment.get("GRADIO_TEMP_DIR") or home / f"hashstagram-{port}")
        server = Server(process, port, uploads, log)
        started.append(server)
        if ready:
            server.wait()
        return server

    yield start
    for server in started:
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.stop()
        server.process.kill()
        server.process.wait()


@pytest.fixture(scope="session")
def server(start_server: StartServer, bundled_weights: Path) -> Server:
    """The program as a clone of the repository runs it, with the trained weights."""
    return start_server(Path(os.environ.get("HASHSTAGRAM_WEIGHTS") or bundled_weights))


@pytest.fixture(scope="session")
def small_server(start_server: StartServer, small_weights: Path) -> Server:
    """The program with small weights: for whatever asks more of it than hashtags."""
    return start_server(small_weights)


@pytest.fixture(scope="session")
def space_server(start_server: StartServer, small_weights: Path) -> Server:
    """The program as a Space starts it, with two models, a short line, and uploads that soon go."""
    return start_server(
        small_weights,
        SYSTEM="spaces",
        SPACE_ID="someone/hashstagram",
        SPACE_HOST="someone-hashstagram.hf.space",
        GRADIO_SERVER_NAME="0.0.0.0",  # noqa: S104 - what Spaces sets
        GRADIO_SSR_MODE="True",
        HASHSTAGRAM_MODELS="alexnet, vgg16",
        HASHSTAGRAM_WORKERS="1",
        HASHSTAGRAM_QUEUE="1",
        HASHSTAGRAM_UPLOAD_SECONDS="12",
    )


@pytest.fixture(scope="session")
def slow_photo() -> bytes:
    """A small file that takes a second to read: 49 megapixels of floating numbers."""
    stream = io.BytesIO()
    Image.new("F", (7000, 7000), 0.3).save(stream, "TIFF", compression="tiff_adobe_deflate")
    return stream.getvalue()


@pytest.fixture(scope="session")
def jpeg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture that compresses well: a sunset, roughly."""
    picture = Image.linear_gradient("L").resize((320, 240))
    path = tmp_path_factory.mktemp("photos") / "sunset.jpg"
    Image.merge("RGB", [picture, picture.point(lambda value: value // 2), picture.point(lambda value: 64)]).save(path)
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, server: Server) -> Iterator[Open]:
    """Open the page: `visit("/", **options)`, with the options of a browser's context.

    `to` is the server, if not the one with the trained weights, and `ready` what the page must have. In the end, it
    must have spoken to no other host and logged no error but those that are known, or `expected` to contain this text.
    """
    contexts: list[BrowserContext] = []
    strangers: list[str] = []
    errors: list[str] = []

    def visit(
        path: str = "/",
        *,
        to: Server = server,
        expected: str | None = None,
        ready: str = "#photo input[type=file]",
        **options: Any,
    ) -> Page:
        def listen(message: ConsoleMessage) -> None:
            said = f"{message.text} ({message.location['url']})"
            known = EXPECTED.search(said) or (expected is not None and expected in said)
            if message.type == "error" and not known:
                errors.append(said)

        context = browser.new_context(**(DESK | options), permissions=["camera", "clipboard-read", "clipboard-write"])
        contexts.append(context)
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.on("request", lambda request: strangers.append(request.url) if _foreign(to, request.url) else None)
        page.on("console", listen)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(to.url + path)
        page.locator(ready).first.wait_for(state="attached")
        return page

    expect.set_options(timeout=60_000)
    yield visit
    for context in contexts:
        context.close()
    assert strangers == []
    assert errors == []


def _foreign(server: Server, url: str) -> bool:
    return urlsplit(url).scheme not in ("data", "blob") and not url.startswith(server.url)
