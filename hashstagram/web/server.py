"""Page, Gradio's API and our routes put together, and the process that serves them."""

import contextlib
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import FrameType

import gradio as gr
import uvicorn
from fastapi import FastAPI
from starlette.routing import Route
from starlette.types import ASGIApp

from hashstagram import Limits, SettingError, __version__
from hashstagram.web import languages, texts, theme
from hashstagram.web.access import LOGGER, Access
from hashstagram.web.addresses import MCP, SPECIFICATION
from hashstagram.web.environment import Settings
from hashstagram.web.guard import Guard
from hashstagram.web.janitor import Janitor
from hashstagram.web.programs import programs_route
from hashstagram.web.routes import add_routes
from hashstagram.web.service import Service
from hashstagram.web.unread import Unread

__all__ = ["build_server", "serve"]

# For requests to notice that nobody waits for them any more.
_PARTING_SECONDS = 1

_HEAD = f"""\
<meta name="description" content="{texts.DESCRIPTION}">
<link rel="icon" href="site/icon.svg" type="image/svg+xml">
<script src="site/texts.js"></script>
<script src="site/copying.js"></script>
<script src="site/page.js"></script>
<script type="module" src="site/many.js"></script>
"""


def build_server(demo: gr.Blocks, service: Service, settings: Settings, examples: Sequence[Path] = ()) -> ASGIApp:
    """The whole application, guard and access log in front. `service` must be loaded before it is served.

    Raises SettingError for an upload folder that cannot be used, and empties the one that can.
    """
    limits = Limits.from_environment()

    unread = Unread(demo._queue, settings.upload_seconds)

    def swept() -> None:
        unread.forget()
        # Gradio keeps the names of all files that it ever saw.
        for paths in demo.temp_file_sets:
            paths.clear()

    janitor = Janitor(settings.uploads, seconds=settings.upload_seconds, examples=examples, swept=swept)

    assistants = None
    if settings.mcp:
        # Only here: what it needs is not part of every installation.
        from hashstagram.web.mcp import Assistants

        assistants = Assistants(service, photo_bytes=limits.max_bytes)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with janitor.at_work(), contextlib.nullcontext() if assistants is None else assistants.lifespan():
            yield

    app = FastAPI(
        title=texts.TITLE,
        description=texts.DESCRIPTION,
        version=__version__,
        lifespan=lifespan,
        openapi_url=SPECIFICATION,
        docs_url=None,
        redoc_url=None,
    )
    add_routes(app, service, examples)
    app.include_router(programs_route(service, settings, limits))
    if assistants is not None:
        app.router.routes += [Route(path, assistants) for path in (MCP, f"{MCP}/")]
    # Gradio's mount leaves this to `launch`, and without it any file of this machine could be asked for: Gradio's check
    # that a photo was uploaded here looks at nothing else.
    demo.has_launched = True
    gr.mount_gradio_app(
        app,
        demo,
        path="/",
        server_name=settings.host,
        server_port=settings.port,
        root_path=settings.root_path or None,
        theme=theme.THEME,
        css=theme.examples_css(examples),
        css_paths=[theme.CSS, theme.MANY_CSS],
        head=_HEAD,
        i18n=languages.STATIC,
        # Gradio's own page for programs would name the host that the first of all visitors asked for.
        footer_links=[],
        show_error=False,
        max_file_size=limits.max_bytes,
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        app_kwargs={"openapi_url": None},
    )
    guard = Guard(app, demo, service, settings, janitor, photo_bytes=limits.max_bytes)
    return Access(languages.Interpreter(guard), service.metrics, log=settings.access_log)


def serve(demo: gr.Blocks, service: Service, settings: Settings, examples: Sequence[Path] = ()) -> None:
    """Load the models and serve the page until SIGTERM or Ctrl-C; nothing answers before the models are warm.

    What has begun by then is finished first, and all ends within 10 s. A second signal ends that.

    Raises WeightsError for weights that cannot be used, and SettingError for a port, an engine or an upload folder that
    cannot.
    """
    # Before anything else: a second server on this port must end before it empties the upload folder of the first.
    listener = _bind(settings)
    # Ours says which engine computes each model, and what went wrong; others speak up only for warnings.
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("hashstagram").setLevel(logging.INFO)
    # It warns of every form that is none, and strangers would fill the log.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    access = logging.getLogger(LOGGER)
    access.propagate = False
    access.addHandler(logging.StreamHandler(sys.stdout))
    service.load()
    config = uvicorn.Config(
        build_server(demo, service, settings, examples),
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_PARTING_SECONDS,
    )
    _Server(config, service, settings).run([listener])
    if service.at_work:
        # A computation cannot be stopped, and Python would wait for it.
        sys.stdout.flush()
        os._exit(0)


class _Server(uvicorn.Server):
    """Says where it is when it answers, and finishes what it has begun when it is told to end."""

    def __init__(self, config: uvicorn.Config, service: Service, settings: Settings) -> None:
        super().__init__(config)
        self._service = service
        self._settings = settings

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
            print(texts.RUNNING.format(address=f"http://{host}:{self._settings.port}"), flush=True)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end, or at the second signal end. uvicorn's own way closes the port at once."""
        if self._service.draining.begun:
            self.should_exit = True
        else:
            self._service.draining.begin()

    async def on_tick(self, counter: int) -> bool:
        if self._service.draining.over(self._settings.drain_seconds):
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, and hang up on who is left: a client's sign of life, for one, never ends by itself."""
        for connection in self.server_state.connections:
            connection.transport.close()
        await super().shutdown(sockets)


def _bind(settings: Settings) -> socket.socket:
    """The socket to listen on; it does not listen yet."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # The protocol by name: asyncio turns off Nagle's algorithm only where it reads TCP, and an answer's body would else
    # wait 40 ms for the client to acknowledge its head.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise SettingError(
            f"HashStagram cannot listen on port {settings.port} of {settings.host} ({error.strerror}). "
            "Choose another with GRADIO_SERVER_PORT and GRADIO_SERVER_NAME, or stop what is running there."
        ) from error
    return listener
