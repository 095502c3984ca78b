"""Engines compute the logits. Only this room knows which there are; their libraries are imported when one is opened.

base              what an engine offers
choose            which one computes a model, and why
cores             the cores that it computes with
openvino_engine   OpenVINO on the CPU, int8 or fp32
torch_engine      PyTorch: CUDA, and the reference
"""

import logging
import os

from hashstagram.engines.base import Engine, Floats, Known
from hashstagram.engines.choose import ENGINES, Selected, select
from hashstagram.manifest import Manifest
from hashstagram.records import Record
from hashstagram.vocabulary import Vocabulary

__all__ = ["ENGINES", "Engine", "Floats", "Known", "Selected", "choose_engine", "open_engine"]

_log = logging.getLogger(__name__)


def choose_engine(manifest: Manifest, record: Record, device: str = "auto", engine: str = "auto") -> Selected:
    """What computes a model of a manifest, and why. Raises SettingError as `choose.select` does."""
    forms = [each.int8 for each in (record, *(manifest.record(part) for part in record.parts))]
    return select(
        engine,
        device,
        has_int8=None not in forms,
        int8_is_default=all(form is not None and form.default for form in forms),
    )


def open_engine(
    folder: str | os.PathLike[str],
    manifest: Manifest,
    record: Record,
    vocabulary: Vocabulary,
    device: str = "auto",
    engine: str = "auto",
) -> Engine:
    """The engine for a model of a weight folder; `device` and `engine` are those of `choose.select`.

    Raises WeightsError for a weight that is missing, damaged or made for something else, and SettingError for a device
    or an engine that is not there.
    """
    selected = choose_engine(manifest, record, device, engine)
    _log.info(
        "%s: %s in %s on %s, because %s",
        record.id,
        selected.library,
        selected.precision,
        selected.device,
        selected.reason,
    )
    if selected.library == "torch":
        from hashstagram.engines.torch_engine import open_torch

        return open_torch(folder, manifest, record, vocabulary, selected.device)
    from hashstagram.engines.openvino_engine import load_openvino

    return load_openvino(folder, manifest, record, vocabulary, selected.precision)
