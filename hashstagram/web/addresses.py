"""The addresses that are answered, each with the name that it has in metrics and in the access log.

A name never holds anything that a visitor chose. What is not in this list does not exist: an upgrade of Gradio opens
nothing by itself.
"""

import re

from hashstagram.web import calls

HASHTAGS = "/api/v1/hashtags"
EXPORT = "/api/v1/export"
SPECIFICATION = "/api/v1/openapi.json"
METRICS = "/metrics"
MCP = "/gradio_api/mcp"
PROGRAMS = "/programs"
UPLOAD = "/gradio_api/upload"
FILE = "/gradio_api/file="
JOIN = "/gradio_api/queue/join"
EVENTS = "/gradio_api/queue/data"
CANCEL = "/gradio_api/cancel"
RESET = "/gradio_api/reset"
CALL = f"/gradio_api/call/{calls.EVENT}"
NAMED_CALL = f"/gradio_api/call/v2/{calls.EVENT}"

# Where the answer to a call comes.
ANSWERS = (f"{CALL}/{{event}}", f"{NAMED_CALL}/{{event}}")
# Streams that go on for as long as somebody listens.
UNENDING = ("/gradio_api/heartbeat/{session}", "/gradio_api/upload_progress")
# What is more than read, or ours to describe: the methods that it answers.
METHODS = {
    SPECIFICATION: ("GET", "HEAD"),
    **dict.fromkeys((HASHTAGS, EXPORT, UPLOAD, JOIN, CANCEL, RESET, CALL, NAMED_CALL, MCP), ("POST",)),
}
# What is asked or sent on behalf of a photo.
FOR_PHOTOS = (HASHTAGS, MCP, UPLOAD, JOIN, EVENTS, CALL, NAMED_CALL, *ANSWERS)

_PLAIN = ("/", "/robots.txt", "/manifest.json", "/favicon.ico", "/theme.css", "/healthz", "/readyz", METRICS, PROGRAMS)
_GRADIOS = ("/gradio_api/theme.css", "/gradio_api/queue/status")
_EXACT = (*_PLAIN, HASHTAGS, EXPORT, SPECIFICATION, UPLOAD, JOIN, EVENTS, CANCEL, *_GRADIOS)
_SLASHED = ("/config", "/gradio_api/info", "/gradio_api/app_id", RESET, CALL, NAMED_CALL, MCP)
_PATTERNS = {
    **{name: re.escape(name) for name in _EXACT},
    **{name: f"{name}/?" for name in _SLASHED},
    **{f"{folder}/{{file}}": f"{folder}/.+" for folder in ("/assets", "/static", "/site")},
    **{name: name.replace("{event}", "[^/]+") for name in ANSWERS},
    **{name: name.replace("{session}", "[^/]+") for name in UNENDING},
    f"{FILE}{{file}}": f"{FILE}.+",
}
_NAMES = tuple(_PATTERNS)
_ANY = re.compile("|".join(f"({pattern})" for pattern in _PATTERNS.values()), re.DOTALL)


def name(path: str) -> str | None:
    """The name of the address `path`, such as `/site/{file}`; None where there is nothing."""
    match = _ANY.fullmatch(path)
    return None if match is None or match.lastindex is None else _NAMES[match.lastindex - 1]
