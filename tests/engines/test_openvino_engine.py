"""OpenVINO as engine: the exact form agrees with PyTorch, the int8 form is near it, and trunks are there once."""

import gc
import hashlib
import os
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hashstagram import Choice, Recommender, WeightsError, load_model
from hashstagram.engines import Engine, cores, open_engine
from hashstagram.engines.openvino_engine import OpenVinoEngine
from hashstagram.photos import to_tensor
from hashstagram.records import StoredFile
from hashstagram.vocabulary import Vocabulary
from hashstagram.weights import Manifest, load_vocabulary

MODELS = ("alexnet", "efficientnet_lite", "hashnet", "resnet18", "vgg16")


def _open(folder: Path, name: str, engine: str = "exact", manifest: Manifest | None = None) -> Engine:
    manifest = manifest or Manifest.load(folder)
    return open_engine(folder, manifest, manifest.record(name), load_vocabulary(folder, manifest), "cpu", engine)


@pytest.fixture(scope="module")
def batch() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(5, 3, 64, 64)).astype(np.float32)


@pytest.mark.parametrize("name", ["vgg16", "alexnet", "hashnet"])
def test_exact_logits_are_those_of_pytorch(small_weights: Path, batch: np.ndarray, name: str) -> None:
    engine = _open(small_weights, name)
    assert (engine.name, engine.precision, engine.device) == ("openvino", "fp32", "cpu")
    logits = engine.run(batch)
    assert (logits.shape, logits.dtype) == ((5, 997), np.float32)
    assert np.allclose(logits, _open(small_weights, name, "torch").run(batch), atol=2e-4)


@pytest.mark.parametrize("name", MODELS)
def test_published_exact_forms_are_those_of_pytorch(bundled_weights: Path, name: str) -> None:
    record = Manifest.load(bundled_weights).record(name)
    photo = np.random.default_rng(0).normal(size=(1, 3, record.input.crop, record.input.crop)).astype(np.float32)
    exact, reference = (_open(bundled_weights, name, engine).run(photo) for engine in ("exact", "torch"))
    assert np.abs(exact - reference).max() <= 1e-4 * np.abs(reference).max()


@pytest.mark.parametrize("name", [name for name in MODELS if name != "resnet18"])  # which has none
def test_published_int8_forms_answer_nearly_as_the_exact_ones(bundled_weights: Path, name: str) -> None:
    examples = sorted((bundled_weights.parent / "examples").glob("*.jpg"))
    int8, exact = (load_model(name, weights=bundled_weights, engine=engine) for engine in ("int8", "exact"))
    assert (int8.engine.name, int8.engine.precision) == ("openvino", "int8")
    choice = Choice(companions=0)
    shared = 0
    for example in examples:
        ours, theirs = ([tag.tag for tag in model.recommend(example, choice)] for model in (int8, exact))
        shared += len(set(ours) & set(theirs))
    assert shared >= 0.8 * 5 * len(examples)


def test_a_photo_alone_and_in_a_batch_gives_the_same_logits(small_weights: Path, batch: np.ndarray) -> None:
    engine = _open(small_weights, "hashnet")
    alone = np.concatenate([engine.run(photo[np.newaxis]) for photo in batch])
    assert np.allclose(engine.run(batch), alone, atol=1e-5)


def test_photos_beside_each_other_get_the_same_logits_as_alone(small_weights: Path, batch: np.ndarray) -> None:
    engine = _open(small_weights, "alexnet")
    expected = engine.run(batch)

    def ask(number: int) -> bool:
        with cores.photo_at_work():
            row = number % len(batch)
            return np.allclose(engine.run(batch[row : row + 1]), expected[row], atol=1e-5)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(80)))


def test_read_only_strided_and_double_arrays_are_taken(small_weights: Path, batch: np.ndarray) -> None:
    engine = _open(small_weights, "alexnet")
    expected = engine.run(batch)
    frozen = batch.copy()
    frozen.setflags(write=False)
    strided = np.ascontiguousarray(batch.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    for same in (frozen, strided, batch.astype(np.float64)):
        assert np.allclose(engine.run(same), expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 64, 64, 3), (1, 3, 65, 64)])
def test_arrays_of_another_shape_are_refused(small_weights: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\(B, 3, (H, W|64, 64)\) was expected"):
        _open(small_weights, "alexnet").run(np.zeros(shape, np.float32))


@pytest.mark.parametrize("order", [("hashnet", "vgg16", "alexnet"), ("alexnet", "vgg16", "hashnet")])
def test_trunks_are_shared_whatever_is_loaded_first(small_weights: Path, order: tuple[str, ...]) -> None:
    engines = {name: _open(small_weights, name) for name in order}
    assert engines["hashnet"].parts == (engines["vgg16"], engines["alexnet"])
    assert _open(small_weights, "hashnet") is engines["hashnet"]


def test_who_asks_several_engines_about_one_photo_computes_a_shared_trunk_once(
    small_weights: Path, batch: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines = [_open(small_weights, name) for name in ("vgg16", "hashnet", "alexnet")]
    apart = [engine.run(batch) for engine in engines]
    computed: list[OpenVinoEngine] = []
    compute = OpenVinoEngine.compute

    def counted(engine: OpenVinoEngine, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        computed.append(engine)
        return compute(engine, inputs)

    monkeypatch.setattr(OpenVinoEngine, "compute", counted)
    known: dict[Engine, tuple[np.ndarray, np.ndarray]] = {}
    together = [engine.run(batch, known) for engine in engines]
    assert len(computed) == len(set(computed)) == 3
    for one, other in zip(together, apart, strict=True):
        assert np.allclose(one, other, atol=1e-5)


def test_engines_are_freed_with_their_last_user(small_weights: Path) -> None:
    hashnet = _open(small_weights, "hashnet")
    vgg16, head = weakref.ref(hashnet.parts[0]), weakref.ref(hashnet)
    del hashnet
    gc.collect()
    assert head() is None
    assert vgg16() is None


def test_weight_for_another_vocabulary_says_which_is_which(small_weights: Path) -> None:
    manifest = Manifest.load(small_weights)
    with pytest.raises(WeightsError, match=r"^hashnet\.small_v1 was trained for another vocabulary: 997 tags"):
        open_engine(small_weights, manifest, manifest.record("hashnet"), Vocabulary(("sea",)), "cpu", "exact")


def test_a_head_needs_the_trunks_that_it_was_trained_on(small_weights: Path) -> None:
    manifest = Manifest.load(small_weights)
    for parts in [(), ("vgg16.small_v1",)]:
        changed = manifest.with_record(replace(manifest.record("hashnet"), parts=parts))
        with pytest.raises(WeightsError, match=r"^hashnet\.small_v1 takes \(8192,\), and its record would give it"):
            _open(small_weights, "hashnet", manifest=changed)


@pytest.mark.parametrize("part", ["graph", "numbers"])
@pytest.mark.parametrize("harm", ["damaged", "cut off", "gone"])
def test_a_damaged_int8_form_is_refused(bundled_weights: Path, tmp_path: Path, part: str, harm: str) -> None:
    manifest = Manifest.load(bundled_weights)
    form = manifest.record("alexnet").int8
    assert form is not None
    for stored in (form.graph, form.numbers):
        os.link(bundled_weights / stored.file, tmp_path / stored.file)
    broken: StoredFile = getattr(form, part)
    content = bytearray((tmp_path / broken.file).read_bytes())
    (tmp_path / broken.file).unlink()
    content[len(content) // 2] ^= 1
    if harm != "gone":
        (tmp_path / broken.file).write_bytes(content if harm == "damaged" else content[:-1])
    said = {"damaged": "is damaged or changed", "cut off": f"has {len(content) - 1} bytes", "gone": "cannot be read"}
    vocabulary = load_vocabulary(bundled_weights, manifest)
    with pytest.raises(WeightsError, match=f"{broken.file}.*{said[harm]}"):
        open_engine(tmp_path, manifest, manifest.record("alexnet"), vocabulary, "cpu", "int8")


def test_a_graph_that_openvino_cannot_read_is_refused(bundled_weights: Path, tmp_path: Path) -> None:
    manifest = Manifest.load(bundled_weights)
    record = manifest.record("alexnet")
    assert record.int8 is not None
    graph = b"<net version='99'/>"
    (tmp_path / "graph.xml").write_bytes(graph)
    os.link(bundled_weights / record.int8.numbers.file, tmp_path / record.int8.numbers.file)
    stored = StoredFile("graph.xml", len(graph), hashlib.sha256(graph).hexdigest())
    manifest = manifest.with_record(replace(record, int8=replace(record.int8, graph=stored)))
    vocabulary = load_vocabulary(bundled_weights, manifest)
    with pytest.raises(WeightsError, match=r"graph\.xml is not a graph that OpenVINO .* reads\. Export it again"):
        open_engine(tmp_path, manifest, manifest.record("alexnet"), vocabulary, "cpu", "int8")


def test_one_core_is_enough(
    small_weights: Path, batch: np.ndarray, monkeypatch: pytest.MonkeyPatch, drawn_photos: list[Image.Image]
) -> None:
    expected = _open(small_weights, "alexnet").run(batch)
    monkeypatch.setattr(cores, "_limit", 1)
    assert np.allclose(_open(small_weights, "alexnet").run(batch), expected, atol=1e-5)
    recommender: Recommender = load_model("alexnet", weights=small_weights)
    tensor = to_tensor(drawn_photos[0], recommender.record.input)
    assert recommender.engine.run(tensor[np.newaxis]).shape == (1, 997)
