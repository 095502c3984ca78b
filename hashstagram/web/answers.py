"""What the page shows of an answer, as HTML: hashtags as chips, with their confidences in words.

Every word of a tag is escaped: a tag list of one's own may hold any sign.
"""

import itertools
from collections.abc import Sequence
from html import escape

from hashstagram import Choice, HashStagramError, Hashtag
from hashstagram.web import texts
from hashstagram.web.languages import said
from hashstagram.web.service import Answer, Busy, Model

# What one post on Instagram may hold since December 2025.
CAPTION = 5

# From this confidence on, what the photo shows is called so.
_SURE = (
    (0.85, texts.VERY_SURE),
    (0.65, texts.SURE),
    (0.4, texts.LIKELY),
    (0.15, texts.POSSIBLE),
    (0.0, texts.LONG_SHOT),
)

# What there is before an answer comes: shapes where its parts will be.
WAITING = (
    '<div class="shapes" aria-hidden="true">'
    '<i></i><div><i style="width: 152px"></i><i style="width: 166px"></i><i style="width: 124px"></i></div>'
    '<i></i><div><i style="width: 110px"></i><i style="width: 140px"></i></div></div>'
)

# Gradio leaves alone what says the same as before; the page's script is to see that it has come.
_numbers = itertools.count(1)


def in_words(confidence: float) -> str:
    """How sure a tag is that is seen in the photo; `confidence` is a probability in 0..1."""
    return said(next(words for least, words in _SURE if confidence >= least))


def odds(confidence: float) -> str:
    """A probability in 0..1 as a share of ten."""
    if confidence >= 0.95:
        return said(texts.NEARLY_ALL)
    if confidence < 0.1:
        return said(texts.HARDLY_ANY)
    return said(texts.IN_TEN, count=int(10 * confidence + 0.5))


def caption(hashtags: Sequence[Hashtag]) -> str:
    """The line to paste under a post: of many hashtags, as many as one may hold."""
    return " ".join(f"#{hashtag.tag}" for hashtag in hashtags[:CAPTION])


def shown(answer: Answer, model: Model, choice: Choice, *, together: bool = False) -> str:
    """An answer: what is seen in the photo and what is written with it, apart from each other.

    `together` says that all models looked at the photo in its time.
    """
    if not answer.hashtags:
        return _article(_paragraph("nothing", said(texts.NOTHING)), said(texts.NOTHING))
    parts = []
    for kind, heading, meaning in (
        ("visible", texts.SEEN, texts.SEEN_MEANING),
        ("companion", texts.WRITTEN_WITH, texts.WRITTEN_WITH_MEANING),
    ):
        if hashtags := [hashtag for hashtag in answer.hashtags if hashtag.kind == kind]:
            chips = "".join(f"<li>{_chip(hashtag, choice)}</li>" for hashtag in hashtags)
            head = f"<header><h2>{_text(heading)}</h2>{_paragraph('meaning', said(meaning))}</header>"
            parts.append(f'<section class="{kind}">{head}<ul class="chips">{chips}</ul></section>')
    if len(answer.hashtags) > CAPTION:
        parts.append(_paragraph("cap", said(texts.CAP, count=len(answer.hashtags), cap=CAPTION)))
    milliseconds = max(1, round(1000 * answer.seconds))
    looked = texts.ALL_LOOKED if together else texts.LOOKED
    sentence = said(looked, model=named(model), milliseconds=milliseconds)
    parts.append(_paragraph("by", f"{said(texts.HINT)} {sentence}"))
    return _article("".join(parts), said(texts.FOUND, tags=", ".join(hashtag.tag for hashtag in answer.hashtags)))


def compared(answers: Sequence[Answer], models: Sequence[Model], choice: Choice) -> str:
    """What several `models` answered, side by side."""
    columns = []
    for answer, model in zip(answers, models, strict=True):
        rows = "".join(f'<li class="{tag.kind}">{_words(tag, choice)}</li>' for tag in answer.hashtags)
        none = "" if rows else _paragraph("nothing", said(texts.NOTHING))
        columns.append(f"<section><h3>{escape(named(model))}</h3><ul>{rows}</ul>{none}</section>")
    return f'<div class="models"><h2>{_text(texts.COMPARED)}</h2><div class="columns">{"".join(columns)}</div></div>'


def problem(error: HashStagramError) -> str:
    """Why there is no answer; where it is nobody's fault, with a button to ask again."""
    again = _again() if isinstance(error, Busy) else ""
    return _article(f"{alert(error)}{again}")


def alert(what: str | HashStagramError) -> str:
    """A sentence that is read out at once: a text of ours, or an error."""
    return f'<p class="problem" role="alert">{escape(said(what))}</p>'


def failed() -> str:
    """There is no answer, and Gradio has said why."""
    return _article(_paragraph("nothing", said(texts.NO_ANSWER)) + _again())


def numbered(html: str) -> str:
    """HTML that the page takes for new, even if it says the same as what was there."""
    return f'<div data-number="{next(_numbers)}">{html}</div>'


def named(model: Model) -> str:
    """A model's name as people write it."""
    return texts.MODEL_NAMES.get(model.name, model.name)


def _chip(hashtag: Hashtag, choice: Choice) -> str:
    sure = f'style="--sure: {hashtag.confidence:.3f}"'
    state = f'data-tag="{escape(hashtag.tag)}" aria-pressed="false"'
    return f'<button type="button" class="chip" {state} {sure}>{_words(hashtag, choice)}</button>'


def _words(hashtag: Hashtag, choice: Choice) -> str:
    return f"<b>#{escape(hashtag.tag)}</b> <span>{escape(_sure(hashtag, choice))}</span>"


def _sure(hashtag: Hashtag, choice: Choice) -> str:
    if hashtag.tag in choice.always:
        return said(texts.ASKED_FOR)
    if hashtag.kind == "companion":
        return odds(hashtag.confidence)
    return f"{in_words(hashtag.confidence)} · {odds(hashtag.confidence)}"


def _article(content: str, status: str = "") -> str:
    """`status` is what is read out to who does not see the page."""
    return f'<article class="answer" data-number="{next(_numbers)}" data-status="{escape(status)}">{content}</article>'


def _again() -> str:
    return f'<button type="button" class="again">{_text(texts.AGAIN)}</button>'


def _paragraph(kind: str, sentence: str) -> str:
    return f'<p class="{kind}">{escape(sentence)}</p>'


def _text(text: str) -> str:
    return escape(said(text))
