"""A running nginx, and what may stand behind it, for tests that look at both."""

import importlib.util
import json
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parent.parent.parent


def module(name: str, file: Path) -> ModuleType:
    """A module that lies where Python does not look for modules."""
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


render = module("render", ROOT / "deploy" / "gcp" / "render.py")
BUSY = {"code": "busy", "message": "Many photos are waiting right now. Please try again in a few seconds."}


@dataclass
class Nginx:
    """A running nginx with the deployed configuration, its ports, and the folder with its logs."""

    process: subprocess.Popen[bytes]
    port: int
    https_port: int
    folder: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def request(self, method: str, path: str, *, source: str = "127.0.0.1", **options: Any) -> httpx.Response:
        """What the visitor at the address `source`, one of this machine's, is answered."""
        with httpx.Client(transport=httpx.HTTPTransport(local_address=source), timeout=60) as client:
            return client.request(method, self.url + path, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    def upload(self, content: bytes, name: str = "photo.jpg", source: str = "127.0.0.1") -> str:
        """The path of a file that was uploaded as the page does it."""
        answer = self.post("/gradio_api/upload", files={"files": (name, content)}, source=source)
        assert answer.status_code == 200, answer.text
        return str(answer.json()[0])

    def log(self) -> list[dict[str, Any]]:
        """The access log at rest: nginx writes a request down only after the visitor has the answer."""
        before, now = None, (self.folder / "access.log").read_text(encoding="utf-8")
        while now != before:
            time.sleep(0.2)
            before, now = now, (self.folder / "access.log").read_text(encoding="utf-8")
        return [json.loads(line) for line in now.splitlines()]


StartNginx = Callable[..., Nginx]


@dataclass
class Asked:
    """A request as it arrives behind nginx."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class FullProcess:
    """Answers every POST with 503 as the program does when its line is full, and every GET with 200.

    Events come one at a time: the second one only after `go_on`.
    """

    port: int
    asked: list[Asked] = field(default_factory=list)
    go_on: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "FullProcess":
        full = self

        class Handler(BaseHTTPRequestHandler):
            def remember(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                full.asked.append(Asked(self.command, self.path, headers, body))

            def do_POST(self) -> None:
                self.remember()
                self.answer(503, json.dumps(BUSY).encode(), {"Retry-After": "7"})

            def do_GET(self) -> None:
                self.remember()
                if self.path != "/gradio_api/queue/data":
                    self.answer(200, b"here", {})
                    return
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                self.wfile.write(b"data: first\n\n")
                full.go_on.wait(30)
                self.wfile.write(b"data: second\n\n")

            def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in (headers | {"Content-Length": str(len(body))}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def trusting(certificate: Path) -> ssl.SSLContext:
    """What a client needs to trust this certificate alone."""
    return ssl.create_default_context(cafile=str(certificate))
