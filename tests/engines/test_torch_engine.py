"""PyTorch as engine: the network on a device, each weight in memory once, nothing else touched."""

import gc
import hashlib
import json
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save

from hashstagram.engines import cores, open_engine
from hashstagram.engines.torch_engine import TorchEngine, choose_device, exactly, load_network
from hashstagram.errors import SettingError, WeightsError
from hashstagram.networks import Network, build
from hashstagram.vocabulary import Vocabulary
from hashstagram.weights import Manifest, Record, load_vocabulary

ROOT = Path(__file__).resolve().parent.parent.parent

Rewrite = Callable[[Path, bytes], None]


def _load(folder: Path, name: str, *, manifest: Manifest | None = None) -> Network:
    manifest = manifest or Manifest.load(folder)
    return load_network(folder, manifest, manifest.record(name), load_vocabulary(folder, manifest), "cpu")


def _with_content(manifest: Manifest, folder: Path, rewrite: Rewrite, name: str, content: bytes) -> Manifest:
    record = manifest.record(name)
    rewrite(folder / record.file, content)
    return manifest.with_record(replace(record, bytes=len(content), sha256=hashlib.sha256(content).hexdigest()))


def _storages(networks: Iterable[Network]) -> dict[int, int]:
    """Address and bytes of every storage that the networks' tensors lie in."""
    tensors = [tensor for network in networks for tensor in (*network.parameters(), *network.buffers())]
    return {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}


@pytest.mark.parametrize("name", ["vgg16", "alexnet", "hashnet"])
def test_logits_are_those_of_the_network_with_the_weights_of_the_files(small_weights: Path, name: str) -> None:
    manifest = Manifest.load(small_weights)
    engine = open_engine(
        small_weights, manifest, manifest.record(name), load_vocabulary(small_weights, manifest), "cpu", "torch"
    )
    batch = np.random.default_rng(0).normal(size=(2, 3, 64, 64)).astype(np.float32)

    def by_hand(record: Record) -> Network:
        parts = [by_hand(manifest.record(part)) for part in record.parts]
        network = build(record.network, options=record.options, parts=parts)
        network.load_own_state({key: value.float() for key, value in load_file(small_weights / record.file).items()})
        return network.eval()

    with torch.no_grad():
        expected = by_hand(manifest.record(name))(torch.from_numpy(batch)).numpy()
    logits = engine.run(batch)
    assert logits.shape == (2, 997)
    assert logits.dtype == np.float32
    # The engine computes channels last: convolutions add up in another order, and the last digits differ.
    assert np.allclose(logits, expected, atol=2e-4)
    assert (engine.name, engine.precision, engine.device) == ("torch", "fp32", "cpu")


def test_run_takes_read_only_strided_and_double_arrays(small_weights: Path) -> None:
    engine = TorchEngine(_load(small_weights, "alexnet"), "cpu")
    batch = np.random.default_rng(0).normal(size=(1, 3, 64, 64)).astype(np.float32)
    expected = engine.run(batch)
    frozen = batch.copy()
    frozen.setflags(write=False)
    strided = np.ascontiguousarray(batch.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    for same in (frozen, strided, batch.astype(np.float64)):
        assert np.allclose(engine.run(same), expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 64, 64, 3), (1, 1, 64, 64)])
def test_arrays_of_another_shape_are_refused(small_weights: Path, shape: tuple[int, ...]) -> None:
    engine = TorchEngine(_load(small_weights, "alexnet"), "cpu")
    with pytest.raises(ValueError, match=r"\(B, 3, H, W\) was expected"):
        engine.run(np.zeros(shape, dtype=np.float32))


def test_files_are_fp16_and_networks_fp32_without_gradients_and_dropout(small_weights: Path) -> None:
    for tensor in load_file(small_weights / "hashnet.small_v1.safetensors").values():
        assert tensor.dtype == torch.float16
    network = _load(small_weights, "hashnet")
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert not any(module.training for module in network.modules())


@pytest.mark.parametrize("order", [("hashnet", "vgg16", "alexnet"), ("alexnet", "vgg16", "hashnet")])
def test_trunks_are_shared_whatever_is_loaded_first(small_weights: Path, order: tuple[str, ...]) -> None:
    networks = {name: _load(small_weights, name) for name in order}
    hashnet: Any = networks["hashnet"]
    assert hashnet.vgg16 is networks["vgg16"]
    assert hashnet.alexnet is networks["alexnet"]
    shared = {tensor.data_ptr() for tensor in networks["vgg16"].parameters()}
    assert shared <= {tensor.data_ptr() for tensor in hashnet.parameters()}
    assert _load(small_weights, "hashnet") is hashnet


def test_the_same_head_on_another_trunk_is_another_network(weights_copy: Path) -> None:
    manifest = Manifest.load(weights_copy)
    first: Any = _load(weights_copy, "hashnet", manifest=manifest)
    tensors = load_file(weights_copy / manifest.record("alexnet").file)
    content = save({name: tensor + 1 for name, tensor in tensors.items()})
    (weights_copy / "other.safetensors").write_bytes(content)
    other = replace(
        manifest.record("alexnet"),
        tag="small_v2",
        file="other.safetensors",
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    hashnet = replace(manifest.record("hashnet"), tag="small_v2", parts=("vgg16.small_v1", other.id))
    manifest = manifest.with_record(other).with_record(hashnet)
    second: Any = _load(weights_copy, hashnet.id, manifest=manifest)
    assert second.vgg16 is first.vgg16
    assert second.alexnet is not first.alexnet


def test_three_networks_hold_one_copy_of_each_weight(small_weights: Path) -> None:
    manifest = Manifest.load(small_weights)
    names = ["vgg16", "alexnet", "hashnet", "hashnet", "vgg16"]
    held = sum(_storages([_load(small_weights, name) for name in names]).values())
    stored = sum(
        tensor.nbytes for record in manifest.models for tensor in load_file(small_weights / record.file).values()
    )
    assert held == 2 * stored


def test_networks_are_freed_with_their_last_user(small_weights: Path) -> None:
    hashnet: Any = _load(small_weights, "hashnet")
    trunk, whole = weakref.ref(hashnet.vgg16), weakref.ref(hashnet)
    vgg16 = _load(small_weights, "vgg16")
    del hashnet
    gc.collect()
    assert whole() is None
    assert trunk() is vgg16
    del vgg16
    gc.collect()
    assert trunk() is None


def test_many_threads_that_load_at_once_get_the_same_network(small_weights: Path) -> None:
    ready = threading.Barrier(8)

    def load(name: str) -> Network:
        ready.wait()
        return _load(small_weights, name)

    with ThreadPoolExecutor(8) as threads:
        networks: list[Any] = list(threads.map(load, ["vgg16", "hashnet"] * 4))
    assert len({id(network) for network in networks[::2]}) == 1
    assert len({id(network) for network in networks[1::2]}) == 1
    assert networks[1].vgg16 is networks[0]


_WHOLE_PROCESS = """
import gc, json, sys
import numpy, torch
from hashstagram import available_models, load_model

models = [load_model(record.name, engine="torch") for record in available_models()]
models += [load_model(record.id, engine="torch") for record in available_models()]
gc.collect()
# Gradients are off and nothing has run: every tensor of this process that is not small is a weight.
tensors = {}
for thing in gc.get_objects():
    if isinstance(thing, torch.Tensor):
        storage = thing.untyped_storage()
        tensors[storage.data_ptr()] = storage.nbytes()
arrays = sum(thing.nbytes for thing in gc.get_objects() if isinstance(thing, numpy.ndarray))
print(json.dumps({"held": sum(tensors.values()), "arrays": arrays,
                  "files": sum(record.bytes for record in available_models())}))
"""


@pytest.mark.parametrize("which", ["small_weights", "bundled_weights"])
def test_a_whole_process_holds_one_copy(which: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(which)
    environment = {**os.environ, "HASHSTAGRAM_WEIGHTS": str(folder)}
    run = subprocess.run(
        [sys.executable, "-c", _WHOLE_PROCESS], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    measured = json.loads(run.stdout)
    # Files are fp16 and have short headers, memory is fp32.
    assert 0.99 * 2 * measured["files"] < measured["held"] <= 2 * measured["files"]
    assert measured["arrays"] < 20e6


def test_loading_leaves_threads_gradients_and_random_numbers_alone(small_weights: Path) -> None:
    before = torch.get_num_threads(), torch.get_num_interop_threads(), torch.is_grad_enabled()
    random = torch.get_rng_state()
    manifest = Manifest.load(small_weights)
    vocabulary = load_vocabulary(small_weights, manifest)
    engine = open_engine(small_weights, manifest, manifest.record("hashnet"), vocabulary, "cpu", "torch")
    engine.run(np.zeros((1, 3, 64, 64), dtype=np.float32))
    assert (torch.get_num_threads(), torch.get_num_interop_threads(), torch.is_grad_enabled()) == before
    assert torch.equal(torch.get_rng_state(), random)


def test_weight_for_another_vocabulary_says_which_is_which(small_weights: Path) -> None:
    manifest = Manifest.load(small_weights)
    other = Vocabulary(("sea", "sand"))
    for name in ("vgg16", "alexnet", "hashnet"):
        with pytest.raises(
            WeightsError,
            match=rf"{name}\.small_v1 was trained for another vocabulary: 997 tags with sha256 "
            rf"{manifest.vocabulary.sha256[:8]}\. The vocabulary in use has 2 tags with sha256 {other.sha256[:8]}\.",
        ):
            load_network(small_weights, manifest, manifest.record(name), other, "cpu")


def test_damaged_trunk_is_refused_for_the_network_that_shares_it(weights_copy: Path, rewrite: Rewrite) -> None:
    # Other options than those of `small_weights`, or the good trunk of another test could still be in memory.
    manifest = Manifest.load(weights_copy)
    path = weights_copy / manifest.record("alexnet").file
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    rewrite(path, bytes(content))
    gc.collect()
    with pytest.raises(WeightsError, match=r"^alexnet\.small_v1\.safetensors is damaged"):
        _load(weights_copy, "hashnet")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors.pop("features.0.bias"), 'Missing key.*"features.0.bias"'),
        (lambda tensors: tensors.update(extra=torch.zeros(1).half()), 'Unexpected key.*"extra"'),
        (
            lambda tensors: tensors.update({"features.0.bias": torch.zeros(3).half()}),
            r"size mismatch.*features\.0\.bias",
        ),
        (lambda tensors: tensors.update({"classifier.6.1.bias": torch.zeros(1000).half()}), r"\[1000\].*\[997\]"),
    ],
)
def test_tensors_of_another_shape_are_refused(
    weights_copy: Path, rewrite: Rewrite, change: Callable[[dict[str, torch.Tensor]], None], message: str
) -> None:
    manifest = Manifest.load(weights_copy)
    tensors = load_file(weights_copy / manifest.record("alexnet").file)
    change(tensors)
    manifest = _with_content(manifest, weights_copy, rewrite, "alexnet", save(tensors))
    with pytest.raises(
        WeightsError, match=rf"^alexnet\.small_v1\.safetensors does not fit the network alexnet .*997 tags.*{message}"
    ):
        _load(weights_copy, "alexnet", manifest=manifest)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": "resnet"}, "'resnet' is not a network"),
        ({"options": {"rank": 8, "colour": 1}}, "colour"),
        ({"parts": ()}, "two trunks"),
    ],
)
def test_record_that_no_network_fits_is_refused(small_weights: Path, change: dict[str, Any], message: str) -> None:
    manifest = Manifest.load(small_weights)
    manifest = manifest.with_record(replace(manifest.record("hashnet"), **change))
    with pytest.raises(WeightsError, match=rf"hashnet\.small_v1 cannot be built from its record: .*{message}"):
        _load(small_weights, "hashnet", manifest=manifest)


def test_auto_is_cuda_when_there_and_else_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("auto") == "cuda:1"
    assert choose_device("cuda:0") == "cuda:0"
    assert choose_device("cpu") == "cpu"
    with pytest.raises(SettingError, match=r"no device 'cuda:2': this machine has 2, from cuda:0 on"):
        choose_device("cuda:2")


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("gpu", "'gpu' is not a device. Choose one of: auto, cpu, cuda."),
        ("", "'' is not a device."),
        ("cuda:x", "'cuda:x' is not a device."),
        ("cuda", "The device 'cuda' was asked for, but PyTorch finds no CUDA device. Choose auto or cpu."),
    ],
)
def test_devices_that_are_not_there_are_refused(monkeypatch: pytest.MonkeyPatch, device: str, message: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingError) as refused:
        choose_device(device)
    assert str(refused.value).startswith(message)


def test_cuda_computes_in_full_fp32_and_the_process_keeps_its_settings() -> None:
    before = torch.backends.cudnn.enabled, torch.backends.cudnn.allow_tf32
    with exactly("cuda:0"):
        assert torch.backends.cudnn.enabled
        assert not torch.backends.cudnn.allow_tf32
    assert (torch.backends.cudnn.enabled, torch.backends.cudnn.allow_tf32) == before


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_gives_the_cpus_logits_alone_and_in_a_batch(small_weights: Path) -> None:
    manifest = Manifest.load(small_weights)
    vocabulary = load_vocabulary(small_weights, manifest)
    batch = np.random.default_rng(0).normal(size=(16, 3, 64, 64)).astype(np.float32)
    expected = open_engine(small_weights, manifest, manifest.record(), vocabulary, "cpu", "torch").run(batch)
    engine = open_engine(small_weights, manifest, manifest.record(), vocabulary, "cuda")
    assert np.allclose(engine.run(batch), expected, atol=1e-3)
    assert np.allclose(np.concatenate([engine.run(photo[None]) for photo in batch]), engine.run(batch), atol=1e-4)


def test_it_computes_with_the_threads_that_the_entry_point_allows(
    small_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = Manifest.load(small_weights)
    before = torch.get_num_threads()
    arguments = small_weights, manifest, manifest.record("alexnet"), load_vocabulary(small_weights, manifest)
    try:
        open_engine(*arguments, engine="torch")
        assert torch.get_num_threads() == before
        monkeypatch.setattr(cores, "_limit", 1)
        open_engine(*arguments, engine="torch")
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
