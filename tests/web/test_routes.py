"""The stateless API and the health routes, asked over HTTP as programs and balancers ask them."""

import dataclasses
import io
import select
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image
from serving import ROOT, Server, has_room, send

from hashstagram import Choice, load_model
from hashstagram.web.routes import add_routes
from hashstagram.web.service import Service

API = "/api/v1/hashtags"
SETTINGS = [setting.name for setting in dataclasses.fields(Choice)]


def ask(server: Server, photo: bytes, name: str = "photo.jpg", **fields: object) -> httpx.Response:
    return server.post(API, files={"photo": (name, photo)}, data={key: str(value) for key, value in fields.items()})


def picture(kind: str, size: tuple[int, int] = (64, 48), **options: object) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, "teal").save(stream, kind, **options)
    return stream.getvalue()


def test_answers_a_photo_with_the_default_models_hashtags(
    small_server: Server, small_weights: Path, jpeg: Path
) -> None:
    answer = ask(small_server, jpeg.read_bytes())

    assert answer.status_code == 200
    expected = load_model(weights=small_weights).recommend(jpeg)
    body = answer.json()
    assert body.keys() == {"model", "hashtags"}
    assert body["model"] == "hashnet"
    assert [tag["tag"] for tag in body["hashtags"]] == [hashtag.tag for hashtag in expected]
    assert [tag["confidence"] for tag in body["hashtags"]] == pytest.approx(
        [hashtag.confidence for hashtag in expected], abs=1e-4
    )


def test_follows_model_top_k_and_companions(small_server: Server, small_weights: Path, jpeg: Path) -> None:
    answer = ask(small_server, jpeg.read_bytes(), model="AlexNet", top_k=8, companions=0).json()

    expected = load_model("alexnet", weights=small_weights).recommend(jpeg, Choice(top_k=8, companions=0))
    assert answer["model"] == "alexnet"
    assert [tag["tag"] for tag in answer["hashtags"]] == [hashtag.tag for hashtag in expected]


@pytest.mark.parametrize(
    ("fields", "choice"),
    [
        ({"min_confidence": 0.3, "companions": 0}, Choice(min_confidence=0.3, companions=0)),
        ({"exclude": "#Beach, friend  dog"}, Choice(exclude=["beach", "friend", "dog"])),
        ({"exclude": ["beach", "friend,dog"]}, Choice(exclude=["beach", "friend", "dog"])),
        ({"always": "#sunset#sea", "top_k": 6}, Choice(always=["sunset", "sea"], top_k=6)),
        ({"platform_tags": "true", "companions": 9, "top_k": 20}, Choice(platform_tags=True, companions=9, top_k=20)),
        ({"exclude": "", "always": " , ", "min_confidence": ""}, Choice()),
    ],
)
def test_follows_every_setting_and_says_what_kind_each_tag_is(
    small_server: Server, small_weights: Path, jpeg: Path, fields: dict[str, object], choice: Choice
) -> None:
    answer = small_server.post(API, files={"photo": ("photo.jpg", jpeg.read_bytes())}, data=fields)

    expected = load_model(weights=small_weights).recommend(jpeg, choice)
    assert [(tag["tag"], tag["kind"]) for tag in answer.json()["hashtags"]] == [
        (hashtag.tag, hashtag.kind) for hashtag in expected
    ]


def test_trained_weights_give_five_different_sure_tags(server: Server, jpeg: Path) -> None:
    tags = ask(server, jpeg.read_bytes()).json()["hashtags"]

    assert len({tag["tag"] for tag in tags}) == 5
    assert all(0 <= tag["confidence"] <= 1 and "#" not in tag["tag"] for tag in tags)


@pytest.mark.parametrize(
    ("photo", "fields", "status", "code"),
    [
        (b"", {}, 400, "photo_broken"),
        (picture("JPEG")[:200], {}, 400, "photo_broken"),
        (b"These are words.", {}, 415, "photo_unsupported"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", {}, 415, "photo_unsupported"),
        (picture("PNG", (9000, 6000)), {}, 413, "photo_too_large"),
        (picture("JPEG"), {"model": "resnet"}, 422, "setting_invalid"),
        (picture("JPEG"), {"top_k": 0}, 422, "setting_invalid"),
        (picture("JPEG"), {"top_k": 31}, 422, "setting_invalid"),
        (picture("JPEG"), {"top_k": "many"}, 422, "setting_invalid"),
        (picture("JPEG"), {"companions": -1}, 422, "setting_invalid"),
        (picture("JPEG"), {"min_confidence": 1.5}, 422, "setting_invalid"),
        (picture("JPEG"), {"min_confidence": "nan"}, 422, "setting_invalid"),
        (picture("JPEG"), {"min_confidence": "some"}, 422, "setting_invalid"),
        (picture("JPEG"), {"variety": "perhaps"}, 422, "setting_invalid"),
        (picture("JPEG"), {"platform_tags": 7}, 422, "setting_invalid"),
        (picture("JPEG"), {"exclude": "sunste"}, 422, "setting_invalid"),
        (picture("JPEG"), {"always": "sea", "exclude": "#Sea"}, 422, "setting_invalid"),
        (picture("JPEG"), {"always": "sea,sun", "top_k": 1}, 422, "setting_invalid"),
    ],
)
def test_says_what_was_wrong(
    small_server: Server, photo: bytes, fields: dict[str, object], status: int, code: str
) -> None:
    answer = ask(small_server, photo, **fields)

    assert answer.status_code == status
    assert answer.json().keys() == {"code", "message"}
    assert answer.json()["code"] == code
    message = answer.json()["message"]
    assert message[0].isalnum() or message[0] == "'"
    assert message.endswith((".", "?"))
    assert "/" not in message


@pytest.mark.parametrize(
    "options",
    [
        {"data": {"model": "hashnet"}},
        {"data": {"photo": "a text"}},
        {"json": {"photo": "aGVsbG8="}},
        {"content": b""},
        {"content": b"--x\r\nnonsense", "headers": {"content-type": "multipart/form-data; boundary=x"}},
        {"content": b"--x\r\n", "headers": {"content-type": "multipart/form-data"}},
        {"files": {"picture": ("photo.jpg", picture("JPEG"))}},
    ],
)
def test_a_request_without_a_photo_is_400(small_server: Server, options: dict[str, object]) -> None:
    answer = small_server.post(API, **options)

    assert answer.status_code == 400
    assert answer.json()["code"] in ("no_photo", "malformed")
    assert "photo" in answer.json()["message"]


def test_refuses_a_body_that_says_it_is_too_large(small_server: Server) -> None:
    answer = ask(small_server, b"\xff\xd8" + bytes(12 * 2**20))

    assert answer.status_code == 413
    assert answer.json() == {
        "code": "photo_too_large",
        "message": "This photo has more than 10 MB. Please make it smaller or save it as JPEG, and try again.",
    }


def test_refuses_a_body_that_turns_out_too_large(small_server: Server) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'--x\r\ncontent-disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n'
        for _ in range(12):
            yield bytes(2**20)
        yield b"\r\n--x--\r\n"

    answer = small_server.post(API, content=chunks(), headers={"content-type": "multipart/form-data; boundary=x"})

    assert answer.status_code == 413
    assert answer.json()["code"] == "photo_too_large"


def test_counts_text_fields_too(small_server: Server) -> None:
    answer = small_server.post(API, data={"model": "x" * (12 * 2**20)}, files={"photo": ("a.jpg", picture("JPEG"))})

    assert answer.status_code == 413


def test_excess_is_refused_at_once_with_a_time_to_come_back(space_server: Server, slow_photo: bytes) -> None:
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: ask(space_server, slow_photo), range(4)))

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 200
    assert statuses[-1] == 503
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert refused.json()["code"] == "busy"
    assert int(refused.headers["retry-after"]) >= 1
    assert ask(space_server, picture("JPEG")).status_code == 200


def test_who_comes_while_the_line_is_full_hears_it_before_the_photo_is_sent(
    space_server: Server, slow_photo: bytes
) -> None:
    head = (
        f"POST {API} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    with send(space_server, slow_photo) as at_work, send(space_server, slow_photo) as waiting:
        time.sleep(0.3)
        with socket.create_connection(("127.0.0.1", space_server.port), timeout=30) as client:
            client.sendall(head.encode() + bytes(100_000))
            answer = client.recv(4096).decode()
            answer += "" if "}" in answer else client.recv(4096).decode()
            assert not select.select([waiting], [], [], 0)[0], "the line was to be full"
            # The sender may go on, and the answer is still there afterwards.
            client.sendall(bytes(4_900_000))
        assert [other.recv(64).split()[1] for other in (at_work, waiting)] == [b"200", b"200"]

    assert answer.startswith("HTTP/1.1 503 ")
    assert '"code":"busy"' in answer
    assert int(answer.lower().partition("retry-after: ")[2].split()[0]) >= 1


def test_a_client_that_goes_away_leaves_its_place(space_server: Server, slow_photo: bytes, jpeg: Path) -> None:
    with send(space_server, slow_photo) as at_work:
        time.sleep(0.05)
        with send(space_server, slow_photo):
            time.sleep(0.05)
        assert has_room(space_server, jpeg.read_bytes(), at_work)


def test_only_the_chosen_models_are_served(space_server: Server) -> None:
    assert ask(space_server, picture("JPEG")).json()["model"] == "alexnet"
    refused = ask(space_server, picture("JPEG"), model="hashnet")
    assert refused.status_code == 422
    assert refused.json()["message"] == "'hashnet' is not a model. Choose one of: alexnet, vgg16."


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "TRACE", "BREW"])
def test_other_methods_are_told_which_one_to_use(small_server: Server, method: str) -> None:
    answer = small_server.request(method, API)

    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert answer.json()["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", ["/api/", "/api/v1", "/api/v2/hashtags", "/api/v1/hashtags/"])
def test_unknown_addresses_are_answered_in_json(small_server: Server, path: str) -> None:
    answer = small_server.get(path)

    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"
    assert "openapi.json" in answer.json()["message"]


@pytest.mark.parametrize(("path", "status"), [("/healthz", "ok"), ("/readyz", "ready")])
def test_health_routes(small_server: Server, path: str, status: str) -> None:
    assert small_server.get(path).json() == {"status": status}
    head = small_server.request("HEAD", path)
    assert head.status_code == 200
    assert head.content == b""


def test_readyz_says_that_the_server_is_about_to_end(small_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HASHSTAGRAM_WEIGHTS", str(small_weights))
    service = Service()
    app = FastAPI()
    add_routes(app, service)
    with TestClient(app) as client:
        assert client.get("/readyz").status_code == 503
        service.load()
        assert client.get("/readyz").status_code == 200
        service.draining.begin()
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200


def test_an_error_of_ours_shows_nothing_of_the_inside(small_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HASHSTAGRAM_WEIGHTS", str(small_weights))
    app = FastAPI()
    add_routes(app, Service())  # not loaded
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.post(API, files={"photo": ("photo.jpg", picture("JPEG"))})

    assert answer.status_code == 500
    assert answer.json() == {"code": "internal", "message": "Something went wrong on our side. Please try again."}


def test_the_specification_describes_these_routes_and_no_others(small_server: Server) -> None:
    specification = small_server.get("/api/v1/openapi.json").json()

    assert specification["openapi"].startswith("3.1")
    assert {path: list(routes) for path, routes in specification["paths"].items()} == {
        API: ["post"],
        "/api/v1/export": ["post"],
        "/healthz": ["get"],
        "/readyz": ["get"],
    }
    responses = specification["paths"][API]["post"]["responses"]
    assert set(responses) == {"200", "400", "413", "415", "422", "500", "503"}
    assert "Retry-After" in responses["503"]["headers"]
    form = resolved(specification, specification["paths"][API]["post"]["requestBody"]["content"]["multipart/form-data"])
    assert set(form["properties"]) == {"photo", "model", *SETTINGS}
    assert form["required"] == ["photo"]
    assert (form["properties"]["top_k"]["minimum"], form["properties"]["top_k"]["maximum"]) == (1, 30)
    defaults = {name: getattr(Choice(), name) for name in SETTINGS} | {"exclude": [], "always": []}
    assert {name: form["properties"][name]["default"] for name in SETTINGS} == defaults


def test_answers_are_as_the_specification_says(small_server: Server) -> None:
    specification = small_server.get("/api/v1/openapi.json").json()
    responses = specification["paths"][API]["post"]["responses"]
    answers = [
        ask(small_server, picture("JPEG")),
        ask(small_server, b""),
        ask(small_server, b"words"),
        ask(small_server, picture("JPEG"), top_k=99),
        ask(small_server, picture("PNG", (9000, 6000))),
    ]

    assert [answer.status_code for answer in answers] == [200, 400, 415, 422, 413]
    for answer in answers:
        schema = resolved(specification, responses[str(answer.status_code)]["content"]["application/json"])
        assert answer.headers["content-type"] == "application/json"
        assert answer.json().keys() == schema["properties"].keys() == set(schema["required"])


def resolved(specification: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
    name = content["schema"]["$ref"].removeprefix("#/components/schemas/")
    schema: dict[str, Any] = specification["components"]["schemas"][name]
    return schema


def test_serves_its_own_files_and_nothing_beside_them(small_server: Server) -> None:
    icon = small_server.get("/favicon.ico")
    assert icon.headers["content-type"] == "image/svg+xml"
    assert small_server.get("/site/icon.svg").content == icon.content
    assert "javascript" in small_server.get("/site/page.js").headers["content-type"]
    for path in ("/site/page.css", "/site/../app.py", "/site/%2e%2e/app.py", "/site/examples/", "/site//etc/passwd"):
        assert small_server.get(path).status_code == 404, path


def test_serves_the_examples_with_their_credits(small_server: Server) -> None:
    examples = sorted((ROOT / "examples").glob("*.jpg"))
    assert 4 <= len(examples) <= 6
    for example in examples:
        assert small_server.get(f"/site/examples/{example.name}").content == example.read_bytes()
    credit = small_server.get("/site/examples/CREDITS.md")
    assert credit.headers["content-type"] == "text/plain; charset=utf-8"
    assert all(example.name in credit.text for example in examples)
