"""A smaller folder of photos: `python -m training.subset --data … --photos 500 --out …`.

Every split and source keeps its share, and a group of near-duplicates is taken whole or left out. The photos are
copied; nothing is written into the folder that they come from.

`--layout harrison` gives the folder HARRISON's exact form (instagram_dataset/<a tag>/image_<n>.jpg, no index.csv): the
stand-in for who does not have HARRISON. Nothing names near-duplicates there, so it holds one photo of each group.
"""

import argparse
import csv
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from hashstagram.errors import DataError, HashStagramError, PhotoError
from hashstagram.photos import open_photo
from training.dataset import Posts, read_posts

LAYOUTS = ("own", "harrison")
SEED = 2018
_JPEG_QUALITY = 92


def shares(sizes: Mapping[tuple[str, str], int], total: int) -> dict[tuple[str, str], int]:
    """`total` divided among parts in proportion to their sizes (largest remainders; ties in the parts' order)."""
    everything = sum(sizes.values())
    exact = {part: total * size / everything for part, size in sizes.items()}
    result = {part: int(share) for part, share in exact.items()}
    by_remainder = sorted(exact, key=lambda part: result[part] - exact[part])
    for part in by_remainder[: total - sum(result.values())]:
        result[part] += 1
    return result


def chosen_rows(posts: Posts, photos: int, *, seed: int = SEED, one_a_group: bool = False) -> NDArray[np.int64]:
    """Rows of `photos` tagged photos (or a few less: no group is divided), in order, drawn by split and source.

    A group counts to the split and source of its first photo; with `one_a_group` that photo stands for it alone.
    Raises DataError where there are not so many.
    """
    groups: dict[int, list[int]] = {}
    for row in np.flatnonzero(posts.tags.any(axis=1)).tolist():
        groups.setdefault(int(posts.groups[row]), []).append(row)
    if one_a_group:
        groups = {group: rows[:1] for group, rows in groups.items()}
    there = sum(map(len, groups.values()))
    if not 1 <= photos <= there:
        counted = "groups of near-duplicates" if one_a_group else "photos with a tag"
        raise DataError(
            f"--photos {photos} cannot be had: {posts.root} has {there} {counted}. Give a number from 1 to {there}."
        )
    parts: dict[tuple[str, str], list[list[int]]] = {}
    for rows in groups.values():
        parts.setdefault((str(posts.split[rows[0]]), str(posts.sources[rows[0]])), []).append(rows)
    quota = shares({part: sum(map(len, parts[part])) for part in sorted(parts)}, photos)
    rng = np.random.default_rng(seed)
    taken: list[int] = []
    left = 0
    for part in sorted(parts):
        # What a group was too large for goes to the next source.
        left += quota[part]
        for place in rng.permutation(len(parts[part])):
            rows = parts[part][place]
            if len(rows) <= left:
                taken += rows
                left -= len(rows)
    return np.array(sorted(taken), dtype=np.int64)


def _inside(name: str) -> PurePosixPath:
    """A photo's name as a path below its folder. Raises DataError for one that leads elsewhere."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise DataError(f"{name!r} leads out of the photos' folder. Name photos below it in data_list.txt.")
    return path


def _write_lists(posts: Posts, rows: Sequence[int], names: Sequence[str], out: Path, end: str) -> None:
    tags = [" ".join(posts.vocabulary.tags[tag] for tag in np.flatnonzero(posts.tags[row])) + end for row in rows]
    (out / "data_list.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    (out / "tag_list.txt").write_text("".join(f"{line}\n" for line in tags), encoding="utf-8")
    # As in HARRISON's: tag and index in columns.
    vocabulary = [f"{tag:<21} {index}\n" for index, tag in enumerate(posts.vocabulary.tags)]
    (out / "vocab_index.txt").write_text("".join(vocabulary), encoding="utf-8")


def write_own(posts: Posts, rows: Sequence[int], out: Path) -> list[str]:
    """The photos as they are, under their names, with their rows of index.csv where there is one; returns the names.

    Raises DataError for a photo that is listed and not there.
    """
    names = [posts.photos[row] for row in rows]
    for name in names:
        target = out / _inside(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(posts.root / name, target)
        except OSError as error:
            raise DataError(
                f"{posts.root}/{name} is listed in data_list.txt and cannot be copied ({error.strerror}). "
                "Complete the folder, or take the photo out of its lists."
            ) from error
    _write_lists(posts, rows, names, out, end="")
    if (posts.root / "index.csv").is_file():
        columns = (posts.sources, posts.groups, posts.split)
        with (out / "index.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("file", "source", "group", "split"))
            writer.writerows((posts.photos[row], *(column[row] for column in columns)) for row in rows)
    return names


def write_harrison(posts: Posts, rows: Sequence[int], out: Path, seed: int = SEED) -> list[str]:
    """The photos as JPEG in folders named after one of their tags, in mixed order as HARRISON's; returns the names.

    A photo that does not decode is left out, with a line that says so.
    """
    rng = np.random.default_rng(seed)
    kept, names, numbers = list[int](), list[str](), dict[str, int]()
    for row in rng.permutation(rows).tolist():
        word = str(posts.vocabulary.tags[rng.choice(np.flatnonzero(posts.tags[row]))])
        try:
            photo = open_photo(posts.root / _inside(posts.photos[row]))
        except PhotoError as error:
            print(f"left out: {posts.photos[row]}: {error}")
            continue
        numbers[word] = numbers.get(word, 0) + 1
        name = f"instagram_dataset/{word}/image_{numbers[word]}.jpg"
        target = out / _inside(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        photo.save(target, quality=_JPEG_QUALITY)
        kept.append(row)
        names.append(name)
    _write_lists(posts, kept, names, out, end=" ")
    return names


def write(posts: Posts, photos: int, out: Path, layout: str, seed: int = SEED) -> list[str]:
    """Write a subset into the folder `out`, which is there whole or not at all; returns the photos' names.

    Raises DataError where `out` exists and is not an empty folder, lies in the photos' folder, or as `chosen_rows` and
    `write_own` do.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} exists already and is not an empty folder. Choose another --out, or remove it.")
    if out.resolve().is_relative_to(posts.root.resolve()):
        raise DataError(f"{out} lies in the folder that the photos come from. Choose an --out elsewhere.")
    rows = chosen_rows(posts, photos, seed=seed, one_a_group=layout == "harrison").tolist()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as scratch:
        part = Path(scratch) / out.name
        part.mkdir()
        names = write_harrison(posts, rows, part, seed) if layout == "harrison" else write_own(posts, rows, part)
        if out.exists():
            out.rmdir()
        part.rename(out)
    return names


def main(argv: Sequence[str] | None = None) -> int:
    """Command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m training.subset", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder in HARRISON's layout")
    parser.add_argument("--photos", type=int, required=True, help="how many to take, such as 500")
    parser.add_argument("--out", type=Path, required=True, help="the new folder; it must not exist, or be empty")
    parser.add_argument("--layout", choices=LAYOUTS, default="own", help="names and index as they are, or HARRISON's")
    parser.add_argument("--seed", type=int, default=SEED, help="another seed takes other photos")
    arguments = parser.parse_args(argv)
    try:
        posts = read_posts(arguments.data)
        names = write(posts, arguments.photos, arguments.out, arguments.layout, arguments.seed)
    except HashStagramError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{arguments.out}: {len(names)} of {len(posts)} photos, in the layout {arguments.layout}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
