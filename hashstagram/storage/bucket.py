"""The way to a bucket: its address, its client, and what its errors mean for who reads them."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

from google.api_core.exceptions import Forbidden, GoogleAPICallError, NotFound, RetryError, Unauthorized
from google.api_core.retry import Retry
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, InvalidOperation, TransportError
from google.cloud import storage
from google.cloud.storage.exceptions import InvalidResponse
from google.cloud.storage.retry import DEFAULT_RETRY
from requests import RequestException

from hashstagram.errors import WeightsError

# For how long a question, and a transfer that moves megabytes, is tried again before the bucket counts as unreachable.
ANSWER_SECONDS, TRANSFER_SECONDS = 20.0, 120.0
# To connect, and between two pieces of an answer.
TIMEOUT = (5.0, 30.0)


# These two say what happened, and their base says that it is an error.
class Unreachable(WeightsError):  # noqa: N818
    """No answer, or none but 'later', for as long as it was tried."""


class Missing(WeightsError):  # noqa: N818
    """The bucket has no such object, or there is no such bucket: Cloud Storage does not tell strangers which."""


@dataclass(frozen=True)
class Address:
    """A place in Cloud Storage: a bucket, and the prefix of its objects without slashes around it, which may be ""."""

    bucket: str
    prefix: str

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read `gs://bucket` or `gs://bucket/prefix`. Raises WeightsError for anything else."""
        found = re.fullmatch(r"gs://([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])(?:/(.*?))?/?", text)
        prefix = (found[2] or "") if found else ""
        if not found or not prefix.isprintable() or (prefix and {"", ".", ".."} & set(prefix.split("/"))):
            raise WeightsError(
                f"{text!r} is not an address in Cloud Storage. Write gs://BUCKET/PREFIX, as in gs://my-bucket/weights: "
                "a bucket's name has small letters, digits, dots, - and _, and a prefix has no empty parts."
            )
        return cls(found[1], prefix)

    def __str__(self) -> str:
        return f"gs://{self.bucket}/{self.prefix}".rstrip("/")

    @property
    def folder(self) -> str:
        """A name for a folder of this machine that belongs to this address alone."""
        return quote(f"{self.bucket}/{self.prefix}".rstrip("/"), safe="")


class Bucket:
    """The objects below an address, asked with the machine's credentials, or anonymously where it has none.

    STORAGE_EMULATOR_HOST leads to an emulator instead of Cloud Storage, without credentials.
    """

    def __init__(self, address: Address) -> None:
        """Raises WeightsError for credentials that cannot be used. The bucket itself is not asked yet."""
        self.address = address
        # Else the client asks for the bucket itself as well, in a thread, for traces; readers are often refused that.
        os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
        try:
            self._client = storage.Client(project=None)
        except DefaultCredentialsError as error:
            if os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
                raise WeightsError(
                    f"GOOGLE_APPLICATION_CREDENTIALS names no credentials that can be used ({error}). "
                    "Name a key file, or unset it to read public buckets."
                ) from error
            self._client = storage.Client.create_anonymous_client()
        except GoogleAuthError as error:
            raise _not_signed_in(address, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._client.close()

    def blob(self, name: str, generation: int | None = None) -> Any:
        """The client's handle of an object below the address, in one generation or in the one that is there."""
        path = f"{self.address.prefix}/{name}".lstrip("/")
        return self._client.bucket(self.address.bucket).blob(path, generation=generation)

    def read(self, name: str, attempts: int = 5) -> tuple[bytes, int]:
        """A small object's content and the generation that it is of. Raises WeightsError as `explained` does."""
        with self.explained(name):
            blob = self.blob(name)
            blob.reload(timeout=TIMEOUT, retry=patient(ANSWER_SECONDS))
            generation = int(blob.generation)
        try:
            with self.explained(name):
                blob = self.blob(name, generation)
                return blob.download_as_bytes(timeout=TIMEOUT, retry=patient(ANSWER_SECONDS)), generation
        except Missing:
            # Another one took its place between the two questions.
            if attempts == 1:
                raise
            return self.read(name, attempts - 1)

    @contextmanager
    def explained(self, name: str, *, writing: bool = False) -> Iterator[None]:
        """Turn what goes wrong with an object into a sentence.

        Raises Missing where it is not there, Unreachable where nothing answers, and WeightsError where it is refused.
        """
        where = f"{self.address}/{name}"
        try:
            yield
        except RetryError as error:
            raise Unreachable(
                f"{self.address} cannot be reached: {_reason(error.cause)}. Check the network, and try again."
            ) from error
        except NotFound as error:
            advice = (
                f"Make the bucket (gcloud storage buckets create gs://{self.address.bucket}) or check the address."
                if writing
                else f"Check the address, or publish weights there: python -m training.publish {self.address}"
            )
            raise Missing(f"{where} does not exist{_said(error)}. {advice}") from error
        except (Forbidden, Unauthorized) as error:
            verb, role = ("written", "User") if writing else ("read", "Viewer")
            raise WeightsError(
                f"{where} may not be {verb} by the account that this machine uses{_said(error)}. "
                f"Use another one, or give it the role Storage Object {role} on the bucket."
            ) from error
        except InvalidOperation as error:
            raise WeightsError(
                f"{where} is not public, and no credentials were found on this machine. Sign in with "
                "gcloud auth application-default login, or name a key file with GOOGLE_APPLICATION_CREDENTIALS."
            ) from error
        except RequestException as error:
            raise WeightsError(
                f"{where} cannot be asked for: {error}. Check STORAGE_EMULATOR_HOST and the proxy settings."
            ) from error
        except GoogleAPICallError as error:
            raise WeightsError(
                f"Cloud Storage did not accept a request for {where}: {error.code}{_said(error)}. Check the address."
            ) from error
        except GoogleAuthError as error:
            raise _not_signed_in(self.address, error) from error


def patient(seconds: float) -> Retry:
    """Try again for that long where waiting may help: no connection, a broken one, 408, 429 and 5xx."""
    policy: Retry = DEFAULT_RETRY.with_delay(initial=0.2, maximum=10.0, multiplier=2.0).with_timeout(seconds)
    return policy


def _not_signed_in(address: Address, error: GoogleAuthError) -> WeightsError:
    if error.retryable or isinstance(error, TransportError):
        return Unreachable(f"{address} cannot be reached: no connection to sign in ({error}). Try again.")
    return WeightsError(
        f"{address} was not asked, because signing in failed ({error}). "
        "Sign in again with gcloud auth application-default login, or check the key file."
    )


def _said(error: GoogleAPICallError) -> str:
    """What Cloud Storage says itself, for the middle of a sentence; nothing where it says nothing."""
    try:
        message = error.response.json()["error"]["message"]
    except (AttributeError, ValueError, TypeError, KeyError):
        return ""
    return f" (Cloud Storage says: {message})"


def _reason(cause: BaseException | None) -> str:
    if isinstance(cause, GoogleAPICallError):
        return f"it answered {cause.code:d}"
    if isinstance(cause, InvalidResponse):
        return f"it answered {cause.response.status_code:d}"
    return f"no connection, or one that broke ({type(cause).__name__})"
