"""A weight folder published to Cloud Storage: whole or not at all, each file once, and one publisher at a time."""

import json
import re
from pathlib import Path

import pytest
from made_weights import make_weights
from storage_emulator import BUCKET, CloudStorage, Fault, cut, refused

from hashstagram.errors import WeightsError
from hashstagram.weights import Manifest, resolve
from training import publish

ADDRESS = f"gs://{BUCKET}/weights"
MANIFEST = "weights/manifest.json"
UPLOAD = r"POST /upload"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """What is published."""
    return make_weights(tmp_path / "weights")


def test_files_first_and_the_manifest_last(
    cloud: CloudStorage, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert publish.main([ADDRESS, "--weights", str(weights)]) == 0

    files = {path.relative_to(weights).as_posix(): path for path in weights.rglob("*") if path.is_file()}
    content = json.loads(cloud.get(MANIFEST))
    objects = {entry["file"]: entry for entry in content.pop("objects")}
    assert content == json.loads((weights / "manifest.json").read_text())
    assert objects.keys() == files.keys() - {"manifest.json"}
    generations = cloud.generations()
    for file, entry in objects.items():
        name = f"weights/{entry['object']}"
        assert name == f"weights/objects/{entry['sha256']}/{file}"
        assert generations[name] == entry["generation"] < generations[MANIFEST]
        assert cloud.get(name) == files[file].read_bytes()
    assert generations.keys() == {MANIFEST, *(f"weights/{entry['object']}" for entry in objects.values())}
    assert capsys.readouterr().out == f"{ADDRESS} serves {weights}: 12 objects sent, the rest was there.\n"


def test_the_same_set_again_sends_nothing(cloud: CloudStorage, weights: Path, tmp_path: Path) -> None:
    publish.publish(weights, ADDRESS)
    before = cloud.generations()
    cloud.requests.clear()

    assert publish.publish(weights, ADDRESS) == 0
    assert publish.publish(make_weights(tmp_path / "same"), ADDRESS) == 0
    assert cloud.generations() == before
    assert cloud.asked(UPLOAD) == []


def test_another_set_sends_what_is_new_and_leaves_the_one_before(
    cloud: CloudStorage, weights: Path, tmp_path: Path
) -> None:
    publish.publish(weights, ADDRESS)
    before = cloud.generations()

    assert publish.publish(make_weights(tmp_path / "newer", vgg16=1), ADDRESS) == 4
    after = cloud.generations()
    assert {name: after[name] for name in before if name != MANIFEST} == {
        name: generation for name, generation in before.items() if name != MANIFEST
    }
    assert after[MANIFEST] > before[MANIFEST]


def test_a_copy_from_a_bucket_can_be_published(cloud: CloudStorage, weights: Path) -> None:
    publish.publish(weights, ADDRESS)
    copy = resolve(ADDRESS)
    publish.publish(copy, f"gs://{BUCKET}/mirror")

    assert Manifest.load(resolve(f"gs://{BUCKET}/mirror")) == Manifest.load(weights)


def test_whoever_stops_halfway_has_published_nothing_and_goes_on_there(
    cloud: CloudStorage, weights: Path, tmp_path: Path
) -> None:
    publish.publish(weights, ADDRESS)
    before = cloud.get(MANIFEST)
    newer = make_weights(tmp_path / "newer", alexnet=1, vgg16=1)
    cloud.fault(rf"{UPLOAD}.*vgg16", refused(403, "No storage.objects.create access."))
    with pytest.raises(WeightsError, match=r"may not be written by the account.*role Storage Object User"):
        publish.publish(newer, ADDRESS)

    assert cloud.get(MANIFEST) == before
    assert publish.publish(newer, ADDRESS) == 4


def test_of_two_publishers_one_wins_and_the_other_is_told(
    cloud: CloudStorage, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quicker = make_weights(tmp_path / "quicker", vgg16=1)
    cloud.before(UPLOAD, lambda: publish.publish(quicker, ADDRESS))

    assert publish.main([ADDRESS, "--weights", str(weights)]) == 2
    assert "Somebody else published to gs://" in capsys.readouterr().err
    assert Manifest.load(resolve(ADDRESS)) == Manifest.load(quicker)
    assert publish.main([ADDRESS, "--weights", str(weights)]) == 0


def test_two_publishers_of_the_same_set_do_not_disturb_each_other(cloud: CloudStorage, weights: Path) -> None:
    cloud.before(UPLOAD, lambda: publish.publish(weights, ADDRESS))
    publish.publish(weights, ADDRESS)

    assert Manifest.load(resolve(ADDRESS)) == Manifest.load(weights)


@pytest.mark.parametrize("lost", [r"alexnet\.noise_v1\.safetensors", r"manifest\.json"])
def test_an_answer_that_is_lost_is_no_conflict(cloud: CloudStorage, weights: Path, lost: str) -> None:
    cloud.fault(rf"{UPLOAD}.*{lost}", cut(0))
    publish.publish(weights, ADDRESS)

    assert len(cloud.asked(rf"{UPLOAD}.*{lost}")) == 2
    assert Manifest.load(resolve(ADDRESS)) == Manifest.load(weights)


def test_an_object_that_is_not_what_its_name_says_is_replaced(
    cloud: CloudStorage, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish.publish(weights, ADDRESS)
    (name,) = [name for name in cloud.generations() if name.endswith("vgg16.noise_v1.safetensors")]
    cloud.put(name, b"half of it")

    assert publish.publish(weights, ADDRESS) == 2
    assert cloud.get(name) == (weights / "vgg16.noise_v1.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("pattern", "fault", "sentence"),
    [
        (UPLOAD, refused(404, "The specified bucket does not exist."), r"says: The specified bucket.*Make the bucket"),
        (r"GET .*manifest", refused(403, "No."), r"manifest\.json may not be read"),
        (UPLOAD, refused(503, "Backend Error"), r"cannot be reached: it answered 503"),
        (rf"{UPLOAD}.*manifest", cut(0), r"cannot be reached: no connection"),
    ],
)
def test_each_failure_has_its_sentence(
    cloud: CloudStorage,
    weights: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    pattern: str,
    fault: Fault,
    sentence: str,
) -> None:
    monkeypatch.setattr(publish, "ANSWER_SECONDS", 0.4)
    monkeypatch.setattr(publish, "TRANSFER_SECONDS", 0.4)
    cloud.fault(pattern, fault, times=100)

    assert publish.main([ADDRESS, "--weights", str(weights)]) == 2
    assert re.search(sentence, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("vgg16.noise_v1.safetensors", b"short", r"vgg16\.noise_v1\.safetensors is not the file that manifest\.json"),
        (
            "vgg16.noise_v1.safetensors",
            bytes(70_000),
            r"vgg16\.noise_v1\.safetensors is not the file that manifest\.json",
        ),
        ("vgg16.noise_v1.int8.xml", None, r"vgg16\.noise_v1\.int8\.xml cannot be read"),
        ("vocabulary.txt", b"beach\nlove\ninstagoof\n", r"platform tags instagood are not in the vocabulary"),
    ],
)
def test_a_folder_that_is_not_what_its_manifest_says_is_not_published(
    cloud: CloudStorage, weights: Path, file: str, content: bytes | None, sentence: str
) -> None:
    (weights / file).unlink()
    if content is not None:
        (weights / file).write_bytes(content)
    with pytest.raises(WeightsError, match=sentence):
        publish.publish(weights, ADDRESS)

    assert cloud.requests == []


def test_an_address_has_to_be_one(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert publish.main(["bucket/weights", "--weights", str(weights)]) == 2
    assert "'bucket/weights' is not an address in Cloud Storage" in capsys.readouterr().err
