"""Photos with hashtags in HARRISON's layout, and a cache of their decoded pixels.

The layout: `data_list.txt` names a photo a line, `tag_list.txt` holds its tags in the same order, `vocab_index.txt`
gives the vocabulary. Text files may be xz-compressed. An optional `index.csv` adds a source, a group of
near-duplicates and a split to each photo. A photo's path serves to open it and for nothing else: HARRISON's folders
are named after a tag of their photos.
"""

import csv
import hashlib
import json
import lzma
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from hashstagram.errors import DataError, PhotoError
from hashstagram.photos import open_photo
from hashstagram.vocabulary import Vocabulary

# Short side of the cached pixels: enough for 224-pixel crops of most of the photo, a tenth of the originals' memory.
CACHED_SIDE = 256


@dataclass(frozen=True)
class Posts:
    """n photos with their tags.

    `tags` is bool (n, tags of the vocabulary); `split` is "" where the data names none; `readable` is False for photos
    that did not decode, which neither train nor score.
    """

    root: Path
    photos: tuple[str, ...]
    tags: NDArray[np.bool_]
    sources: NDArray[np.str_]
    groups: NDArray[np.int64]
    split: NDArray[np.str_]
    vocabulary: Vocabulary
    readable: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.photos)

    @property
    def visible(self) -> NDArray[np.int64]:
        """Indices of the tags that occur at all: what these photos can teach, in vocabulary order."""
        return np.flatnonzero(self.tags.any(axis=0))


def _lines(root: Path, name: str) -> list[str]:
    plain, packed = root / name, root / f"{name}.xz"
    if plain.is_file():
        return plain.read_text(encoding="utf-8").splitlines()
    if packed.is_file():
        return lzma.decompress(packed.read_bytes()).decode("utf-8").splitlines()
    raise DataError(
        f"{root} has no {name} (nor {name}.xz). Point --data at a folder in HARRISON's layout: data_list.txt, "
        "tag_list.txt and vocab_index.txt beside the photos' folder."
    )


def _vocabulary(root: Path) -> Vocabulary:
    places: list[tuple[int, str]] = []
    for number, line in enumerate(_lines(root, "vocab_index.txt"), start=1):
        try:
            tag, index = line.split()
            places.append((int(index), tag))
        except ValueError:
            raise DataError(
                f"{root}/vocab_index.txt, line {number}: {line!r} is not a tag and its index, such as: love 0"
            ) from None
    return Vocabulary(tuple(tag for _, tag in sorted(places)))


def read_posts(root: Path) -> Posts:
    """Read a folder in HARRISON's layout. No photo is opened.

    Raises DataError where a file is missing or not of its form, the lists differ in length or a tag is not in the
    vocabulary.
    """
    vocabulary = _vocabulary(root)
    photos = _lines(root, "data_list.txt")
    tag_lines = _lines(root, "tag_list.txt")
    if len(photos) != len(tag_lines):
        raise DataError(
            f"{root}: data_list.txt has {len(photos)} lines and tag_list.txt {len(tag_lines)}; line i of both must "
            "belong to photo i."
        )
    if not photos:
        raise DataError(f"{root}/data_list.txt is empty: it names one photo a line.")
    tags = np.zeros((len(photos), len(vocabulary)), dtype=np.bool_)
    for row, line in enumerate(tag_lines):
        for tag in line.split():
            if tag not in vocabulary:
                raise DataError(f"{root}/tag_list.txt, line {row + 1}: {tag!r} is not one of the vocabulary's tags.")
            tags[row, vocabulary.index(tag)] = True
    sources = np.array(["harrison"] * len(photos), dtype=np.str_)
    groups = np.arange(len(photos), dtype=np.int64)
    split = np.array([""] * len(photos), dtype=np.str_)
    if (root / "index.csv").is_file():
        with (root / "index.csv").open(newline="", encoding="utf-8") as file:
            rows = {row.get("file"): row for row in csv.DictReader(file)}
        missing = [photo for photo in photos if photo not in rows]
        if missing:
            raise DataError(f"{root}/index.csv has no row for {missing[0]} and {len(missing) - 1} other photos.")
        try:
            sources = np.array([rows[photo]["source"] for photo in photos])
            groups = np.array([int(rows[photo]["group"]) for photo in photos], dtype=np.int64)
            split = np.array([rows[photo]["split"] for photo in photos])
        except (KeyError, ValueError, TypeError) as error:
            raise DataError(
                f"{root}/index.csv must have the columns file, source, group (a number) and split: {error}."
            ) from error
    return Posts(root, tuple(photos), tags, sources, groups, split, vocabulary, np.ones(len(photos), dtype=np.bool_))


class PixelCache:
    """Decoded photos, one after the other in one memory-mapped file: each epoch reads pixels, none decodes again."""

    def __init__(self, folder: Path) -> None:
        meta = json.loads((folder / "pixels.json").read_text(encoding="utf-8"))
        self.heights = np.array(meta["heights"], dtype=np.int64)
        self.widths = np.array(meta["widths"], dtype=np.int64)
        self.unreadable: dict[str, str] = meta["unreadable"]
        self._offsets = np.concatenate([[0], np.cumsum(self.heights * self.widths * 3)])
        self._pixels = np.memmap(folder / "pixels.u8", dtype=np.uint8, mode="r")

    def __len__(self) -> int:
        return len(self.heights)

    def pixels(self, row: int) -> NDArray[np.uint8]:
        """The photo as RGB (H, W, 3), short side at most 256 pixels."""
        flat = self._pixels[self._offsets[row] : self._offsets[row + 1]]
        return np.asarray(flat).reshape(int(self.heights[row]), int(self.widths[row]), 3)

    def photo(self, row: int) -> Image.Image:
        """The same as an image."""
        return Image.fromarray(self.pixels(row))


def _decode(path: Path) -> NDArray[np.uint8] | str:
    try:
        photo = open_photo(path)
    except PhotoError as error:
        return str(error)
    short = min(photo.size)
    if short > CACHED_SIDE:
        scale = CACHED_SIDE / short
        size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
        photo = photo.resize(size, Image.Resampling.BICUBIC)
    return np.asarray(photo)


def fingerprint(photos: Sequence[str]) -> str:
    """Names a list of photos, so that a cache is never used for another list."""
    return hashlib.sha256("\n".join(photos).encode()).hexdigest()[:16]


def cached_pixels(posts: Posts, cache: Path) -> PixelCache:
    """The posts' pixels, decoded on first use into `cache` (about 150 KB a photo).

    Photos that do not decode are named in the result's `unreadable` and take no space: HARRISON itself has one.
    Raises DataError where not a single photo decodes.
    """
    folder = cache / f"pixels-{fingerprint(posts.photos)}"
    if (folder / "pixels.json").is_file():
        return PixelCache(folder)
    folder.mkdir(parents=True, exist_ok=True)
    heights, widths, unreadable = [], [], {}
    part = folder / "pixels.u8.part"
    with part.open("wb") as file, ThreadPoolExecutor(os.cpu_count()) as pool:
        paths = (posts.root / photo for photo in posts.photos)
        for name, decoded in tqdm(
            zip(posts.photos, pool.map(_decode, paths, chunksize=64), strict=True),
            total=len(posts),
            desc="decoding",
            unit="photo",
        ):
            if isinstance(decoded, str):
                unreadable[name] = decoded
                heights.append(0)
                widths.append(0)
            else:
                heights.append(decoded.shape[0])
                widths.append(decoded.shape[1])
                decoded.tofile(file)
    if len(unreadable) == len(posts):
        name, reason = next(iter(unreadable.items()))
        raise DataError(f"None of the {len(posts)} photos under {posts.root} could be read. First, {name}: {reason}")
    part.replace(folder / "pixels.u8")
    meta = {"heights": heights, "widths": widths, "unreadable": unreadable}
    temporary = folder / "pixels.json.part"
    temporary.write_text(json.dumps(meta), encoding="utf-8")
    temporary.replace(folder / "pixels.json")
    return PixelCache(folder)


def open_data(root: Path, cache: Path) -> tuple[Posts, PixelCache]:
    """The posts and their pixels, decoded on first use; photos that do not decode are marked.

    Raises DataError as `read_posts` and `cached_pixels` do.
    """
    posts = read_posts(root)
    pixels = cached_pixels(posts, cache)
    for name, reason in pixels.unreadable.items():
        tqdm.write(f"left out: {name}: {reason}")
    return replace(posts, readable=pixels.heights > 0), pixels
