"""Assistants and programs behind nginx as it is deployed: shut out, or let in where a setting says so."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest
from mcp import ClientSession, types
from mcp.client.streamable_http import streamable_http_client
from proxying import Nginx, StartNginx, render
from serving import Server, StartServer

MCP = "/gradio_api/mcp"
ACCEPT = {"accept": "application/json, text/event-stream"}
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


@pytest.fixture(scope="module")
def process(start_server: StartServer, small_weights: Path) -> Server:
    """A process that lets assistants in."""
    return start_server(small_weights, HASHSTAGRAM_MODELS="alexnet", HASHSTAGRAM_MCP="1")


@pytest.fixture(scope="module")
def opened(start_nginx: StartNginx, process: Server) -> Nginx:
    """nginx in front of it that lets them in too."""
    return start_nginx(process.port, 1, HASHSTAGRAM_MCP="1")


def ping(server: Nginx, **options: Any) -> tuple[int, Any]:
    answer = server.post(MCP, json=PING, headers=ACCEPT, **options)
    return answer.status_code, answer.json()


def written(photo: bytes) -> dict[str, Any]:
    """A call with a photo."""
    arguments = {"photo": f"data:image/jpeg;base64,{base64.b64encode(photo).decode()}"}
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "hashtags", "arguments": arguments}}


def test_assistants_are_shut_out_unless_a_setting_lets_them_in(start_nginx: StartNginx, process: Server) -> None:
    nginx = start_nginx(process.port, 1)

    assert process.post(MCP, json=PING, headers=ACCEPT).status_code == 200
    assert ping(nginx) == (404, {"detail": "There is nothing at this address."})


def test_an_assistant_gets_hashtags(opened: Nginx, jpeg: Path) -> None:
    async def ask() -> types.CallToolResult:
        async with streamable_http_client(opened.url + MCP) as (read, write, _), ClientSession(read, write) as session:
            await session.initialize()
            return await session.call_tool("hashtags", written(jpeg.read_bytes())["params"]["arguments"])

    (content,) = asyncio.run(ask()).content
    assert isinstance(content, types.TextContent)
    assert json.loads(content.text) == opened.post("/api/v1/hashtags", files={"photo": jpeg.read_bytes()}).json()
    assert "assistant" in {line["kind"] for line in opened.log()}


def test_a_photo_of_just_the_size_comes_through_and_a_larger_one_hears_why_not(opened: Nginx, process: Server) -> None:
    through = opened.post(MCP, json=written(bytes(10 * 2**20)), headers=ACCEPT)
    assert through.json()["result"]["content"][0]["text"].startswith("This is not a photo of a kind that is read here.")

    direct, through = (
        server.post(MCP, json=written(bytes(11 * 2**20)), headers=ACCEPT) for server in (process, opened)
    )
    assert through.status_code == direct.status_code == 413
    assert through.json() == direct.json()


@pytest.mark.parametrize("path", ["/sse", "/schema", "/messages/", "/http"])
def test_gradios_other_ways_in_stay_shut(opened: Nginx, path: str) -> None:
    assert opened.post(MCP + path, json=PING).status_code == 404


def test_assistants_have_the_limits_of_programs(start_nginx: StartNginx, process: Server) -> None:
    nginx = start_nginx(process.port, 1, HASHSTAGRAM_MCP="1", UNLIMITED_ADDRESSES="", API_RATE="1r/m", API_BURST="1")
    answers = [ping(nginx, source="127.0.0.10") for _ in range(4)]

    assert [status for status, _ in answers] == [200, 200, 429, 429]
    assert answers[-1][1]["error"]["message"] == "That was very fast. Please wait a few seconds and try again."
    assert ping(nginx, source="127.0.0.11")[0] == 200


def test_the_page_for_programs_names_nginx(opened: Nginx) -> None:
    page = opened.get("/programs").text

    assert f"{opened.url}/api/v1/hashtags" in page
    assert f"{opened.url}{MCP}" in page


def test_a_setting_that_is_no_switch_is_named(tmp_path: Path) -> None:
    settings = tmp_path / "settings.env"
    settings.write_text("HASHSTAGRAM_MCP=yes")
    with pytest.raises(render.SettingsError, match="HASHSTAGRAM_MCP is 'yes'"):
        render.render(render.TEMPLATE.read_text(encoding="utf-8"), render.read_settings(settings))
