"""Visitors' photos leave the disk: at the latest 15 minutes after they came, and when the server starts or ends.

Gradio's own `delete_cache` forgets uploads that were cut off, files under other field names, what an earlier process
left, and every empty folder.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import stat
import time
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

from hashstagram import SettingError

_log = logging.getLogger(__name__)

# Says that a folder is ours to empty, so that GRADIO_TEMP_DIR=/home costs nobody their files.
_MARK = ".hashstagram"
# Gradio makes this one as soon as it is imported.
_GRADIO = "vibe_edit_history"
# So that strangers cannot fill the disk in 15 minutes; some 1,500 photos from phones.
_MOST_BYTES = 4 * 2**30
# Copies of the example photos; they belong to nobody and stay.
EXAMPLES = "examples"


class Janitor:
    """Keeps the upload folder `folder` clean: files go when they are `seconds` old, or a little earlier.

    The `examples` are copied into it to stay, and `swept` is called after each sweep. The folder is `full` once about
    `most_bytes` have come to it and not gone again.

    Raises SettingError when the folder cannot be made, is another user's, or holds files that are not ours.
    """

    def __init__(
        self,
        folder: Path,
        *,
        seconds: float = 900,
        most_bytes: int = _MOST_BYTES,
        examples: Iterable[Path] = (),
        swept: Callable[[], None] = lambda: None,
    ) -> None:
        self._folder = folder
        self._swept = swept
        self._most_bytes = most_bytes
        self._bytes = 0
        # A file may just have missed one sweep when its time comes, so it goes one interval early.
        self.interval = min(60.0, seconds / 4)
        self.age = seconds - self.interval
        self._take(folder)
        self.wipe()
        if examples := tuple(examples):
            (folder / EXAMPLES).mkdir()
            for photo in examples:
                shutil.copyfile(photo, folder / EXAMPLES / photo.name)

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Sweep at intervals while the server runs, and wipe at its end."""
        task = asyncio.create_task(self._work())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            self.wipe()

    async def _work(self) -> None:
        while True:
            await asyncio.sleep(self.interval)
            try:
                await asyncio.to_thread(self.sweep)
            except OSError:
                # Photos that stay are bad, but the next sweep may succeed, and a janitor that is gone never does.
                _log.exception("The upload folder %s could not be swept", self._folder)
            self._swept()

    @property
    def full(self) -> bool:
        """Whether nothing more may come for a while."""
        return self._bytes >= self._most_bytes

    def arrived(self, size: int) -> None:
        """Count an upload of `size` bytes."""
        self._bytes += size

    def wipe(self) -> None:
        """Delete all that is in the folder."""
        self._bytes = 0
        for entry in self._folder.iterdir():
            if entry.name == _MARK:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def sweep(self) -> None:
        """Delete what is old, and folders that are empty and old."""
        oldest = time.time() - self.age
        left = 0
        for parent, folders, files in os.walk(self._folder, topdown=False):
            if (self._folder / EXAMPLES) in (Path(parent), *Path(parent).parents):
                continue
            for name in files:
                if name != _MARK:
                    left += _delete_if_older(Path(parent) / name, oldest)
            for name in folders:
                _delete_if_older(Path(parent) / name, oldest)
        self._bytes = left

    def _take(self, folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = folder.lstat()
        except OSError as error:
            raise SettingError(
                f"The upload folder {folder} cannot be made ({error.strerror}). Name another with GRADIO_TEMP_DIR."
            ) from error
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise SettingError(
                f"The upload folder {folder} is not a folder of this user. Name another in GRADIO_TEMP_DIR."
            )
        if not (folder / _MARK).exists():
            if any(entry.name != _GRADIO for entry in folder.iterdir()):
                raise SettingError(
                    f"The upload folder {folder} holds files that are not HashStagram's, and it would delete them. "
                    "Name an empty folder with GRADIO_TEMP_DIR."
                )
            (folder / _MARK).touch()
        folder.chmod(0o700)


def _delete_if_older(path: Path, oldest: float) -> int:
    """Delete a file, or a folder if it is empty; the bytes that are left of it."""
    with contextlib.suppress(FileNotFoundError):
        status = path.lstat()
        # The time of the last change to the entry itself: a photo's own date travels with copies and may be years ago.
        if status.st_ctime > oldest:
            return status.st_size
        if stat.S_ISDIR(status.st_mode):
            with contextlib.suppress(OSError):  # not empty, or a photo is arriving just now
                path.rmdir()
        else:
            path.unlink()
    return 0
