"""The page: a photo and its hashtags, as a post shows them; below it the settings, and many photos at once."""

from collections.abc import Sequence
from pathlib import Path

import gradio as gr

from hashstagram.web import answers, languages, texts
from hashstagram.web.components import Photo
from hashstagram.web.controls import lay_out_controls
from hashstagram.web.events import Parts, connect
from hashstagram.web.janitor import EXAMPLES
from hashstagram.web.languages import static
from hashstagram.web.service import Service

# How often the queue is looked at, in seconds.
_LOOK = 0.005


def build_page(service: Service, *, uploads: Path, examples: Sequence[Path] = ()) -> gr.Blocks:
    """The page as Blocks, ready to be mounted.

    Copies of the `examples` are expected in the upload folder's examples while the page is served.
    """
    demo = languages.Blocks(title=texts.TITLE, analytics_enabled=False)
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
    gr.Markdown(f"# {texts.TITLE}\n{static(texts.TAGLINE)}", elem_id="masthead")
    with gr.Column(elem_id="room"):
        with gr.Column(elem_id="post"):
            with gr.Column(elem_id="photo-part"):
                photo = Photo(
                    type="filepath",
                    image_mode=None,
                    sources=["upload", "webcam", "clipboard"],
                    label=static(texts.PHOTO),
                    show_label=False,
                    placeholder=static(texts.PLACEHOLDER),
                    buttons=[],
                    elem_id="photo",
                )
                heat = gr.Markdown("", sanitize_html=False, elem_id="heat")
                gr.Button(static(texts.CAMERA), variant="primary", elem_id="camera")
            with gr.Column(elem_id="answer-part"):
                answer = gr.Markdown(answers.WAITING, sanitize_html=False, elem_id="answer")
                with gr.Column(elem_id="caption"):
                    line = gr.Textbox(label=static(texts.LINE), lines=1, interactive=True, elem_id="line")
                    gr.Button(static(texts.COPY), variant="primary", elem_id="copy")
                gr.Button(static(texts.ANOTHER), elem_id="another")
        with gr.Column(elem_id="settings"):
            gr.Button(static(texts.SETTINGS), elem_id="fold")
            with gr.Column(elem_id="controls"):
                controls = lay_out_controls(service)
        compared = gr.Markdown("", sanitize_html=False, elem_id="compared")
        buttons = _lay_out_examples(examples) if examples else []
    with gr.Column(elem_id="many"):
        gr.Markdown(f"## {static(texts.MANY)}")
        gr.Markdown(static(texts.MANY_ABOUT))
    gr.Markdown(static(texts.ABOUT), elem_id="about")
    # What the page's script presses.
    ask = gr.Button(visible="hidden", elem_id="ask")
    forget = gr.Button(visible="hidden", elem_id="forget")
    tag = gr.Textbox(visible="hidden", elem_id="tag")
    why = gr.Button(visible="hidden", elem_id="why")
    # What only programs see.
    recommend = gr.Button(visible=False)
    label = gr.Label(label=texts.HASHTAGS, visible=False)
    return Parts(photo, controls, answer, line, compared, ask, forget, tag, why, heat, recommend, label, buttons)


def _lay_out_examples(examples: Sequence[Path]) -> list[gr.Button]:
    with gr.Column(elem_id="example-part"):
        gr.Markdown(f"## {static(texts.EXAMPLES)}")
        with gr.Row(elem_id="examples"):
            # Their pictures come with the style sheet; the names are for who does not see them.
            buttons = [
                gr.Button(
                    static(example.stem.replace("_", " ").capitalize()),
                    elem_id=f"example-{number}",
                    elem_classes="example",
                )
                for number, example in enumerate(examples)
            ]
        gr.Markdown(static(texts.CREDITS, names=_authors(examples)), elem_id="credits")
    return buttons


def _authors(examples: Sequence[Path]) -> str:
    """Who took the examples, as the table in CREDITS.md beside them says: file, title, author, and more."""
    authors = {}
    for line in (examples[0].parent / "CREDITS.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip(" `") for cell in line.split("|")]
        if len(cells) > 3:
            authors[cells[1]] = cells[3]
    return ", ".join(dict.fromkeys(authors[example.name] for example in examples))
