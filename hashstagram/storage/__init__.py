"""Weights from Cloud Storage: `gs://bucket/prefix` becomes a folder of this machine.

published   what a bucket holds, and how a set of weights is put there so that nobody sees half of it
bucket      the way to a bucket: its address, its client, and what its errors mean for who reads them
download    objects into files: in chunks, several at once, checked before they get their names
cache       the sets that this machine has

Google's packages take a third of a second to import: only who has an address in Cloud Storage imports this room.
"""

import logging
from pathlib import Path

from hashstagram.errors import WeightsError
from hashstagram.manifest import MANIFEST
from hashstagram.storage.bucket import Address, Bucket, Unreachable
from hashstagram.storage.cache import Cache, cache_folder

__all__ = ["fetch"]

_log = logging.getLogger(__name__)

# A process that has asked for an address stays with the set that it got: its models belong together, even where
# another set is published while it starts.
_fetched: dict[tuple[Address, Path], Path] = {}


def fetch(address: str) -> Path:
    """The folder of this machine that holds the weights of `gs://bucket/prefix`, downloaded where it lacks them.

    The bucket's manifest says which set that is. Where the bucket cannot be reached, the set that was used last is
    taken, and a warning says so. Later calls of the same process give the same folder.

    Raises WeightsError for an address that is none, a bucket that is missing, refuses, or cannot be reached while this
    machine has no copy, for objects that are not what the manifest says, and for a cache that cannot be written.
    """
    source, folder = Address.parse(address), cache_folder()
    known = _fetched.get((source, folder))
    if known is None or not known.is_dir():
        known = _fetched[source, folder] = _newest(source, Cache(folder, source))
    return known


def _newest(source: Address, cache: Cache) -> Path:
    try:
        with Bucket(source) as bucket:
            return cache.whole_set(bucket, *bucket.read(MANIFEST))
    except Unreachable as error:
        folder = cache.last_used()
        if folder is None:
            raise
        _log.warning("%s Until then the copy from before serves: %s", error, folder)
        return folder
    except WeightsError as error:
        folder = cache.last_used()
        if folder is None:
            raise
        raise WeightsError(f"{error} The copy from before is whole: HASHSTAGRAM_WEIGHTS={folder} serves it.") from error
    except OSError as error:
        raise WeightsError(
            f"The weights of {source} cannot be kept in {cache.folder} ({error.strerror or error}). "
            "Make room or make it writable, or name another folder with HASHSTAGRAM_CACHE."
        ) from error
