"""Which photos are meant by the files and folders that somebody names."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

# What is looked at; a folder of photos holds other things too.
ENDINGS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".heic", ".heif", ".hif"),
    *(".avif", ".gif", ".tif", ".tiff", ".bmp"),
)


class Listed(NamedTuple):
    """A photo: its name as it was given, or as the folder's and its own make it. A photo replaced has another version.

    `version` is "" for what is not there, or cannot be looked at.
    """

    name: str
    version: str


class Problem(NamedTuple):
    """A photo or folder that cannot be used, and the sentence that says why."""

    name: str
    sentence: str


@dataclass
class Found:
    """The photos, in order; folders that could not be looked into; and whether there was a folder among what was named.

    `root` is the deepest folder that holds all that was named.
    """

    photos: list[Listed] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    has_folder: bool = False
    root: Path = field(default_factory=Path)

    def leave_out(self, error: OSError) -> None:
        """Note that a folder could not be looked into."""
        sentence = f"This folder cannot be looked into ({error.strerror}). Give this account the right to read it."
        self.problems.append(Problem(str(error.filename), sentence))


def is_photo(name: str) -> bool:
    """Whether a file is looked at: by its ending, and not if it is hidden."""
    return name.lower().endswith(ENDINGS) and not name.startswith(".")


def find(named: Iterable[str], *, recursive: bool = False) -> Found:
    """The photos of these files and folders, in the order in which they are named, each folder's by name.

    A file counts whatever its ending is; in a folder, photos count by theirs. With `recursive`, folders in folders
    count too; links to folders there do not, because they may lead back. What is hidden is left out.
    """
    found = Found()
    roots = []
    for name in named:
        path = Path(name).absolute()
        if not (name and _is_folder(path)):
            found.photos.append(listed(name))
            roots.append(path.parent)
            continue
        found.has_folder = True
        roots.append(path)
        before = len(found.photos) + len(found.problems)
        found.photos += map(listed, below(name, recursive=recursive, unreadable=found.leave_out))
        if len(found.photos) + len(found.problems) == before:
            more = "" if recursive else " Folders in it count with --recursive."
            found.problems.append(Problem(name, f"There are no photos in this folder.{more}"))
    found.root = Path(os.path.commonpath(roots)) if roots else Path()
    return found


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False  # no name that a folder can have


def below(folder: str, *, recursive: bool, unreadable: Callable[[OSError], object]) -> Iterator[str]:
    """The photos in a folder, those of each folder by name, then those of the folders in it.

    `unreadable` is told of each folder that cannot be looked into: its photos would be missing in silence.
    """
    for path, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if recursive else []
        yield from (str(Path(path, name)) for name in sorted(files) if is_photo(name))


def listed(name: str) -> Listed:
    """A photo as it is now."""
    try:
        status = Path(name).stat()
    except (OSError, ValueError):
        # A link to nothing, a file that is gone, or no name at all: whoever opens it says so.
        return Listed(name, "")
    return Listed(name, f"{status.st_size}-{status.st_mtime_ns}")
