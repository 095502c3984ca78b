"""The page: a photo, and beside it its hashtags."""

from collections.abc import Sequence
from pathlib import Path

import gradio as gr

from hashstagram.web import texts
from hashstagram.web.components import ModelChoice, Photo, TopK
from hashstagram.web.events import Parts, connect
from hashstagram.web.janitor import EXAMPLES
from hashstagram.web.languages import Blocks
from hashstagram.web.service import Model, Service

# How often the queue is looked at, in seconds.
_LOOK = 0.005


def build_page(service: Service, *, uploads: Path, examples: Sequence[Path] = ()) -> gr.Blocks:
    """The page as Blocks, ready to be mounted.

    Copies of the `examples` are expected in the upload folder's examples while the page is served.
    """
    demo = Blocks(title=texts.TITLE, analytics_enabled=False)
    with demo:
        parts = _lay_out(service, examples)
        copies = [uploads / EXAMPLES / example.name for example in examples]
        ids = [button.elem_id for button in parts.examples]
        connect(demo, parts, service, dict(zip(ids, copies, strict=True)))
    # How many photos are looked at, and how many wait, is the service's business; what waits here waits for Gradio.
    demo.queue(max_size=64, api_open=False, default_concurrency_limit=None)
    # Gradio looks for new events every millisecond, which costs an idle server a twenty-fifth of a core.
    demo._queue.sleep_when_free = _LOOK
    demo.state_session_capacity = 500
    return demo


def _lay_out(service: Service, examples: Sequence[Path]) -> Parts:
    gr.Markdown(f"# {texts.TITLE}\n{texts.TAGLINE}", elem_id="masthead")
    with gr.Column(elem_id="room"):
        with gr.Column(elem_id="photo-part"):
            photo = Photo(
                type="filepath",
                image_mode=None,
                sources=["upload", "webcam", "clipboard"],
                label=texts.PHOTO,
                show_label=False,
                placeholder=texts.PLACEHOLDER,
                alt_text=texts.PHOTO_ALT,
                buttons=[],
                elem_id="photo",
            )
            go = gr.Button(texts.GO, variant="primary", elem_id="go")
        with gr.Column(elem_id="answer-part"):
            gr.Markdown(f"## {texts.HASHTAGS}")
            label = gr.Label(label=texts.HASHTAGS, show_label=False, show_heading=False, elem_id="hashtags")
            note = gr.Markdown(texts.EMPTY, elem_id="note")
            line = gr.Textbox(label=texts.LINE, buttons=["copy"], interactive=True, lines=1, elem_id="line")
            model = ModelChoice(
                [(_described(model), model.name) for model in service.models],
                value=service.models[0].name,
                label=texts.MODEL,
                elem_id="model",
            )
            top_k = TopK(1, 30, value=5, step=1, label=texts.TOP_K, visible=False)
            forget = gr.Button(texts.FORGET, visible="hidden", elem_id="forget")
        buttons = _lay_out_examples(examples) if examples else []
    gr.Markdown(texts.ABOUT, elem_id="about")
    return Parts(photo, go, label, note, line, model, top_k, forget, buttons)


def _lay_out_examples(examples: Sequence[Path]) -> list[gr.Button]:
    with gr.Column(elem_id="example-part"):
        gr.Markdown(f"## {texts.EXAMPLES}")
        with gr.Row(elem_id="examples"):
            # Their pictures come with the style sheet; the names are for who does not see them.
            buttons = [
                gr.Button(
                    example.stem.replace("_", " ").capitalize(), elem_id=f"example-{number}", elem_classes="example"
                )
                for number, example in enumerate(examples)
            ]
        gr.Markdown(texts.CREDITS.format(names=_authors(examples)), elem_id="credits")
    return buttons


def _authors(examples: Sequence[Path]) -> str:
    """Who took the examples, as the table in CREDITS.md beside them says: file, title, author, and more."""
    authors = {}
    for line in (examples[0].parent / "CREDITS.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip(" `") for cell in line.split("|")]
        if len(cells) > 3:
            authors[cells[1]] = cells[3]
    return ", ".join(dict.fromkeys(authors[example.name] for example in examples))


def _described(model: Model) -> str:
    """The name on a line of its own, then what there is to know."""
    return f"{texts.MODEL_NAMES.get(model.name, model.name)}\n{model.description}"
