"""Why this tag, as the page shows it: the photo with its heat, and what that means in a sentence."""

import base64
from collections.abc import Awaitable, Callable
from html import escape

from hashstagram import HashStagramError, HeatMap
from hashstagram.web import texts
from hashstagram.web.answers import alert
from hashstagram.web.languages import said
from hashstagram.web.problems import kind
from hashstagram.web.service import Service


async def shown(
    service: Service,
    photo: str | None,
    model: str | None,
    tag: str | None,
    gone: Callable[[], Awaitable[bool]] | None = None,
) -> str:
    """The heat of a tag over a photo, given as its path, as HTML; or why there is none, which is no error to Gradio.

    Nothing is left of it on the disk: the picture is part of the HTML. Raises Gone.
    """
    if photo is None:
        return alert(texts.NO_PHOTO)
    try:
        explanation = await service.explain(photo, model, tag or "", gone=gone)
    except HashStagramError as error:
        service.metrics.refused(kind(error)[1])
        return alert(error)
    picture = base64.b64encode(explanation.picture).decode()
    height, width = explanation.heat.values.shape
    alternative = escape(said(texts.HEAT_ALT, tag=explanation.heat.tag))
    return (
        f'<figure class="heat" data-tag="{escape(explanation.heat.tag)}">'
        f'<img src="data:image/jpeg;base64,{picture}" width="{width}" height="{height}" alt="{alternative}">'
        f'<figcaption role="status">{escape(sentence(explanation.heat))}</figcaption></figure>'
    )


def sentence(heat: HeatMap) -> str:
    """What a heat map says."""
    if not heat.values.any():
        return said(texts.HEAT_NONE, tag=heat.tag)
    if heat.kind == "visible":
        return said(texts.HEAT_VISIBLE, tag=heat.tag)
    return said(texts.HEAT_COMPANION, tag=heat.tag, tags=", ".join(f"#{tag}" for tag in heat.because))
