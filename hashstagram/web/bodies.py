"""Bodies of requests on their way: bounded, read twice, or left unread."""

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Message, Receive, Send

# Whoever sends more than this for nothing is cut off.
_PATIENCE = 32 * 2**20
# What may stand beside a photo that is written into a request.
_WORDS = 64 * 1024


class Form:
    """A form on its way to the application, which hears no more of it once it has more than `limit` bytes.

    What the application answers to such a torso is not sent.
    """

    def __init__(self, receive: Receive, send: Send, limit: int) -> None:
        self._receive, self._send, self._limit = receive, send, limit
        self.size = 0
        self.too_large = False

    async def receive(self) -> Message:
        message = await self._receive()
        self.size += len(message.get("body", b""))
        if self.size > self._limit:
            self.too_large = True
            raise ClientDisconnect
        return message

    async def send(self, message: Message) -> None:
        if not self.too_large:
            await self._send(message)


def written_bytes(photo_bytes: int) -> int:
    """How large a request may be that has such a photo written into it: base64 makes four bytes of three."""
    return -(-photo_bytes // 3) * 4 + _WORDS


async def read(receive: Receive, limit: int, *, keep: bool = True) -> bytes | None:
    """The request's body; None when it has more than `limit` bytes, read to its end or to where patience ends."""
    body = bytearray()
    size, more = 0, True
    while more and size <= _PATIENCE:
        message = await receive()
        chunk = message.get("body", b"")
        size += len(chunk)
        if keep and size <= limit:
            body += chunk
        more = message.get("more_body", False)
    return bytes(body) if size <= limit else None


def replay(body: bytes, receive: Receive) -> Receive:
    """Receive a body that was read already, and then whatever comes."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed


async def answer_unread(response: Response, receive: Receive, send: Send) -> None:
    """Answer a request whose body nobody wants: the sender has the whole answer at once.

    What is still on its way is taken and thrown away meanwhile, because a connection that is closed in the middle of
    that may take the answer with it.
    """
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": response.body, "more_body": True})
    await read(receive, _PATIENCE, keep=False)
    await send({"type": "http.response.body"})
