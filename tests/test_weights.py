"""The manifest, where weights come from, and what is refused before a weight is used."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from hashstagram.errors import SettingError, WeightsError
from hashstagram.records import SynonymsRecord, VocabularyRecord
from hashstagram.vocabulary import Vocabulary
from hashstagram.weights import (
    CompanionsRecord,
    Manifest,
    Record,
    check_vocabulary,
    load_tensors,
    load_vocabulary,
    resolve,
)

Rewrite = Callable[[Path, bytes], None]


def _edit(folder: Path, rewrite: Rewrite, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "manifest.json"
    content = json.loads(path.read_text())
    change(content)
    rewrite(path, json.dumps(content).encode())


def test_what_is_saved_is_what_is_loaded(small_weights: Path, tmp_path: Path) -> None:
    manifest = Manifest.load(small_weights)
    manifest.save(tmp_path)
    assert Manifest.load(tmp_path) == manifest
    assert (tmp_path / "manifest.json").read_bytes() == (small_weights / "manifest.json").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_the_file_has_the_form_that_is_documented(small_weights: Path) -> None:
    content = json.loads((small_weights / "manifest.json").read_text())
    assert list(content) == ["format", "vocabulary", "models", "companions"]
    assert content["format"] == 2
    assert list(content["vocabulary"]) == [
        "file",
        "platform_tags",
        "sha256",
        "tags",
        "platform_tags_sha256",
        "synonyms",
    ]
    network = (
        "name tag network options parts file bytes sha256 vocabulary_sha256 description input taught calibration int8"
    )
    assert list(content["models"][0]) == [*network.split(), "training", "metrics", "licence"]
    assert list(content["models"][0]["input"]) == ["resize", "crop", "interpolation", "mean", "std"]
    layer = "name tag file bytes sha256 vocabulary_sha256 inputs outputs training metrics licence"
    assert list(content["companions"]) == layer.split()
    assert content["models"][0]["parts"] == ["vgg16.small_v1", "alexnet.small_v1"]


def test_an_int8_form_is_saved_and_loaded_with_its_record(weights_copy: Path, rewrite: Rewrite) -> None:
    _edit(
        weights_copy, rewrite, lambda content: content["models"][1].update(int8=_int8(metrics={"top5_overlap": 0.97}))
    )
    manifest = Manifest.load(weights_copy)
    loaded = manifest.record("vgg16").int8
    assert loaded is not None
    assert (loaded.graph.file, loaded.numbers.file, loaded.default, loaded.scale) == ("a.xml", "a.bin", True, 1)
    (weights_copy / "manifest.json").unlink()
    manifest.save(weights_copy)
    assert Manifest.load(weights_copy) == manifest


def test_a_failed_save_leaves_the_old_manifest(weights_copy: Path) -> None:
    before = (weights_copy / "manifest.json").read_bytes()
    manifest = Manifest.load(weights_copy)
    with pytest.raises(ValueError, match="not JSON compliant"):
        manifest.with_record(replace(manifest.models[0], metrics={"precision_at_1": float("nan")})).save(weights_copy)
    assert (weights_copy / "manifest.json").read_bytes() == before
    assert not list(weights_copy.glob("*.tmp"))


def test_models_are_found_by_name_by_id_and_by_default(small_weights: Path) -> None:
    manifest = Manifest.load(small_weights)
    second = replace(manifest.record("vgg16"), tag="small_v2")
    manifest = manifest.with_record(second)
    assert manifest.record().name == "hashnet"
    assert manifest.record("vgg16").id == "vgg16.small_v1"
    assert manifest.record("vgg16.small_v2") is second


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vgg61", r"'vgg61' is not a model\. Did you mean vgg16.*Choose one of: hashnet, vgg16, alexnet\."),
        ("VGG16", r"Choose one of: hashnet, vgg16, alexnet\."),
        ("", r"'' is not a model\. Choose"),
        ("resnet", r"'resnet' is not a model\."),
    ],
)
def test_unknown_model_lists_close_matches(small_weights: Path, name: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Manifest.load(small_weights).record(name)


def test_records_are_added_replaced_and_put_first(small_weights: Path) -> None:
    manifest = Manifest.load(small_weights)
    better = replace(manifest.record("alexnet"), description="better")
    replaced = manifest.with_record(better)
    assert [record.id for record in replaced.models] == [record.id for record in manifest.models]
    assert replaced.record("alexnet").description == "better"
    assert manifest.with_record(better, default=True).record() is better
    added = manifest.with_record(replace(better, tag="small_v2"))
    assert [record.id for record in added.models][-1] == "alexnet.small_v2"
    assert manifest.with_companions(None).companions is None


def test_manifest_without_companions(small_weights: Path, tmp_path: Path) -> None:
    Manifest.load(small_weights).with_companions(None).save(tmp_path)
    assert "companions" not in json.loads((tmp_path / "manifest.json").read_text())
    assert Manifest.load(tmp_path).companions is None


def test_manifest_without_models_says_so(small_weights: Path) -> None:
    empty = Manifest.start(small_weights / "vocabulary.txt", small_weights / "platform_tags.txt")
    with pytest.raises(WeightsError, match="lists no model"):
        empty.record()


@pytest.mark.parametrize("file", ["../secret", "/etc/passwd", "a/b", "..", "", "..\\secret", "C:\\secret", "a/../b"])
def test_file_names_that_leave_the_folder_are_refused(weights_copy: Path, rewrite: Rewrite, file: str) -> None:
    def network(content: dict[str, Any]) -> None:
        content["models"][1]["file"] = file

    def companions(content: dict[str, Any]) -> None:
        content["companions"]["file"] = file

    def vocabulary(content: dict[str, Any]) -> None:
        content["vocabulary"]["file"] = file

    original = (weights_copy / "manifest.json").read_bytes()
    for change in (network, companions, vocabulary):
        rewrite(weights_copy / "manifest.json", original)
        _edit(weights_copy, rewrite, change)
        with pytest.raises(WeightsError, match="Only a plain name of a file in the folder is allowed"):
            Manifest.load(weights_copy)


def test_platform_tags_that_leave_the_folder_are_refused() -> None:
    with pytest.raises(WeightsError, match=r"names the file '\.\./tags'"):
        VocabularyRecord("vocabulary.txt", "../tags", "0", 1)
    with pytest.raises(WeightsError, match=r"names the file '/tags'"):
        SynonymsRecord("/tags", "0")


def _stored(file: str) -> dict[str, Any]:
    return {"file": file, "bytes": 1, "sha256": "0"}


def _int8(**changes: Any) -> dict[str, Any]:
    form = {"graph": _stored("a.xml"), "numbers": _stored("a.bin"), "default": True, "training": {}, "metrics": {}}
    return form | {"calibration": {"method": "platt", "scale": 1, "bias": 0}} | changes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(format=1), "not a manifest of format 2"),
        (lambda c: c.pop("format"), "not a manifest of format 2"),
        (lambda c: c.update(models={}), "no list of models"),
        (lambda c: c.pop("vocabulary"), "vocabulary of the manifest lacks file, sha256, tags"),
        (lambda c: c["vocabulary"].update(platform_tags=3), r"vocabulary\.platform_tags .* is 3: a text was expected"),
        (lambda c: c["vocabulary"].update(synonyms={"file": "a"}), "synonyms of the manifest lacks metrics, sha256"),
        (lambda c: c["models"][0].pop("taught"), r"models\[0\] of the manifest lacks taught"),
        (lambda c: c["models"][0].update(colour=1), "has colour that is not known"),
        (lambda c: c["models"][1].update(bytes="many"), r"models\[1\]\.bytes .* is 'many': a whole number"),
        (lambda c: c["models"][1].update(bytes=True), "a whole number was expected"),
        (lambda c: c["models"][1].update(taught="beach"), "a list of texts was expected"),
        (lambda c: c["models"][1].update(taught=[1]), "a text was expected"),
        (lambda c: c["models"][1].update(metrics=[]), "an object was expected"),
        (lambda c: c["models"][1].update(input={}), r"models\[1\]\.input"),
        (lambda c: c["models"][1].update(calibration={}), r"vgg16\.small_v1 is calibrated by \{\}"),
        (lambda c: c["models"][1].update(calibration={"method": "platt", "scale": "1", "bias": 0}), "is calibrated"),
        (lambda c: c["models"][1].update(int8={}), r"int8 of the manifest lacks calibration, default, graph"),
        (lambda c: c["models"][1].update(int8=_int8(default="yes")), "true or false was expected"),
        (lambda c: c["models"][1].update(int8=_int8(calibration={})), r"An int8 form is calibrated by \{\}"),
        (lambda c: c["models"][1].update(int8=_int8(graph=_stored("../a.xml"))), "Only a plain name of a file"),
        (lambda c: c["models"][1].update(name="hashnet"), "has two models hashnet.small_v1|needs vgg16.small_v1"),
        (lambda c: c["models"].append(c["models"][1]), "two models vgg16.small_v1"),
        (lambda c: c["models"].pop(1), "hashnet.small_v1 needs vgg16.small_v1, which the manifest does not list"),
        (lambda c: c["models"][1].update(parts=["hashnet.small_v1"]), "which has parts itself"),
        (lambda c: c.update(companions=[]), "companions of the manifest lacks"),
    ],
)
def test_broken_manifests_are_refused(
    weights_copy: Path, rewrite: Rewrite, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    _edit(weights_copy, rewrite, change)
    with pytest.raises(WeightsError, match=message):
        Manifest.load(weights_copy)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'"text"'])
def test_what_is_no_manifest_is_refused(weights_copy: Path, rewrite: Rewrite, content: bytes) -> None:
    rewrite(weights_copy / "manifest.json", content)
    with pytest.raises(WeightsError, match=r"manifest\.json is not"):
        Manifest.load(weights_copy)


def test_folder_without_manifest(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no weights in .*manifest\.json cannot be read \(No such file"):
        Manifest.load(tmp_path)


def test_resolve_prefers_the_argument_then_the_environment_then_the_repository(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bundled_weights: Path
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    assert resolve() == bundled_weights
    monkeypatch.setenv("HASHSTAGRAM_WEIGHTS", str(one))
    assert resolve() == one
    assert resolve(other) == other
    assert resolve(str(other)) == other
    monkeypatch.setenv("HASHSTAGRAM_WEIGHTS", "")
    assert resolve() == bundled_weights


def test_resolve_says_what_cannot_be_had(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"nowhere does not exist.*HASHSTAGRAM_WEIGHTS"):
        resolve(tmp_path / "nowhere")
    monkeypatch.setenv("HASHSTAGRAM_WEIGHTS", "gs://Bucket/weights")
    with pytest.raises(WeightsError, match=r"'gs://Bucket/weights' is not an address in Cloud Storage"):
        resolve()


def test_tensors_are_those_of_the_file(small_weights: Path) -> None:
    manifest = Manifest.load(small_weights)
    assert manifest.companions is not None
    outputs, inputs = len(manifest.companions.outputs), len(manifest.companions.inputs)
    tensors = load_tensors(small_weights, manifest.companions)
    assert {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()} == {
        "implied": ((inputs, inputs), np.dtype(np.float16)),
        "hidden.weight": ((16, inputs), np.dtype(np.float16)),
        "hidden.bias": ((16,), np.dtype(np.float16)),
        "output.weight": ((outputs, 16), np.dtype(np.float16)),
        "output.bias": ((outputs,), np.dtype(np.float16)),
    }


def test_one_flipped_bit_is_found_before_use(weights_copy: Path, rewrite: Rewrite) -> None:
    record = Manifest.load(weights_copy).record("alexnet")
    path = weights_copy / record.file
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    rewrite(path, bytes(content))
    with pytest.raises(
        WeightsError, match=rf"^alexnet\.small_v1\.safetensors is damaged.*{record.sha256[:8]}.*Restore it"
    ):
        load_tensors(weights_copy, record)


def test_truncated_file(weights_copy: Path, rewrite: Rewrite) -> None:
    record = Manifest.load(weights_copy).record("alexnet")
    path = weights_copy / record.file
    rewrite(path, path.read_bytes()[:-7])
    with pytest.raises(
        WeightsError,
        match=rf"^alexnet\.small_v1\.safetensors has {record.bytes - 7} bytes; its record says {record.bytes}\. Rest",
    ):
        load_tensors(weights_copy, record)


def test_missing_file(weights_copy: Path) -> None:
    record = Manifest.load(weights_copy).record("alexnet")
    (weights_copy / record.file).unlink()
    with pytest.raises(WeightsError, match=r"^alexnet\.small_v1\.safetensors, .*\(No such file.*Restore it"):
        load_tensors(weights_copy, record)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x80\x04\x95not safetensors", "is not a safetensors file of ours"),
        (b"", "is not a safetensors file of ours"),
        (save({"bias": np.zeros(3, dtype=np.int64)}), "has bias in int64; fp16 or fp32 was expected"),
    ],
)
def test_what_is_no_weight_is_refused(weights_copy: Path, rewrite: Rewrite, content: bytes, message: str) -> None:
    record = Manifest.load(weights_copy).record("alexnet")
    rewrite(weights_copy / record.file, content)
    changed = replace(record, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    with pytest.raises(WeightsError, match=message):
        load_tensors(weights_copy, changed)


def test_vocabulary_of_the_folder_must_be_the_manifests(weights_copy: Path, rewrite: Rewrite) -> None:
    manifest = Manifest.load(weights_copy)
    assert len(load_vocabulary(weights_copy, manifest)) == 997
    path = weights_copy / "vocabulary.txt"
    rewrite(path, path.read_bytes() + b"oneTagMore\n".lower())
    with pytest.raises(
        WeightsError,
        match=rf"998 tags with sha256 [0-9a-f]{{8}}, the manifest has 997 with {manifest.vocabulary.sha256[:8]}\.",
    ):
        load_vocabulary(weights_copy, manifest)


@pytest.mark.parametrize("name", ["platform_tags.txt", "synonyms.txt"])
def test_tag_lists_of_the_folder_must_be_the_manifests(weights_copy: Path, rewrite: Rewrite, name: str) -> None:
    lists = [weights_copy / each for each in ("vocabulary.txt", "platform_tags.txt", "synonyms.txt")]
    rewrite(lists[1], b"# begging\ninstagood\n")
    lists[2].write_text("sea ocean\n")
    manifest = Manifest.start(*lists)
    vocabulary = load_vocabulary(weights_copy, manifest)
    assert vocabulary.platform == {"instagood"}
    assert vocabulary.synonyms == (("sea", "ocean"),)

    path = weights_copy / name
    original = path.read_bytes()
    # Where lines end otherwise, as in a checkout on Windows, the list is the same.
    rewrite(path, original.replace(b"\n", b"\r\n"))
    assert load_vocabulary(weights_copy, manifest) == vocabulary
    rewrite(path, original + b"love like\n" if name == "synonyms.txt" else original + b"love\n")
    with pytest.raises(WeightsError, match=rf"{name} in .* is damaged or changed: .* Restore it"):
        load_vocabulary(weights_copy, manifest)
    path.unlink()
    with pytest.raises(WeightsError, match=rf"{name} cannot be read"):
        load_vocabulary(weights_copy, manifest)


def test_a_manifest_may_name_a_vocabulary_alone(weights_copy: Path, rewrite: Rewrite) -> None:
    def earlier(content: dict[str, Any]) -> None:
        for key in ("platform_tags_sha256", "synonyms"):
            content["vocabulary"].pop(key)

    _edit(weights_copy, rewrite, earlier)
    assert load_vocabulary(weights_copy, Manifest.load(weights_copy)).platform
    _edit(weights_copy, rewrite, lambda content: content["vocabulary"].pop("platform_tags"))
    manifest = Manifest.load(weights_copy)
    assert load_vocabulary(weights_copy, manifest) == Vocabulary.load(weights_copy / "vocabulary.txt")
    assert manifest.vocabulary == Manifest.start(weights_copy / "vocabulary.txt").vocabulary


@pytest.mark.parametrize(("outputs", "size"), [(1000, "1000"), (None, "an unknown number of")])
def test_weight_for_another_vocabulary_says_which_is_which(small_weights: Path, outputs: int | None, size: str) -> None:
    manifest = Manifest.load(small_weights)
    record: Record | CompanionsRecord = manifest.record("vgg16")
    mine, other = Vocabulary(("sea", "sand")), manifest.vocabulary.sha256
    check_vocabulary(record, load_vocabulary(small_weights, manifest), outputs)
    with pytest.raises(
        WeightsError,
        match=rf"vgg16\.small_v1 was trained for another vocabulary: {size} tags with sha256 {other[:8]}\. "
        rf"The vocabulary in use has 2 tags with sha256 {mine.sha256[:8]}\. Put the vocabulary",
    ):
        check_vocabulary(record, mine, outputs)


def test_bundled_files_are_what_their_records_say(bundled_weights: Path) -> None:
    manifest = Manifest.load(bundled_weights)
    assert {record.name for record in manifest.models} >= {"hashnet", "vgg16", "alexnet"}
    assert manifest.companions is not None
    load_vocabulary(bundled_weights, manifest)
    for record in (*manifest.models, manifest.companions):
        load_tensors(bundled_weights, record)
        assert record.vocabulary_sha256 == manifest.vocabulary.sha256
        assert record.bytes <= 50 * 10**6
    assert sum(record.bytes for record in manifest.models) <= 150 * 10**6


def test_bundled_models_recommend_no_platform_tag_by_sight(bundled_weights: Path) -> None:
    manifest = Manifest.load(bundled_weights)
    vocabulary = load_vocabulary(bundled_weights, manifest)
    for record in manifest.models:
        assert set(record.taught) <= set(vocabulary)
        assert not set(record.taught) & vocabulary.platform
