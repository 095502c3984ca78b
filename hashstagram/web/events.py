"""What happens on the page: the answer follows the photo, the model and the button, and goes when there is none.

Every event but the public one is private, which hides it from clients and protects nothing.
"""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from gradio.context import LocalContext

from hashstagram import Choice, HashStagramError
from hashstagram.web import texts
from hashstagram.web.calls import EVENT
from hashstagram.web.components import ModelChoice, Photo, TopK, sorry
from hashstagram.web.languages import said
from hashstagram.web.problems import kind
from hashstagram.web.service import Gone, Model, Service

# Shown while an event runs: its time, or nothing. A second trigger waits for the first one's end, and counts.
_ASKING: dict[str, Any] = {"show_progress": "minimal", "trigger_mode": "always_last"}
_HIDDEN: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


class Parts(NamedTuple):
    """What on the page takes part in events."""

    photo: Photo
    go: gr.Button
    label: gr.Label
    note: gr.Markdown
    line: gr.Textbox
    model: ModelChoice
    top_k: TopK
    forget: gr.Button
    examples: list[gr.Button]


def connect(demo: gr.Blocks, parts: Parts, service: Service, examples: Mapping[str | None, Path]) -> None:
    """Connect the parts of `demo`; `examples` are the photos of the example buttons by their element ids."""
    recommend, follow = _recommend(demo, service)
    inputs = [parts.photo, parts.model, parts.top_k]
    outputs = [parts.label, parts.note, parts.line]
    following: dict[str, Any] = {"api_visibility": "private", "show_progress_on": parts.label}

    asked = parts.go.click(recommend, inputs, parts.label, api_name=EVENT, api_description=texts.API, **_ASKING)
    # Not outputs of the event itself: programs that ask for hashtags get the hashtags alone.
    asked.success(_explain(service), [parts.label, parts.model], [parts.note, parts.line], **_HIDDEN)
    # Not on `change`, which comes twice when one photo replaces another.
    followed = gr.on([parts.photo.upload, parts.model.input], follow, inputs, outputs, **following, **_ASKING)
    events = [asked, followed]
    if parts.examples:
        clicks = [button.click for button in parts.examples]
        picked = gr.on(clicks, _pick(examples), None, parts.photo, trigger_mode="always_last", **_HIDDEN)
        events += [picked, picked.success(follow, inputs, outputs, **following, show_progress="minimal")]
    for event in events:
        event.failure(_forget, None, outputs, **_HIDDEN)
    # The page's script presses this when a photo has gone, be it taken away or too large for an upload. Gradio's own
    # events come also when another photo follows at once, and then overtake that one's.
    parts.forget.click(_forget, None, outputs, **_HIDDEN)


_Asked = Callable[[str | None, str | None, int], Awaitable[Any]]


def _recommend(demo: gr.Blocks, service: Service) -> tuple[_Asked, _Asked]:
    """The public event's function, and the page's own, which fills the whole page and may find no photo there."""

    # The names of the arguments are part of the API.
    async def recommend(photo: str | None, model: str | None, top_k: int) -> dict[str, float]:
        if photo is None:
            raise sorry(texts.NO_PHOTO)
        try:
            answer = await service.recommend(photo, model, Choice(top_k=top_k), gone=_visitor_gone(demo))
        except HashStagramError as error:
            service.metrics.refused(kind(error)[1])
            raise sorry(error) from error
        except Gone:
            raise sorry(texts.FAILED) from None  # nobody reads it
        return {hashtag.tag: hashtag.confidence for hashtag in answer.hashtags}

    explain = _explain(service)

    async def follow(photo: str | None, model: str | None, top_k: int) -> tuple[dict[str, float], str, str]:
        confidences = {} if photo is None else await recommend(photo, model, top_k)
        return confidences, *explain(confidences, model)

    return recommend, follow


def _pick(examples: Mapping[str | None, Path]) -> Callable[[gr.EventData], str]:
    def pick(event: gr.EventData) -> str:
        if event.target is None or event.target.elem_id not in examples:
            raise sorry(texts.NO_PHOTO)
        return str(examples[event.target.elem_id])

    return pick


def _explain(service: Service) -> Callable[[dict[str, float] | None, str | None], tuple[str, str]]:
    """What is said about hashtags, and the line to copy."""

    def explain(confidences: dict[str, float] | None, model: str | None) -> tuple[str, str]:
        tags = list(confidences or {})
        try:
            return _note(tags, service.model(model)), " ".join(f"#{tag}" for tag in tags)
        except HashStagramError as error:
            raise sorry(error) from error

    return explain


def _forget() -> tuple[None, str, str]:
    return None, said(texts.EMPTY), ""


def _note(tags: list[str], model: Model) -> str:
    """Which tags the photo shows, and which are only written with those."""
    seen = [tag for tag in tags if tag in model.record.taught]
    written_with = [tag for tag in tags if tag not in model.record.taught]
    sentences = []
    if seen:
        sentences.append(said(texts.SEEN, tags=", ".join(seen)))
    if written_with:
        sentences.append(said(texts.WRITTEN_WITH, tags=", ".join(written_with)))
    return " ".join(sentences) or said(texts.EMPTY)


def _visitor_gone(demo: gr.Blocks) -> Callable[[], Awaitable[bool]]:
    """Whether the page or client that set off the present event has gone away meanwhile."""
    event_id = LocalContext.event_id.get(None)

    async def gone() -> bool:
        running = (event for job in demo._queue.active_jobs for event in job or ())
        return not any(event._id == event_id and event.alive for event in running)

    return gone
