"""Weights from Cloud Storage, against an emulator over HTTP and with the faults of real networks and buckets."""

import errno
import gc
import io
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from made_weights import make_weights
from storage_emulator import BUCKET, CloudStorage, Fault, cut, granted, refused, shortened, spoiled

from hashstagram import load_model, storage
from hashstagram.errors import WeightsError
from hashstagram.storage import bucket, download
from hashstagram.weights import Manifest, load_vocabulary, resolve
from training.publish import publish

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = f"gs://{BUCKET}/weights"
NOWHERE = "http://127.0.0.1:9"
SERVED = 10
VGG16 = r"vgg16\.noise_v1\.safetensors\?alt=media"


# Google's client leaves the rest of an answer that it does not want to the garbage collector.
pytestmark = pytest.mark.filterwarnings(r"ignore:unclosed <socket\.socket \[closed\]:ResourceWarning")


@pytest.fixture(scope="module", autouse=True)
def _collected() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture(autouse=True)
def _small_chunks_and_little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "CHUNK", 20_000)
    monkeypatch.setattr(bucket, "ANSWER_SECONDS", 0.4)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """What is published."""
    return make_weights(tmp_path / "weights")


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    """Resolve the address as a process does that starts now."""

    def start() -> Path:
        monkeypatch.setattr(storage, "_fetched", {})
        return resolve(ADDRESS)

    return start


Start = Callable[[], Path]


def same(folder: Path, weights: Path) -> bool:
    """Whether all files that serve are those of the weights, and none is unfinished."""
    names = {path.name for path in folder.iterdir()}
    served = {path.name for path in weights.iterdir() if path.is_file()} - {"MODEL_CARD.md"}
    equal = all((folder / name).read_bytes() == (weights / name).read_bytes() for name in served - {"manifest.json"})
    return equal and names == served and Manifest.load(folder) == Manifest.load(weights)


def sets(folder: Path) -> list[str]:
    """What lies beside a set in the cache, but for the lock."""
    return sorted(path.name for path in folder.parent.iterdir() if path.name != "lock")


def test_a_published_folder_comes_whole(cloud: CloudStorage, weights: Path, start: Start) -> None:
    publish(weights, ADDRESS)
    folder = start()

    assert same(folder, weights)
    assert sets(folder) == [folder.name]
    load_vocabulary(folder, Manifest.load(folder))


def test_the_weights_of_a_bucket_answer_as_those_of_a_folder(
    cloud: CloudStorage, small_weights: Path, monkeypatch: pytest.MonkeyPatch, drawn_photos: list[object]
) -> None:
    monkeypatch.setattr(download, "CHUNK", 4 * 2**20)
    publish(small_weights, ADDRESS)
    monkeypatch.setenv("HASHSTAGRAM_WEIGHTS", ADDRESS)

    expected = load_model("alexnet", weights=small_weights).recommend(drawn_photos[0])
    assert load_model("alexnet").recommend(drawn_photos[0]) == expected


def test_what_is_there_is_not_fetched_again(cloud: CloudStorage, weights: Path, start: Start) -> None:
    publish(weights, ADDRESS)
    folder = start()
    cloud.requests.clear()

    assert start() == folder
    assert cloud.asked("objects/") == []


def test_another_set_takes_its_place_and_shares_what_did_not_change(
    cloud: CloudStorage, weights: Path, tmp_path: Path, start: Start
) -> None:
    publish(weights, ADDRESS)
    before = start()
    newer = make_weights(tmp_path / "newer", vgg16=1)
    publish(newer, ADDRESS)
    cloud.requests.clear()
    after = start()

    assert after != before
    assert same(after, newer)
    assert same(before, weights)
    assert {line.partition("?")[0].rpartition("/")[2] for line in cloud.asked("objects/")} == {
        f"vgg16.noise_v1.{form}" for form in ("safetensors", "int8.xml", "int8.safetensors")
    }
    publish(weights, ADDRESS)
    cloud.requests.clear()
    assert same(start(), weights)
    assert cloud.asked("objects/") == []


def test_a_process_stays_with_its_set(cloud: CloudStorage, weights: Path, tmp_path: Path, start: Start) -> None:
    publish(weights, ADDRESS)
    folder = start()
    publish(make_weights(tmp_path / "newer", vgg16=1), ADDRESS)

    assert resolve(ADDRESS) == folder
    assert start() != folder


def test_sets_that_nobody_used_for_a_week_go_when_a_new_one_comes(
    cloud: CloudStorage, weights: Path, tmp_path: Path, start: Start
) -> None:
    publish(weights, ADDRESS)
    oldest = start()
    publish(make_weights(tmp_path / "newer", vgg16=1), ADDRESS)
    older = start()
    last_month = time.time() - 30 * 24 * 3600
    os.utime(oldest, (last_month, last_month))
    publish(make_weights(tmp_path / "newest", vgg16=2), ADDRESS)
    newest = start()

    assert sets(newest) == sorted([older.name, newest.name])


def test_without_network_the_copy_from_before_serves_with_a_warning(
    cloud: CloudStorage,
    weights: Path,
    tmp_path: Path,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    publish(weights, ADDRESS)
    older = start()
    publish(make_weights(tmp_path / "newer", vgg16=1), ADDRESS)
    newer = start()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", NOWHERE)

    assert start() == newer
    (warning,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert re.search(rf"{ADDRESS} cannot be reached: no connection.*{newer}", warning.getMessage())

    (newer / "vocabulary.txt").unlink()
    (newer / "vocabulary.txt").write_bytes(b"beach\nlove\ninstagoof\n")
    assert start() == older


def test_without_network_and_copy_it_says_so(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", NOWHERE)
    with pytest.raises(WeightsError, match=r"cannot be reached: no connection.*Check the network"):
        start()


def test_an_emulator_that_is_named_without_its_scheme(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "127.0.0.1:9")
    with pytest.raises(WeightsError, match=r"cannot be asked for: .*Check STORAGE_EMULATOR_HOST"):
        start()


def test_a_bucket_that_is_overloaded_is_asked_again(cloud: CloudStorage, weights: Path, start: Start) -> None:
    publish(weights, ADDRESS)
    cloud.fault(VGG16, refused(503, "Backend Error"), times=2)
    cloud.fault(r"manifest\.json\?projection", refused(429, "Too many requests"))

    assert same(start(), weights)


def test_a_bucket_that_stays_overloaded_cannot_be_reached(
    cloud: CloudStorage, weights: Path, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    publish(weights, ADDRESS)
    cloud.fault("manifest", refused(503, "Backend Error"), times=100)
    with pytest.raises(WeightsError, match=r"cannot be reached: it answered 503\. Check the network"):
        start()


def test_a_connection_that_breaks_goes_on_where_it_broke(cloud: CloudStorage, weights: Path, start: Start) -> None:
    publish(weights, ADDRESS)
    cloud.fault(rf"{VGG16}.*bytes=20000-39999", cut(17_000))

    assert same(start(), weights)
    (again,) = [int(found[1]) for line in cloud.asked(VGG16) if (found := re.search(r"bytes=(\d+)-39999", line))][1:]
    assert 20_000 < again <= 37_000


def test_a_connection_that_stays_broken_leaves_what_was_finished(
    cloud: CloudStorage, weights: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "TRANSFER_SECONDS", 0.4)
    publish(weights, ADDRESS)
    cloud.fault(rf"{VGG16}.*bytes=20000-", cut(0), times=100)
    with pytest.raises(WeightsError, match=r"cannot be reached: no connection, or one that broke"):
        start()
    cloud.forgive()
    cloud.requests.clear()

    assert same(start(), weights)
    assert cloud.asked(r"alexnet\.noise_v1\.safetensors") == []


@pytest.mark.parametrize(
    ("pattern", "fault", "sentence"),
    [
        (
            "manifest",
            refused(404, "The specified bucket does not exist."),
            r"manifest\.json does not exist \(Cloud Storage says: The specified bucket.*\)\. Check the address",
        ),
        (
            "manifest",
            refused(403, "No access to that."),
            r"manifest\.json may not be read by the account .*says: No access to that\.\).*Storage Object Viewer",
        ),
        ("manifest", refused(401, "Anonymous caller."), r"manifest\.json is not public, and no credentials were found"),
        ("manifest", refused(400, "Invalid bucket."), r"did not accept a request for .*400.*Invalid bucket"),
        (VGG16, refused(403, "No."), r"objects/\w+/vgg16\.noise_v1\.safetensors may not be read"),
        (VGG16, refused(404, "No."), r"objects/\w+/vgg16\.noise_v1\.safetensors does not exist"),
        (VGG16, shortened(5_000), r"vgg16\.noise_v1\.safetensors is cut short: it should have 70000 bytes"),
        (VGG16, refused(416, "Range."), r"vgg16\.noise_v1\.safetensors is cut short: it should have 70000 bytes"),
        (VGG16, spoiled, r"vgg16\.noise_v1\.safetensors is damaged or was changed: its sha256.*Publish the weights"),
    ],
)
def test_each_failure_has_its_sentence_and_the_copy_from_before_stays(
    cloud: CloudStorage, weights: Path, tmp_path: Path, start: Start, pattern: str, fault: Fault, sentence: str
) -> None:
    publish(weights, ADDRESS)
    cloud.fault(pattern, fault, times=100)
    with pytest.raises(WeightsError, match=sentence) as without:
        start()
    assert "HASHSTAGRAM_WEIGHTS" not in str(without.value)

    cloud.forgive()
    before = start()
    newer = make_weights(tmp_path / "newer", vgg16=1)
    publish(newer, ADDRESS)
    cloud.fault(pattern, fault, times=100)
    with pytest.raises(WeightsError, match=rf"{sentence}.*HASHSTAGRAM_WEIGHTS={before} serves it"):
        start()
    assert same(before, weights)
    cloud.forgive()
    assert same(start(), newer)


def test_the_connection_that_failed_leaves_no_unfinished_file(cloud: CloudStorage, weights: Path, start: Start) -> None:
    publish(weights, ADDRESS)
    cloud.fault(VGG16, spoiled, times=100)
    with pytest.raises(WeightsError):
        start()

    assert list((storage.cache_folder()).rglob("*.safetensors.part")) == []


def test_a_damaged_copy_is_mended_and_nobody_at_work_with_it_notices(
    cloud: CloudStorage, weights: Path, start: Start
) -> None:
    publish(weights, ADDRESS)
    folder = start()
    file = folder / "vgg16.noise_v1.safetensors"
    content = bytearray(file.read_bytes())
    content[5] ^= 1
    file.unlink()
    file.write_bytes(content)
    with file.open("rb") as at_work:
        cloud.requests.clear()
        assert start() == folder
        assert at_work.read() == content
    assert same(folder, weights)
    assert len(cloud.asked("objects/")) == len(cloud.asked(VGG16)) == 4

    manifest = folder / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"bias": 0.0', b'"bias": 9.0'))
    assert start() == folder
    assert same(folder, weights)


def test_what_a_killed_process_left_is_never_written_into(
    cloud: CloudStorage, weights: Path, tmp_path: Path, start: Start
) -> None:
    publish(weights, ADDRESS)
    before = start()
    file = before / "vgg16.noise_v1.safetensors"
    shutil.copy(file, tmp_path / "kept")
    file.unlink()
    (before / f"{file.name}.part").hardlink_to(tmp_path / "kept")

    assert same(start(), weights)
    assert (tmp_path / "kept").read_bytes() == (weights / file.name).read_bytes()
    assert (tmp_path / "kept").stat().st_ino != file.stat().st_ino


def test_a_full_disk_is_noticed_before_anything_is_fetched(
    cloud: CloudStorage, weights: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    publish(weights, ADDRESS)
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(WeightsError, match=r"The disk is full: .* need 0\.2 MB more in .*HASHSTAGRAM_CACHE"):
        start()
    assert cloud.asked("objects/.*media") == []
    assert list(storage.cache_folder().rglob("*.safetensors.part")) == []


def test_a_cache_that_cannot_be_written(
    cloud: CloudStorage, weights: Path, tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(weights, ADDRESS)
    (tmp_path / "file").touch()
    monkeypatch.setenv("HASHSTAGRAM_CACHE", str(tmp_path / "file"))
    with pytest.raises(WeightsError, match=r"cannot be kept in .*file.*Not a directory.*HASHSTAGRAM_CACHE"):
        start()


def test_where_the_cache_is(
    cloud: CloudStorage, weights: Path, tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(weights, ADDRESS)
    name = f"{BUCKET}%2Fweights"
    assert start().parent == Path.home() / ".cache" / "hashstagram" / name
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert start().parent == Path.home() / ".cache" / "hashstagram" / name
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert start().parent == tmp_path / "xdg" / "hashstagram" / name
    monkeypatch.setenv("HASHSTAGRAM_CACHE", str(tmp_path / "ours"))
    assert start().parent == tmp_path / "ours" / name


def test_two_processes_that_start_together_fetch_once(cloud: CloudStorage, weights: Path, tmp_path: Path) -> None:
    publish(weights, ADDRESS)
    cloud.requests.clear()
    environment = os.environ | {"HASHSTAGRAM_WEIGHTS": ADDRESS, "HASHSTAGRAM_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-c", "from hashstagram.weights import resolve; print(resolve())"]
    processes = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    one, other = (process.communicate()[0].strip() for process in processes)

    assert [process.returncode for process in processes] == [0, 0]
    assert one == other
    assert same(Path(one), weights)
    media = cloud.asked("objects/.*media")
    assert len(media) == len(set(media)) == SERVED - 1


def test_a_manifest_that_is_replaced_while_it_is_read(
    cloud: CloudStorage, weights: Path, tmp_path: Path, start: Start
) -> None:
    publish(weights, ADDRESS)
    newer = make_weights(tmp_path / "newer", vgg16=1)
    cloud.before(r"manifest\.json\?alt=media", lambda: publish(newer, ADDRESS))

    assert same(start(), newer)


def test_a_set_that_is_replaced_while_it_is_fetched_comes_whole(
    cloud: CloudStorage, weights: Path, tmp_path: Path, start: Start
) -> None:
    publish(weights, ADDRESS)
    newer = make_weights(tmp_path / "newer", vgg16=1)
    cloud.before(r"objects/.*media", lambda: publish(newer, ADDRESS))

    assert same(start(), weights)
    assert same(start(), newer)


def test_an_object_that_is_not_the_one_that_the_manifest_names_is_not_taken(
    cloud: CloudStorage, weights: Path, start: Start
) -> None:
    publish(weights, ADDRESS)
    (name,) = [name for name in cloud.generations() if name.endswith("vgg16.noise_v1.safetensors")]
    cloud.put(name, (weights / "vgg16.noise_v1.safetensors").read_bytes())
    with pytest.raises(WeightsError, match=r"vgg16\.noise_v1\.safetensors does not exist .*or publish weights there"):
        start()


def test_a_folder_that_was_copied_as_it_is_can_be_read(cloud: CloudStorage, weights: Path, start: Start) -> None:
    for path in weights.iterdir():
        if path.is_file():
            cloud.put(f"weights/{path.name}", path.read_bytes())
    assert same(start(), weights)

    cloud.put("weights/vgg16.noise_v1.safetensors", b"short")
    cloud.put("weights/manifest.json", (weights / "manifest.json").read_bytes() + b"\n")
    assert same(start(), weights)


@pytest.mark.parametrize("change", [lambda objects: objects.pop(), lambda objects: objects[-1].pop("generation")])
def test_a_manifest_that_does_not_name_its_objects(
    cloud: CloudStorage, weights: Path, start: Start, change: Callable[[list[dict[str, object]]], object]
) -> None:
    publish(weights, ADDRESS)
    content = json.loads(cloud.get("weights/manifest.json"))
    content["objects"] = [entry for entry in content["objects"] if "/" not in entry["file"]]
    content["objects"] = [entry for entry in content["objects"] if entry["file"] != "MODEL_CARD.md"]
    change(content["objects"])
    cloud.put("weights/manifest.json", json.dumps(content).encode())
    with pytest.raises(WeightsError, match=r"does not say which object holds companions\.noise_v1\.safetensors"):
        start()


@pytest.mark.parametrize(
    "address",
    [
        "gs://",
        "gs:///a",
        "gs://Bucket/a",
        "gs://b",
        "gs://bucket//a",
        "gs://bucket/../a",
        "gs://buck%t/a",
        "gs://b.c/a\n",
    ],
)
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(WeightsError, match=rf"{re.escape(repr(address))} is not an address.*gs://BUCKET/PREFIX"):
        resolve(address)


@pytest.mark.parametrize("address", [f"gs://{BUCKET}", f"gs://{BUCKET}/", f"gs://{BUCKET}/a/b", f"gs://{BUCKET}/a/b/"])
def test_weights_may_lie_anywhere_in_a_bucket(cloud: CloudStorage, weights: Path, address: str) -> None:
    publish(weights, address)
    assert same(resolve(address), weights)


def test_credentials_are_used_where_there_are_any_and_public_buckets_need_none(
    cloud: CloudStorage, weights: Path, tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(weights, ADDRESS)
    monkeypatch.delenv("STORAGE_EMULATOR_HOST")
    monkeypatch.setenv("API_ENDPOINT_OVERRIDE", cloud.host)
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    cloud.authorizations.clear()
    assert same(start(), weights)
    assert cloud.authorizations == {None}

    cloud.fault("manifest", refused(401, "Anonymous caller does not have storage.objects.get access."))
    with pytest.raises(WeightsError, match=r"is not public, and no credentials.*gcloud auth application-default login"):
        start()

    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    with pytest.raises(WeightsError, match=r"GOOGLE_APPLICATION_CREDENTIALS names no credentials"):
        start()

    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "ours")
    (tmp_path / "subject").write_text("who we are")
    key = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{cloud.host}/token",
        "credential_source": {"file": str(tmp_path / "subject")},
    }
    (tmp_path / "key.json").write_text(json.dumps(key))
    cloud.fault("POST /token", granted("a-token"), times=9)
    cloud.authorizations.clear()
    assert same(start(), weights)
    assert "Bearer a-token" in cloud.authorizations

    cloud.forgive()
    cloud.fault("POST /token", refused(400, "The subject token has expired."), times=9)
    with pytest.raises(WeightsError, match=r"signing in failed .*Sign in again with gcloud auth"):
        start()

    (tmp_path / "key.json").write_text(json.dumps(key | {"token_url": f"{NOWHERE}/token"}))
    assert same(start(), weights)
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT")
    assert same(start(), weights)


def test_a_bar_is_drawn_on_a_terminal_only(
    cloud: CloudStorage, weights: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    publish(weights, ADDRESS)
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    folder = start()
    assert re.search(rf"{ADDRESS}: 100%.*208k/208k", terminal.getvalue())

    (folder / "vgg16.noise_v1.safetensors").unlink()
    monkeypatch.setattr(sys, "stderr", file := io.StringIO())
    start()
    assert file.getvalue() == ""


def test_local_weights_need_nothing_of_googles(small_weights: Path) -> None:
    code = (
        "import sys, hashstagram; hashstagram.available_models();"
        "print([name for name in sys.modules if name.split('.')[0] in ('google', 'requests', 'tqdm')])"
    )
    environment = os.environ | {"HASHSTAGRAM_WEIGHTS": str(small_weights)}
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (run.stdout, run.returncode) == ("[]\n", 0)
