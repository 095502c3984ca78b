"""Which photos train and which are held out. Near-duplicates share a group, and a group is never divided."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from hashstagram.errors import DataError
from training.dataset import Posts

# The sources whose photos show several things and are tagged from captions or keywords.
WILD_SOURCES = (
    "coco_comp5329", "flickr8k", "feedme_food_tags", "imagenet_sample",
    "coco128", "nature_vietnam5", "nature_wallpapers_unsplash",
)  # fmt: skip
# Small sources of what people post most, every visible thing labelled by eye.
GAP_PREFIX = "gap_"


def train_and_val(posts: Posts) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the training and the val photos: the data's own split, or HARRISON's 80/20 with numpy's seed 42.

    Without a split in the data, the rows are shuffled as the 2018 project did (`numpy.random.seed(42)`), and the
    first fifth is val. Raises DataError where a group of near-duplicates lies on both sides.
    """
    if (posts.split == "").all():
        rows = np.arange(len(posts))
        np.random.RandomState(42).shuffle(rows)
        held_out = len(rows) // 5
        train, val = np.sort(rows[held_out:]), np.sort(rows[:held_out])
    else:
        train, val = np.flatnonzero(posts.split == "train"), np.flatnonzero(posts.split == "val")
    train, val = train[posts.readable[train]], val[posts.readable[val]]
    shared = np.intersect1d(posts.groups[train], posts.groups[val])
    if len(shared):
        raise DataError(
            f"{len(shared)} groups of near-duplicates have photos in train and in val (first: {shared[0]}). "
            "Put each group on one side in index.csv."
        )
    return train, val


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
