"""Objects into files: in chunks, several at once, and a file gets its name once its content is what it should be."""

import contextlib
import errno
import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from google.api_core.exceptions import RequestRangeNotSatisfiable
from tqdm import tqdm

from hashstagram.errors import WeightsError
from hashstagram.storage.bucket import ANSWER_SECONDS, TIMEOUT, TRANSFER_SECONDS, Bucket, patient
from hashstagram.storage.published import PublishedFile

CHUNK = 4 * 2**20
AT_ONCE = 4


@dataclass(frozen=True)
class _Source:
    """An object in one generation, its bytes, and the sha256 that they must have, if that is known."""

    file: str
    object: str
    generation: int
    bytes: int
    sha256: str | None


def download(bucket: Bucket, files: Sequence[PublishedFile], folder: Path) -> None:
    """Fetch files into a folder, with a bar where standard error is a terminal.

    Room for all of them is taken before the first byte is asked for. A connection that breaks is made again and goes
    on at the byte where it broke. Files that were finished stay when something else fails.

    Raises WeightsError as `Bucket.explained` does, where an object is shorter than it should be or has another sha256,
    and where the disk is full; OSError for a folder that cannot be written for another reason.
    """
    sources = [_source(bucket, file) for file in files]
    size = sum(source.bytes for source in sources)
    stop = threading.Event()
    with ExitStack() as stack:
        bar = stack.enter_context(tqdm(desc=str(bucket.address), total=size, unit="B", unit_scale=True, disable=None))
        try:
            parts = [stack.enter_context(_part(folder / f"{source.file}.part", source.bytes)) for source in sources]
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise WeightsError(
                f"The disk is full: the weights of {bucket.address} need {size / 1e6:.1f} MB more in {folder}. "
                "Make room, or name a folder on another disk with HASHSTAGRAM_CACHE."
            ) from error
        pool = ThreadPoolExecutor(AT_ONCE)
        stack.callback(pool.shutdown, cancel_futures=True)
        stack.callback(stop.set)
        chunks = [
            [
                pool.submit(_fetch, bucket, source, _Sink(part, start, min(start + CHUNK, source.bytes), bar, stop))
                for start in range(0, source.bytes, CHUNK)
            ]
            for source, part in zip(sources, parts, strict=True)
        ]
        for source, part, fetched in zip(sources, parts, chunks, strict=True):
            for chunk in fetched:
                chunk.result()
            _finish(bucket, source, part, folder)


def _source(bucket: Bucket, file: PublishedFile) -> _Source:
    """What to fetch; the bucket is asked for what the manifest does not say."""
    generation, size = file.generation, file.bytes
    if generation is None or size is None:
        with bucket.explained(file.object):
            blob = bucket.blob(file.object)
            blob.reload(timeout=TIMEOUT, retry=patient(ANSWER_SECONDS))
            generation, size = int(blob.generation), int(blob.size) if size is None else size
    return _Source(file.file, file.object, generation, size, file.sha256)


@contextmanager
def _part(path: Path, size: int) -> Iterator[int]:
    """An open file with its room on the disk; removed in the end unless it has another name by then."""
    # What a killed process left may be a link to another set's file: never write into it.
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        if size:
            os.posix_fallocate(descriptor, 0, size)
        yield descriptor
    finally:
        os.close(descriptor)
        path.unlink(missing_ok=True)


class _Sink:
    """Takes the bytes of one chunk, start to end, to their place in the file."""

    def __init__(self, descriptor: int, start: int, end: int, bar: "tqdm[None]", stop: threading.Event) -> None:
        self._descriptor, self._bar, self._stop = descriptor, bar, stop
        self.start, self.position, self.end = start, start, end

    def write(self, content: bytes) -> int:
        """The next bytes. Raises CancelledError once the download is given up."""
        if self._stop.is_set():
            raise CancelledError
        self.position += os.pwrite(self._descriptor, content[: self.end - self.position], self.position)
        self._bar.update(len(content))
        return len(content)


def _fetch(bucket: Bucket, source: _Source, sink: _Sink) -> None:
    # An object that ends before the chunk begins is one that is cut short.
    with bucket.explained(source.object), contextlib.suppress(RequestRangeNotSatisfiable):
        bucket.blob(source.object, source.generation).download_to_file(
            sink,
            start=sink.start,
            end=sink.end - 1,
            raw_download=True,
            checksum=None,
            timeout=TIMEOUT,
            retry=patient(TRANSFER_SECONDS),
        )
    if sink.position < sink.end:
        raise WeightsError(
            f"{bucket.address}/{source.object} is cut short: it should have {source.bytes} bytes and ends after "
            f"{sink.position}. Publish the weights again: python -m training.publish {bucket.address}"
        )


def _finish(bucket: Bucket, source: _Source, part: int, folder: Path) -> None:
    path = folder / f"{source.file}.part"
    with path.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    if source.sha256 not in (None, sha256):
        raise WeightsError(
            f"{bucket.address}/{source.object} is damaged or was changed: its sha256 begins with {sha256[:8]}, the "
            f"manifest has {source.sha256[:8]}. Publish the weights again: python -m training.publish {bucket.address}"
        )
    path.replace(folder / source.file)
