"""What nginx lets through to a process, and how: seen from behind it, by one that is full."""

import socket
import subprocess
from pathlib import Path

import httpx
import pytest
from proxying import BUSY, FullProcess, Nginx, StartNginx, trusting
from serving import Server
from test_guard import CLOSED, raw_status

API = "/api/v1/hashtags"
JOIN = "/gradio_api/queue/join"


def test_what_is_closed_is_closed_before_any_process_hears_of_it(nginx_alone: Nginx) -> None:
    through = {path for method, path in CLOSED if raw_status(nginx_alone, method, path) != 404}

    # Here only the method is wrong, and the program itself says so.
    assert through == {"/", "/config"}
    assert nginx_alone.get("/monitoring").json() == {"detail": "There is nothing at this address."}


OPEN = [
    "/",
    "/config",
    "/theme.css",
    "/robots.txt",
    "/manifest.json",
    "/favicon.ico",
    "/assets/index-1.js",
    "/static/img/logo.svg",
    "/site/page.js",
    "/healthz",
    "/readyz",
    "/api/v1/openapi.json",
    "/gradio_api/info",
    "/gradio_api/theme.css",
    "/gradio_api/app_id",
    "/gradio_api/upload_progress?upload_id=1",
    "/gradio_api/queue/status",
    "/gradio_api/heartbeat/abc",
    "/gradio_api/call/recommend/abc",
    "/gradio_api/call/v2/recommend/abc",
    "/gradio_api/file=/tmp/hashstagram-7860/0123/my%20photo.jpg",
]


def test_what_the_page_and_programs_need_is_open(nginx_alone: Nginx) -> None:
    assert {path: nginx_alone.get(path).status_code for path in OPEN} == dict.fromkeys(OPEN, 200)


def test_many_connections_of_one_address_are_refused(
    start_nginx: StartNginx, full: FullProcess, ports: list[int]
) -> None:
    nginx = start_nginx(ports[0], 1, UNLIMITED_ADDRESSES="", CONNECTIONS="2")
    full.go_on.clear()
    readers = [socket.create_connection(("127.0.0.1", nginx.port), timeout=30) for _ in range(2)]
    for reader in readers:
        reader.sendall(b"GET /gradio_api/queue/data HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert reader.recv(16).startswith(b"HTTP/1.1 200")

    assert nginx.get("/").status_code == 429
    assert nginx.get("/", source="127.0.0.10").status_code == 200
    full.go_on.set()
    for reader in readers:
        reader.close()


def test_a_photo_that_one_process_has_no_room_for_goes_to_the_next(
    start_nginx: StartNginx, full: FullProcess, processes: list[Server], jpeg: Path
) -> None:
    nginx = start_nginx(full.port, 2)
    full.asked.clear()
    expected = processes[0].post(API, files={"photo": jpeg.read_bytes()}).json()
    answers = [nginx.post(API, files={"photo": jpeg.read_bytes()}).json() for _ in range(6)]

    assert answers == [expected] * 6
    assert full.asked
    assert all(jpeg.read_bytes() in asked.body for asked in full.asked)
    assert "503, 200" in {line["process_status"] for line in nginx.log()}


@pytest.mark.parametrize("path", [API, JOIN, "/gradio_api/upload"])
def test_where_all_are_full_their_word_is_passed_on(nginx_alone: Nginx, path: str) -> None:
    answer = nginx_alone.post(path, content=b"{}")

    assert answer.status_code == 503
    assert answer.json() == BUSY
    assert answer.headers.get_list("retry-after") == ["7"]


def test_events_come_as_they_happen(nginx_alone: Nginx, full: FullProcess) -> None:
    full.go_on.clear()
    with httpx.stream("GET", f"{nginx_alone.url}/gradio_api/queue/data", timeout=15) as answer:
        events = answer.iter_bytes()
        assert next(events) == b"data: first\n\n"
        full.go_on.set()
        assert b"".join(events) == b"data: second\n\n"


def test_forwarding_headers_are_ours(nginx_alone: Nginx, full: FullProcess) -> None:
    forged = ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "X-Gradio-Server")
    host = "photos.example:8080"
    nginx_alone.get("/config", headers=dict.fromkeys(forged, "https") | {"Host": host})

    headers = full.asked[-1].headers
    assert {name for name in forged if name.lower() in headers} == {"X-Forwarded-Proto"}
    assert headers["x-forwarded-proto"] == "http"
    assert headers["host"] == host


def test_behind_a_balancer_the_visitor_counts(start_nginx: StartNginx, full: FullProcess) -> None:
    nginx = start_nginx(
        full.port,
        1,
        BALANCER_ADDRESSES="127.0.0.0/8 192.0.2.1",
        UNLIMITED_ADDRESSES="",
        API_RATE="1r/m",
        API_BURST="1",
    )

    def ask(forwarded: str) -> int:
        headers = {"X-Forwarded-For": forwarded, "X-Forwarded-Proto": "https"}
        return nginx.post(API, headers=headers).status_code

    # The balancer adds the visitor and itself to whatever the visitor claims.
    assert [ask("198.51.100.1, 192.0.2.1") for _ in range(3)] == [503, 503, 429]
    assert [ask("198.51.100.2, 192.0.2.1") for _ in range(2)] == [503, 503]
    assert ask("198.51.100.3, 198.51.100.2, 192.0.2.1") == 429
    assert full.asked[-1].headers["x-forwarded-proto"] == "https"
    assert "x-forwarded-for" not in full.asked[-1].headers
    assert nginx.get("/", headers={"X-Forwarded-Proto": "https"}).headers["strict-transport-security"]


def test_with_a_certificate_everybody_comes_encrypted(
    start_nginx: StartNginx, full: FullProcess, tmp_path: Path
) -> None:
    certificate, key = tmp_path / "fullchain.pem", tmp_path / "privkey.pem"
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    run = [*make.split(), "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(run, check=True, capture_output=True)
    nginx = start_nginx(full.port, 1, CERTIFICATE=str(tmp_path), SERVER_NAME="localhost")

    moved = nginx.get("/site/page.js?a=b", headers={"Host": "evil.example"})
    assert (moved.status_code, moved.headers["location"]) == (301, "https://localhost/site/page.js?a=b")
    url = f"https://localhost:{nginx.https_port}/config"
    answer = httpx.get(url, verify=trusting(certificate), headers={"Host": "evil.example"})
    assert answer.status_code == 200
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert full.asked[-1].headers["host"] == "localhost"
    assert full.asked[-1].headers["x-forwarded-proto"] == "https"


def test_certbot_can_show_that_the_name_is_ours(nginx_alone: Nginx) -> None:
    folder = nginx_alone.folder / "acme" / ".well-known" / "acme-challenge"
    folder.mkdir(parents=True)
    (folder / "token").write_text("token.key")

    assert nginx_alone.get("/.well-known/acme-challenge/token").text == "token.key"
    assert nginx_alone.get("/.well-known/acme-challenge/other").status_code == 404
