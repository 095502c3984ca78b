"""The page for programs: commands that ask this very server, and what they get."""

import json
import re
from collections.abc import Sequence
from html import escape
from http import HTTPStatus
from pathlib import Path
from string import Template

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from hashstagram import Limits
from hashstagram.web import languages, texts
from hashstagram.web.addresses import PROGRAMS
from hashstagram.web.answers import named
from hashstagram.web.commands import ASSISTANT, COMMANDS
from hashstagram.web.environment import Settings
from hashstagram.web.languages import said
from hashstagram.web.routes import HashtagBody, HashtagsBody
from hashstagram.web.service import Service

_TEMPLATE = Template((Path(__file__).parent / "static" / "programs.html").read_text(encoding="utf-8"))
# A host as it stands in an address, with or without its port: nothing in it means anything to a shell or to HTML.
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_CODE = re.compile(r"`([^`]+)`")
_EXAMPLE = [
    HashtagBody(tag="beach", confidence=0.93, kind="visible"),
    HashtagBody(tag="sea", confidence=0.87, kind="visible"),
    HashtagBody(tag="summer", confidence=0.41, kind="companion"),
]


def programs_route(service: Service, settings: Settings, limits: Limits) -> APIRouter:
    """The route of the page, for a server with these settings."""
    router = APIRouter(include_in_schema=False)

    @router.api_route(PROGRAMS, methods=["GET", "HEAD"])
    async def programs(request: Request) -> HTMLResponse:
        page = _page(service, limits, address(request, settings), assistants=settings.mcp)
        # What it says depends on who asks for which host: nobody else is to get it.
        return HTMLResponse(page, headers={"Cache-Control": "private, no-cache"})

    return router


def address(request: Request, settings: Settings) -> str:
    """Where this server is for whoever asks: as the settings say, or the host that the request names.

    A host that cannot be one is not repeated.
    """
    if "://" in settings.root_path:
        return settings.root_path
    if settings.space_host:
        return f"https://{settings.space_host}{settings.root_path}"
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        name = f"[{settings.host}]" if ":" in settings.host else settings.host
        host = f"{name}:{settings.port}"
    return f"{request.url.scheme}://{host}{settings.root_path}"


def _page(service: Service, limits: Limits, here: str, *, assistants: bool) -> str:
    commands = (*COMMANDS, ASSISTANT) if assistants else COMMANDS
    values = {"megabytes": limits.max_bytes / 2**20, "megapixels": limits.max_pixels / 1e6}
    answer = HashtagsBody(model=service.models[0].name, hashtags=_EXAMPLE)
    models = [(f"`{model.name}`", named(model), said(model.description)) for model in service.models]
    statuses = [(f"`{status}`", HTTPStatus(int(status)).phrase, said(text)) for status, text in texts.STATUSES.items()]
    return _TEMPLATE.substitute(
        {name: _prose(said(text, **values)) for name, text in texts.PROGRAMS.items()},
        language=languages.current(),
        product=texts.TITLE,
        commands="\n".join(_section(command.key, command.at(here), command.language) for command in commands),
        example=_section("answer", _written(answer), "json"),
        models=_table(models),
        statuses=_table(statuses),
    )


def _written(answer: HashtagsBody) -> str:
    """An answer as JSON, a line for each hashtag."""
    hashtags = ",\n".join(f"    {json.dumps(hashtag.model_dump())}" for hashtag in answer.hashtags)
    return f'{{\n  "model": {json.dumps(answer.model)},\n  "hashtags": [\n{hashtags}\n  ]\n}}\n'


def _section(key: str, code: str, language: str) -> str:
    """What is said about some code, and the code to copy; it can be scrolled with the keyboard too."""
    title, about = said(texts.PROGRAMS[key]), said(texts.PROGRAMS[f"{key}_about"])
    copy = said(texts.COPY)
    return f"""<section id="{key}">
<div class="head">
<h2>{_prose(title)}</h2>
<button type="button" aria-label="{escape(f"{copy}: {title}")}" hidden>{escape(copy)}</button>
</div>
<p>{_prose(about)}</p>
<pre tabindex="0" role="region" aria-label="{escape(title)}"><code class="{language}">{escape(code)}</code></pre>
</section>"""


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    lines = ("".join(f"<td>{_prose(cell)}</td>" for cell in cells) for _, *cells in rows)
    heads = (f'<th scope="row">{_prose(head)}</th>' for head, *_ in rows)
    return "\n".join(f"<tr>{head}{line}</tr>" for head, line in zip(heads, lines, strict=True))


def _prose(text: str) -> str:
    """A text as HTML, with `code` in it."""
    return _CODE.sub(r"<code>\1</code>", escape(text))
