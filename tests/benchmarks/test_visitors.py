"""Programs and the page's visitors at both servers, which run for real, and what they read out of the page."""

import asyncio
import json
from pathlib import Path

import pytest

from benchmarks.crowd import ask_all
from benchmarks.driving import BenchmarkError
from benchmarks.servers import ROUTE, ROUTE_OF_2018, family, our_server, server_of_2018
from benchmarks.stack2018.model import load_models
from benchmarks.visitors import Drop, PageVisitor, Photo, Program, Refused, drop_of, form_requests, hashtags_of
from benchmarks.wire import Connection, get
from hashstagram import Choice, load_model
from hashstagram.web import texts

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "cat.jpg"
PHOTO = Photo(EXAMPLE.read_bytes(), ())


def test_our_server_answers_programs_and_the_visitors_of_its_page(small_weights: Path) -> None:
    recommender = load_model("alexnet", weights=small_weights)
    visible = recommender.recommend(EXAMPLE, Choice(companions=0))[0].tag
    shown = {hashtag.tag for hashtag in recommender.recommend(EXAMPLE)}
    (request,) = form_requests(ROUTE, [PHOTO], "alexnet", companions="0")

    async def talk(port: int) -> tuple[str, list[str]]:
        connection, program = Connection(port), Program(port, [request])
        page = PageVisitor(port, [PHOTO], "alexnet", drop_of((await connection.ask(get("/config"))).json()))
        try:
            told = await program.ask(0)
            # The second photo comes while the first one's progress may still be followed.
            return told[1], [(await page.ask(0))[1] for _ in range(2)]
        finally:
            for each in (program, page):
                each.leave()
            connection.close()

    with our_server(HASHSTAGRAM_WEIGHTS=str(small_weights)) as server:
        assert server.until(get("/readyz")) > 0
        told, seen = asyncio.run(talk(server.port))
        ask_all(server.port, [request] * 3, clients=2)
        assert server.memory_bytes() > 50e6

    assert told == visible
    assert len(set(seen)) == 1
    assert seen[0] in shown


def test_the_server_of_2018_answers_programs(small_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HASHSTAGRAM_WEIGHTS", str(small_weights))
    expected = load_models(["vgg16"])["vgg16"].hashtags(PHOTO.content)[0][0]
    (request,) = form_requests(ROUTE_OF_2018, [PHOTO], "vgg16")

    async def talk(port: int) -> list[str]:
        program = Program(port, [request])
        return [(await program.ask(0))[1] for _ in range(2)]

    with server_of_2018() as server:
        server.until(request)
        found = asyncio.run(talk(server.port))
        process = server.process
        assert len(family(process)) == 2, "gunicorn and one worker"

    assert found == [expected] * 2
    assert not Path(f"/proc/{process}").exists()


def configuration(name: str) -> dict[str, object]:
    return {
        "components": [
            {"id": 4, "props": {"elem_id": "photo"}},
            {"id": 5, "props": {"elem_id": "top_k", "value": 5}},
            {"id": 6, "props": {"elem_id": "answer"}},
            {"id": 7, "props": {"elem_id": "line", "value": ""}},
        ],
        "dependencies": [
            {"id": 0, "targets": [[5, "upload"]], "inputs": [], "outputs": []},
            {"id": 1, "targets": [[5, "input"], [4, name]], "inputs": [4, 5], "outputs": [6, 7]},
        ],
    }


def test_the_event_that_follows_a_dropped_photo_is_found() -> None:
    drop = drop_of(configuration("upload"))
    assert drop == Drop(event=1, trigger=4, inputs=(("photo", None), ("top_k", 5)), line=1)
    assert drop.call("abc", photo="a.jpg")["data"] == ["a.jpg", 5]
    with pytest.raises(BenchmarkError, match="no event for a dropped photo"):
        drop_of(configuration("change"))


def told(success: bool, output: dict[str, object]) -> bytes:
    messages = [{"msg": "process_starts"}, {"msg": "process_completed", "success": success, "output": output}]
    return b"".join(b"data: " + json.dumps(message).encode() + b"\n\n" for message in messages)


def test_an_events_stream_ends_with_an_answer_a_refusal_or_an_error() -> None:
    drop = Drop(event=1, trigger=4, line=1)
    assert hashtags_of(told(True, {"data": ["<dl>…</dl>", "#dog #puppy"]}), drop) == ["dog", "puppy"]
    with pytest.raises(Refused):
        hashtags_of(told(True, {"data": [f"<p>{texts.BUSY}</p>", ""]}), drop)
    with pytest.raises(Refused):
        hashtags_of(told(False, {"error": texts.BUSY}), drop)
    with pytest.raises(BenchmarkError, match="broken"):
        hashtags_of(told(False, {"error": "broken"}), drop)
    with pytest.raises(BenchmarkError, match="no end"):
        hashtags_of(b'data: {"msg": "estimation"}\n\n', drop)
