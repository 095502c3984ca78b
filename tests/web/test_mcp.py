"""The way in for assistants, as a real client of the Model Context Protocol meets it."""

import asyncio
import base64
import json
import signal
import socket
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import ClientSession, types
from mcp.client.streamable_http import streamable_http_client
from serving import Server, StartServer, send

from hashstagram import SettingError
from hashstagram.web.environment import Settings

MCP = "/gradio_api/mcp"
API = "/api/v1/hashtags"
MOST = 400_000
ACCEPT = {"accept": "application/json, text/event-stream"}
NOT_A_DATA_URL = (
    "A photo is neither fetched from an address nor read from a path. "
    "Pass the photo itself as a data: URL in base64, such as data:image/jpeg;base64,/9j/4AAQSk…"
)
# Writes down whom the program connects to, and whether it opens a file that a stranger names.
WATCHED = """
import sys

def watch(event, arguments):
    if event == "socket.connect" or (event == "open" and "forbidden" in str(arguments[0])):
        print("SEEN", event, arguments, flush=True)

sys.addaudithook(watch)
import app
app.main()
"""


@pytest.fixture(scope="module")
def assistants(start_server: StartServer, small_weights: Path) -> Server:
    """The program with its way in for assistants, small photos, and one place in its line."""
    return start_server(
        small_weights,
        arguments=("-c", WATCHED),
        HASHSTAGRAM_MCP="1",
        HASHSTAGRAM_MODELS="vgg16,alexnet",
        HASHSTAGRAM_MAX_BYTES=str(MOST),
        HASHSTAGRAM_WORKERS="1",
        HASHSTAGRAM_QUEUE="0",
        HASHSTAGRAM_ACCESS_LOG="1",
        HASHSTAGRAM_METRICS="1",
    )


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Somebody to connect to."""
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        somebody.setblocking(False)
        yield somebody


def written(photo: bytes, kind: str = "jpeg") -> str:
    """A photo as a data: URL."""
    return f"data:image/{kind};base64,{base64.b64encode(photo).decode()}"


def tools(server: Server) -> tuple[types.InitializeResult, types.ListToolsResult]:
    """What a client hears when it comes."""

    async def ask() -> tuple[types.InitializeResult, types.ListToolsResult]:
        async with streamable_http_client(server.url + MCP) as (read, write, _), ClientSession(read, write) as session:
            return await session.initialize(), await session.list_tools()

    return asyncio.run(ask())


def call(server: Server, arguments: dict[str, Any], tool: str = "hashtags") -> tuple[bool, str]:
    """Whether the tool failed, and what it said."""

    async def ask() -> types.CallToolResult:
        async with streamable_http_client(server.url + MCP) as (read, write, _), ClientSession(read, write) as session:
            await session.initialize()
            return await session.call_tool(tool, arguments)

    answer = asyncio.run(ask())
    (content,) = answer.content
    assert isinstance(content, types.TextContent)
    return bool(answer.isError), content.text


def post(server: Server, method: str, parameters: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
    """One message of the protocol, as a client sends it that does not keep to the rest."""
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters or {}}
    return server.post(MCP, json=message, headers=ACCEPT | headers)


def test_there_is_one_tool_and_it_says_what_it_takes(assistants: Server) -> None:
    hello, listed = tools(assistants)

    assert hello.serverInfo.name == "HashStagram"
    assert hello.capabilities.tools is not None
    assert hello.capabilities.resources is None
    assert hello.capabilities.prompts is None
    (tool,) = listed.tools
    assert tool.name == "hashtags"
    assert tool.inputSchema["required"] == ["photo"]
    arguments = tool.inputSchema["properties"]
    assert list(arguments) == [
        *("photo", "model", "top_k", "min_confidence", "exclude", "always"),
        *("platform_tags", "companions", "variety"),
    ]
    assert all(argument["type"] and argument["description"] for argument in arguments.values())
    assert "data: URL" in arguments["photo"]["description"]
    assert "0.381 MB" in arguments["photo"]["description"]
    assert "vgg16, alexnet" in arguments["model"]["description"]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"model": "AlexNet", "top_k": 7, "min_confidence": 0.01, "companions": 3, "variety": False},
        {"always": ["love", "#Dog"], "exclude": ["cat"], "platform_tags": True, "model": None},
    ],
    ids=str,
)
def test_a_photo_gets_the_hashtags_that_the_api_gives(assistants: Server, jpeg: Path, settings: dict[str, Any]) -> None:
    failed, text = call(assistants, {"photo": written(jpeg.read_bytes()), **settings})

    form = {
        name: ",".join(value) if isinstance(value, list) else str(value)
        for name, value in settings.items()
        if value is not None
    }
    assert not failed
    assert json.loads(text) == assistants.post(API, files={"photo": jpeg.read_bytes()}, data=form).json()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, NOT_A_DATA_URL),
        ({"photo": "https://example.com/dog.jpg"}, NOT_A_DATA_URL),
        ({"photo": "/etc/passwd"}, NOT_A_DATA_URL),
        ({"photo": "file:///etc/passwd"}, NOT_A_DATA_URL),
        ({"photo": "data:text/plain,words"}, NOT_A_DATA_URL),
        ({"photo": "data:image/png;base64,A"}, NOT_A_DATA_URL),
        ({"photo": {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}}, NOT_A_DATA_URL),
        ({"photo": written(b"words")}, "This is not a photo of a kind that is read here."),
        ({"photo": written(bytes(MOST + 1))}, "This photo has 0.4 MB; at most 0.381 MB are accepted."),
        ({"photo": written(b"1"), "top_k": "three"}, "top_k is 'three'. Give a whole number from 1 to 30."),
        ({"photo": written(b"1"), "top_k": 31}, "top_k is 31. Give a whole number from 1 to 30."),
        ({"photo": written(b"1"), "model": "resnet"}, "'resnet' is not a model. Choose one of: vgg16, alexnet."),
        ({"photo": written(b"1"), "always": "dog"}, "always is 'dog'. Give a list of tags."),
        ({"photo": written(b"1"), "url": "x"}, "'url' is not an argument. There are: photo, model, top_k,"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_used_is_named_in_a_sentence(
    assistants: Server, arguments: dict[str, Any], sentence: str
) -> None:
    failed, text = call(assistants, arguments)

    assert failed
    assert text.startswith(sentence)


def test_another_tool_is_named_too(assistants: Server) -> None:
    failed, text = call(assistants, {}, "upload_file_to_gradio")

    assert failed
    assert text == "'upload_file_to_gradio' is not a tool. There is: hashtags."


def test_a_photo_that_does_not_fit_into_a_request_is_refused_before_it_is_read(assistants: Server) -> None:
    for chunked in (False, True):
        body = json.dumps({"photo": written(bytes(2 * MOST))}).encode()
        content = iter([body]) if chunked else body
        answer = assistants.post(MCP, content=content, headers=ACCEPT | {"content-type": "application/json"})

        assert answer.status_code == 413
        assert answer.json()["error"]["message"].startswith("This photo has more than 0.381 MB.")


def test_nothing_is_fetched_and_no_file_is_read(assistants: Server, listener: socket.socket, tmp_path: Path) -> None:
    forbidden = tmp_path / "forbidden.jpg"
    forbidden.write_bytes(b"photo")
    somewhere = f"127.0.0.1:{listener.getsockname()[1]}"
    file = {
        "path": f"http://{somewhere}/a.jpg",
        "url": f"http://{somewhere}/a.jpg",
        "meta": {"_type": "gradio.FileData"},
    }
    for photo in (f"http://{somewhere}/a.jpg", f"data:http://{somewhere}/a.jpg;base64,AAAA", file, str(forbidden)):
        for name in ("photo", "model", "exclude", "always", "top_k"):
            post(assistants, "tools/call", {"name": "hashtags", "arguments": {"photo": written(b"1"), name: photo}})
            post(assistants, "tools/call", {"name": "hashtags", "arguments": {"photo": written(b"1"), name: [photo]}})
    # Gradio's own handlers would ask the host that a request claims to be for.
    for method, parameters in (
        ("resources/read", {"uri": f"http://{somewhere}/"}),
        ("prompts/get", {"name": "hashtags"}),
        ("tools/call", {"name": "hashtags", "arguments": {"photo": written(b"1")}}),
    ):
        forged = {"x-forwarded-host": somewhere, "x-gradio-server": f"http://{somewhere}"}
        post(assistants, method, parameters, host=somewhere, **forged)

    with pytest.raises(BlockingIOError):
        listener.accept()
    assert "SEEN" not in assistants.said()


@pytest.mark.parametrize(
    "method", ["resources/list", "resources/read", "prompts/list", "prompts/get", "logging/setLevel"]
)
def test_there_is_nothing_but_the_tool(assistants: Server, method: str) -> None:
    parameters = {"uri": "file:///etc/passwd", "name": "hashtags", "level": "debug"}

    assert post(assistants, method, parameters).json()["error"]["message"] in (
        "Method not found",
        "Invalid request parameters",
    )


@pytest.mark.parametrize("body", ["", "words", "[]", "{}", "[" * 100_000, '{"jsonrpc": "2.0", "id": 1, "method": 3}'])
def test_what_is_no_message_is_refused_and_leaves_no_trace(assistants: Server, body: str) -> None:
    answer = assistants.post(MCP, content=body, headers=ACCEPT | {"content-type": "application/json"})

    assert answer.status_code in (400, 500)
    assert answer.json()["error"]["message"]
    assert "Traceback" not in assistants.said()


@pytest.mark.parametrize("path", ["/sse", "/schema", "/messages/", "/http", "/anything"])
def test_gradios_other_ways_in_stay_shut(assistants: Server, path: str) -> None:
    assert assistants.get(MCP + path).status_code == 404
    assert assistants.post(MCP + path, json={}).status_code == 404


def test_a_browser_is_told_that_this_is_no_page(assistants: Server) -> None:
    for method in ("GET", "DELETE"):
        answer = assistants.request(method, MCP, headers=ACCEPT)
        assert answer.status_code == 405
        assert answer.headers["allow"] == "POST"
        assert answer.json()["error"]["message"] == f"This address does not answer {method}. It answers POST."


def test_pages_of_other_sites_cannot_ask(assistants: Server) -> None:
    for origin in ("https://example.com", "null", "http://["):
        refused = post(assistants, "ping", origin=origin)
        assert refused.status_code == 403
        assert refused.json()["error"]["message"] == "Pages of other sites cannot ask here. Ask from a program."

    assert post(assistants, "ping", origin=assistants.url).status_code == 200


def test_a_full_line_is_said_at_once(assistants: Server, slow_photo: bytes) -> None:
    with send(assistants, slow_photo) as client:
        while (answer := post(assistants, "ping")).status_code == 200:
            assert not _answered(client)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.json()["error"]["message"].startswith("Many photos are waiting right now.")
        client.recv(1)


def _answered(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return bool(client.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False
    finally:
        client.settimeout(60)


def test_metrics_and_log_know_the_way_and_nothing_that_came_by_it(assistants: Server, jpeg: Path) -> None:
    call(assistants, {"photo": written(jpeg.read_bytes()), "model": "alexnet"})

    assert f'hashstagram_requests_total{{method="POST",route="{MCP}",status="200"}}' in assistants.get("/metrics").text
    lines = [json.loads(line) for line in assistants.said().splitlines() if line.startswith("{")]
    assert "alexnet" in [line["model"] for line in lines if line["route"] == MCP]
    assert written(jpeg.read_bytes())[:60] not in assistants.said()
    assert "Traceback" not in assistants.said()


def test_a_server_that_is_about_to_end_says_so(start_server: StartServer, small_weights: Path) -> None:
    server = start_server(
        small_weights, HASHSTAGRAM_MCP="1", HASHSTAGRAM_MODELS="alexnet", HASHSTAGRAM_DRAIN_SECONDS="5"
    )
    server.process.send_signal(signal.SIGTERM)
    while (answer := post(server, "ping")).status_code == 200:
        pass

    assert answer.status_code == 503
    assert answer.json()["error"]["message"].startswith("The server is about to start again.")


def test_it_is_shut_unless_it_is_opened(small_server: Server) -> None:
    assert post(small_server, "ping").status_code == 404
    assert small_server.get(MCP).status_code == 404


@pytest.mark.parametrize(
    ("version", "reason"),
    [(None, "the package mcp is not installed"), ("2.3.0", "mcp 2.3.0 is installed, and mcp 1 is needed")],
)
def test_what_it_needs_is_named_when_it_is_not_there(
    monkeypatch: pytest.MonkeyPatch, version: str | None, reason: str
) -> None:
    def installed(package: str) -> str:
        if version is None:
            raise metadata.PackageNotFoundError(package)
        return version

    monkeypatch.setattr(metadata, "version", installed)
    assert not Settings.from_environment({}).mcp
    with pytest.raises(
        SettingError, match=rf"^HASHSTAGRAM_MCP is 1, and {reason}. Install it: .*requirements-mcp\.txt$"
    ):
        Settings.from_environment({"HASHSTAGRAM_MCP": "1"})
