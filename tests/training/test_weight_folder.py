"""Writing into a weight folder."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from hashstagram.errors import WeightsError
from training.weight_folder import manifest_of, write_weight


def test_a_weight_is_written_in_fp16_with_its_size_and_hash(tmp_path: Path) -> None:
    matrix = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    size, sha256 = write_weight(tmp_path, "head.safetensors", {"weight": matrix.T, "bias": matrix[0]})
    content = (tmp_path / "head.safetensors").read_bytes()
    assert (size, sha256) == (len(content), hashlib.sha256(content).hexdigest())
    tensors = load_file(tmp_path / "head.safetensors")
    assert {name: tensor.dtype for name, tensor in tensors.items()} == {"weight": np.float16, "bias": np.float16}
    # A transposed view is written as it reads, not as it lies in memory.
    assert np.array_equal(tensors["weight"], matrix.T.astype(np.float16))
    assert [path.name for path in tmp_path.iterdir()] == ["head.safetensors"]


def test_a_crash_while_writing_leaves_the_old_weight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, before = write_weight(tmp_path, "head.safetensors", {"bias": np.zeros(3)})

    def stop(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:10])
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", stop)
    with pytest.raises(KeyboardInterrupt):
        write_weight(tmp_path, "head.safetensors", {"bias": np.ones(3)})
    assert hashlib.sha256((tmp_path / "head.safetensors").read_bytes()).hexdigest() == before


def test_a_folder_with_tag_lists_alone_gets_a_manifest(empty_weights: Path) -> None:
    manifest = manifest_of(empty_weights)
    assert manifest.models == ()
    assert manifest.vocabulary.tags == 997
    manifest.save(empty_weights)
    assert manifest_of(empty_weights) == manifest


def test_a_folder_without_tag_lists_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"The tag list .*vocabulary\.txt cannot be read"):
        manifest_of(tmp_path)
