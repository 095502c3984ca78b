"""What the server counts, asked as Prometheus asks it."""

import json
import re
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from serving import ROOT, Server, StartServer, send

from hashstagram import __version__

API = "/api/v1/hashtags"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(scope="module")
def watched(start_server: StartServer, small_weights: Path) -> Server:
    """One model, one worker, one place in the line, and metrics for everybody."""
    return start_server(
        small_weights,
        HASHSTAGRAM_MODELS="alexnet",
        HASHSTAGRAM_WORKERS="1",
        HASHSTAGRAM_QUEUE="1",
        HASHSTAGRAM_METRICS="1",
    )


def scraped(server: Server) -> Samples:
    answer = server.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(answer.text)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((name, frozenset(labels.items())), 0)


def ask(server: Server, photo: bytes, **fields: str) -> int:
    return server.post(API, files={"photo": ("photo.jpg", photo)}, data=fields).status_code


def test_nobody_sees_them_where_nobody_opened_them(small_server: Server) -> None:
    for path in ("/metrics", "/metrics/"):
        assert small_server.get(path).status_code == 404
    assert "/metrics" not in small_server.get("/api/v1/openapi.json").text


def test_an_answer_is_counted_and_timed_by_stage(watched: Server, jpeg: Path) -> None:
    before = scraped(watched)
    assert ask(watched, jpeg.read_bytes()) == 200
    after = scraped(watched)

    def grown(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    assert grown("hashstagram_requests_total", route=API, method="POST", status="200") == 1
    assert grown("hashstagram_request_seconds_count", route=API) == 1
    assert grown("hashstagram_photos_answered_total", model="alexnet") == 1
    for stage in ("wait", "decode", "compute", "rank"):
        assert grown("hashstagram_stage_seconds_count", model="alexnet", stage=stage) == 1
    for stage in ("decode", "compute", "rank"):
        assert grown("hashstagram_stage_seconds_sum", model="alexnet", stage=stage) > 0


def test_the_pages_photos_count_too(watched: Server, jpeg: Path) -> None:
    path = watched.upload(jpeg.read_bytes())
    before = scraped(watched)
    for photo in (path, path):
        file = {"path": photo, "meta": {"_type": "gradio.FileData"}}
        call = watched.post("/gradio_api/call/recommend", json={"data": [file, "alexnet", 5]})
        watched.get(f"/gradio_api/call/recommend/{call.json()['event_id']}")
    words = watched.upload(b"These are words.")
    data = [{"path": words, "meta": {"_type": "gradio.FileData"}}, "alexnet", 5]
    call = watched.post("/gradio_api/call/recommend", json={"data": data})
    watched.get(f"/gradio_api/call/recommend/{call.json()['event_id']}")
    after = scraped(watched)

    answered = ("hashstagram_photos_answered_total", frozenset({("model", "alexnet")}))
    assert after[answered] - before[answered] == 2
    refused = {"reason": "photo_unsupported"}
    name = "hashstagram_photos_refused_total"
    assert value(after, name, **refused) - value(before, name, **refused) == 1
    assert value(
        after, "hashstagram_requests_total", route="/gradio_api/call/recommend/{event}", method="GET", status="200"
    )


@pytest.mark.parametrize(
    ("photo", "fields", "reason"),
    [
        (b"These are words.", {}, "photo_unsupported"),
        (b"", {}, "photo_broken"),
        (b"\xff\xd8" + bytes(12 * 2**20), {}, "photo_too_large"),
        (b"\xff\xd8", {"model": "resnet"}, "setting_invalid"),
        (b"\xff\xd8", {"top_k": "99"}, "setting_invalid"),
    ],
    ids=["words", "empty", "large", "model", "top_k"],
)
def test_a_refusal_is_counted_by_its_reason(watched: Server, photo: bytes, fields: dict[str, str], reason: str) -> None:
    def count() -> float:
        return value(scraped(watched), "hashstagram_photos_refused_total", reason=reason)

    before = count()
    assert ask(watched, photo, **fields) >= 400
    assert count() == before + 1


def test_the_line_is_seen_while_it_is_there(watched: Server, slow_photo: bytes, jpeg: Path) -> None:
    with send(watched, slow_photo) as first, send(watched, slow_photo) as second:
        end = time.monotonic() + 30
        line: tuple[float, float] = (0, 0)
        while line != (1, 1) and time.monotonic() < end:
            samples = scraped(watched)
            line = (value(samples, "hashstagram_photos_at_work"), value(samples, "hashstagram_photos_waiting"))
        assert line == (1, 1)
        assert ask(watched, jpeg.read_bytes()) == 503
        for client in (first, second):
            assert client.recv(64).startswith(b"HTTP/1.1 200")
    samples = scraped(watched)

    assert value(samples, "hashstagram_photos_refused_total", reason="busy") >= 1
    assert value(samples, "hashstagram_photos_at_work") == value(samples, "hashstagram_photos_waiting") == 0


def test_says_what_runs_and_what_it_takes(watched: Server) -> None:
    samples = scraped(watched)

    assert value(samples, "hashstagram_build_info", version=__version__) == 1
    assert value(samples, "hashstagram_models_ready") == 1
    (model,) = (dict(labels) for name, labels in samples if name == "hashstagram_model_info")
    assert (model["model"], model["weight"]) == ("alexnet", "alexnet.small_v1")
    assert (model["engine"], model["precision"], model["device"]) == ("openvino", "fp32", "cpu")
    assert value(samples, "process_resident_memory_bytes") > 50 * 2**20
    assert value(samples, "process_open_fds") > 3
    assert value(samples, "process_cpu_seconds_total") > 0


def test_strangers_make_no_new_labels(watched: Server, jpeg: Path) -> None:
    def labels() -> set[tuple[str, str]]:
        return {pair for _, labels in scraped(watched) for pair in labels}

    for path in ("/nothing", "/readyz", "/metrics", "/api/x", "/site/page.js"):
        for method in ("GET", "BREW"):
            watched.request(method, path)
    ask(watched, jpeg.read_bytes(), model="nobody's")
    before = labels()
    for path in ("/nothing/0a1b", "/api/0a1b", "/site/0a1b.js", "/gradio_api/file=/etc/0a1b", "/readyz?0a1b"):
        for method in ("GET", "STEEP"):
            watched.request(method, path)
    ask(watched, jpeg.read_bytes(), model="0a1b")

    assert {pair for pair in labels() - before if pair[0] not in ("route", "status")} == set()
    assert not any("0a1b" in text for _, text in labels())
    assert ("route", "other") in labels()
    assert ("method", "other") in labels()


def test_the_dashboard_asks_for_what_there_is(watched: Server, jpeg: Path) -> None:
    ask(watched, jpeg.read_bytes())
    ask(watched, b"words")
    samples = scraped(watched)
    names = {name for name, _ in samples}
    dashboard = json.loads((ROOT / "deploy" / "grafana" / "hashstagram.json").read_text(encoding="utf-8"))
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    queries += [variable["query"] for variable in dashboard["templating"]["list"] if variable["type"] == "query"]

    asked = {name for query in queries for name in re.findall(r"\b(?:hashstagram|process)_\w+", query)}
    assert len(asked) >= 10
    assert asked <= names
    known = {label for _, labels in samples for label, _ in labels} | {"instance"}
    grouped = {
        label for query in queries for group in re.findall(r"by \(([^)]+)\)", query) for label in group.split(", ")
    }
    shown = {
        label
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for label in re.findall(r"{{(\w+)}}", target["legendFormat"])
    }
    assert grouped | shown <= known
