"""What happens on the page: the answer follows the photo and the settings, and goes when there is none.

Every event but the public one is private, which hides it from clients and protects nothing.
"""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from gradio.context import LocalContext

from hashstagram import Choice, HashStagramError
from hashstagram.web import answers, heatmap, texts
from hashstagram.web.calls import EVENT
from hashstagram.web.components import Photo, sorry
from hashstagram.web.controls import Controls, Wanted
from hashstagram.web.problems import kind
from hashstagram.web.service import Gone, Service

_HIDDEN: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
# A second trigger waits for the first one's end, and counts.
_FOLLOWING: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal", "trigger_mode": "always_last"}


class Parts(NamedTuple):
    """What on the page takes part in events."""

    photo: Photo
    controls: Controls
    answer: gr.Markdown
    line: gr.Textbox
    compared: gr.Markdown
    ask: gr.Button
    forget: gr.Button
    tag: gr.Textbox
    why: gr.Button
    heat: gr.Markdown
    recommend: gr.Button
    label: gr.Label
    examples: list[gr.Button]


# The answer, the line to paste, and what other models say.
_Shown = tuple[str, str, str]


def connect(demo: gr.Blocks, parts: Parts, service: Service, examples: Mapping[str | None, Path]) -> None:
    """Connect the parts of `demo`; `examples` are the photos of the example buttons by their element ids."""
    inputs = [parts.photo, parts.controls.model, parts.controls.top_k]
    recommend = _recommend(demo, service)
    parts.recommend.click(recommend, inputs, parts.label, api_name=EVENT, api_description=texts.API)

    follow = _follow(demo, service)
    inputs = [parts.photo, *parts.controls]
    outputs = [parts.answer, parts.line, parts.compared]
    # Not on `change`, which comes twice when one photo replaces another. The page's script presses `ask` when a setting
    # has changed: Gradio's own events come with every step on the way.
    triggers = [parts.photo.upload, parts.ask.click]
    followed = gr.on(triggers, follow, inputs, outputs, show_progress_on=parts.answer, **_FOLLOWING)
    events = [followed]
    if parts.examples:
        clicks = [button.click for button in parts.examples]
        picked = gr.on(clicks, _pick(examples), None, parts.photo, trigger_mode="always_last", **_HIDDEN)
        events += [picked, picked.success(follow, inputs, outputs, show_progress_on=parts.answer, **_FOLLOWING)]
    for event in events:
        event.failure(lambda: (answers.failed(), "", ""), None, outputs, **_HIDDEN)
    # The page's script presses this when a photo has gone, be it taken away or too large for an upload. Gradio's own
    # events come also when another photo follows at once, and then overtake that one's.
    parts.forget.click(lambda: (answers.WAITING, "", ""), None, outputs, **_HIDDEN)

    asked = [parts.photo, parts.controls.model, parts.tag]
    parts.why.click(_why(demo, service), asked, parts.heat, trigger_mode="always_last", **_HIDDEN)


def _recommend(demo: gr.Blocks, service: Service) -> Callable[[str | None, str | None, int], Awaitable[Any]]:
    """The public event's function: the hashtags alone."""

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

    return recommend


def _follow(demo: gr.Blocks, service: Service) -> Callable[..., Awaitable[_Shown]]:
    """The page's own function, which fills the whole page and may find no photo there."""

    async def follow(photo: str | None, *values: Any) -> _Shown:
        wanted = Wanted(*values)
        try:
            choice = wanted.choice()
            if photo is None:
                service.check(wanted.model, choice)
                return answers.WAITING, "", ""
            return await _answered(service, photo, wanted, choice, _visitor_gone(demo))
        except HashStagramError as error:
            if photo is not None:
                service.metrics.refused(kind(error)[1])
            return answers.problem(error), "", ""
        except Gone:
            raise sorry(texts.FAILED) from None  # nobody reads it

    return follow


async def _answered(
    service: Service, photo: str, wanted: Wanted, choice: Choice, gone: Callable[[], Awaitable[bool]]
) -> _Shown:
    model = service.model(wanted.model)
    if wanted.compare is not True:
        answer = await service.recommend(photo, model.name, choice, gone=gone)
        return answers.shown(answer, model, choice), answers.caption(answer.hashtags), ""
    all_answers = await service.compare(photo, choice, gone=gone)
    answer = next(answer for answer in all_answers if answer.model == model.name)
    beside = answers.compared(all_answers, service.models, choice)
    return answers.shown(answer, model, choice, together=True), answers.caption(answer.hashtags), beside


def _why(demo: gr.Blocks, service: Service) -> Callable[..., Awaitable[str]]:
    """What in the photo speaks for a hashtag."""

    async def why(photo: str | None, model: str | None, tag: str | None) -> str:
        try:
            return answers.numbered(await heatmap.shown(service, photo, model, tag, _visitor_gone(demo)))
        except Gone:
            raise sorry(texts.FAILED) from None  # nobody reads it

    return why


def _pick(examples: Mapping[str | None, Path]) -> Callable[[gr.EventData], str]:
    def pick(event: gr.EventData) -> str:
        if event.target is None or event.target.elem_id not in examples:
            raise sorry(texts.NO_PHOTO)
        return str(examples[event.target.elem_id])

    return pick


def _visitor_gone(demo: gr.Blocks) -> Callable[[], Awaitable[bool]]:
    """Whether the page or client that set off the present event has gone away meanwhile."""
    event_id = LocalContext.event_id.get(None)

    async def gone() -> bool:
        running = (event for job in demo._queue.active_jobs for event in job or ())
        return not any(event._id == event_id and event.alive for event in running)

    return gone
