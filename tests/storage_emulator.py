"""Cloud Storage on this machine: a real emulator over HTTP, behind a proxy that knows generations and makes trouble.

The emulator keeps one generation of an object and no conditions. The proxy adds what Cloud Storage does with them: an
object asked for in a generation that is not there is missing, and an upload on the condition of a generation is refused
when another one is there. And it makes the faults that a test asks for.
"""

import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from gcp_storage_emulator.server import create_server

BUCKET = "photos-bucket"


@dataclass(frozen=True)
class Answer:
    """A response on its way to the client; the connection breaks after `cut` bytes of its body."""

    status: int
    headers: dict[str, str]
    body: bytes
    cut: int | None = None


# An answer that is given instead of asking the bucket, or what becomes of the bucket's answer on its way.
Fault = Answer | Callable[[Answer], Answer]


def refused(status: int, message: str) -> Answer:
    """This status, with Cloud Storage's kind of error."""
    body = json.dumps({"error": {"code": status, "message": message}}).encode()
    return Answer(status, {"Content-Type": "application/json"}, body)


def cut(after: int) -> Fault:
    """The right answer, but the connection breaks after some bytes of it."""
    return lambda answer: replace(answer, cut=after)


def shortened(to: int) -> Fault:
    """The body of an object that has fewer bytes than it should."""
    return lambda answer: replace(answer, body=answer.body[:to])


def granted(token: str) -> Answer:
    """What a token service answers."""
    body = {
        "access_token": token,
        "expires_in": 3600,
        "token_type": "Bearer",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
    }
    return Answer(200, {"Content-Type": "application/json"}, json.dumps(body).encode())


def spoiled(answer: Answer) -> Answer:
    """A body with one wrong byte."""
    return replace(answer, body=bytes([answer.body[0] ^ 1]) + answer.body[1:])


@dataclass
class _Rule:
    pattern: str
    times: int
    fault: Fault | None = None
    action: Callable[[], object] | None = None


@dataclass
class CloudStorage:
    """An emulator with one bucket, and the proxy's address in `host`, for STORAGE_EMULATOR_HOST.

    `requests` has a line for each request that reached the proxy: method, path and query, unquoted, then the range that
    is asked for or the name of the object that is sent.
    """

    requests: list[str] = field(default_factory=list)
    authorizations: set[str | None] = field(default_factory=set)
    _rules: list[_Rule] = field(default_factory=list)

    def __post_init__(self) -> None:
        proxy = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._proxy, self.host = proxy, f"http://127.0.0.1:{proxy.server_address[1]}"
        with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as free:
            port = free.server_address[1]
        self._emulator, self._direct = create_server("127.0.0.1", port, in_memory=True), f"http://127.0.0.1:{port}"
        self._emulator.start()
        threading.Thread(target=proxy.serve_forever, daemon=True).start()

    def empty(self) -> None:
        """Begin anew: an empty bucket, no faults, nothing asked."""
        self._ask("GET", "/wipe")
        self._ask("POST", "/storage/v1/b", json.dumps({"name": BUCKET}).encode(), {"Content-Type": "application/json"})
        self.forgive()
        self.requests.clear()
        self.authorizations.clear()

    def forgive(self) -> None:
        """Answer everything rightly from now on."""
        self._rules.clear()

    def close(self) -> None:
        """Stop both servers."""
        self._proxy.shutdown()
        self._proxy.server_close()
        self._emulator.stop()

    def fault(self, pattern: str, fault: Fault, times: int = 1) -> None:
        """Change the answers to the next so many requests whose line in `requests` the pattern is found in."""
        self._rules.append(_Rule(pattern, times, fault=fault))

    def before(self, pattern: str, action: Callable[[], object]) -> None:
        """Do something before the next such request reaches the bucket."""
        self._rules.append(_Rule(pattern, 1, action=action))

    def asked(self, pattern: str) -> list[str]:
        """The requests so far that the pattern is found in."""
        return [line for line in self.requests if re.search(pattern, line)]

    def put(self, name: str, content: bytes) -> None:
        """Write an object past the proxy."""
        self._ask("POST", f"/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={quote(name, safe='')}", content)

    def get(self, name: str) -> bytes:
        """An object's content."""
        return self._ask("GET", f"/download/storage/v1/b/{BUCKET}/o/{quote(name, safe='')}?alt=media").body

    def generations(self) -> dict[str, int]:
        """The objects by name."""
        listed = json.loads(self._ask("GET", f"/storage/v1/b/{BUCKET}/o").body).get("items", [])
        return {item["name"]: int(item["generation"]) for item in listed}

    def answer(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        """What the client gets: the emulator's answer, with conditions and faults."""
        line = f"{method} {unquote(path)} {headers.get('Range', _sent(path, body))}".strip()
        self.requests.append(line)
        self.authorizations.add(headers.get("Authorization"))
        found = []
        for rule in self._rules:
            if rule.times and re.search(rule.pattern, line):
                rule.times -= 1
                found.append(rule)
        for rule in found:
            if rule.action is not None:
                rule.action()
        for rule in found:
            if isinstance(rule.fault, Answer):
                return rule.fault
        answer = self._conditions(path, body) or self._ask(method, path, body, headers)
        for rule in found:
            if callable(rule.fault):
                answer = rule.fault(answer)
        return answer

    def _conditions(self, path: str, body: bytes | None) -> Answer | None:
        query = parse_qs(urlsplit(path).query)
        if "ifGenerationMatch" in query:
            there, wanted = self.generations().get(_sent(path, body), 0), int(query["ifGenerationMatch"][0])
            if there != wanted:
                return refused(412, "At least one of the pre-conditions you specified did not hold.")
        if "generation" in query:
            name = unquote(urlsplit(path).path.partition("/o/")[2])
            if self.generations().get(name) != int(query["generation"][0]):
                return refused(404, f"No such object: {BUCKET}/{name}")
        return None

    def _ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        request = urllib.request.Request(self._direct + path, body, headers or {}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return Answer(response.status, dict(response.headers), response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())


def _sent(path: str, body: bytes | None) -> str:
    """The name of the object that a request uploads, else ""."""
    found = re.search(rb'"name": ?"([^"]+)"', body or b"") if path.startswith("/upload/") else None
    return found[1].decode() if found else ""


def _handler(cloud: CloudStorage) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _forward(self) -> None:
            length = self.headers.get("Content-Length")
            body = self.rfile.read(int(length)) if length else None
            headers = {name.title(): value for name, value in self.headers.items()}
            answer = cloud.answer(self.command, self.path, body, headers)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                if name.lower() not in ("content-length", "connection", "server", "date"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body[: answer.cut])

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _forward  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
