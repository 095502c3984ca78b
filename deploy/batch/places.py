"""Where photos come from and shards go to: a folder, or what lies below a `gs://` address.

Workers make a place from its address themselves, so an address is all that travels.
"""

import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from google.api_core.exceptions import Forbidden, GoogleAPICallError, NotFound, RetryError, Unauthorized
from google.auth.exceptions import GoogleAuthError, InvalidOperation
from requests import RequestException

from hashstagram import HashStagramError, Limits, PhotoError, PhotoTooLarge
from hashstagram.photos import Photo
from hashstagram.storage.bucket import ANSWER_SECONDS, TIMEOUT, TRANSFER_SECONDS, Address, Bucket, patient
from hashstagram.tagging.folders import below, is_photo, listed


class BatchError(HashStagramError):
    """A run cannot begin or go on; says why, and what to do."""


class Listed(NamedTuple):
    """A photo that is there: its name as the command line would be given it.

    `version` is another one as soon as the photo is replaced; `size` is in bytes, where a photo has to be fetched.
    """

    name: str
    version: str
    size: int = 0


class Place(Protocol):
    """A folder or a bucket."""

    def check(self) -> None:
        """Raise BatchError where photos cannot be listed here."""

    def photos(self) -> Iterator[Listed]:
        """Every photo here and below, by its ending, in no order. Raises BatchError where that cannot be known."""

    def open(self, photo: Listed) -> Photo:
        """What `open_photo` takes. Raises PhotoError for a photo that is gone, forbidden or too large."""

    def read(self, name: str) -> str:
        """The text of a shard here, "" where there is none."""

    def write(self, name: str, text: str) -> None:
        """Put a shard here in place of what has its name; whoever reads sees the one or the other, whole."""

    def names(self) -> list[str]:
        """The files right here, not those of folders in here; none where there is nothing yet."""


@functools.cache
def place(address: str) -> Place:
    """The place of an address. Raises WeightsError for a `gs://` address that is none, or bad credentials."""
    return _Cloud(address) if address.startswith("gs://") else _Folder(address)


class _Folder:
    def __init__(self, address: str) -> None:
        self._root = Path(address)

    def check(self) -> None:
        if not self._root.is_dir():
            raise BatchError(f"{self._root} is not a folder. Name the one that holds the photos.")
        try:
            next(self._root.iterdir(), None)
        except OSError as error:
            _unreadable(error)

    def photos(self) -> Iterator[Listed]:
        # Without `onerror`, folders that may not be read would be left out in silence.
        for name in below(str(self._root), recursive=True, unreadable=_unreadable):
            yield Listed(name, listed(name).version)

    def open(self, photo: Listed) -> Photo:
        return Path(photo.name)

    def read(self, name: str) -> str:
        try:
            return (self._root / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    def write(self, name: str, text: str) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        unfinished = self._root / f"{name}.{os.getpid()}.part"
        try:
            unfinished.write_text(text, encoding="utf-8")
            unfinished.replace(self._root / name)
        finally:
            unfinished.unlink(missing_ok=True)

    def names(self) -> list[str]:
        return [path.name for path in self._root.iterdir()] if self._root.is_dir() else []


def _unreadable(error: OSError) -> None:
    raise BatchError(
        f"{error.filename} cannot be looked into ({error.strerror}), so its photos would be missing. "
        "Give this account the right to read it, or move it elsewhere."
    ) from error


class _Cloud:
    def __init__(self, address: str) -> None:
        self._address = Address.parse(address)
        self._bucket = Bucket(self._address)

    def check(self) -> None:
        next(self._blobs(max_results=1), None)

    def photos(self) -> Iterator[Listed]:
        for blob in self._blobs():
            if is_photo(blob.name.rpartition("/")[2]):
                yield Listed(f"gs://{self._address.bucket}/{blob.name}", str(blob.generation), blob.size)

    def open(self, photo: Listed) -> Photo:
        most = Limits.from_environment().max_bytes
        if photo.size > most:
            raise PhotoTooLarge(
                f"This photo has {photo.size:,} bytes; at most {most:,} are accepted. "
                "Please make it smaller or save it as JPEG, and try again."
            )
        blob = self._blob(photo.name.removeprefix(f"{self._address}/"))
        try:
            content: bytes = blob.download_as_bytes(timeout=TIMEOUT, retry=patient(TRANSFER_SECONDS))
        except NotFound as error:
            raise PhotoError("There is no photo of this name. Please check how it is written.") from error
        except (Forbidden, Unauthorized, InvalidOperation) as error:
            raise PhotoError("The photo could not be read. Please check that you may open it.") from error
        return content

    def read(self, name: str) -> str:
        try:
            content: bytes = self._blob(name).download_as_bytes(timeout=TIMEOUT, retry=patient(TRANSFER_SECONDS))
        except NotFound:
            return ""
        return content.decode()

    def write(self, name: str, text: str) -> None:
        # An object is there once all of it is, so none needs another name until then.
        self._blob(name).upload_from_string(
            text.encode(), "application/json", timeout=TIMEOUT, retry=patient(TRANSFER_SECONDS)
        )

    def names(self) -> list[str]:
        return [blob.name.rpartition("/")[2] for blob in self._blobs(delimiter="/")]

    def _blob(self, name: str) -> Any:
        return self._bucket.blob(name)

    def _blobs(self, **how: Any) -> Iterator[Any]:
        prefix = f"{self._address.prefix}/" if self._address.prefix else ""
        bucket = self._blob("any").bucket
        try:
            yield from bucket.list_blobs(prefix=prefix, timeout=TIMEOUT, retry=patient(ANSWER_SECONDS), **how)
        except NotFound as error:
            raise BatchError(
                f"There is no bucket {self._address.bucket}. Check the address {self._address}."
            ) from error
        except (Forbidden, Unauthorized, InvalidOperation) as error:
            raise BatchError(
                f"{self._address} may not be listed by the account that this machine uses. "
                "Sign in with gcloud auth application-default login, or give it the role Storage Object User."
            ) from error
        except (GoogleAPICallError, GoogleAuthError, RetryError, RequestException) as error:
            raise BatchError(f"{self._address} cannot be listed: {error}. Try again later.") from error
