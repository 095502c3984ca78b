"""Which addresses there are, and what each is called."""

import pytest

from hashstagram.web import addresses


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", "/"),
        ("/config/", "/config"),
        ("/readyz", "/readyz"),
        ("/metrics", "/metrics"),
        ("/assets/index-0a1b.js", "/assets/{file}"),
        ("/site/examples/beach.jpg", "/site/{file}"),
        ("/api/v1/hashtags", "/api/v1/hashtags"),
        ("/api/v1/export", "/api/v1/export"),
        ("/api/v1/openapi.json", "/api/v1/openapi.json"),
        ("/gradio_api/upload", "/gradio_api/upload"),
        ("/gradio_api/file=/tmp/hashstagram-7860/0a1b/grandmother.jpg", "/gradio_api/file={file}"),
        ("/gradio_api/file=/tmp/two\nlines.jpg", "/gradio_api/file={file}"),
        ("/gradio_api/heartbeat/0a1b", "/gradio_api/heartbeat/{session}"),
        ("/gradio_api/queue/join", "/gradio_api/queue/join"),
        ("/gradio_api/reset/", "/gradio_api/reset"),
        ("/gradio_api/call/recommend/", "/gradio_api/call/recommend"),
        ("/gradio_api/call/recommend/0a1b", "/gradio_api/call/recommend/{event}"),
        ("/gradio_api/call/v2/recommend", "/gradio_api/call/v2/recommend"),
        ("/gradio_api/call/v2/recommend/0a1b", "/gradio_api/call/v2/recommend/{event}"),
    ],
)
def test_a_name_holds_nothing_that_a_visitor_chose(path: str, name: str) -> None:
    assert addresses.name(path) == name


@pytest.mark.parametrize(
    "path",
    [
        "",
        "//",
        "/nothing",
        "/readyz/",
        "/readyzz",
        "/xreadyz",
        "/themeXcss",
        "/assets/",
        "/api/v1/hashtags/",
        "/Config",
        "/gradio_api/file",
        "/gradio_api/file=",
        "/gradio_api/run/recommend",
        "/gradio_api/call/follow",
        "/METRICS",
    ],
)
def test_everything_else_has_none(path: str) -> None:
    assert addresses.name(path) is None
