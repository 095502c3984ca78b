"""Every request, counted, measured and, where that is wanted, written down: what was asked and how it went.

Who asked is nobody's business: neither addresses nor names of photos nor anything else that a visitor sends is kept.
"""

import asyncio
import json
import logging
import time
from datetime import UTC, datetime
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hashstagram.web import addresses
from hashstagram.web.metrics import Metrics

LOGGER = "hashstagram.access"

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_OTHER = "other"
# What nginx, too, writes down for a client that went away before its answer.
_CLIENT_GONE = 499

_log = logging.getLogger(LOGGER)


class Access:
    """The application `app`, with each of its requests in `metrics` and, if `log` is set, in the log of LOGGER.

    A line is a JSON object: `time` (UTC, when the request came), `method`, `route`, `status`, `ms` until its answer had
    been sent, `bytes_in` and `bytes_out` of the bodies, and the `model` that answered, null where none did. An answer
    that the page waits for comes as an event, whose line names no model.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, *, log: bool) -> None:
        self._app = app
        self._metrics = metrics
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application answer, and take note of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = _Request(receive, send)
        # The routes' `request.state`, in which they note the model.
        state: dict[str, object] = {**scope.get("state", {})}
        came, started = datetime.now(UTC), time.perf_counter()
        try:
            await self._app({**scope, "state": state}, request.receive, request.send)
        except asyncio.CancelledError:
            pass  # the server ends, which uvicorn would call an accident
        except Exception:
            request.status = request.status or HTTPStatus.INTERNAL_SERVER_ERROR
            raise
        finally:
            seconds = time.perf_counter() - started
            route = addresses.name(scope["path"]) or _OTHER
            method = scope["method"] if scope["method"] in _METHODS else _OTHER
            status = int(request.status or _CLIENT_GONE)
            self._metrics.requested(route, method, status, seconds)
            if self._log:
                line = {
                    "time": came.isoformat(timespec="milliseconds"),
                    "method": method,
                    "route": route,
                    "status": status,
                    "ms": round(seconds * 1000, 1),
                    "bytes_in": request.bytes_in,
                    "bytes_out": request.bytes_out,
                    "model": state.get("model"),
                }
                _log.info(json.dumps(line))


class _Request:
    """A request on its way, with what has been seen of it so far."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self.status: int | None = None
        self.bytes_in = self.bytes_out = 0

    async def receive(self) -> Message:
        message = await self._receive()
        self.bytes_in += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        self.bytes_out += len(message.get("body", b""))
        await self._send(message)
