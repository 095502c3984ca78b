"""Which photos train and which are held out. Near-duplicates share a group, and a group is never divided.

There are three protocols. `own` is the split that the data's index.csv names. `notebook` is the 80/20 split of the
2018 project. `paper` holds out 5,000 of HARRISON's photos as the paper did (Park et al. 2016, arXiv 1605.05054, §5);
the paper published no list, so ours is drawn by numpy's `RandomState(2016).permutation(57383)[:5000]` and published as
line numbers of data_list.txt in splits/harrison_paper_5000.txt, which is what is read here.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hashstagram.errors import DataError, SettingError
from training.dataset import Posts

PROTOCOLS = ("own", "notebook", "paper")

PAPER_SEED = 2016
PAPER_FILE = Path(__file__).parent / "splits" / "harrison_paper_5000.txt"

# The sources whose photos show several things and are tagged from captions or keywords.
WILD_SOURCES = (
    "coco_comp5329", "flickr8k", "feedme_food_tags", "imagenet_sample",
    "coco128", "nature_vietnam5", "nature_wallpapers_unsplash",
)  # fmt: skip
# Small sources of what people post most, every visible thing labelled by eye.
GAP_PREFIX = "gap_"

# Group numbers up to here are drawn for one by one; sparser ones are numbered anew first.
_DRAWN_DIRECTLY = 2**20


def _notebook(count: int) -> NDArray[np.str_]:
    """HARRISON's 80/20 as in 2018: rows shuffled by numpy's seed 42, the first fifth (rounded down) is val."""
    rows = np.arange(count)
    np.random.RandomState(42).shuffle(rows)
    split = np.full(count, "train")
    split[rows[: count // 5]] = "val"
    return split


def list_sha256(photos: Sequence[str]) -> str:
    """Names a data_list.txt: sha256 over its lines, each ended by a newline."""
    return hashlib.sha256("".join(f"{photo}\n" for photo in photos).encode()).hexdigest()


def _paper(posts: Posts) -> NDArray[np.str_]:
    """The published 5,000 as val. Raises DataError where the data's list is not the one that they were drawn from."""
    lines = PAPER_FILE.read_text(encoding="utf-8").splitlines()
    facts = dict(line.removeprefix("# ").split(": ", 1) for line in lines if line.startswith("#"))
    if list_sha256(posts.photos) != facts["data_list.txt sha256"]:
        raise DataError(
            f"The paper's 5,000 test photos are lines of HARRISON's own data_list.txt with {facts['photos']} photos; "
            f"{posts.root} has another list, of {len(posts)} photos. Choose the protocol notebook (80/20) or own."
        )
    split = np.full(len(posts), "train")
    split[[int(line) - 1 for line in lines if not line.startswith("#")]] = "val"
    return split


def with_protocol(posts: Posts, protocol: str | None) -> Posts:
    """The same posts, divided by `own`, `notebook` or `paper` for everything that asks for train and val.

    None is what `default_protocol` says.

    Raises SettingError for another name; DataError where the data names no split of its own (own) or is not HARRISON
    as published (paper).
    """
    protocol = protocol or default_protocol(posts)
    if protocol == "own":
        if (posts.split == "").all():
            raise DataError(
                f"{posts.root} names no split of its own: that takes an index.csv with a column split. "
                "Choose the protocol notebook (80/20), or paper for HARRISON."
            )
        return posts
    if protocol == "notebook":
        return replace(posts, split=_notebook(len(posts)))
    if protocol == "paper":
        return replace(posts, split=_paper(posts))
    raise SettingError(f"{protocol!r} is not a protocol. Choose one of: {', '.join(PROTOCOLS)}.")


def default_protocol(posts: Posts) -> str:
    """`own` for data that names a split, else `notebook`."""
    return "notebook" if (posts.split == "").all() else "own"


def train_and_val(posts: Posts) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the training and the val photos that can be read: by the posts' split, or `notebook` where there is none.

    Raises DataError for a split that is neither train nor val, and where a group of near-duplicates lies on both
    sides.
    """
    split = with_protocol(posts, None).split
    unknown = np.flatnonzero((split != "train") & (split != "val"))
    if len(unknown):
        raise DataError(
            f"index.csv names a split that is neither train nor val for {len(unknown)} photos (first: "
            f"{posts.photos[unknown[0]]}, {str(split[unknown[0]])!r}). Write train or val for every photo, or leave "
            "the column empty for all."
        )
    train, val = np.flatnonzero((split == "train") & posts.readable), np.flatnonzero((split == "val") & posts.readable)
    shared = np.intersect1d(posts.groups[train], posts.groups[val])
    if len(shared):
        raise DataError(
            f"{len(shared)} groups of near-duplicates have photos in train and in val (first: {shared[0]}). "
            "Put each group on one side in index.csv, and divide such data by that split (the protocol own)."
        )
    return train, val


def drawn_by_group(groups: NDArray[np.int64], choices: int, seed: int) -> NDArray[np.int64]:
    """A random number in 0..choices - 1 for each photo (n,), the same for all photos of a group (n,).

    Group numbers may be any integers.
    """
    numbers = groups
    if len(groups) and (groups.min() < 0 or groups.max() >= _DRAWN_DIRECTLY):
        numbers = np.unique(groups, return_inverse=True)[1]
    drawn: NDArray[np.int64] = np.random.default_rng(seed).integers(0, choices, numbers.max(initial=-1) + 1)[numbers]
    return drawn


def split_sha256(posts: Posts) -> str:
    """Names the split: sha256 over the val photos' names, one a line."""
    _, val = train_and_val(posts)
    return hashlib.sha256("\n".join(posts.photos[row] for row in val).encode()).hexdigest()


def val_sets(posts: Posts) -> dict[str, NDArray[np.int64]]:
    """The sets that figures are reported on: the rows of each.

    `main` is val without the gap sources, `wild` the part of it with several things in a photo, `gap` the gap
    sources, `all` everything. Data without gap sources has `all` alone.
    """
    _, val = train_and_val(posts)
    gap = np.char.startswith(posts.sources[val], GAP_PREFIX)
    wild = np.isin(posts.sources[val], WILD_SOURCES)
    if not gap.any():
        return {"all": val}
    return {"main": val[~gap], "wild": val[wild], "gap": val[gap], "all": val}
