"""What stands before everything else: which addresses exist, how much may be sent, and the headers of each answer.

Gradio brings many more addresses than the page needs, some of which read files, fetch foreign ones or report what
visitors did. Only those listed here are answered, so an upgrade opens nothing by itself. On a Space nothing else stands
between strangers and Gradio; behind nginx this is the second line.
"""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from http import HTTPStatus
from pathlib import Path

import gradio as gr
from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hashstagram.web import addresses, calls, texts
from hashstagram.web.bodies import Form, answer_unread, read, replay
from hashstagram.web.environment import Settings
from hashstagram.web.janitor import Janitor
from hashstagram.web.problems import problem, refusal
from hashstagram.web.service import Busy, Service

_JSON_BYTES = 64 * 1024
# What was found in fifty photos.
_LIST_BYTES = 256 * 1024
# What a form may hold beside the photo.
_FORM_BYTES = 64 * 1024
# When the janitor will have made room, perhaps.
_NO_ROOM_SECONDS = 60
# When there will be another server here.
_AWAY_SECONDS = 5

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

    `photo_bytes` is the largest photo, and the `janitor` says whether there is room for more uploads. Once the
    `service` is draining, what brings a new photo is refused, and what belongs to one that is here is still answered.
    """

    def __init__(
        self,
        app: ASGIApp,
        demo: gr.Blocks,
        service: Service,
        settings: Settings,
        janitor: Janitor,
        *,
        photo_bytes: int,
    ) -> None:
        self._app = app
        self._demo = demo
        self._service = service
        self._janitor = janitor
        self._settings = settings
        self._form_bytes = photo_bytes + _FORM_BYTES
        self._megabytes = f"{photo_bytes / 2**20:.3g}"
        self._files = f"{addresses.FILE}{settings.uploads}/"
        self._uploads = settings.uploads.resolve()
        ancestors = "https://huggingface.co https://*.hf.space" if settings.space else "'none'"
        self._headers = _HEADERS | {"Content-Security-Policy": _CONTENT_SECURITY + ancestors}
        self._checks: dict[str, Callable[[bytes], None]] = {
            addresses.JOIN: partial(calls.check_page_call, demo=demo),
            addresses.CANCEL: calls.check_other,
            addresses.RESET: calls.check_other,
            addresses.CALL: calls.check_call,
            addresses.NAMED_CALL: calls.check_named_call,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the application do it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close"})  # nothing here speaks it
            return
        path, method, name = scope["path"], scope["method"], addresses.name(scope["path"])
        scope = {**scope, "headers": self._trusted(scope["headers"])}
        send = partial(self._send, path, send)
        if self._service.draining.begun and self._new(scope, name):
            await answer_unread(self._ending(path), receive, send)
            return
        draining, for_photo = self._service.draining, name in addresses.FOR_PHOTOS
        with nullcontext() if name in addresses.UNENDING else draining.held(for_photo=for_photo):
            if method == "POST" and name in self._checks:
                await self._answer_call(scope, receive, send, self._checks[name])
            elif method == "POST" and name == addresses.EXPORT:
                await self._answer_list(scope, receive, send)
            elif method == "POST" and (name == addresses.UPLOAD or path.startswith(_API)):
                await self._answer_form(scope, receive, send)
            elif path.startswith(_API) or (method in _READING and self._open(path, name)):
                await self._app(scope, receive, send)
            else:
                response = _refusal(path, HTTPStatus.NOT_FOUND, "not_found", texts.NOT_FOUND_HERE)
                await response(scope, receive, send)

    def _open(self, path: str, name: str | None) -> bool:
        if path.startswith(addresses.FILE):
            return path.startswith(self._files)
        return name is not None and (name != addresses.METRICS or self._settings.metrics)

    def _trusted(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Without what would make Gradio believe that it is another server. On a Space the platform sends its name."""
        host = self._settings.space_host.encode()
        return [
            (name, value)
            for name, value in headers
            if name not in (b"x-gradio-server", b"x-forwarded-host") or (name == b"x-forwarded-host" and value == host)
        ]

    def _new(self, scope: Scope, name: str | None) -> bool:
        """Whether a request brings a new photo, or asks for the answer to one that is not here."""
        pending = self._demo._queue.pending_event_ids_session
        if name == addresses.EVENTS:
            return not pending.get(QueryParams(scope["query_string"]).get("session_hash", ""))
        if name in addresses.ANSWERS:
            event = scope["path"].rpartition("/")[2]
            return not any(event in events for events in pending.values())
        return scope["method"] == "POST" and name in (addresses.UPLOAD, addresses.HASHTAGS)

    def _ending(self, path: str) -> Response:
        self._service.metrics.refused("ending")
        return _refusal(path, HTTPStatus.SERVICE_UNAVAILABLE, "ending", texts.ENDING, retry_after=_AWAY_SECONDS)

    def _uploaded(self, body: bytes) -> bool:
        """Whether all photos of a call lie here."""
        try:
            paths = [Path(path).resolve() for path in calls.files(body)]
            return all(path.is_relative_to(self._uploads) and path.is_file() for path in paths)
        except (OSError, ValueError):
            return False  # no name that a file can have

    async def _answer_call(self, scope: Scope, receive: Receive, send: Send, check: Callable[[bytes], None]) -> None:
        path = scope["path"]
        body = await read(receive, _JSON_BYTES)
        if body is None:
            sentence = texts.TOO_LARGE.format(limit=_JSON_BYTES)
            response = _refusal(path, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", sentence)
        else:
            try:
                check(body)
            except calls.Refusal as error:
                response = _refusal(path, error.status, "malformed", error.sentence)
            else:
                if not self._service.draining.begun or self._uploaded(body):
                    await self._app(scope, replay(body, receive), send)
                    return
                response = self._ending(path)
        await response(scope, receive, send)

    async def _answer_list(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read(receive, _LIST_BYTES)
        if body is not None:
            await self._app(scope, replay(body, receive), send)
            return
        sentence = texts.TOO_LARGE.format(limit=_LIST_BYTES)
        response = _refusal(scope["path"], HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", sentence)
        await response(scope, receive, send)

    async def _answer_form(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the form on as it arrives, up to the limit; or say at once that there is no room for a photo."""
        path = scope["path"]
        if response := self._no_room(path):
            await answer_unread(response, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        form = Form(receive, send, self._form_bytes)
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
                if path == addresses.UPLOAD:
                    self._janitor.arrived(form.size)
        if form.too_large:
            self._service.metrics.refused("photo_too_large")
            sentence = texts.PHOTO_TOO_LARGE.format(megabytes=self._megabytes)
            response = _refusal(path, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "photo_too_large", sentence)
            await answer_unread(response, receive, send)

    def _no_room(self, path: str) -> Response | None:
        """The answer to a photo that would be in vain: what is sent meanwhile is not even kept."""
        if path == addresses.UPLOAD and self._janitor.full:
            self._service.metrics.refused("no_room")
            status = HTTPStatus.SERVICE_UNAVAILABLE
            return _refusal(path, status, "no_room", texts.BUSY, retry_after=_NO_ROOM_SECONDS)
        if path == addresses.HASHTAGS:
            try:
                self._service.check_room()
            except Busy as busy:
                self._service.metrics.refused("busy")
                return refusal(busy)
        return None

    async def _send(self, path: str, send: Send, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(self._headers)
            if self._service.draining.begun:
                headers["Connection"] = "close"  # a request on a kept connection would meet a closed door
            # There are no cookies to be sent along.
            del headers["Access-Control-Allow-Credentials"]
            if path.startswith("/assets/") and message["status"] == HTTPStatus.OK:
                headers["Cache-Control"] = "public, max-age=31536000, immutable"  # a new file has a new name
            elif path.startswith(addresses.FILE):
                headers["Cache-Control"] = "private, max-age=600"
        await send(message)


def _refusal(path: str, status: HTTPStatus, code: str, sentence: str, *, retry_after: int | None = None) -> Response:
    """A refusal as whoever asks this address reads it: our API, a client's upload, or a client's call."""
    headers = None if retry_after is None else {"Retry-After": str(retry_after)}
    if path.startswith(_API):
        return problem(status, code, sentence, headers)
    if path == addresses.UPLOAD:
        return PlainTextResponse(sentence, status, headers)
    return JSONResponse({"detail": sentence}, status, headers)
