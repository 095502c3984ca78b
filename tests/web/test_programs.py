"""The page for programs: its commands work against the server that serves it."""

import asyncio
import base64
import json
import re
from html import unescape
from pathlib import Path

import pytest
from browsing import CHROMIUM, PHONE, Open, no_sideways_scrolling
from commanding import lacking, photographed, printed, run
from mcp import ClientSession, types
from mcp.client.streamable_http import streamable_http_client
from playwright.sync_api import expect
from serving import Server, StartServer
from starlette.requests import Request

from hashstagram.web.commands import COMMANDS, Command
from hashstagram.web.environment import Settings
from hashstagram.web.programs import address

NO_BROWSER = f"{CHROMIUM} is not there: Debian's package chromium brings it"


def commands(page: str) -> dict[str, str]:
    """The code that a page shows, by the names of its sections."""
    found = re.findall(r'<section id="(\w+)">.*?<code class="\w+">(.*?)</code></pre>\n</section>', page, re.DOTALL)
    return {name: unescape(code) for name, code in found}


def skip_without(language: str) -> None:
    if missing := lacking(language):
        pytest.skip(f"{missing}, which runs this command, is not installed")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.key)
def test_a_command_prints_what_this_server_answers(server: Server, tmp_path: Path, command: Command) -> None:
    skip_without(command.language)
    folder = photographed(tmp_path)
    done = run(command.language, commands(server.get("/programs").text)[command.key], folder)

    answer = server.post("/api/v1/hashtags", files={"photo": (folder / "beach.jpg").read_bytes()}).json()
    if command.key == "curl":
        assert json.loads(done.stdout) == answer
    else:
        expected = {hashtag["tag"]: hashtag["confidence"] for hashtag in answer["hashtags"]}
        assert printed(done) == pytest.approx(expected, abs=1e-4)
        assert len(expected) == 5


@pytest.mark.parametrize("command", COMMANDS[1:], ids=lambda command: command.key)
def test_a_command_says_what_is_wrong_with_a_photo(server: Server, tmp_path: Path, command: Command) -> None:
    skip_without(command.language)
    (tmp_path / "beach.jpg").write_text("words")
    done = run(command.language, commands(server.get("/programs").text)[command.key], tmp_path)

    assert done.returncode != 0
    assert "This is not a photo of a kind that is read here." in done.stderr


def test_an_assistant_that_is_set_up_as_the_page_says_gets_hashtags(
    start_server: StartServer, small_weights: Path, jpeg: Path
) -> None:
    server = start_server(small_weights, HASHSTAGRAM_MCP="1")
    settings = json.loads(commands(server.get("/programs").text)["assistant"])
    (assistant,) = settings["mcpServers"].values()

    async def ask() -> types.CallToolResult:
        async with streamable_http_client(assistant["url"]) as (read, write, _), ClientSession(read, write) as session:
            await session.initialize()
            photo = base64.b64encode(jpeg.read_bytes()).decode()
            return await session.call_tool("hashtags", {"photo": f"data:image/jpeg;base64,{photo}"})

    (content,) = asyncio.run(ask()).content
    assert isinstance(content, types.TextContent)
    assert json.loads(content.text) == server.post("/api/v1/hashtags", files={"photo": jpeg.read_bytes()}).json()


def test_nothing_is_said_of_assistants_where_they_cannot_ask(small_server: Server) -> None:
    page = small_server.get("/programs").text

    assert "assistant" not in commands(page)
    assert "/gradio_api/mcp" not in page


def test_models_limits_and_failures_are_those_of_the_server(space_server: Server) -> None:
    page = space_server.get("/programs").text

    assert re.findall(r'<th scope="row"><code>(\w+)</code></th><td>(\S+)</td>', page)[:2] == [
        ("alexnet", "AlexNet"),
        ("vgg16", "VGG16"),
    ]
    assert "up to 10 MB and 50 megapixels" in page
    described = space_server.get("/api/v1/openapi.json").json()["paths"]["/api/v1/hashtags"]["post"]["responses"]
    shown = re.findall(r'<th scope="row"><code>(\d+)</code></th>', page)
    # nginx says 429.
    assert {*shown, "200"} - {"429"} == described.keys()


def test_the_page_speaks_the_visitors_language(small_server: Server) -> None:
    answer = small_server.get("/programs", headers={"accept-language": "de-AT, en;q=0.5"})

    assert answer.headers["content-language"] == "de"
    assert "Accept-Language" in answer.headers["vary"]
    assert '<html lang="de">' in answer.text
    assert "Kopieren" in answer.text


@pytest.mark.parametrize("host", ["photos.example", "photos.example:8080", "[::1]:7860", "my_machine"])
def test_the_commands_name_the_host_that_was_asked(small_server: Server, host: str) -> None:
    page = small_server.get("/programs", headers={"host": host}).text

    assert commands(page)["curl"].endswith(f" http://{host}/api/v1/hashtags\n")


@pytest.mark.parametrize(
    "host", ['a"><script>alert(1)</script>', "a;reboot", "$(reboot)", "a b", "user@a", "a/b", "a:b"]
)
def test_a_host_that_cannot_be_one_is_not_repeated(small_server: Server, host: str) -> None:
    page = small_server.get("/programs", headers={"host": host, "x-forwarded-host": "evil.example"}).text

    assert f" {small_server.url}/api/v1/hashtags\n" in commands(page)["curl"]
    assert not any(word in page for word in ("alert(1)", "reboot", "evil.example"))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings(root_path="/tags"), "http://photos.example/tags"),
        (Settings(root_path="https://elsewhere.example/tags"), "https://elsewhere.example/tags"),
        (Settings(space=True, space_host="a-b.hf.space"), "https://a-b.hf.space"),
    ],
    ids=["path", "address", "space"],
)
def test_the_address_is_the_one_under_which_it_is_published(settings: Settings, expected: str) -> None:
    scope = {"type": "http", "scheme": "http", "path": "/programs", "headers": [(b"host", b"photos.example")]}

    assert address(Request(scope), settings) == expected


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=NO_BROWSER)
def test_a_command_is_copied_and_that_is_said(visit: Open, small_server: Server) -> None:
    page = visit("/programs", to=small_server, ready="#curl")
    shown = commands(small_server.get("/programs").text)
    for name in shown:
        button = page.locator(f"#{name}").get_by_role("button", name="Copy:")
        button.focus()
        page.keyboard.press("Enter")
        expect(button).to_have_text("Copied")
        expect(page.get_by_role("status")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == shown[name]
    expect(page.locator("#curl").get_by_role("button")).to_have_text("Copy")


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=NO_BROWSER)
def test_where_the_browser_keeps_the_clipboard_the_command_is_selected(visit: Open, small_server: Server) -> None:
    page = visit("/programs", to=small_server, ready="#curl")
    page.evaluate("navigator.clipboard.writeText = () => Promise.reject(); document.execCommand = () => false")
    page.locator("#curl").get_by_role("button").click()

    expect(page.get_by_role("status")).to_have_text("The line is selected. Copy it with the keyboard.")
    assert page.evaluate("getSelection().toString().trim()").startswith("curl -F photo=@beach.jpg")


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=NO_BROWSER)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone(visit: Open, small_server: Server, scheme: str) -> None:
    page = visit("/programs", to=small_server, ready="#curl", color_scheme=scheme, **PHONE)
    no_sideways_scrolling(page)
    for button in page.get_by_role("button").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 44
        assert box["x"] + box["width"] <= 390
    light = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(250, 249, 247)"
    assert light == (scheme == "light")


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=NO_BROWSER)
def test_page_and_programs_lead_to_each_other(visit: Open, small_server: Server) -> None:
    page = visit("/", to=small_server)
    with page.context.expect_page() as opened:
        page.locator("#about").get_by_role("link", name="commands for this server").click()
    programs = opened.value
    programs.wait_for_url(f"{small_server.url}/programs")
    programs.get_by_role("link", name="HashStagram").click()
    programs.wait_for_url(f"{small_server.url}/")
