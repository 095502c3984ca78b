"""What stands before everything else: which addresses exist, how much may be sent, and the headers of each answer.

Gradio brings many more addresses than the page needs, some of which read files, fetch foreign ones or report what
visitors did. Only those listed here are answered, so an upgrade opens nothing by itself. On a Space nothing else stands
between strangers and Gradio; behind nginx this is the second line.
"""

import re
from collections.abc import Callable
from functools import partial
from http import HTTPStatus

import gradio as gr
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hashstagram.web import calls, texts
from hashstagram.web.environment import Settings
from hashstagram.web.janitor import Janitor
from hashstagram.web.problems import problem

_JSON_BYTES = 64 * 1024
# What a form may hold beside the photo.
_FORM_BYTES = 64 * 1024
# Who sends too much hears about it only once the sending is done, so that is awaited for a while.
_PATIENCE = 32 * 2**20

# When the janitor will have made room, perhaps.
_NO_ROOM_SECONDS = 60

_GET = re.compile(
    r"/|/config/?|/theme\.css|/robots\.txt|/manifest\.json|/favicon\.ico|/(assets|static|site)/.+"
    r"|/healthz|/readyz"
    r"|/gradio_api/(info/?|theme\.css|app_id/?|upload_progress|queue/(data|status)|heartbeat/[^/]+)"
    rf"|/gradio_api/call/(v2/)?{calls.EVENT}/[^/]+",
    re.DOTALL,
)
_FILE = "/gradio_api/file="
_UPLOAD = "/gradio_api/upload"
_API = "/api/"
_READING = ("GET", "HEAD", "OPTIONS")
_CONTENT_SECURITY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' blob:; media-src 'self' blob:; manifest-src 'self'; "
    "worker-src 'self' blob:; base-uri 'self'; form-action 'self'; object-src 'none'; frame-ancestors "
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Guard:
    """The application `app`, which serves `demo`, behind the guard.

    `photo_bytes` is the largest photo, and the `janitor` says whether there is room for more uploads.
    """

    def __init__(
        self, app: ASGIApp, demo: gr.Blocks, settings: Settings, janitor: Janitor, *, photo_bytes: int
    ) -> None:
        self._app = app
        self._janitor = janitor
        self._settings = settings
        self._form_bytes = photo_bytes + _FORM_BYTES
        self._megabytes = f"{photo_bytes / 2**20:.3g}"
        self._files = f"{_FILE}{settings.uploads}/"
        ancestors = "https://huggingface.co https://*.hf.space" if settings.space else "'none'"
        self._headers = _HEADERS | {"Content-Security-Policy": _CONTENT_SECURITY + ancestors}
        call = f"/gradio_api/call/{calls.EVENT}"
        named = f"/gradio_api/call/v2/{calls.EVENT}"
        self._checks: dict[str, Callable[[bytes], None]] = {
            "/gradio_api/queue/join": partial(calls.check_page_call, demo=demo),
            "/gradio_api/cancel": calls.check_other,
            "/gradio_api/reset": calls.check_other,
            "/gradio_api/reset/": calls.check_other,
            call: calls.check_call,
            f"{call}/": calls.check_call,
            named: calls.check_named_call,
            f"{named}/": calls.check_named_call,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the application do it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close"})  # nothing here speaks it
            return
        path, method = scope["path"], scope["method"]
        scope = {**scope, "headers": self._trusted(scope["headers"])}
        send = partial(self._send, path, send)
        if method == "POST" and path in self._checks:
            await self._answer_call(scope, receive, send)
        elif method == "POST" and (path == _UPLOAD or path.startswith(_API)):
            await self._answer_form(scope, receive, send)
        elif path.startswith(_API) or (method in _READING and self._known(path)):
            await self._app(scope, receive, send)
        else:
            await _refusal(path, HTTPStatus.NOT_FOUND, texts.NOT_FOUND_HERE)(scope, receive, send)

    def _known(self, path: str) -> bool:
        return (
            _GET.fullmatch(path) is not None or path.startswith(self._files) or path in self._checks or path == _UPLOAD
        )

    def _trusted(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Without what would make Gradio believe that it is another server. On a Space the platform sends its name."""
        host = self._settings.space_host.encode()
        return [
            (name, value)
            for name, value in headers
            if name not in (b"x-gradio-server", b"x-forwarded-host") or (name == b"x-forwarded-host" and value == host)
        ]

    async def _answer_call(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read(receive, _JSON_BYTES)
        if body is None:
            sentence = texts.TOO_LARGE.format(limit=_JSON_BYTES)
            response = _refusal(scope["path"], HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence)
        else:
            try:
                self._checks[scope["path"]](body)
            except calls.Refusal as refusal:
                response = _refusal(scope["path"], refusal.status, refusal.sentence)
            else:
                await self._app(scope, _replay(body, receive), send)
                return
        await response(scope, receive, send)

    async def _answer_form(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the form on as it arrives, up to the limit."""
        path = scope["path"]
        if path == _UPLOAD and self._janitor.full:
            headers = {"Retry-After": str(_NO_ROOM_SECONDS)}
            await PlainTextResponse(texts.BUSY, HTTPStatus.SERVICE_UNAVAILABLE, headers)(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        form = _Form(receive, send, self._form_bytes)
        if announced.isdecimal() and int(announced) > self._form_bytes:
            form.too_large = True
        else:
            try:
                await self._app(scope, form.receive, form.send)
            except Exception as error:
                # Of a form that is cut short, by us or by its sender, the application may make any error.
                if not form.too_large and not isinstance(error, ClientDisconnect):
                    raise
            finally:
                if path == _UPLOAD:
                    self._janitor.arrived(form.size)
        if form.too_large:
            await _read(receive, _PATIENCE, keep=False)
            sentence = texts.PHOTO_TOO_LARGE.format(megabytes=self._megabytes)
            await _refusal(path, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence)(scope, receive, send)

    async def _send(self, path: str, send: Send, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(self._headers)
            # There are no cookies to be sent along.
            del headers["Access-Control-Allow-Credentials"]
            if path.startswith("/assets/") and message["status"] == HTTPStatus.OK:
                headers["Cache-Control"] = "public, max-age=31536000, immutable"  # a new file has a new name
            elif path.startswith(_FILE):
                headers["Cache-Control"] = "private, max-age=600"
        await send(message)


class _Form:
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


async def _read(receive: Receive, limit: int, *, keep: bool = True) -> bytes | None:
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


def _replay(body: bytes, receive: Receive) -> Receive:
    """Receive a body that was read already, and then whatever comes."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed


def _refusal(path: str, status: HTTPStatus, sentence: str) -> Response:
    """A refusal as whoever asks this address reads it: our API, a client's upload, or a client's call."""
    if path.startswith(_API):
        return problem(status, "photo_too_large", sentence)
    if path == _UPLOAD:
        return PlainTextResponse(sentence, status)
    return JSONResponse({"detail": sentence}, status)
