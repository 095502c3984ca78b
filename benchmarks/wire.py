"""As much of HTTP/1.1 as the visitors need, at as little cost as possible: they share the cores with the servers."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.driving import BenchmarkError
from benchmarks.servers import HOST

_BOUNDARY = "photo-and-fields"
_LONGEST_LINE = 2**20


@dataclass(frozen=True)
class Answer:
    """A status and a body."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body, which is JSON."""
        return json.loads(self.body)


def get(path: str) -> bytes:
    """A GET request, ready to be sent."""
    return f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


def post_json(path: str, content: object) -> bytes:
    """A POST request with JSON."""
    return _post(path, "application/json", json.dumps(content).encode())


def post_form(path: str, file: tuple[str, str, bytes], fields: Mapping[str, str] | None = None) -> bytes:
    """A POST request with a form: a file as (field, file name, content), and text fields."""
    parts = [
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in (fields or {}).items()
    ]
    field, name, content = file
    disposition = f'Content-Disposition: form-data; name="{field}"; filename="{name}"'
    parts.append(f"--{_BOUNDARY}\r\n{disposition}\r\nContent-Type: image/jpeg\r\n\r\n".encode())
    parts.append(content)
    parts.append(f"\r\n--{_BOUNDARY}--\r\n".encode())
    return _post(path, f"multipart/form-data; boundary={_BOUNDARY}", b"".join(parts))


def _post(path: str, kind: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Connection:
    """A connection that is kept open where the server keeps it, and opened again where it does not."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes) -> Answer:
        """The whole answer to a request, streams of events included.

        Raises BenchmarkError when the server closes the connection instead.
        """
        if self._streams is not None:
            try:
                return await self._ask(*self._streams, request)
            except (ConnectionError, asyncio.IncompleteReadError):
                self.close()  # the server does not keep a connection for ever that nobody uses
        try:
            self._streams = await asyncio.open_connection(HOST, self._port, limit=_LONGEST_LINE)
            return await self._ask(*self._streams, request)
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            raise BenchmarkError("A server closed the connection without an answer; what it said is above.") from error

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> Answer:
        writer.write(request)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = _header(head, b"content-length")
        if length is not None:
            body = await reader.readexactly(int(length))
        elif _header(head, b"transfer-encoding") == b"chunked":
            body = await read_chunks(reader)
        else:
            body = await reader.read()
            self.close()
        if _header(head, b"connection") == b"close":
            self.close()
        return Answer(int(head[9:12]), body)

    def close(self) -> None:
        """Close it; the next request opens it again."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def _header(head: bytes, name: bytes) -> bytes | None:
    _, found, rest = head.partition(b"\r\n" + name + b":")
    return rest.partition(b"\r\n")[0].strip() if found else None


async def read_chunks(reader: asyncio.StreamReader) -> bytes:
    """The rest of a chunked answer (RFC 9112, §7.1). Raises ValueError and IncompleteReadError where it breaks off."""
    parts = []
    while size := int(await reader.readline(), 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readexactly(2)
    return b"".join(parts)
