"""Gradio's holes, tried on the program as it is served.

Run these again with each new version of Gradio: what they try was seen to work on unguarded apps.
"""

import io
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from serving import Server

UPLOADED = {"_type": "gradio.FileData"}
JOIN, CALL, NAMED = "/gradio_api/queue/join", "/gradio_api/call/recommend", "/gradio_api/call/v2/recommend"


def recommend(server: Server, photo: object) -> tuple[str, Any]:
    """The event that a call by curl ends with, and its data."""
    answer = server.post(CALL, json={"data": [photo, "hashnet", 5]})
    assert answer.status_code == 200, answer.text
    return result(server, answer.json()["event_id"])


def result(server: Server, event_id: str) -> tuple[str, Any]:
    lines = server.get(f"{CALL}/{event_id}").text.strip().splitlines()
    return lines[-2].removeprefix("event: "), json.loads(lines[-1].removeprefix("data: "))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A photo that nobody uploaded, on the same machine."""
    path = tmp_path / "private.png"
    Image.effect_noise((40, 30), 80).save(path)
    return path


def copies(server: Server, original: Path) -> list[Path]:
    content = original.read_bytes()
    return [path for path in server.uploads.rglob("*") if path.is_file() and path.read_bytes() == content]


def test_an_uploaded_photo_is_answered(small_server: Server, jpeg: Path) -> None:
    path = small_server.upload(jpeg.read_bytes())

    event, data = recommend(small_server, {"path": path, "meta": UPLOADED})

    assert event == "complete"
    assert len(data[0]["confidences"]) == 5


def test_a_file_elsewhere_is_neither_looked_at_nor_copied_to_where_it_could_be_fetched(
    small_server: Server, elsewhere: Path
) -> None:
    before = small_server.said()
    for photo in ({"path": str(elsewhere), "meta": UPLOADED}, {"path": str(elsewhere)}):
        answer = small_server.post(CALL, json={"data": [photo, "hashnet", 5]})

        assert answer.status_code == 404
        assert answer.json() == {
            "detail": "Only a photo that was uploaded here can be used. Please upload it first.",
        }
    assert copies(small_server, elsewhere) == []
    assert small_server.said() == before


def test_nobody_learns_which_files_exist(small_server: Server, elsewhere: Path) -> None:
    there, missing = str(elsewhere), str(elsewhere.with_name("missing.png"))
    back = f"{small_server.uploads}/../../{elsewhere.name}"

    answers = [
        small_server.post(CALL, json={"data": [{"path": path}, "hashnet", 5]})
        for path in (there, missing, back, "/a\0b.png", "/" + "a" * 5000)
    ]

    assert len({(answer.status_code, answer.text) for answer in answers}) == 1


@pytest.mark.parametrize("process", ["7860", "own"])
def test_a_photo_that_was_deleted_is_asked_for_again(small_server: Server, process: str) -> None:
    # Behind nginx the last process that is asked need not be the one that had it.
    folder = small_server.uploads if process == "own" else small_server.uploads.parent / f"hashstagram-{process}"
    answer = small_server.post(CALL, json={"data": [{"path": f"{folder}/0123/photo.jpg"}, "hashnet", 5]})

    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("That photo is no longer here")


@pytest.mark.parametrize("address", ["/gradio_api/queue/data?session_hash=0a1b", f"{CALL}/0a1b", f"{NAMED}/0a1b"])
def test_who_waits_for_the_answer_to_no_photo_is_told_so(small_server: Server, address: str) -> None:
    answer = small_server.get(address)

    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("There is no photo here whose answer would come at this address.")


def test_an_answer_is_given_once(small_server: Server, jpeg: Path) -> None:
    photo = {"path": small_server.upload(jpeg.read_bytes()), "meta": UPLOADED}
    event_id = small_server.post(CALL, json={"data": [photo, "hashnet", 5]}).json()["event_id"]

    assert result(small_server, event_id)[0] == "complete"
    assert small_server.get(f"{CALL}/{event_id}").status_code == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "TRACE", "X" * 100])
@pytest.mark.parametrize("path", [JOIN, CALL, "/gradio_api/upload"])
def test_calls_and_uploads_say_which_method_they_want(small_server: Server, path: str, method: str) -> None:
    answer = small_server.request(method, path)

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    said = answer.text if path.endswith("upload") else answer.json()["detail"]
    assert said.startswith("This address does not answer ")
    assert said.endswith(". It answers POST.")
    assert len(said) < 150


def pictures_in_requests() -> Iterator[dict[str, object]]:
    for address in ("http://127.0.0.1:9/a.png", "https://example.com/a.png", "file:///etc/hostname", "gs://bucket/a"):
        yield {"path": address, "meta": UPLOADED}
        yield {"path": address}
        yield {"path": "/a.png", "url": address}
    yield {"url": "data:image/png;base64,iVBORw0KGgo="}
    yield {"path": None, "url": "data:image/png;base64,iVBORw0KGgo="}
    yield {"path": None, "meta": UPLOADED}
    yield {"path": 7, "meta": UPLOADED}
    yield {"path": ["/etc/hostname"]}
    yield {"path": "/a.png", "url": "http://127.0.0.1/gradio_api/file=/b.png"}
    yield {"path": "/a.png", "url": "http://127.0.0.1/gradio_api/file=http://127.0.0.1/a.png"}
    yield {"path": "/a.png", "url": ["/a.png"]}


@pytest.mark.parametrize("photo", list(pictures_in_requests()), ids=str)
def test_no_photo_is_fetched_or_taken_from_the_request(small_server: Server, photo: dict[str, object]) -> None:
    page = {"data": [photo, "hashnet", 5], "fn_index": 0, "session_hash": "abc"}
    hidden = {"data": [None, {"also": [photo]}, 5], "fn_index": 0, "session_hash": "abc"}

    for path, body in ((CALL, {"data": page["data"]}), (NAMED, {"photo": photo}), (JOIN, page), (JOIN, hidden)):
        answer = small_server.post(path, json=body)
        assert answer.status_code == 400, (path, answer.text)
        assert answer.json()["detail"].startswith("This call cannot be answered: ")


def test_the_address_of_an_upload_may_stand_beside_its_path(small_server: Server, jpeg: Path) -> None:
    path = small_server.upload(jpeg.read_bytes(), "my photo.jpg")
    address = f"https://anywhere.example/sub/gradio_api/file={path}"

    assert recommend(small_server, {"path": path, "url": address, "meta": UPLOADED})[0] == "complete"


@pytest.mark.parametrize("path", [JOIN, CALL, NAMED, "/gradio_api/cancel", "/gradio_api/reset"])
def test_calls_are_small(small_server: Server, path: str) -> None:
    answer = small_server.post(path, json={"data": ["x" * 100_000, None, None]})

    assert answer.status_code == 413

    def chunks() -> Iterator[bytes]:
        for _ in range(10):
            yield b" " * 10_000

    assert small_server.post(path, content=chunks()).status_code == 413


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (JOIN, b"{"),
        (JOIN, b"[" * 60_000),
        (JOIN, b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
        (JOIN, b"[]"),
        (JOIN, b'{"data": [null, null, null], "fn_index": 999, "session_hash": "abc"}'),
        (JOIN, b'{"data": [null, null, null], "fn_index": "0", "session_hash": "abc"}'),
        (JOIN, b'{"data": [null, null, null], "session_hash": "abc"}'),
        (JOIN, b'{"data": [null], "fn_index": 0, "session_hash": "abc"}'),
        (JOIN, b'{"data": ["/etc/hostname", null, null], "fn_index": 0, "session_hash": "abc"}'),
        (CALL, b'{"data": []}'),
        (CALL, b'{"data": {"photo": null}}'),
        (CALL, b'{"data": ["photo.jpg", "hashnet", 5]}'),
        (CALL, b'{"data": [{"orig_name": "photo.jpg"}, "hashnet", 5]}'),
        (NAMED, b'{"model": "hashnet"}'),
        (NAMED, b'{"photo": null, "temperature": 1}'),
        (NAMED, b'{"photo": "photo.jpg"}'),
    ],
)
def test_calls_that_make_no_sense_are_refused_in_a_sentence(small_server: Server, path: str, body: bytes) -> None:
    before = small_server.said()
    answer = small_server.post(path, content=body, headers={"content-type": "application/json"})

    assert answer.status_code == 400
    assert answer.json()["detail"].endswith(".")
    assert small_server.said() == before


CLOSED = [
    ("GET", "/gradio_api/file=/etc/hostname"),
    ("GET", "/gradio_api/file=app.py"),
    ("GET", "/gradio_api/file/etc/hostname"),
    ("GET", "/gradio_api/file=http://127.0.0.1:9/"),
    ("GET", "/gradio_api/file=https://example.com/"),
    ("GET", "/gradio_api/file%3Dhttps://example.com/"),
    ("GET", "/gradio_api/file=HTTPS://example.com/"),
    ("GET", "/%67radio_api/file=https://example.com/"),
    ("GET", "//gradio_api/file=https://example.com/"),
    ("GET", "/gradio_api//file=https://example.com/"),
    ("GET", "/gradio_api/proxy=https://example.hf.space/"),
    ("GET", "/gradio_api/custom_component/1/client/component/index.js"),
    ("GET", "/gradio_api/openapi.json"),
    ("GET", "/gradio_api/deep_link?session_hash=abc"),
    ("GET", "/gradio_api/run-history/buckets"),
    ("GET", "/gradio_api/runs"),
    ("GET", "/gradio_api/startup-events"),
    ("GET", "/gradio_api/token"),
    ("GET", "/gradio_api/user"),
    ("GET", "/gradio_api/login_check"),
    ("GET", "/gradio_api/dev/reload"),
    ("GET", "/gradio_api/vibe-code"),
    ("GET", "/gradio_api/profiling/summary"),
    ("GET", "/gradio_api/stream/a/b/1/playlist.m3u8"),
    ("GET", "/gradio_api/mcp/sse"),
    ("GET", "/gradio_api/call/_forget/1"),
    ("POST", "/gradio_api/run/recommend"),
    ("POST", "/gradio_api/run/recommend/"),
    ("POST", "/gradio_api/api/recommend"),
    ("POST", "/gradio_api/call/follow"),
    ("POST", "/gradio_api/call/explain"),
    ("POST", "/gradio_api/call/v2/follow"),
    ("POST", "/gradio_api/component_server"),
    ("POST", "/gradio_api/process_recording"),
    ("POST", "/gradio_api/stream/1"),
    ("POST", "/gradio_api/vibe-edit"),
    ("POST", "/gradio_api/run-history/connect"),
    ("POST", "/gradio_api/mcp/messages"),
    ("GET", "/monitoring"),
    ("GET", "/monitoring/summary"),
    ("GET", "/monitoring/x"),
    ("GET", "/pwa_icon"),
    ("GET", "/pwa_icon/6000"),
    ("GET", "/svelte/svelte.js"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/redoc"),
    ("GET", "/logout"),
    ("POST", "/login"),
    ("POST", "/"),
    ("PUT", "/"),
    ("DELETE", "/config"),
]


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_there_is_nothing_but_what_the_page_needs(small_server: Server, method: str, path: str) -> None:
    assert raw_status(small_server, method, path) == 404


def test_nothing_outside_is_reached_by_way_of_the_upload_folder(small_server: Server) -> None:
    ways_out = ("../" * 12 + "etc/hostname", "%2e%2e/" * 12 + "etc/hostname", "/etc/hostname", "..", "")
    for way in ways_out:
        assert raw_status(small_server, "GET", f"/gradio_api/file={small_server.uploads}/{way}") in (403, 404), way


def raw_status(server: Server, method: str, path: str) -> int:
    """The status for an address exactly as written: clients tidy it up."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        request = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
        client.sendall(request.encode())
        return int(client.recv(64).split()[1])


def test_an_upload_comes_back_to_its_page_only_as_what_it_is(small_server: Server, jpeg: Path) -> None:
    photo = small_server.get(f"/gradio_api/file={small_server.upload(jpeg.read_bytes())}")
    assert photo.content == jpeg.read_bytes()
    assert photo.headers["cache-control"].startswith("private")
    assert photo.headers["x-content-type-options"] == "nosniff"

    for name in ("page.html", "picture.svg", "code.js"):
        other = small_server.get(f"/gradio_api/file={small_server.upload(b'<script>alert(1)</script>', name)}")
        assert other.headers["content-type"] == "application/octet-stream"
        assert other.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "form",
    [
        {"files": {"files": ("a.jpg", bytes(12 * 2**20))}},
        {"files": {"other": ("a.jpg", bytes(12 * 2**20))}},
        {"files": [("files", (f"{number}.jpg", bytes(2**20))) for number in range(12)]},
        {"files": {"files": ("a.jpg", b"1")}, "data": {"text": "x" * (12 * 2**20)}},
    ],
    ids=["a file", "another field", "many files", "a text"],
)
def test_uploads_are_bounded(small_server: Server, form: dict[str, Any]) -> None:
    answer = small_server.post("/gradio_api/upload", **form)

    assert answer.status_code == 413
    assert answer.text.startswith("This photo has more than 10 MB.")


def test_an_upload_that_does_not_say_its_size_is_bounded(small_server: Server) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'--x\r\ncontent-disposition: form-data; name="text"\r\n\r\n'
        for _ in range(12):
            yield b"x" * 2**20
        yield b"\r\n--x--\r\n"

    headers = {"content-type": "multipart/form-data; boundary=x"}
    assert small_server.post("/gradio_api/upload", content=chunks(), headers=headers).status_code == 413


@pytest.mark.parametrize("path", ["/", "/config", "/readyz", "/site/page.js", "/api/v1/openapi.json", "/nothing"])
def test_every_answer_has_the_security_headers(small_server: Server, path: str) -> None:
    headers = small_server.get(path).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["permissions-policy"] == "camera=(self), microphone=(), geolocation=()"
    policy = headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert policy.endswith("frame-ancestors 'none'")
    assert "server" not in headers


def test_hugging_face_may_frame_the_page_of_a_space(space_server: Server) -> None:
    policy = space_server.get("/").headers["content-security-policy"]

    assert policy.endswith("frame-ancestors https://huggingface.co https://*.hf.space")


def test_nobody_elses_page_may_send_along_who_a_visitor_is(small_server: Server) -> None:
    headers = {"origin": "https://evil.example", "host": "hashstagram.example"}
    assert "access-control-allow-credentials" not in small_server.get("/config", headers=headers).headers


def test_a_forged_proxy_changes_no_address(small_server: Server) -> None:
    forged = {"x-forwarded-host": "evil.example", "x-gradio-server": "https://evil.example"}

    for path in ("/config", "/gradio_api/info", "/"):
        assert "evil.example" not in small_server.get(path, headers=forged).text


def test_a_space_is_known_by_its_public_name_alone(space_server: Server) -> None:
    def root(host: str) -> str:
        headers = {"x-forwarded-host": host, "x-forwarded-proto": "https"}
        return str(space_server.get("/config", headers=headers).json()["root"])

    assert root("someone-hashstagram.hf.space") == "https://someone-hashstagram.hf.space"
    assert "evil" not in root("evil.example")


def test_gradios_files_may_be_kept_by_browsers(small_server: Server) -> None:
    page = small_server.get("/").text
    script = page.partition('src="./assets/')[2].partition('"')[0]

    assert "immutable" in small_server.get(f"/assets/{script}").headers["cache-control"]


def test_nothing_is_reported_or_recorded(small_server: Server) -> None:
    config = small_server.get("/config").json()

    assert config["analytics_enabled"] is False
    assert config["run_history"] is False
    assert config["enable_queue"] is True
    assert not config.get("mcp_server")
    assert config["connect_heartbeat"] is False
    assert [part["id"] for part in config["dependencies"] if part["api_visibility"] == "public"] == [0]


def test_uploads_go_and_examples_stay(space_server: Server, jpeg: Path) -> None:
    path = Path(space_server.upload(jpeg.read_bytes()))
    other = space_server.post("/gradio_api/upload", files={"other": ("left.jpg", jpeg.read_bytes())})
    cut_off(space_server)
    assert path.is_file()
    assert other.status_code in (200, 400, 500)

    end = time.monotonic() + 45
    while time.monotonic() < end and set(entries(space_server.uploads)) != {".hashstagram", "examples"}:
        time.sleep(0.2)

    assert set(entries(space_server.uploads)) == {".hashstagram", "examples"}
    assert any((space_server.uploads / "examples").iterdir())
    assert "Traceback" not in space_server.said()


def entries(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


def cut_off(server: Server) -> None:
    """Start an upload, and go away in the middle."""
    head = (
        "POST /gradio_api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        '--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(head.encode() + bytes(2_000_000))


def test_the_log_names_no_photo_and_no_visitor(small_server: Server, jpeg: Path) -> None:
    path = small_server.upload(jpeg.read_bytes(), "grandmother.jpg")
    recommend(small_server, {"path": path, "meta": UPLOADED})
    small_server.post(CALL, json={"data": [{"path": str(jpeg)}, "hashnet", 5]})
    small_server.post("/api/v1/hashtags", files={"photo": ("grandmother.jpg", io.BytesIO(b"words"))})

    said = small_server.said()
    assert "grandmother" not in said
    assert "127.0.0.1 " not in said
    assert "127.0.0.1:" not in said.replace(f"http://127.0.0.1:{small_server.port}", "")


def test_still_answers_after_all_this(small_server: Server, jpeg: Path) -> None:
    assert httpx.get(f"{small_server.url}/readyz").status_code == 200
    test_an_uploaded_photo_is_answered(small_server, jpeg)
