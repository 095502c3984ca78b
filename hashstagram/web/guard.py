"""What stands before everything else: which addresses exist, how much may be sent, and the headers of each answer.

Gradio brings many more addresses than the page needs, some of which read files, fetch foreign ones or report what
visitors did. Only those listed here are answered, so an upgrade opens nothing by itself. On a Space nothing else stands
between strangers and Gradio; behind nginx this is the second line.
"""

import re
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from pathlib import Path

import gradio as gr
from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hashstagram.errors import shortened
from hashstagram.web import addresses, calls, texts
from hashstagram.web.bodies import Form, answer_unread, read, replay, written_bytes
from hashstagram.web.environment import Settings
from hashstagram.web.janitor import Janitor
from hashstagram.web.languages import said
from hashstagram.web.problems import assistant_problem, problem
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
        self._written_bytes = written_bytes(photo_bytes)
        ways = {addresses.METRICS: settings.metrics, addresses.MCP: settings.mcp}
        self._shut = [name for name, is_open in ways.items() if not is_open]
        self._megabytes = photo_bytes / 2**20
        self._files = f"{addresses.FILE}{settings.uploads}/"
        self._uploads = settings.uploads.resolve()
        # Upload folders are named so, that of another process too.
        self._upload = re.compile(rf"(?:{re.escape(str(self._uploads))}|.*/hashstagram-\d+)/.", re.DOTALL)
        ancestors = "https://huggingface.co https://*.hf.space" if settings.space else "'none'"
        self._headers = _HEADERS | {"Content-Security-Policy": _CONTENT_SECURITY + ancestors}
        self._bodies: dict[str, ASGIApp] = {
            addresses.UPLOAD: self._answer_form,
            addresses.HASHTAGS: self._answer_form,
            addresses.MCP: self._answer_form,
            addresses.EXPORT: self._answer_list,
        }
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
        if name in self._shut:
            name = None
        scope = {**scope, "headers": self._trusted(scope["headers"])}
        send = partial(self._send, path, send)
        draining = self._service.draining
        # Before anything is held: what is refused keeps no server that is about to end.
        if response := self._closed(path, method, name) or self._elsewhere(scope, name):
            await answer_unread(response, receive, send)
        elif method == "POST" and name in self._checks:
            with draining.held(for_photo=False):
                await self._answer_call(scope, receive, send, self._checks[name])
        elif name in addresses.UNENDING:
            await self._app(scope, receive, send)
        else:
            answer = self._bodies.get(name or "", self._app) if method == "POST" else self._app
            with draining.held(for_photo=name in addresses.FOR_PHOTOS):
                await answer(scope, receive, send)

    def _closed(self, path: str, method: str, name: str | None) -> Response | None:
        """The answer where there is nothing, or nothing for this method."""
        allowed = addresses.METHODS.get(name or "")
        if path.startswith(_API) and allowed is None:
            where = addresses.SPECIFICATION
            return _refusal(path, HTTPStatus.NOT_FOUND, "not_found", texts.NOT_FOUND, specification=where)
        if allowed is None:
            if method in _READING and self._open(path, name):
                return None
            return _refusal(path, HTTPStatus.NOT_FOUND, "not_found", texts.NOT_FOUND_HERE)
        # Browsers ask with OPTIONS whether a page from elsewhere may call; Gradio says so.
        if method in allowed or (method == "OPTIONS" and not path.startswith(_API)):
            return None
        values = {"method": shortened(method), "allowed": allowed[0]}
        response = _refusal(path, HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", texts.WRONG_METHOD, **values)
        response.headers["Allow"] = ", ".join(allowed)
        return response

    def _open(self, path: str, name: str | None) -> bool:
        if path.startswith(addresses.FILE):
            return path.startswith(self._files)
        return name is not None

    def _elsewhere(self, scope: Scope, name: str | None) -> Response | None:
        """The answer to a photo that this server takes no more, and to whoever waits for one that it never saw.

        nginx then asks the next process: a visitor whose own was away for a moment has his photo there.
        """
        path, ending = scope["path"], self._service.draining.begun
        if ending and scope["method"] == "POST" and name in (addresses.UPLOAD, addresses.HASHTAGS, addresses.MCP):
            return self._ending(path)
        pending = self._demo._queue.pending_event_ids_session
        if name == addresses.EVENTS:
            here = bool(pending.get(QueryParams(scope["query_string"]).get("session_hash", "")))
        elif name in addresses.ANSWERS:
            here = any(path.rpartition("/")[2] in events for events in pending.values())
        else:
            return None
        if here:
            return None
        return self._ending(path) if ending else _refusal(path, HTTPStatus.NOT_FOUND, "not_found", texts.NO_CALL)

    def _trusted(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Without what would make Gradio believe that it is another server. On a Space the platform sends its name."""
        host = self._settings.space_host.encode()
        return [
            (name, value)
            for name, value in headers
            if name not in (b"x-gradio-server", b"x-forwarded-host") or (name == b"x-forwarded-host" and value == host)
        ]

    def _ending(self, path: str) -> Response:
        self._service.metrics.refused("ending")
        return _refusal(path, HTTPStatus.SERVICE_UNAVAILABLE, "ending", texts.ENDING, retry_after=_AWAY_SECONDS)

    def _missing(self, body: bytes) -> str | None:
        """What is to be said of the photos of a call that do not lie here; None where all do."""
        try:
            paths = [Path(path).resolve() for path in calls.files(body)]
            gone = [path for path in paths if not (path.is_relative_to(self._uploads) and path.is_file())]
        except (OSError, ValueError):
            return texts.NOT_UPLOADED  # no name that a file can have
        if not gone:
            return None
        # By the name alone, which may be another process's: nobody learns here which files there are.
        return texts.EXPIRED if all(self._upload.match(str(path)) for path in gone) else texts.NOT_UPLOADED

    async def _answer_call(self, scope: Scope, receive: Receive, send: Send, check: Callable[[bytes], None]) -> None:
        body = await read(receive, _JSON_BYTES)
        if body is None:
            await _too_large(scope["path"], _JSON_BYTES)(scope, receive, send)
        elif response := self._refused_call(scope["path"], body, check):
            await response(scope, receive, send)
        else:
            with self._service.draining.held(for_photo=True):
                await self._app(scope, replay(body, receive), send)

    def _refused_call(self, path: str, body: bytes, check: Callable[[bytes], None]) -> Response | None:
        """The answer to a call that makes no sense here."""
        try:
            check(body)
        except calls.Refusal as error:
            return _refusal(path, HTTPStatus.BAD_REQUEST, "malformed", said(error))
        if (sentence := self._missing(body)) is None:
            return None
        if self._service.draining.begun:
            return self._ending(path)
        return _refusal(path, HTTPStatus.NOT_FOUND, "no_photo", sentence)

    async def _answer_list(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read(receive, _LIST_BYTES)
        if body is None:
            await _too_large(scope["path"], _LIST_BYTES)(scope, receive, send)
        else:
            await self._app(scope, replay(body, receive), send)

    async def _answer_form(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the form on as it arrives, up to the limit; or say at once that there is no room for a photo."""
        path = scope["path"]
        if response := self._no_room(path):
            await answer_unread(response, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        limit = self._written_bytes if path.startswith(addresses.MCP) else self._form_bytes
        form = Form(receive, send, limit)
        if announced.isdecimal() and int(announced) > limit:
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
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            response = _refusal(path, status, "photo_too_large", texts.PHOTO_TOO_LARGE, megabytes=self._megabytes)
            await answer_unread(response, receive, send)

    def _no_room(self, path: str) -> Response | None:
        """The answer to a photo that would be in vain: what is sent meanwhile is not even kept."""
        if path == addresses.UPLOAD and self._janitor.full:
            self._service.metrics.refused("no_room")
            status = HTTPStatus.SERVICE_UNAVAILABLE
            return _refusal(path, status, "no_room", texts.BUSY, retry_after=_NO_ROOM_SECONDS)
        if path == addresses.HASHTAGS or path.startswith(addresses.MCP):
            try:
                self._service.check_room()
            except Busy as busy:
                self._service.metrics.refused("busy")
                status, wait = HTTPStatus.SERVICE_UNAVAILABLE, busy.retry_after
                return _refusal(path, status, "busy", texts.BUSY, retry_after=wait)
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


def _too_large(path: str, limit: int) -> Response:
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return _refusal(path, status, "too_large", texts.TOO_LARGE, limit=limit)


def _refusal(
    path: str, status: HTTPStatus, code: str, sentence: str, /, *, retry_after: int | None = None, **values: object
) -> Response:
    """A refusal as whoever asks this address reads it: our API, a client's upload, or a client's call."""
    headers = None if retry_after is None else {"Retry-After": str(retry_after)}
    if path.startswith(_API):
        return problem(status, code, sentence, headers, **values)
    if path == addresses.UPLOAD:
        return PlainTextResponse(said(sentence, **values), status, headers)
    if path.startswith(addresses.MCP):
        return assistant_problem(status, sentence, headers, **values)
    return JSONResponse({"detail": said(sentence, **values)}, status, headers)
