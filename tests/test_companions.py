"""Tags that are written with what a photo shows."""

import gc
import hashlib
import warnings
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from hashstagram.companions import load_companions, sigmoid
from hashstagram.errors import WeightsError
from hashstagram.vocabulary import Vocabulary
from hashstagram.weights import CompanionsRecord, Manifest, load_tensors, load_vocabulary


def _record(folder: Path) -> CompanionsRecord:
    record = Manifest.load(folder).companions
    assert record is not None
    return record


def _vocabulary(folder: Path) -> Vocabulary:
    return load_vocabulary(folder, Manifest.load(folder))


def test_probabilities_are_those_of_the_formula(small_weights: Path) -> None:
    record, vocabulary = _record(small_weights), _vocabulary(small_weights)
    visible = np.random.default_rng(1).random(len(vocabulary), dtype=np.float32)
    companions = load_companions(small_weights, record, vocabulary).probabilities(visible)
    tensors = load_tensors(small_weights, record)
    given = [float(visible[vocabulary.index(tag)]) for tag in record.inputs]
    dog, puppy = record.inputs.index("dog"), record.inputs.index("puppy")
    given[dog] = max(0.0, given[dog] - given[puppy])
    hidden = []
    for row, bias in zip(tensors["hidden.weight"], tensors["hidden.bias"], strict=True):
        score = float(bias) + sum(float(weight) * value for weight, value in zip(row, given, strict=True))
        hidden.append(max(score, 0.0))
    for place, tag in enumerate(record.outputs):
        weights = tensors["output.weight"][place]
        score = float(tensors["output.bias"][place])
        score += sum(float(weight) * value for weight, value in zip(weights, hidden, strict=True))
        assert companions[vocabulary.index(tag)] == pytest.approx(1 / (1 + np.exp(-score)), abs=1e-5)
    others = [index for index, tag in enumerate(vocabulary) if tag not in record.outputs]
    assert not companions[others].any()
    assert companions.dtype == np.float32


def test_tags_that_are_no_input_change_nothing(small_weights: Path) -> None:
    record, vocabulary = _record(small_weights), _vocabulary(small_weights)
    layer = load_companions(small_weights, record, vocabulary)
    visible = np.zeros(len(vocabulary), dtype=np.float32)
    before = layer.probabilities(visible)
    visible[vocabulary.index("guitar")] = 1
    assert np.array_equal(layer.probabilities(visible), before)


def test_what_another_tag_implies_says_nothing_more(small_weights: Path) -> None:
    record, vocabulary = _record(small_weights), _vocabulary(small_weights)
    layer = load_companions(small_weights, record, vocabulary)
    visible = np.zeros(len(vocabulary), dtype=np.float32)
    visible[vocabulary.index("puppy")] = 0.8
    before = layer.probabilities(visible)
    visible[vocabulary.index("dog")] = 0.7
    assert np.array_equal(layer.probabilities(visible), before)
    visible[vocabulary.index("dog")] = 0.9
    assert not np.array_equal(layer.probabilities(visible), before)


def test_a_companions_score_is_shared_out_among_the_tags_that_speak_for_it(bundled_weights: Path) -> None:
    manifest = Manifest.load(bundled_weights)
    assert manifest.companions is not None
    vocabulary = load_vocabulary(bundled_weights, manifest)
    layer = load_companions(bundled_weights, manifest.companions, vocabulary)
    cats, cat = vocabulary.index("catsofinstagram"), vocabulary.index("cat")
    visible = np.zeros(len(vocabulary), dtype=np.float32)
    for tag, probability in (("cat", 0.8), ("animal", 0.9), ("sea", 0.3)):
        visible[vocabulary.index(tag)] = probability

    shares = layer.spoken_for(visible, cats)

    assert set(np.flatnonzero(shares)) <= set(np.flatnonzero(visible))
    assert shares.argmax() == cat
    # A photo of which everything is a little surer: the score grows by as much of the shares.
    scores = [np.log(p / (1 - p)) for p in (layer.probabilities(surer)[cats] for surer in (visible, 1.001 * visible))]
    assert scores[1] - scores[0] == pytest.approx(0.001 * shares.sum(), rel=0.02)


def test_layer_is_in_memory_once_and_then_freed(small_weights: Path) -> None:
    record, vocabulary = _record(small_weights), _vocabulary(small_weights)
    layer = load_companions(small_weights, record, vocabulary)
    assert load_companions(small_weights, record, vocabulary) is layer
    remembered = weakref.ref(layer)
    del layer
    gc.collect()
    assert remembered() is None


def test_layer_cannot_be_changed(small_weights: Path) -> None:
    layer = load_companions(small_weights, _record(small_weights), _vocabulary(small_weights))
    with pytest.raises(ValueError, match="read-only"):
        layer.hidden[0, 0] = 1


def test_layer_for_another_vocabulary_is_refused(small_weights: Path) -> None:
    with pytest.raises(WeightsError, match=r"companions\.small_v1 was trained for another vocabulary: \d+ tags with"):
        load_companions(small_weights, _record(small_weights), Vocabulary(("sea", "sand")))


def _arrays(hidden: tuple[int, int], output: tuple[int, int]) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    return {
        "implied": np.zeros((34, 34), np.float16),
        "hidden.weight": np.zeros(hidden, np.float16),
        "hidden.bias": np.zeros(hidden[0], np.float16),
        "output.weight": np.zeros(output, np.float16),
        "output.bias": np.zeros(output[0], np.float16),
    }


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (_arrays((16, 2), (18, 16)), "'hidden.weight': \\(16, 2\\)"),
        (_arrays((16, 34), (18, 4)), "'output.weight': \\(18, 4\\)"),
        ({"hidden.weight": np.zeros((16, 34), np.float16)}, "was expected"),
    ],
)
def test_arrays_of_another_shape_are_refused(
    weights_copy: Path,
    rewrite: Callable[[Path, bytes], None],
    arrays: dict[str, np.ndarray],  # type: ignore[type-arg]
    message: str,
) -> None:
    content = save(arrays)
    rewrite(weights_copy / "companions.safetensors", content)
    record = replace(_record(weights_copy), bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    with pytest.raises(WeightsError, match=rf"companions\.safetensors holds .*{message}"):
        load_companions(weights_copy, record, _vocabulary(weights_copy))


def test_tags_outside_the_vocabulary_are_refused(small_weights: Path) -> None:
    record = replace(_record(small_weights), outputs=("sea", "seamonster"))
    with pytest.raises(WeightsError, match="not in the vocabulary: seamonster"):
        load_companions(small_weights, record, _vocabulary(small_weights))


def test_damaged_layer_is_refused(weights_copy: Path, rewrite: Callable[[Path, bytes], None]) -> None:
    path = weights_copy / "companions.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    rewrite(path, bytes(content))
    with pytest.raises(WeightsError, match=r"companions\.safetensors is damaged"):
        load_companions(weights_copy, _record(weights_copy), _vocabulary(weights_copy))


def test_sigmoid_is_exact_for_small_probabilities_and_never_overflows() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = sigmoid(np.array([-1e4, -20, -2, 0, 2, 1e4], dtype=np.float32))
    expected = [0, 1 / (1 + np.exp(20.0)), 1 / (1 + np.exp(2.0)), 0.5, 1 / (1 + np.exp(-2.0)), 1]
    assert values == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("visible", "companion"), [("dog", "dogsofinstagram"), ("cat", "catsofinstagram"), ("flower", "spring")]
)
def test_bundled_layer_knows_what_is_written_with_what(bundled_weights: Path, visible: str, companion: str) -> None:
    record, vocabulary = _record(bundled_weights), _vocabulary(bundled_weights)
    probabilities = np.zeros(len(vocabulary), dtype=np.float32)
    nothing = load_companions(bundled_weights, record, vocabulary).probabilities(probabilities)
    probabilities[vocabulary.index(visible)] = 1
    written_with = load_companions(bundled_weights, record, vocabulary).probabilities(probabilities)
    place = vocabulary.index(companion)
    assert written_with[place] > 2 * nothing[place]
    assert companion in [vocabulary.tags[index] for index in np.argsort(-written_with)[:5]]
