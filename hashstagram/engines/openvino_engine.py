"""OpenVINO as engine, on the CPU: the int8 form of a network as it was exported, or the exact one from its weight file.

An int8 form is compiled twice, for a photo that is alone (all cores) and for photos beside each other (a core each).
Exact forms are four times as large, so there is one copy, and photos beside each other take turns on all cores.
"""

import ctypes
import json
import os
import queue
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from hashstagram.engines import cores
from hashstagram.engines.base import Engine, Floats
from hashstagram.engines.graphs import FEATURES, LOGITS, build_graph
from hashstagram.engines.silent_openvino import openvino as ov
from hashstagram.errors import WeightsError
from hashstagram.manifest import Manifest
from hashstagram.records import Quantised, Record, StoredFile
from hashstagram.sharing import SharedCache
from hashstagram.vocabulary import Vocabulary
from hashstagram.weights import check_vocabulary, load_tensors, stored_bytes, trained_outputs

_engines: SharedCache[tuple[str, ...], "OpenVinoEngine"] = SharedCache()

# Several networks, and several processes, share the cores: threads that are pinned would crowd on the first of them.
_ALWAYS = {"INFERENCE_PRECISION_HINT": "f32", "ENABLE_CPU_PINNING": False}


class OpenVinoEngine(Engine):
    """A graph compiled for `threads` cores. It computes photo by photo.

    `width` is the number of its penultimate features (of a head, which gives none: of its logits).
    """

    name = "openvino"
    device = "cpu"

    def __init__(
        self, graph: Any, precision: str, scale: float, bias: float, parts: Iterable[Engine], threads: int
    ) -> None:
        self.precision = precision
        self.scale, self.bias = scale, bias
        self.parts = tuple(parts)
        core = ov.Core()
        self._shape = tuple(graph.input(0).shape)
        self._outputs = [FEATURES, LOGITS] if len(graph.outputs) > 1 else [LOGITS]
        self.width = int(graph.output(self._outputs[0]).shape[1])
        self._wide = _Requests(core.compile_model(graph, "CPU", _ALWAYS | _streams(1, threads)), 1)
        self._narrow = self._wide
        if threads > 1 and precision == "int8":
            self._narrow = _Requests(core.compile_model(graph, "CPU", _ALWAYS | _streams(threads, threads)), threads)

    def compute(self, inputs: Floats) -> tuple[Floats, Floats]:
        if inputs.shape[1:] != self._shape[1:]:
            raise ValueError(
                f"The batch has shape {inputs.shape}; (B, {', '.join(map(str, self._shape[1:]))}) was expected."
            )
        rows = [np.require(inputs[row : row + 1], np.float32, "C") for row in range(len(inputs))]
        requests = self._wide if len(rows) == 1 and cores.alone() else self._narrow
        answers = requests.infer(rows, self._outputs)
        return answers[0], answers[-1]


class _Requests:
    """A compiled graph and the requests that may run on it at once; who finds none free waits for one."""

    def __init__(self, compiled: Any, count: int) -> None:
        self._free: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(count):
            self._free.put(compiled.create_infer_request())

    def infer(self, rows: list[Floats], outputs: list[str]) -> list[Floats]:
        """Each of `outputs` for all `rows` (1, …), as (rows, …)."""
        taken = [self._free.get()]
        try:
            while len(taken) < len(rows):
                taken.append(self._free.get_nowait())
        except queue.Empty:
            pass
        try:
            answers = []
            for start in range(0, len(rows), len(taken)):
                running = list(zip(taken, rows[start : start + len(taken)], strict=False))
                for request, row in running:
                    request.start_async([row], share_inputs=True)
                for request, _ in running:
                    request.wait()
                answers += [[request.get_tensor(name).data.copy() for name in outputs] for request, _ in running]
        finally:
            for request in taken:
                self._free.put(request)
        return [np.concatenate(column) for column in zip(*answers, strict=True)]


def _streams(streams: int, threads: int) -> dict[str, Any]:
    return {"NUM_STREAMS": streams, "INFERENCE_NUM_THREADS": threads}


def load_openvino(
    folder: str | os.PathLike[str], manifest: Manifest, record: Record, vocabulary: Vocabulary, precision: str
) -> OpenVinoEngine:
    """The engine of a record in a precision (`int8` or `fp32`), with those of its parts.

    While somebody in this process uses an engine, whoever asks for the same one gets it.

    Raises WeightsError for a weight that is missing, damaged, or made for another vocabulary, network or shape.
    """
    if record.vocabulary_sha256 != vocabulary.sha256:
        check_vocabulary(record, vocabulary, trained_outputs(load_tensors(folder, record)))
    parts = [manifest.record(part) for part in record.parts]
    form = _form(record, precision)
    threads = cores.count()
    key = (
        record.network,
        json.dumps([record.input.crop, form.scale, form.bias, threads]),
        *(sha256 for each in (record, *parts) for sha256 in _sha256s(each, precision)),
    )

    def load() -> OpenVinoEngine:
        engines = [load_openvino(folder, manifest, part, vocabulary, precision) for part in parts]
        if isinstance(form, Quantised) and form.graph is not None and form.numbers is not None:
            graph = _stored_graph(folder, form.graph, form.numbers)
        else:
            graph = build_graph(record, load_tensors(folder, record))
        _check(record, graph, engines, len(vocabulary))
        return OpenVinoEngine(graph, precision, form.scale, form.bias, engines, threads)

    try:
        return _engines.get(key, load)
    finally:
        _give_back_memory()


def _give_back_memory() -> None:
    """Return to the system what building a graph has used: glibc keeps it otherwise, tens of megabytes a network."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


def _check(record: Record, graph: Any, parts: list[OpenVinoEngine], tags: int) -> None:
    """Raise WeightsError where a graph does not fit the vocabulary, or its parts."""
    outputs = graph.output(LOGITS).shape[1]
    if outputs != tags:
        raise WeightsError(f"{record.id} has {outputs} outputs; the vocabulary has {tags} tags. Export it again.")
    takes = tuple(graph.input(0).shape)[1:]
    crop = record.input.crop
    given = (sum(part.width for part in parts),) if parts else (3, crop, crop)
    if takes != given:
        raise WeightsError(f"{record.id} takes {takes}, and its record would give it {given}. Export it again.")


def _form(record: Record, precision: str) -> Record | Quantised:
    if precision == "fp32":
        return record
    if record.int8 is None:
        raise ValueError(f"{record.id} has no int8 form.")
    return record.int8


def _sha256s(record: Record, precision: str) -> list[str]:
    """Those of the files that a record's form is in."""
    form = _form(record, precision)
    stored = [form.graph, form.numbers] if isinstance(form, Quantised) else []
    return [file.sha256 for file in stored if file is not None] or [record.sha256]


def _stored_graph(folder: str | os.PathLike[str], graph: StoredFile, numbers: StoredFile) -> Any:
    for stored in (graph, numbers):
        stored_bytes(folder, stored)
    try:
        # By their paths: OpenVINO maps the numbers itself, and keeps them mapped for as long as the graph needs them.
        return ov.Core().read_model(Path(folder) / graph.file, Path(folder) / numbers.file)
    except RuntimeError as error:
        raise WeightsError(
            f"{graph.file} is not a graph that OpenVINO {ov.__version__} reads. Export it again. "
            f"({' '.join(str(error).split())})"
        ) from error
