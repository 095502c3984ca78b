"""Gradio's components with our own checks, so that a stranger's value gives one of our sentences, never a traceback.

Gradio writes a stub (`components.pyi`) beside this file when it is imported.
"""

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import ImageData
from gradio.utils import get_upload_folder

from hashstagram import HashStagramError
from hashstagram.web import texts
from hashstagram.web.languages import said


def sorry(what: str | HashStagramError) -> gr.Error:
    """An error that visitors read in their language, and that leaves no traceback in the log."""
    return gr.Error(said(what), title=said(texts.SORRY), print_exception=False)


class Photo(gr.Image):
    """A photo that was uploaded here, handed on as its path.

    Gradio's own component opens any path that a request names, with whatever decoder fits. This one takes nothing from
    outside the upload folder, and decodes nothing: the library does that, within its limits.
    """

    is_template = True

    def preprocess(self, payload: ImageData | None) -> str | None:
        """The path of the uploaded photo. Raises gr.Error for any other path, and for one that was deleted."""
        if payload is None:
            return None
        path = Path(payload.path or "/").resolve()
        if not path.is_relative_to(Path(get_upload_folder()).resolve()):
            raise sorry(texts.NOT_UPLOADED)
        if not path.is_file():
            raise sorry(texts.EXPIRED)
        return str(path)


class ModelChoice(gr.Radio):
    """The choice of a model. The service says which models there are."""

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        """The value as it came."""
        return payload


class Number(gr.Slider):
    """A number of the choice. The library says which ones it takes."""

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        """The value as it came, whole numbers as int: every number in JSON may arrive as a float."""
        return int(payload) if isinstance(payload, float) and payload.is_integer() else payload
