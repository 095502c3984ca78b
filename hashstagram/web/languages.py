"""The visitor's language: which one it is, and what our sentences are in it.

The English sentence is the key, as in gettext; `translations/` has a table for each other language. How a text gets
there:

- A text is a constant of `texts`, or the literal that an error is raised with: a whole sentence, with a place in braces
  for each name or figure. Numbers are given as numbers, and get their language's separators.
- What never changes on the page goes through `static`: Gradio puts it in, as label, info, placeholder, title, value or
  name of a choice, at one place in each of these.
- What an event, a route or the guard says goes through `said`, in the language of the request that is being answered.
- What scripts say is in `texts.SCRIPT`, and reaches them with `script`.
- The answers that anything was said in carry Content-Language and Vary; `Interpreter` sees to that.

Hashtags are the vocabulary's, whatever the language, and what speaks to whoever runs the server stays English.
"""

import json
import re
import string
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.i18n import I18nData
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hashstagram import HashStagramError
from hashstagram.web import texts

# English first: it is what everybody gets who reads none of these.
LANGUAGES = ("en", "ko", "es", "fr", "de")

_FOLDER = Path(__file__).parent
_TABLES: dict[str, dict[str, str]] = {"en": {}} | {
    language: json.loads((_FOLDER / "translations" / f"{language}.json").read_text(encoding="utf-8"))
    for language in LANGUAGES[1:]
}
# The signs that stand between thousands and before decimals; a narrow space in French, which no line breaks at.
_SEPARATORS = {"es": (".", ","), "fr": ("\u202f", ","), "de": (".", ",")}
_MARK = re.compile(r"__i18n__(\{[^}]*\})")


@dataclass
class _Visitor:
    """Whoever is being answered, and whether anything has been said yet."""

    language: str = "en"
    told: bool = False


_visitor: ContextVar[_Visitor] = ContextVar("visitor")


def negotiated(accept: str) -> str:
    """The language for an Accept-Language header: the most wanted of ours, regions aside; English if it wants none."""
    wanted = []
    for place, part in enumerate(accept.split(",")):
        name, _, quality = part.partition(";")
        language = name.strip().lower().partition("-")[0]
        try:
            weight = float(quality.partition("=")[2] or 1)
        except ValueError:
            continue
        if weight > 0 and (language in LANGUAGES or language == "*"):
            wanted.append((-weight, place, language))
    language = min(wanted)[2] if wanted else "en"
    return "en" if language == "*" else language


def current() -> str:
    """The language of the present request or event, such as `ko`; English where there is none."""
    visitor = _visitor.get(None)
    if visitor is None:
        return "en"
    visitor.told = True
    return visitor.language


def translated(sentence: str) -> str:
    """A sentence in the present language, its places still open; the English one where there is no other."""
    return _TABLES[current()].get(sentence, sentence)


def said(what: str | HashStagramError, /, **values: object) -> str:
    """A sentence with its `values`, or what an error says, in the present language."""
    if isinstance(what, HashStagramError):
        return said(what.sentence, **what.values)
    return _Formatter().vformat(translated(what), (), values) if values else translated(what)


def script() -> str:
    """The script that brings the other scripts their texts, in the present language."""
    constants = {
        "LANGUAGE": current(),
        "TEXTS": {name: translated(text) for name, text in texts.SCRIPT.items()},
        "LABELS": {label: translated(text) for label, text in texts.LABELS.items()},
    }
    written = [f"const {name} = {json.dumps(value, indent=1)};\n" for name, value in constants.items()]
    return "".join(written) + (_FOLDER / "static" / "texts.js").read_text(encoding="utf-8")


class Sentence(str):
    """A value that is said in the visitor's language itself, such as a model's description."""

    __slots__ = ()


class _Formatter(string.Formatter):
    """Puts values in: sentences translated, numbers as people write them."""

    def format_field(self, value: Any, format_spec: str) -> Any:
        if isinstance(value, Sentence):
            value = translated(value)
        text = super().format_field(value, format_spec)
        if isinstance(value, int | float) and current() in _SEPARATORS:
            thousands, decimals = _SEPARATORS[current()]
            return text.translate({ord(","): thousands, ord("."): decimals})
        return text


class _Static(gr.I18n):
    """The page's static texts, as Gradio asks for them: those of the present visitor alone.

    They are given as English ones. Gradio's page falls back on these in every language, also in those that it knows and
    we do not, so it never speaks another language than the answers to the same visitor.
    """

    def __init__(self) -> None:
        super().__init__()
        self.marked: dict[str, tuple[str, Mapping[str, object]]] = {}

    @property
    def translations_dict(self) -> dict[str, dict[str, str]]:
        marked = {key: said(sentence, **values) for key, (sentence, values) in self.marked.items()}
        return {"en": {key: said(sentence) for key, sentence in texts.GRADIOS.items()} | marked}


STATIC = _Static()


def static(sentence: str, /, **values: object) -> str:
    """A text of the page that never changes: the mark that Gradio puts it in for, in the visitor's browser."""
    key = sentence.format(**values) if values else sentence
    STATIC.marked[key] = sentence, values
    return str(I18nData(key))


class Blocks(gr.Blocks):
    """Blocks whose texts are `static`, and whose events speak the language of who set them off."""

    async def process_api(self, *arguments: Any, **options: Any) -> dict[str, Any]:
        """Events run long after the requests that they come from, and out of their sight."""
        request = options.get("request")
        _visitor.set(_Visitor("en" if request is None else negotiated(request.headers.get("accept-language", ""))))
        return await super().process_api(*arguments, **options)

    def get_api_info(self, *arguments: Any, **options: Any) -> Any:
        """What Gradio tells programs, without the marks."""
        return _unmarked(super().get_api_info(*arguments, **options))


def _unmarked(content: Any) -> Any:
    """JSON content in which the marks have become English texts."""
    if isinstance(content, dict):
        return {name: _unmarked(value) for name, value in content.items()}
    if isinstance(content, list):
        return [_unmarked(value) for value in content]
    if isinstance(content, str):
        return _MARK.sub(lambda mark: str(json.loads(mark[1])["key"]), content)
    return content


class Interpreter:
    """The application `app`, which answers each request in its language, and says so where it makes a difference."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http":
            visitor = _Visitor(negotiated(",".join(Headers(scope=scope).getlist("accept-language"))))
            _visitor.set(visitor)
            send = partial(self._send, visitor, send)
        await self._app(scope, receive, send)

    async def _send(self, visitor: _Visitor, send: Send, message: Message) -> None:
        if message["type"] == "http.response.start" and visitor.told:
            headers = MutableHeaders(scope=message)
            headers["Content-Language"] = visitor.language
            headers.add_vary_header("Accept-Language")
        await send(message)
