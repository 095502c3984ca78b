"""The sets of weights that this machine has from Cloud Storage, each a weight folder like any other.

    HASHSTAGRAM_CACHE/ADDRESS/GENERATION.HASH/         a whole set: its manifest.json and the files that it names
    HASHSTAGRAM_CACHE/ADDRESS/GENERATION.HASH.part/    one that is being fetched
    HASHSTAGRAM_CACHE/ADDRESS/lock                     who fetches holds it

GENERATION is the one that the bucket gave the manifest, HASH the beginning of the manifest's sha256. So a folder's name
says which set it is, another set gets another folder, and all that is in a folder can be checked without the bucket:
the manifest by the name, the files by the manifest. Nothing is ever written into a file that has its name; files that
two sets share are the same on the disk (hard links).

The lock is `flock`'s, which POSIX systems have; the kernel opens it when its holder dies.
"""

import contextlib
import fcntl
import hashlib
import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hashstagram.errors import WeightsError
from hashstagram.manifest import MANIFEST, Manifest
from hashstagram.storage.bucket import Address, Bucket
from hashstagram.storage.download import download
from hashstagram.storage.published import PublishedFile, published_files

# Sets that nobody has asked for in this time go when a new one comes.
KEPT_SECONDS = 7 * 24 * 3600

_log = logging.getLogger(__name__)


def cache_folder() -> Path:
    """HASHSTAGRAM_CACHE, else `hashstagram` in XDG_CACHE_HOME, else in ~/.cache.

    Raises WeightsError where the user has no home.
    """
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification has relative paths ignored.
    base = xdg if Path(xdg).is_absolute() else "~/.cache"
    try:
        return Path(os.environ.get("HASHSTAGRAM_CACHE") or Path(base, "hashstagram")).expanduser()
    except RuntimeError as error:
        raise WeightsError(
            "Weights from Cloud Storage need a folder, and this user has no home. Name one with HASHSTAGRAM_CACHE."
        ) from error


class Cache:
    """The sets of one address."""

    def __init__(self, folder: Path, address: Address) -> None:
        self.folder = folder / address.folder

    def whole_set(self, bucket: Bucket, content: bytes, generation: int) -> Path:
        """The folder of the set with this manifest, with all its files; what is missing or wrong is fetched.

        Of processes that want it at once, one fetches it and the others wait. Raises WeightsError as `download` does
        and for a manifest that is none, and OSError for a cache that cannot be written.
        """
        name = f"{generation}.{_hash(content)}"
        folder = self._whole(name)
        if folder is not None:
            # When it was last used. A cache that can only be read is not one where sets come and go.
            with contextlib.suppress(OSError):
                os.utime(folder)
            return folder
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._lock():
            folder = self._fetch(bucket, content, name)
            self._forget_old()
        return folder

    def last_used(self) -> Path | None:
        """The folder of the set that was used last of those that are whole and right."""
        try:
            folders = sorted(self.folder.iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
        except OSError:
            return None
        return next((folder for folder in folders if self._whole(folder.name)), None)

    def _whole(self, name: str) -> Path | None:
        folder = self.folder / name
        try:
            content = (folder / MANIFEST).read_bytes()
            if name.rpartition(".")[2] != _hash(content):
                return None
            files = published_files(content, Manifest.load(folder))
            return folder if all(_is_right(folder / file.file, file) for file in files) else None
        except (OSError, WeightsError):
            return None

    def _fetch(self, bucket: Bucket, content: bytes, name: str) -> Path:
        """Complete a set, which may be whole by now because another process was at it."""
        folder = self.folder / name
        # A set that was whole and is damaged is mended where it is, for processes may be at work with it.
        building = folder if folder.is_dir() else self.folder / f"{name}.part"
        building.mkdir(exist_ok=True)
        unfinished = building / f"{MANIFEST}.part"
        unfinished.write_bytes(content)
        unfinished.replace(building / MANIFEST)
        files = published_files(content, Manifest.load(building))
        wrong = [file for file in files if not _is_right(building / file.file, file)]
        if missing := [file for file in wrong if not self._link(file, building)]:
            _log.info("Fetching %d files from %s into %s", len(missing), bucket.address, folder)
            download(bucket, missing, building)
        return building.rename(folder) if building != folder else folder

    def _link(self, file: PublishedFile, building: Path) -> bool:
        """Take a file from another set where one has it."""
        if file.sha256 is None:
            return False
        for other in (folder / file.file for folder in self.folder.iterdir()):
            if _is_right(other, file):
                part = building / f"{file.file}.part"
                part.unlink(missing_ok=True)
                try:
                    part.hardlink_to(other)
                except OSError:
                    # Not every file system has them.
                    return False
                part.replace(building / file.file)
                return True
        return False

    def _forget_old(self) -> None:
        for folder in self.folder.iterdir():
            if folder.is_dir() and folder.stat().st_mtime < time.time() - KEPT_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                _log.info("Waiting for another process that fetches weights into %s", self.folder)
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _is_right(path: Path, file: PublishedFile) -> bool:
    try:
        if file.bytes not in (None, path.stat().st_size):
            return False
        with path.open("rb") as content:
            return file.sha256 in (None, hashlib.file_digest(content, "sha256").hexdigest())
    except OSError:
        return False
