"""The weight folder from the writing side: a manifest to add to, and files that are there whole or not at all."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from hashstagram.manifest import MANIFEST
from hashstagram.weights import Manifest

VOCABULARY, PLATFORM_TAGS, SYNONYMS = "vocabulary.txt", "platform_tags.txt", "synonyms.txt"


def manifest_of(weights: Path) -> Manifest:
    """The folder's manifest, or one without models where the folder has its vocabulary only, or more tag lists.

    Raises WeightsError for a manifest that is not one and for a missing vocabulary.
    """
    if not (weights / MANIFEST).is_file():
        platform_tags, synonyms = (
            path if path.is_file() else None for path in (weights / PLATFORM_TAGS, weights / SYNONYMS)
        )
        return Manifest.start(weights / VOCABULARY, platform_tags, synonyms)
    return Manifest.load(weights)


def write_weight(weights: Path, file: str, tensors: dict[str, NDArray[Any]]) -> tuple[int, str]:
    """Write tensors as fp16 safetensors; returns the file's bytes and sha256, as a record wants them."""
    content = save({name: np.ascontiguousarray(tensor, dtype=np.float16) for name, tensor in tensors.items()})
    part = weights / f"{file}.part"
    part.write_bytes(content)
    part.replace(weights / file)
    return len(content), hashlib.sha256(content).hexdigest()
