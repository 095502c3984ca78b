"""A file of JSON lines or CSV that a run fills, and that a later run goes on with.

Each row has, beside what `rows` says, the `version` of its photo and the `order` that it answers: a row with both is
still right. Rows that are not are taken out before the first new one is written, and so is what a run that was killed
has left half written.
"""

import codecs
import contextlib
import fcntl
import itertools
import json
import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from hashstagram.choice import Hashtag
from hashstagram.errors import SettingError
from hashstagram.recommender import Recommender
from hashstagram.tagging import rows
from hashstagram.tagging.folders import Listed
from hashstagram.tagging.order import Order
from hashstagram.tagging.rows import Row

_STATE = ("version", "order")


class _JsonLines:
    head = b""

    @staticmethod
    def text(row: Row) -> bytes:
        return rows.json_line(row).encode()

    @staticmethod
    def read(path: Path) -> Iterator[Row]:
        with path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield json.loads(line)
                else:
                    _check_begun(line, b'{"photo": ')


class _Csv:
    # Spreadsheet programs know by the mark that it is UTF-8.
    head = codecs.BOM_UTF8 + rows.csv_text([], more=_STATE).encode()

    @staticmethod
    def text(row: Row) -> bytes:
        return rows.csv_text([row], header=False, more=_STATE).encode("utf-8", "surrogateescape")

    @staticmethod
    def read(path: Path) -> Iterator[Row]:
        with path.open("rb") as file:
            _check_begun(file.read(len(_Csv.head)), _Csv.head)
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            lines = (line for line in file if line.endswith("\n"))
            groups = itertools.groupby(rows.read_csv(lines), key=lambda cells: cells["photo"])
            read = ((photo, list(cells)) for photo, cells in groups)
            # Of a file that ends in the middle of a row, the last photo may lack tags.
            before: Row | None = None
            for photo, cells in read:
                if before is not None:
                    yield before
                shared = {name: value for name, value in cells[0].items() if name in ("model", *_STATE)}
                tags = [{name: each[name] for name in ("tag", "confidence", "kind")} for each in cells if each["tag"]]
                before = {"photo": photo, "hashtags": tags, **shared}
            if before is not None and _is_whole(path):
                yield before


def _check_begun(content: bytes, head: bytes) -> None:
    """Raise ValueError where `content` neither begins with `head` nor is the beginning of it."""
    if not content.startswith(head) and not head.startswith(content):
        raise ValueError("something else")


_FORMS: dict[str, Any] = {"jsonl": _JsonLines, "csv": _Csv}
FORMS = tuple(_FORMS)


class Table:
    """The file of a run, open for more rows; used with `with`. `again` takes out the rows of all photos of the run.

    Raises SettingError for a file that is not one of these, is in use by another run, or cannot be written.
    """

    def __init__(self, path: Path, form: str, order: Order, photos: Collection[Listed], *, again: bool) -> None:
        self._path, self._form, self._order, self._again = path, _FORMS[form], order, again
        self._versions = dict(photos)
        self._done: set[str] = set()
        with contextlib.ExitStack() as undone:
            try:
                self._file = undone.enter_context(_locked(path))
                self._begin()
            except OSError as error:
                raise self._unwritable(error) from error
            undone.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def has(self, photo: Listed) -> bool:
        """Whether there is a row for the photo as it is now."""
        return photo.name in self._done

    def put(self, photo: Listed, recommender: Recommender, hashtags: Sequence[Hashtag]) -> None:
        """Add a photo's row. Raises SettingError where that fails, such as on a full disk."""
        row = rows.row(photo.name, recommender.name, hashtags)
        try:
            _write(self._file, self._form.text({**row, "version": photo.version, "order": self._order.mark}))
        except OSError as error:
            raise self._unwritable(error) from error

    def _begin(self) -> None:
        if not self._path.stat().st_size:
            _write(self._file, self._form.head)
            return
        is_right = True
        for row in self._rows():
            if self._is_right(row):
                self._done.add(row["photo"])
            else:
                is_right = False
        if is_right and _is_whole(self._path):
            return
        unfinished = self._path.with_name(f".{self._path.name}.part")
        try:
            with unfinished.open("wb") as file:
                file.write(self._form.head)
                file.writelines(self._form.text(row) for row in self._rows() if self._is_right(row))
            unfinished.replace(self._path)
        finally:
            unfinished.unlink(missing_ok=True)
        self._file.close()
        self._file = _locked(self._path)

    def _rows(self) -> Iterator[Row]:
        try:
            for row in self._form.read(self._path):
                if not isinstance(row["photo"], str) or not isinstance(row["hashtags"], list) or "model" not in row:
                    raise ValueError("not a row")
                yield row
        except (ValueError, KeyError, TypeError) as error:
            raise SettingError(
                f"{self._path} is not a file of hashtags in this format. "
                "Name another file with --out, or move this one away."
            ) from error

    def _is_right(self, row: Row) -> bool:
        """Whether a row stays: that of another run's photo, or one that still is the answer to this order."""
        version = self._versions.get(row["photo"])
        if version is None:
            return True
        return not self._again and [row.get(name) for name in _STATE] == [version, self._order.mark]

    def _unwritable(self, error: OSError) -> SettingError:
        if isinstance(error, BlockingIOError):
            return SettingError(
                f"Another run is writing into {self._path}. Wait for it, or name another file with --out."
            )
        return SettingError(
            f"{self._path} cannot be written ({error.strerror}). Make room, or name another file with --out."
        )


def _locked(path: Path) -> BinaryIO:
    """The file, to append to; no other run has it. Raises OSError, BlockingIOError where another run has."""
    file = path.open("ab", buffering=0)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise
    return file


def _write(file: BinaryIO, content: bytes) -> None:
    while content:
        content = content[file.write(content) :]


def _is_whole(path: Path) -> bool:
    """Whether the file ends with the end of a row."""
    with path.open("rb") as file, contextlib.suppress(OSError):
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"
    return True
