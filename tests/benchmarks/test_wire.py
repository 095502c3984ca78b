"""The visitors' HTTP, against a socket that answers what it is told to."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from benchmarks.driving import BenchmarkError
from benchmarks.wire import Answer, Connection, get, post_form, post_json

Ask = Callable[[Connection], Awaitable[list[Answer]]]


def converse(answers: list[list[bytes]], ask: Ask) -> tuple[list[Answer], list[bytes]]:
    """What `ask` gets from a server that gives each connection the next list of answers and then closes it.

    Also gives the heads of the requests.
    """
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers.pop(0):
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            await writer.drain()
        writer.close()

    async def talk() -> list[Answer]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        connection = Connection(server.sockets[0].getsockname()[1])
        try:
            async with server, asyncio.timeout(10):
                return await ask(connection)
        finally:
            connection.close()

    return asyncio.run(talk()), heads


async def twice(connection: Connection) -> list[Answer]:
    return [await connection.ask(get("/one")), await connection.ask(get("/two"))]


HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def test_a_connection_is_kept_for_the_next_request() -> None:
    answers, heads = converse([[HELLO, HELLO.replace(b"200 OK", b"503 Busy")]], twice)

    assert answers == [Answer(200, b"hello"), Answer(503, b"hello")]
    assert [head.split()[1] for head in heads] == [b"/one", b"/two"]


@pytest.mark.parametrize(
    "closing",
    [
        HELLO.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        b"HTTP/1.1 200 OK\r\n\r\nhello",
        HELLO,  # closed later, as servers do with idle connections
    ],
    ids=["announced", "without a length", "unannounced"],
)
def test_a_connection_that_the_server_closed_is_opened_again(closing: bytes) -> None:
    answers, _ = converse([[closing], [HELLO]], twice)

    assert answers == [Answer(200, b"hello")] * 2


def test_a_stream_of_events_is_read_to_its_end() -> None:
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\ndefghijklm\r\n0\r\n\r\n"
    answers, _ = converse([[chunks, HELLO]], twice)

    assert answers == [Answer(200, b"abcdefghijklm"), Answer(200, b"hello")]


def test_no_answer_is_an_error_that_says_so() -> None:
    with pytest.raises(BenchmarkError, match="without an answer"):
        converse([[b""]], twice)


def test_requests_have_their_bodies_and_lengths() -> None:
    head, _, body = post_json("/join", {"data": ["ü"]}).partition(b"\r\n\r\n")
    assert head.startswith(b"POST /join HTTP/1.1\r\n")
    assert f"Content-Length: {len(body)}".encode() in head

    head, _, body = post_form("/up", ("photo", "a.jpg", b"\x00\r\n\xff"), {"model": "vgg16"}).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert b'name="photo"; filename="a.jpg"' in body
    assert b"\r\n\r\n\x00\r\n\xff\r\n--" in body
    assert b'name="model"\r\n\r\nvgg16\r\n' in body
