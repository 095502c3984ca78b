"""What a bucket holds, and how a set of weights is put there so that nobody sees half of it.

    prefix/manifest.json            the set that is served now; the only object that is ever replaced
    prefix/objects/SHA256/NAME      every file of every set that was published, under the hash of its content

`manifest.json` is the folder's own with one more key, `objects`: for each file its name, bytes and sha256, and the
object with its generation that holds it. So whoever has read a manifest, however old, finds exactly the files that
belong to it, because publishing another set adds objects and replaces none. All objects of a set are there before its
manifest replaces the one before it, on the condition that nobody else's did so first.

A weight folder that was copied into a bucket as it is can be read too. Its manifest names no objects, so each file is
looked for under its own name; nothing then keeps a reader from files of two sets but their checksums.

Objects that no manifest names any more stay. Delete them when no reader can still hold the manifest that did.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from hashstagram.errors import WeightsError
from hashstagram.manifest import MANIFEST, Manifest

_OBJECTS = "objects"


@dataclass(frozen=True)
class PublishedFile:
    """A file of a set and the object that holds it. None is what the bucket's manifest does not say."""

    file: str
    object: str
    generation: int | None
    bytes: int | None
    sha256: str | None


def object_name(file: str, sha256: str) -> str:
    """The object, below the prefix, for a file with this content."""
    return f"{_OBJECTS}/{sha256}/{file}"


def files_of(manifest: Manifest) -> list[tuple[str, int | None, str | None]]:
    """Name, bytes and sha256 of every file that serving a set needs beside its manifest.

    What the manifest has of the tag lists is not their files' hash: their bytes and sha256 are None.
    """
    vocabulary = manifest.vocabulary
    synonyms = None if vocabulary.synonyms is None else vocabulary.synonyms.file
    lists = [name for name in (vocabulary.file, vocabulary.platform_tags, synonyms) if name is not None]
    files: list[tuple[str, int | None, str | None]] = [(name, None, None) for name in lists]
    for record in manifest.models:
        files.append((record.file, record.bytes, record.sha256))
        if record.int8 is not None:
            files += [(form.file, form.bytes, form.sha256) for form in (record.int8.graph, record.int8.numbers) if form]
    if manifest.companions is not None:
        files.append((manifest.companions.file, manifest.companions.bytes, manifest.companions.sha256))
    return files


def with_objects(content: bytes, files: Sequence[PublishedFile]) -> bytes:
    """A folder's `manifest.json`, made to name the objects that hold its files."""
    manifest = json.loads(content)
    manifest[_OBJECTS] = [asdict(file) for file in files]
    return json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def published_files(content: bytes, manifest: Manifest) -> list[PublishedFile]:
    """The files of `files_of` and where a bucket has them, from its `manifest.json` and what that was read as.

    Raises WeightsError where `objects` is not in the form of ours or lacks a file.
    """
    named = json.loads(content).get(_OBJECTS)
    if named is None:
        return [PublishedFile(file, file, None, size, sha256) for file, size, sha256 in files_of(manifest)]
    entries = {entry["file"]: entry for entry in named if _in_form(entry)} if isinstance(named, list) else {}
    files = []
    for file, size, sha256 in files_of(manifest):
        if file not in entries:
            raise WeightsError(f"{MANIFEST} does not say which object holds {file}. Publish the weights again.")
        entry = PublishedFile(**entries[file])
        # What a weight's record says is what it is checked by when it is loaded.
        files.append(replace(entry, bytes=size, sha256=sha256) if sha256 is not None else entry)
    return files


def _in_form(entry: object) -> bool:
    kinds = {"file": str, "object": str, "generation": int, "bytes": int, "sha256": str}
    return (
        isinstance(entry, dict)
        and entry.keys() == kinds.keys()
        and all(isinstance(entry[key], kind) for key, kind in kinds.items())
    )
