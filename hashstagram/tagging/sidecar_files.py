"""Sidecars in their places: `photo.jpg.xmp` beside its photo, or in a folder that mirrors the photos' tree.

A photo is only ever read. A sidecar is written under another name and then takes its own, so whoever reads it sees the
old one or the new one, whole.
"""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from hashstagram.choice import Hashtag
from hashstagram.recommender import Recommender
from hashstagram.tagging.embedded import embedded_keywords
from hashstagram.tagging.folders import Listed
from hashstagram.tagging.order import Order
from hashstagram.tagging.sidecars import Origin, SidecarError, origin, sidecar


class SidecarFiles:
    """The sidecars of a run: beside the photos, or below `folder` as the photos are below `root`.

    What is there counts, in this order: the sidecar itself; where it would be in `folder`, the one beside the photo;
    `photo.xmp`, as Lightroom names it, unless another file of that name, such as a raw photo, has the better claim.
    Only the first is written.
    """

    def __init__(self, order: Order, folder: Path | None = None, root: Path = Path()) -> None:
        self._order, self._folder, self._root = order, folder, root

    def has(self, photo: Listed) -> bool:
        """Whether the sidecar holds what this order gives for the photo as it is now."""
        try:
            content = self._place(photo).read_bytes()
            # Most of those that are not right can be told without understanding them.
            return self._order.mark.encode() in content and origin(content) == self._made(photo)
        except (OSError, SidecarError):
            return False

    def put(self, photo: Listed, recommender: Recommender, hashtags: Sequence[Hashtag]) -> None:
        """Write a photo's sidecar. Raises SidecarError where one that is there cannot be read, merged or replaced."""
        place = self._place(photo)
        try:
            existing = next((path.read_bytes() for path in self._known(photo, place) if path.is_file()), b"")
            embedded = embedded_keywords(Path(photo.name).read_bytes())
            content = sidecar(hashtags, self._made(photo), existing, embedded)
            if content != existing or not place.is_file():
                place.parent.mkdir(parents=True, exist_ok=True)
                _write(place, content)
        except OSError as error:
            raise SidecarError(
                f"{error.filename or place} cannot be read or written ({error.strerror}). "
                "Make room or give this account the right to, or name another folder with --out."
            ) from error

    def _made(self, photo: Listed) -> Origin:
        return Origin(self._order.record.id, order=self._order.mark, photo=photo.version)

    def _place(self, photo: Listed) -> Path:
        path = Path(photo.name)
        if self._folder is not None:
            path = self._folder / path.absolute().relative_to(self._root)
        places = _beside(path)
        return next((place for place in places if place.exists()), places[0])

    def _known(self, photo: Listed, place: Path) -> Iterator[Path]:
        path = Path(photo.name)
        yield from (place, *_beside(path))
        for lightrooms in (path.with_suffix(".xmp"), path.with_suffix(".XMP")):
            if lightrooms.is_file() and not _has_namesakes(path):
                yield lightrooms


def _beside(path: Path) -> tuple[Path, Path]:
    """Where the sidecar of a photo may be: under our name for it, and under one that digiKam has used."""
    return path.with_name(f"{path.name}.xmp"), path.with_name(f"{path.name}.XMP")


def _has_namesakes(path: Path) -> bool:
    """Whether there are other files that a `photo.xmp` could belong to."""
    same = (each for each in path.parent.iterdir() if each.stem == path.stem and each.name != path.name)
    return any(each.suffix.lower() != ".xmp" for each in same)


def _write(place: Path, content: bytes) -> None:
    # What a link leads to is replaced, not the link.
    place = place.resolve()
    # Always the same name, so that what a run that was killed has left goes when the next one is at this photo.
    unfinished = place.with_name(f".{place.name}.part")
    try:
        unfinished.write_bytes(content)
        if place.exists():
            shutil.copymode(place, unfinished)
        unfinished.replace(place)
    finally:
        unfinished.unlink(missing_ok=True)
