"""Publish a weight folder to Cloud Storage: `python -m training.publish gs://bucket/prefix`.

The app serves it from there with HASHSTAGRAM_WEIGHTS=gs://bucket/prefix. Files go first, under names that hold their
sha256, and the manifest last, so that who reads meanwhile finds the set from before or this one, whole; the first lines
of `hashstagram.storage.published` say how. The model card and its plots go too. What is there is not sent again.
"""

import argparse
import hashlib
import mimetypes
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from google.api_core.exceptions import PreconditionFailed
from tqdm import tqdm

from hashstagram.errors import HashStagramError, WeightsError
from hashstagram.manifest import MANIFEST, Manifest
from hashstagram.storage.bucket import ANSWER_SECONDS, TIMEOUT, TRANSFER_SECONDS, Address, Bucket, Missing, patient
from hashstagram.storage.published import PublishedFile, files_of, object_name, with_objects
from hashstagram.weights import load_vocabulary

CARD, PLOTS = "MODEL_CARD.md", "reliability"


def publish(weights: Path, address: str) -> int:
    """Publish a weight folder; returns how many objects were sent, 0 where all was there.

    Raises WeightsError for a folder that is not what its manifest says, for an address that is none, for a bucket that
    is missing, refuses or cannot be reached, and where somebody else published meanwhile.
    """
    files = _checked_files(weights)
    with Bucket(Address.parse(address)) as bucket:
        try:
            before, generation = bucket.read(MANIFEST)
        except Missing:
            before, generation = b"", 0
        sent, published = 0, []
        total = sum(path.stat().st_size for _, path, _ in files)
        with tqdm(desc=str(bucket.address), total=total, unit="B", unit_scale=True, disable=None) as bar:
            for name, path, sha256 in files:
                target = object_name(name, sha256)
                there, new = _ensure(bucket, target, path)
                sent += new
                published.append(PublishedFile(name, target, there, path.stat().st_size, sha256))
                bar.update(path.stat().st_size)
        content = with_objects((weights / MANIFEST).read_bytes(), published)
        if content == before:
            return sent
        _replace_manifest(bucket, content, generation)
        return sent + 1


def _checked_files(weights: Path) -> list[tuple[str, Path, str]]:
    """Name, path and sha256 of all that belongs to a weight folder but its manifest, once it is found right."""
    manifest = Manifest.load(weights)
    load_vocabulary(weights, manifest)
    files = []
    for name, size, expected in [*files_of(manifest), *((name, None, None) for name in _documents(weights))]:
        path = weights / name
        try:
            with path.open("rb") as content:
                sha256 = hashlib.file_digest(content, "sha256").hexdigest()
        except OSError as error:
            raise WeightsError(f"{path} cannot be read ({error.strerror}). Restore it.") from error
        if size not in (None, path.stat().st_size) or expected not in (None, sha256):
            raise WeightsError(f"{path} is not the file that {MANIFEST} lists. Restore it, or export it again.")
        files.append((name, path, sha256))
    return files


def _documents(weights: Path) -> Iterator[str]:
    if (weights / CARD).is_file():
        yield CARD
    yield from (f"{PLOTS}/{path.name}" for path in sorted((weights / PLOTS).glob("*.png")))


def _ensure(bucket: Bucket, target: str, path: Path, attempts: int = 3) -> tuple[int, bool]:
    """Have an object with a file's content; returns its generation and whether it had to be sent.

    An object that is there is left alone, for manifests name its generation.
    """
    blob, size = bucket.blob(target), path.stat().st_size
    try:
        with bucket.explained(target):
            blob.reload(timeout=TIMEOUT, retry=patient(ANSWER_SECONDS))
        there = int(blob.generation)
        if blob.size == size:
            return there, False
    except Missing:
        there = 0
    blob = bucket.blob(target)
    with bucket.explained(target, writing=True):
        try:
            blob.upload_from_filename(
                str(path),
                content_type=mimetypes.guess_type(path.name)[0] or "application/octet-stream",
                if_generation_match=there,
                timeout=TIMEOUT,
                checksum="crc32c",
                retry=patient(TRANSFER_SECONDS),
            )
            return int(blob.generation), True
        except PreconditionFailed:
            # Sent by another publisher meanwhile, or by a first try whose answer was lost.
            if attempts == 1:
                raise
    return _ensure(bucket, target, path, attempts - 1)


def _replace_manifest(bucket: Bucket, content: bytes, generation: int) -> None:
    blob = bucket.blob(MANIFEST)
    # Public objects are cached for an hour unless they say otherwise.
    blob.cache_control = "no-store"
    with bucket.explained(MANIFEST, writing=True):
        try:
            blob.upload_from_string(
                content,
                content_type="application/json",
                if_generation_match=generation,
                timeout=TIMEOUT,
                checksum="crc32c",
                retry=patient(ANSWER_SECONDS),
            )
            return
        except PreconditionFailed:
            pass
    # Ours, where the answer to a first try was lost; otherwise another publisher's.
    if bucket.read(MANIFEST)[0] != content:
        raise WeightsError(
            f"Somebody else published to {bucket.address} at the same time, and theirs is what is served now. "
            "Look whether it is what you want; publish again to put yours in its place."
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Command line of this module."""
    parser = argparse.ArgumentParser(
        prog="python -m training.publish",
        description="Publish a weight folder to Cloud Storage, for HASHSTAGRAM_WEIGHTS=gs://bucket/prefix.",
    )
    parser.add_argument("address", metavar="gs://BUCKET/PREFIX", help="where to; the bucket has to be there")
    parser.add_argument("--weights", type=Path, default=Path("weights"), help="weight folder (default: %(default)s)")
    arguments = parser.parse_args(argv)
    try:
        sent = publish(arguments.weights, arguments.address)
    except HashStagramError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{arguments.address} serves {arguments.weights}: {sent} objects sent, the rest was there.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
