"""The program behind nginx as it is deployed: what visitors, programs and balancers meet."""

import json
import re
import socket
import time
from pathlib import Path

import pytest
from browsing import CHROMIUM, EXPECTED, QUIET, answered, choose
from gradio_client import Client, handle_file
from playwright.sync_api import expect, sync_playwright
from proxying import Nginx, StartNginx
from serving import ROOT, Server, send
from test_guard import CLOSED, raw_status

from hashstagram.web.languages import LANGUAGES

API = "/api/v1/hashtags"


def visitors(count: int) -> list[str]:
    """Addresses of this machine, one for each visitor."""
    return [f"127.0.0.{number}" for number in range(10, 10 + count)]


def test_gradios_client_gets_hashtags(nginx: Nginx, processes: list[Server], jpeg: Path) -> None:
    answers = []
    for url in (nginx.url, processes[0].url):
        client = Client(url, verbose=False, download_files=False, analytics_enabled=False)
        answers.append(client.predict(photo=handle_file(str(jpeg)), top_k=3, api_name="/recommend"))
        client.close()

    assert len(answers[0]["confidences"]) == 3
    assert answers[0] == answers[1]


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not there: Debian's package chromium brings it")
def test_the_page_works_in_a_browser(nginx: Nginx, jpeg: Path) -> None:
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(nginx.url)
        page.locator("#photo input[type=file]").wait_for(state="attached")
        expect.set_options(timeout=60_000)
        choose(page, jpeg)
        answered(page)
        expect(page.locator("#line textarea")).to_have_value(re.compile(r"^#\w+( #\w+){4}$"))
        browser.close()

    assert [error for error in errors if not EXPECTED.search(error)] == []


def test_a_visitor_stays_with_one_process_and_both_have_visitors(nginx: Nginx, processes: list[Server]) -> None:
    folders = {
        address: {Path(nginx.upload(b"1", source=address)).parts[-3] for _ in range(3)} for address in visitors(16)
    }

    assert all(len(each) == 1 for each in folders.values()), folders
    assert set.union(*folders.values()) == {f"hashstagram-{server.port}" for server in processes[:2]}


def test_the_api_answers_from_whichever_process_has_time(nginx: Nginx, processes: list[Server], jpeg: Path) -> None:
    direct = processes[0].post(API, files={"photo": jpeg.read_bytes()}).json()
    answers = [nginx.post(API, files={"photo": jpeg.read_bytes()}).json() for _ in range(4)]

    assert answers == [direct] * 4
    used = {line["process"] for line in nginx.log() if line["kind"] == "api" and line["status"] == 200}
    assert used == {f"127.0.0.1:{server.port}" for server in processes[:2]}


def test_no_photo_is_lost_when_a_process_is_killed(
    start_nginx: StartNginx, processes: list[Server], slow_photo: bytes, jpeg: Path
) -> None:
    _, other, doomed = processes
    nginx = start_nginx(other.port, 2)
    clients = [send(nginx, slow_photo) for _ in range(2)]
    at_work(doomed)
    doomed.process.kill()
    doomed.process.wait()

    assert [answer_of(client) for client in clients] == [200, 200]
    tried = [line["process_status"] for line in nginx.log()]
    assert "502, 200" in tried
    assert [nginx.post(API, files={"photo": jpeg.read_bytes()}).status_code for _ in range(4)] == [200] * 4


@pytest.mark.parametrize("own", [0, 1])
def test_a_photo_is_found_in_the_process_that_took_it(
    nginx: Nginx, processes: list[Server], jpeg: Path, own: int
) -> None:
    """The visitor's own process was away when the photo came, and is back when it is asked about."""
    home = {}
    for address in visitors(16):
        home[Path(nginx.upload(b"1", source=address)).parts[-3]] = address
    visitor = home[f"hashstagram-{processes[own].port}"]
    path = processes[1 - own].upload(jpeg.read_bytes())

    preview = nginx.get(f"/gradio_api/file={path}", source=visitor)
    assert preview.content == jpeg.read_bytes()
    call = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}, "alexnet", 5]}
    asked = nginx.post("/gradio_api/call/recommend", json=call, source=visitor)
    assert asked.status_code == 200, asked.text
    answer = nginx.get(f"/gradio_api/call/recommend/{asked.json()['event_id']}", source=visitor)
    assert "event: complete" in answer.text


def test_a_photo_that_no_process_has_is_asked_for_again(nginx: Nginx, processes: list[Server], jpeg: Path) -> None:
    path = Path(processes[0].upload(jpeg.read_bytes()))
    path.unlink()
    answers = [
        nginx.post("/gradio_api/call/recommend", json={"data": [{"path": str(path)}, "alexnet", 5]}, source=address)
        for address in visitors(16)
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert {answer.json()["detail"].partition(":")[0] for answer in answers} == {"That photo is no longer here"}


def at_work(server: Server) -> None:
    """Wait until somebody has an open connection to this process, as nginx has only while a request is under way."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if f"0100007F:{server.port:04X} 01" in Path("/proc/net/tcp").read_text(encoding="ascii"):
            return
        time.sleep(0.01)
    raise AssertionError("Nothing arrived there")


def answer_of(client: socket.socket) -> int:
    with client:
        return int(client.recv(64).split()[1])


@pytest.mark.parametrize(("method", "path"), [*CLOSED, ("GET", "/metrics"), ("GET", "/unavailable.html")])
def test_there_is_nothing_but_what_the_page_needs(nginx: Nginx, method: str, path: str) -> None:
    assert raw_status(nginx, method, path) == 404


@pytest.mark.parametrize("path", ["/", "/config", "/readyz", "/site/page.js", "/api/v1/openapi.json", "/api/nothing"])
def test_the_programs_headers_arrive_once(nginx: Nginx, processes: list[Server], path: str) -> None:
    direct, through = processes[0].get(path).headers, nginx.get(path).headers

    for name in (
        "content-security-policy",
        "x-content-type-options",
        "referrer-policy",
        "permissions-policy",
        "cross-origin-opener-policy",
    ):
        assert through.get_list(name) == direct.get_list(name)
        assert len(through.get_list(name)) == 1
    assert through["server"] == "nginx"
    assert "access-control-allow-credentials" not in through


def test_nginxs_own_answers_are_as_careful(nginx: Nginx) -> None:
    headers = nginx.get("/nothing").headers

    assert headers["content-security-policy"].startswith("default-src 'none';")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "set-cookie" not in headers


def test_what_is_too_large_hears_it_in_the_programs_words(nginx: Nginx, processes: list[Server]) -> None:
    large = {"photo": bytes(11 * 2**20)}
    direct, through = (server.post(API, files=large) for server in (processes[0], nginx))
    assert through.status_code == direct.status_code == 413
    assert through.json() == direct.json()

    direct, through = (server.post("/gradio_api/upload", files=large) for server in (processes[0], nginx))
    assert (through.status_code, through.text) == (direct.status_code, direct.text)
    assert through.headers["content-type"] == "text/plain; charset=utf-8"

    call = {"data": ["x" * 100_000, None, None]}
    for path in ("/gradio_api/queue/join", "/gradio_api/call/recommend", "/gradio_api/call/v2/recommend"):
        direct, through = (server.post(path, json=call) for server in (processes[0], nginx))
        assert through.status_code == direct.status_code == 413
        assert through.json() == {"detail": direct.json()["detail"].replace("65536", "65,536")}
    assert all(line["process"] == "" for line in nginx.log() if line["status"] == 413)


def test_a_photo_of_just_the_size_comes_through(nginx: Nginx) -> None:
    assert nginx.post("/gradio_api/upload", files={"files": ("a.jpg", bytes(10 * 2**20))}).status_code == 200


def test_one_address_cannot_take_it_all(start_nginx: StartNginx, ports: list[int], processes: list[Server]) -> None:
    once = {"RATE": "1r/m", "BURST": "1"}
    limits = {f"{kind}_{name}": value for kind in ("PAGE", "CALL", "API") for name, value in once.items()}
    nginx = start_nginx(ports[1], 2, UNLIMITED_ADDRESSES="127.0.0.9", **limits)
    asked = {"GET /": "/", "call": "/gradio_api/queue/join", "upload": "/gradio_api/upload", "api": API}

    def ask(kind: str, source: str) -> list[int]:
        method = kind.split()[0] if " " in kind else "POST"
        return [nginx.request(method, asked[kind], source=source).status_code for _ in range(4)]

    for kind, address in zip(asked, visitors(len(asked)), strict=True):
        statuses = ask(kind, address)
        assert 429 not in statuses[:2], kind
        assert statuses[2:] == [429, 429], kind
        assert 429 not in ask(kind, "127.0.0.9"), kind

    page, call, upload, api = (
        nginx.request("GET" if path == "/" else "POST", path, source=address)
        for path, address in zip(asked.values(), visitors(4), strict=True)
    )
    assert {answer.headers["retry-after"] for answer in (page, call, upload, api)} == {"1"}
    sentence = "That was very fast. Please wait a few seconds and try again."
    assert page.text == upload.text == call.json()["detail"] == api.json()["message"] == sentence
    assert api.json().keys() == {"code", "message"}


def test_the_log_names_no_visitor_and_no_photo(nginx: Nginx, jpeg: Path) -> None:
    visitor = "127.0.0.77"
    path = nginx.upload(jpeg.read_bytes(), "grandmother.jpg", source=visitor)
    assert nginx.get(f"/gradio_api/file={path}", source=visitor).content == jpeg.read_bytes()
    nginx.post(API, files={"photo": ("grandmother.jpg", b"words")}, source=visitor)
    nginx.get("/grandmother.jpg?grandmother", source=visitor, headers={"referer": "grandmother"})

    written = "".join(file.read_text(encoding="utf-8") for file in nginx.folder.glob("*.log"))
    assert "grandmother" not in written
    assert visitor not in written
    assert [(line["kind"], line["status"]) for line in nginx.log()[-4:]] == [
        ("upload", 200),
        ("photo", 200),
        ("api", 415),
        ("other", 404),
    ]


def test_no_photo_stays_with_nginx(nginx: Nginx) -> None:
    nginx.upload(b"x" * 2**20)

    assert [file for file in nginx.folder.rglob("*") if file.is_file() and file.stat().st_size >= 2**20] == []


def test_when_no_process_answers_it_says_so_kindly(start_nginx: StartNginx) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        nginx = start_nginx(nobody.getsockname()[1], 1)
        page = nginx.get("/")
        upload = nginx.post("/gradio_api/upload", files={"files": b"1"})
        call = nginx.post("/gradio_api/queue/join", json={})
        api = nginx.post(API, files={"photo": b"1"})
        ready = nginx.get("/readyz")

    assert {answer.status_code for answer in (page, upload, call, api, ready)} == {503}
    assert {answer.headers["retry-after"] for answer in (page, upload, call, api)} == {"10"}
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "HashStagram is not here just now" in page.text
    assert 'content="width=device-width' in page.text
    assert not any(word in page.text for word in ("//", "src=", "@import", "url("))
    sentence = "HashStagram is not here just now. Please try again in a few seconds."
    assert upload.text == call.json()["detail"] == sentence
    assert api.json() == {"code": "unavailable", "message": sentence}


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("ko-KR,ko;q=0.9,en;q=0.5", "ko"),
        ("it, de-AT;q=0.7, fr;q=0.5", "de"),
        ("es", "es"),
        ("pl", "en"),
        ("", "en"),
        ("frr, FR;q=0.3", "fr"),
    ],
)
def test_what_nginx_says_itself_is_in_the_language_of_the_visitor(nginx: Nginx, accept: str, language: str) -> None:
    sentences = json.loads((ROOT / "deploy/gcp/nginx/sentences.json").read_text(encoding="utf-8"))
    headers = {"Accept-Language": accept}
    call = nginx.post("/gradio_api/queue/join", content=b"x" * 70_000, headers=headers)
    photo = nginx.post(API, content=b"x" * (11 * 2**20), headers=headers)

    assert call.status_code == photo.status_code == 413
    assert call.json()["detail"] == sentences[language]["call_too_large"]
    assert photo.json()["message"] == sentences[language]["too_large"].format(megabytes=10)
    assert call.headers["vary"] == "Accept-Language"
    assert {language: words.keys() for language, words in sentences.items()} == dict.fromkeys(
        LANGUAGES, sentences["en"].keys()
    )
