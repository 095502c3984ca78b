"""What may be sent to Gradio's events: known events with the right arguments, and no file but one uploaded here.

Gradio itself would fetch a photo that is named by an address, decode one that is written into the request, and answer
what it does not understand with a traceback in the log.
"""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import gradio as gr

from hashstagram import HashStagramError

# The public event, and its arguments in their order: a contract with everybody's programs.
EVENT = "recommend"
ARGUMENTS = ("photo", "model", "top_k")

# Calls of ours are four levels deep.
_DEEPEST = 16
_FILE = "/gradio_api/file="


class Refusal(HashStagramError):  # noqa: N818 - an answer, not an accident
    """A call that cannot be answered."""


def check_page_call(body: bytes, demo: gr.Blocks) -> None:
    """Raise Refusal unless `body` calls an event of `demo` by its number, as the page and Gradio's clients do."""
    content = _parsed(body)
    number = content.get("fn_index")
    if not isinstance(number, int) or number not in demo.fns:
        raise Refusal("This call cannot be answered: there is no such event.")
    _check_list(content.get("data"), [isinstance(part, gr.Image) for part in demo.fns[number].inputs])


def check_call(body: bytes) -> None:
    """Raise Refusal unless `body` holds the arguments of the public event as a list."""
    _check_list(_parsed(body).get("data"), [name == "photo" for name in ARGUMENTS])


def check_named_call(body: bytes) -> None:
    """Raise Refusal unless `body` holds arguments of the public event by their names."""
    content = _parsed(body)
    if strangers := content.keys() - ARGUMENTS:
        raise Refusal(
            "This call cannot be answered: {name!r} is none of {names}.",
            name=min(strangers),
            names=", ".join(ARGUMENTS),
        )
    if "photo" not in content:
        raise Refusal("This call cannot be answered: it names no photo.")
    _check_photo(content["photo"])


def check_other(body: bytes) -> None:
    """Raise Refusal unless `body` is a JSON object without foreign files."""
    _parsed(body)


def files(body: bytes) -> list[str]:
    """The paths of the files that a checked call names."""
    return [str(entry["path"]) for entry in _objects(json.loads(body)) if "path" in entry]


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal("This call cannot be answered: it is not JSON.") from error
    if not isinstance(content, dict):
        raise Refusal("This call cannot be answered: it is not a JSON object.")
    for entry in _objects(content):
        _check_file(entry)
    return content


def _check_list(data: object, is_photo: list[bool]) -> None:
    if not isinstance(data, list) or len(data) != len(is_photo):
        raise Refusal("This call cannot be answered: its data must be a list of {count}.", count=len(is_photo))
    for value, photo in zip(data, is_photo, strict=True):
        if photo:
            _check_photo(value)


def _check_photo(value: object) -> None:
    if value is not None and not (isinstance(value, dict) and isinstance(value.get("path"), str)):
        raise Refusal("This call cannot be answered: the photo must be a file that was uploaded to /gradio_api/upload.")


def _objects(content: Any) -> Iterator[dict[str, Any]]:
    """All objects in a parsed JSON, however deep."""
    level = [content]
    for _ in range(_DEEPEST):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                yield value
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
        level = below
    if any(isinstance(value, dict | list) for value in level):
        raise Refusal("This call cannot be answered: it is nested too deep.")


def _check_file(entry: dict[str, Any]) -> None:
    """A file is named by its path on this server; an address beside it may only be the one of that path here."""
    path, url = entry.get("path"), entry.get("url")
    if "path" in entry and (not isinstance(path, str) or "://" in path):
        raise Refusal(
            "This call cannot be answered: a file is named by the path that /gradio_api/upload gave, not by an address."
        )
    if url is None:
        return
    served = url.partition(_FILE)[2] if isinstance(url, str) else ""
    if not served or path not in (served, unquote(served)):
        raise Refusal("This call cannot be answered: photos are uploaded, not fetched from an address.")
