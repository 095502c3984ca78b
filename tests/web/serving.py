"""A running program, for tests that meet it as visitors do."""

import contextlib
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parent.parent.parent
# Loading and warming the models takes seconds; a machine that does much else needs many.
PATIENCE = 180


@dataclass
class Server:
    """A running `python app.py`."""

    process: subprocess.Popen[bytes]
    port: int
    uploads: Path
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return httpx.request(method, self.url + path, timeout=60, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    def upload(self, content: bytes, name: str = "photo.jpg") -> str:
        """The path of a file that was uploaded as the page does it."""
        answer = self.post("/gradio_api/upload", files={"files": (name, content)})
        assert answer.status_code == 200, answer.text
        return str(answer.json()[0])

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait(self) -> None:
        """Wait for the models to be ready."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            assert self.process.poll() is None, f"The server has ended:\n{self.said()}"
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                    return
            time.sleep(0.1)
        raise AssertionError(f"The server was not ready after {PATIENCE} s:\n{self.said()}")

    def stop(self) -> int:
        """Tell it to end, as systemd and Docker do, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


StartServer = Callable[..., Server]


def send(server: Server, photo: bytes) -> socket.socket:
    """Ask the stateless API for a photo's hashtags, and do not wait for them."""
    request = httpx.Request("POST", f"{server.url}/api/v1/hashtags", files={"photo": ("photo.png", photo)})
    head = ["POST /api/v1/hashtags HTTP/1.1", *(f"{name}: {value}" for name, value in request.headers.items()), "", ""]
    client = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    client.sendall("\r\n".join(head).encode() + request.read())
    return client


def has_room(server: Server, photo: bytes, at_work: socket.socket) -> bool:
    """Whether there is a free place in the line while the request of `at_work` is still being answered."""
    while not select.select([at_work], [], [], 0)[0]:
        if server.post("/api/v1/hashtags", files={"photo": photo}).status_code == 200:
            return True
        time.sleep(0.05)
    return False
