"""Where weights come from, and that they are what their records say.

A weight folder holds `manifest.json`, the vocabulary, the lists of its platform tags and near-synonyms if it has them,
and the safetensors files that the manifest lists. Nothing here knows networks: a file becomes named arrays, and only
after its size and sha256 were found right.
"""

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load as parse_safetensors

from hashstagram.errors import WeightsError
from hashstagram.manifest import Manifest
from hashstagram.records import CompanionsRecord, Record, StoredFile
from hashstagram.vocabulary import Vocabulary, list_sha256

__all__ = [
    "CompanionsRecord",
    "Manifest",
    "Record",
    "Tensors",
    "check_vocabulary",
    "load_tensors",
    "load_vocabulary",
    "resolve",
    "stored_bytes",
    "trained_outputs",
]

_BUNDLED = Path(__file__).resolve().parent.parent / "weights"

Tensors = dict[str, npt.NDArray[Any]]
Content = npt.NDArray[np.uint8]


def resolve(weights: str | os.PathLike[str] | None = None) -> Path:
    """The weight folder: the one given, else the one that HASHSTAGRAM_WEIGHTS names, else the one of this repository.

    Either may be an address in Cloud Storage, `gs://bucket/prefix`; then it is this machine's copy of what is there,
    and `hashstagram.storage.fetch` says how it comes. Raises WeightsError for a folder that does not exist, and as
    `fetch` does.
    """
    chosen = os.fspath(weights) if weights is not None else os.environ.get("HASHSTAGRAM_WEIGHTS", "")
    if chosen.startswith("gs://"):
        from hashstagram.storage import fetch

        return fetch(chosen)
    folder = Path(chosen).expanduser() if chosen else _BUNDLED
    if not folder.is_dir():
        raise WeightsError(
            f"The weight folder {folder} does not exist. "
            "Run from a clone of the repository, or name a weight folder with HASHSTAGRAM_WEIGHTS."
        )
    return folder


def load_vocabulary(folder: str | os.PathLike[str], manifest: Manifest) -> Vocabulary:
    """The folder's vocabulary, with its platform tags and near-synonyms where the manifest names them.

    Raises WeightsError when one of the lists is not the one that the manifest was written for.
    """
    listed = manifest.vocabulary
    platform = None if listed.platform_tags is None else Path(folder) / listed.platform_tags
    synonyms = None if listed.synonyms is None else Path(folder) / listed.synonyms.file
    if platform is not None and listed.platform_tags_sha256 is not None:
        _check_list(platform, listed.platform_tags_sha256)
    if synonyms is not None and listed.synonyms is not None:
        _check_list(synonyms, listed.synonyms.sha256)
    vocabulary = Vocabulary.load(Path(folder) / listed.file, platform, synonyms)
    if vocabulary.sha256 != listed.sha256:
        raise WeightsError(
            f"{listed.file} in {folder} is not the vocabulary of the manifest: it has {len(vocabulary)} tags with "
            f"sha256 {vocabulary.sha256[:8]}, the manifest has {listed.tags} with {listed.sha256[:8]}. "
            "Restore the file; a changed vocabulary needs weights that are trained for it."
        )
    return vocabulary


def _check_list(path: Path, expected: str) -> None:
    sha256 = list_sha256(path)
    if sha256 != expected:
        raise WeightsError(
            f"{path.name} in {path.parent} is damaged or changed: its lines have sha256 {sha256}, the manifest says "
            f"{expected[:8]}…. Restore it (git checkout, or copy the folder again); if you changed it yourself, write "
            "its new sha256 into the manifest."
        )


def check_vocabulary(record: Record | CompanionsRecord, vocabulary: Vocabulary, outputs: int | None) -> None:
    """Raise WeightsError when a weight was trained for another vocabulary.

    `outputs` is how many tags the weight was trained for, None where that cannot be told.
    """
    if record.vocabulary_sha256 == vocabulary.sha256:
        return
    size = "an unknown number of" if outputs is None else outputs
    raise WeightsError(
        f"{record.id} was trained for another vocabulary: {size} tags with sha256 {record.vocabulary_sha256[:8]}. "
        f"The vocabulary in use has {len(vocabulary)} tags with sha256 {vocabulary.sha256[:8]}. "
        "Put the vocabulary that it was trained for beside it, or train and export it again for this one."
    )


def stored_bytes(folder: str | os.PathLike[str], stored: Record | CompanionsRecord | StoredFile) -> Content:
    """A file's bytes (n,), mapped, not copied.

    Raises WeightsError for a file that is missing or has another size or sha256 than the manifest says.
    """
    path = Path(folder) / stored.file
    again = "Restore it (git checkout, or copy the folder again)."
    try:
        size = path.stat().st_size
        # An empty file cannot be mapped.
        content = np.memmap(path, np.uint8, "r") if size else np.empty(0, np.uint8)
    except OSError as error:
        raise WeightsError(
            f"{stored.file}, which the manifest lists, cannot be read in {folder} ({error.strerror}). {again}"
        ) from error
    if len(content) != stored.bytes:
        raise WeightsError(f"{stored.file} has {len(content)} bytes; its record says {stored.bytes}. {again}")
    sha256 = hashlib.sha256(content.data).hexdigest()
    if sha256 != stored.sha256:
        raise WeightsError(
            f"{stored.file} is damaged or changed: its sha256 begins with {sha256[:8]}, "
            f"its record says {stored.sha256[:8]}. {again}"
        )
    return content


def load_tensors(folder: str | os.PathLike[str], record: Record | CompanionsRecord) -> Tensors:
    """The arrays of a weight file by name, fp16 or fp32 as they are stored.

    Raises WeightsError as `stored_bytes` does, and for a file that is not safetensors.
    """
    content = stored_bytes(folder, record).tobytes()
    try:
        tensors: Tensors = parse_safetensors(content)
    except (SafetensorError, KeyError, TypeError) as error:
        raise WeightsError(f"{record.file} is not a safetensors file of ours ({error}). Export it again.") from error
    for name, tensor in tensors.items():
        if tensor.dtype not in (np.float16, np.float32):
            raise WeightsError(
                f"{record.file} has {name} in {tensor.dtype}; fp16 or fp32 was expected. Export it again."
            )
    return tensors


def trained_outputs(tensors: Tensors) -> int | None:
    """How many tags a weight has outputs for: the rows of its last linear layer, None where it has none."""

    def place(name: str) -> list[tuple[int, str]]:
        # "head.10.weight" comes after "head.9.weight".
        return [(int(part), "") if part.isdecimal() else (-1, part) for part in name.split(".")]

    matrices = [name for name, tensor in tensors.items() if tensor.ndim == 2]
    return tensors[max(matrices, key=place)].shape[0] if matrices else None
