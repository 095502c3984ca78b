"""The page's settings: what they look like, and the choice that they make.

Their element ids are the field names of the API, so that the page's scripts can ask it for the same.
"""

from typing import Any, NamedTuple

import gradio as gr

from hashstagram import Choice
from hashstagram.choice import MAX_TOP_K
from hashstagram.vocabulary import split_tags
from hashstagram.web import texts
from hashstagram.web.answers import named
from hashstagram.web.components import ModelChoice, Number
from hashstagram.web.languages import Sentence, static
from hashstagram.web.service import Model, Service

_DEFAULT = Choice()


class Controls(NamedTuple):
    """The components, in the order in which `Wanted` takes their values."""

    model: ModelChoice
    top_k: Number
    companions: Number
    min_confidence: Number
    exclude: gr.Textbox
    always: gr.Textbox
    variety: gr.Checkbox
    platform_tags: gr.Checkbox
    compare: gr.Checkbox


class Wanted(NamedTuple):
    """The values of the controls, as they came."""

    model: Any
    top_k: Any
    companions: Any
    min_confidence: Any
    exclude: str | None
    always: str | None
    variety: Any
    platform_tags: Any
    compare: Any

    def choice(self) -> Choice:
        """The choice that they make. Raises SettingError for a value that is out of range."""
        return Choice(
            top_k=self.top_k,
            companions=self.companions,
            min_confidence=self.min_confidence,
            exclude=split_tags(self.exclude or ""),
            always=split_tags(self.always or ""),
            variety=self.variety,
            platform_tags=self.platform_tags,
        )


def lay_out_controls(service: Service) -> Controls:
    """Put the controls into the present container."""
    with gr.Column(elem_id="models"):
        model = ModelChoice(
            [(_described(model), model.name) for model in service.models],
            value=service.models[0].name,
            label=static(texts.MODEL),
            elem_id="model",
        )
        compare = gr.Checkbox(label=static(texts.COMPARE), info=static(texts.COMPARE_INFO), elem_id="compare")
    with gr.Column(elem_id="choice"):
        top_k = Number(1, MAX_TOP_K, _DEFAULT.top_k, step=1, buttons=[], label=static(texts.TOP_K), elem_id="top_k")
        companions = Number(
            0,
            MAX_TOP_K,
            _DEFAULT.companions,
            step=1,
            buttons=[],
            label=static(texts.COMPANIONS),
            info=static(texts.COMPANIONS_INFO),
            elem_id="companions",
        )
        min_confidence = Number(
            0,
            1,
            _DEFAULT.min_confidence,
            step=0.05,
            buttons=[],
            label=static(texts.MIN_CONFIDENCE),
            info=static(texts.MIN_CONFIDENCE_INFO),
            elem_id="min_confidence",
        )
        exclude = _tags(texts.EXCLUDE, "exclude")
        always = _tags(texts.ALWAYS, "always")
        variety = gr.Checkbox(
            _DEFAULT.variety, label=static(texts.VARIETY), info=static(texts.VARIETY_INFO), elem_id="variety"
        )
        platform_tags = gr.Checkbox(
            _DEFAULT.platform_tags,
            label=static(texts.PLATFORM_TAGS),
            info=static(texts.PLATFORM_TAGS_INFO),
            elem_id="platform_tags",
        )
    return Controls(model, top_k, companions, min_confidence, exclude, always, variety, platform_tags, compare)


def _tags(label: str, name: str) -> gr.Textbox:
    return gr.Textbox(label=static(label), placeholder=static(texts.TAGS_INFO), lines=1, max_lines=1, elem_id=name)


def _described(model: Model) -> str:
    """The name on a line of its own, then what there is to know."""
    about: dict[str, Any] = {
        "name": named(model),
        "description": Sentence(model.description),
        "megabytes": model.bytes / 10**6,
    }
    if (measured := _measured(model)) is None:
        return static(texts.MODEL_LINE, **about)
    first, recall = measured
    return static(texts.MODEL_FIGURES, **about, first=100 * first, recall=100 * recall)


def _measured(model: Model) -> tuple[float, float] | None:
    """Precision at 1 and recall at 5 on val, if the record has them."""
    sets = model.record.metrics.get("val", {})
    for name in ("main", "all"):
        if name in sets:
            return sets[name]["precision_at_1"]["value"], sets[name]["recall_at_5"]["value"]
    return None
