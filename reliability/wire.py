"""One request, one connection, one answer: nothing is tried again, so that a failure is seen as one."""

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import Any

from benchmarks.wire import read_chunks

HOST = "127.0.0.1"
# Longer than any answer takes that somebody would still wait for, in seconds.
PATIENCE = 60.0
_LARGEST_LINE = 2**20


class NoAnswer(Exception):  # noqa: N818 - what a client is left with
    """The connection was refused, was closed without a whole answer, or stayed silent."""


@dataclass(frozen=True)
class Answer:
    """A status, the header fields by their names in small letters, and the body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, which is JSON."""
        return json.loads(self.body)


async def ask(port: int, request: bytes, *, source: str = HOST, patience: float = PATIENCE) -> Answer:
    """The whole answer to a request with a head in HTTP/1.1, streams of events included.

    `source` is the address of this machine that the server sees. Raises NoAnswer.
    """
    try:
        async with asyncio.timeout(patience):
            reader, writer = await connected(port, source=source)
            try:
                # Who is refused hears it while he still sends, and the connection may be closed on him.
                writer.write(closing(request))
                return await answer(reader)
            finally:
                writer.transport.abort()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, asyncio.IncompleteReadError, ValueError, TimeoutError) as error:
        raise NoAnswer(f"{type(error).__name__}: {error}") from error


async def connected(port: int, *, source: str = HOST) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """An open connection. Raises OSError."""
    return await asyncio.open_connection(HOST, port, local_addr=(source, 0), limit=_LARGEST_LINE)


def closing(request: bytes) -> bytes:
    """The request with a line that asks the server to close the connection after its answer."""
    return request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)


async def answer(reader: asyncio.StreamReader) -> Answer:
    """Read an answer. Raises IncompleteReadError or ValueError for half of one."""
    start, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    if "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    elif headers.get("transfer-encoding") == "chunked":
        body = await read_chunks(reader)
    else:
        body = await reader.read()
    return Answer(int(start.split()[1]), headers, body)
