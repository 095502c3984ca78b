"""The way in for assistants: one tool over the Model Context Protocol, which asks the same service as the page.

Gradio makes the tool from a typed function, and runs it. What Gradio would mount beside it stays away: that makes a
tool of every public event, fetches the files that a tool is given by their addresses, and connects to whatever host a
request claims to be for. So the tool has Blocks of its own without files, Gradio's handlers for all but tools are taken
out, and the transport is mcp's own: one request, one answer in JSON, and nothing is kept between them.
"""

import base64
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import gradio as gr
from gradio.events import api
from gradio.mcp import GradioMCPServer
from mcp import types
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from hashstagram import Choice, HashStagramError, PhotoError, SettingError, __version__
from hashstagram.choice import DEFAULT
from hashstagram.web import texts
from hashstagram.web.bodies import written_bytes
from hashstagram.web.languages import said
from hashstagram.web.problems import assistant_problem, kind
from hashstagram.web.routes import HashtagsBody
from hashstagram.web.service import Gone, Service

# A photo that is written into a request is in memory several times over. More than these at once would fill it.
_MOST = 4
_ANSWERED = (types.PingRequest, types.ListToolsRequest, types.CallToolRequest)

_Handler = Callable[[Any], Awaitable[types.ServerResult]]
_log = logging.getLogger(__name__)


class Assistants:
    """The ASGI application that assistants ask, while `lifespan` lasts. `photo_bytes` is the largest photo."""

    def __init__(self, service: Service, *, photo_bytes: int) -> None:
        self._service = service
        self._photo_bytes = photo_bytes
        self._taken = 0
        tool = self._tool()
        self._arguments = tuple(inspect.signature(tool).parameters)
        with gr.Blocks(title=texts.TITLE, analytics_enabled=False) as tools:
            api(tool, api_description=texts.TOOL, queue=False)
        gradios = GradioMCPServer(tools)
        self._names = tuple(gradios.tool_to_endpoint)
        self._server = gradios.mcp_server
        self._server.version = __version__
        handlers = self._server.request_handlers
        for request in handlers.keys() - set(_ANSWERED):
            del handlers[request]
        handlers[types.CallToolRequest] = self._checked(handlers[types.CallToolRequest])
        self._manager = StreamableHTTPSessionManager(
            self._server, json_response=True, stateless=True, max_request_body_size=written_bytes(photo_bytes)
        )
        # It would write down what strangers send.
        logging.getLogger("mcp").setLevel(logging.CRITICAL)

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """While requests are answered."""
        async with self._manager.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or say why not."""
        headers = Headers(scope=scope)
        if "origin" in headers and headers["origin"].partition("://")[2] != headers.get("host"):
            # A page elsewhere would ask from within its visitor's network.
            response = assistant_problem(HTTPStatus.FORBIDDEN, texts.OTHER_ORIGIN)
        elif self._taken >= _MOST:
            self._service.metrics.refused("busy")
            response = assistant_problem(HTTPStatus.SERVICE_UNAVAILABLE, texts.BUSY, {"Retry-After": "1"})
        else:
            self._taken += 1
            try:
                await self._manager.handle_request(scope, receive, send)
            finally:
                self._taken -= 1
            return
        await response(scope, receive, send)

    def _tool(self) -> Callable[..., Awaitable[str]]:
        # What assistants see of it are its name, the arguments with types and defaults, and the docstring.
        async def hashtags(
            photo: str,
            model: str = "",
            top_k: int = DEFAULT.top_k,
            min_confidence: float = DEFAULT.min_confidence,
            exclude: list[str] = [],  # noqa: B006
            always: list[str] = [],  # noqa: B006
            platform_tags: bool = DEFAULT.platform_tags,
            companions: int = DEFAULT.companions,
            variety: bool = DEFAULT.variety,
        ) -> str:
            request: Any = self._server.request_context.request
            choice = Choice(top_k, min_confidence, exclude, always, platform_tags, companions, variety)
            try:
                answer = await self._service.recommend(decoded(photo), model, choice, gone=request.is_disconnected)
            except HashStagramError as error:
                raise HashStagramError(self._refused(error)) from error
            except Gone:
                raise  # nobody reads it
            except Exception as error:
                _log.exception("A photo of an assistant could not be answered")
                raise HashStagramError(self._refused(HashStagramError(texts.FAILED))) from error
            request.state.model = answer.model  # for the access log
            return HashtagsBody.of(answer).model_dump_json()

        models = ", ".join(model.name for model in self._service.models)
        hashtags.__doc__ = texts.TOOL_ARGUMENTS.format(
            megabytes=f"{self._photo_bytes / 2**20:.3g}", models=models, model=self._service.models[0].name
        )
        return hashtags

    def _checked(self, call: _Handler) -> _Handler:
        """Gradio's answer to a call, unless its arguments cannot be used: mcp would say that in other words.

        What was wrong is the tool's answer, so that the assistant reads it.
        """

        async def checked(request: types.CallToolRequest) -> types.ServerResult:
            given = request.params.arguments or {}
            arguments = {name: value for name, value in given.items() if value is not None}
            try:
                self._check(request.params.name, arguments)
            except HashStagramError as error:
                content = types.TextContent(type="text", text=self._refused(error))
                return types.ServerResult(types.CallToolResult(content=[content], isError=True))
            request.params.arguments = arguments
            return await call(request)

        return checked

    def _check(self, tool: str, arguments: dict[str, Any]) -> None:
        """Raise HashStagramError unless the tool can be called with these."""
        if tool not in self._names:
            raise SettingError(texts.NO_TOOL, tool=tool, tools=", ".join(self._names))
        if strangers := arguments.keys() - set(self._arguments):
            names = ", ".join(self._arguments)
            raise SettingError(texts.NO_ARGUMENT, name=min(strangers), names=names)
        if not isinstance(arguments.get("photo"), str):
            raise PhotoError(texts.NOT_A_DATA_URL)
        self._service.model(arguments.get("model"))
        Choice(**{name: value for name, value in arguments.items() if name not in ("photo", "model")})

    def _refused(self, error: HashStagramError) -> str:
        """What is said to whoever asked."""
        self._service.metrics.refused(kind(error)[1])
        return said(error)


def decoded(photo: str) -> bytes:
    """The bytes of a photo that is written as a data: URL in base64; no other address is looked at.

    Raises PhotoError for anything else.
    """
    head, _, data = photo.partition(",")
    if not head.lower().startswith("data:") or not head.lower().endswith(";base64"):
        raise PhotoError(texts.NOT_A_DATA_URL)
    try:
        return base64.b64decode(data)
    except ValueError as error:
        raise PhotoError(texts.NOT_A_DATA_URL) from error
