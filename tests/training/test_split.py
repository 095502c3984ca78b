"""Which photos train and which are held out."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from hashstagram.errors import DataError
from hashstagram.vocabulary import Vocabulary
from training.dataset import Posts
from training.split import split_sha256, train_and_val, val_sets


def _posts(
    count: int,
    *,
    split: list[str] | None = None,
    groups: list[int] | None = None,
    sources: list[str] | None = None,
    unreadable: tuple[int, ...] = (),
) -> Posts:
    readable = np.ones(count, dtype=np.bool_)
    readable[list(unreadable)] = False
    return Posts(
        root=Path("nowhere"),
        photos=tuple(f"photos/{number}.jpg" for number in range(count)),
        tags=np.ones((count, 1), dtype=np.bool_),
        sources=np.array(sources or ["harrison"] * count),
        groups=np.array(groups or range(count), dtype=np.int64),
        split=np.array(split or [""] * count),
        vocabulary=Vocabulary(("love",)),
        readable=readable,
    )


@pytest.mark.parametrize(("count", "held_out"), [(57_383, 11_476), (40, 8), (11, 2)])
def test_without_a_split_it_is_that_of_the_2018_project(count: int, held_out: int) -> None:
    indices = np.arange(count)
    state = np.random.get_state()
    np.random.seed(42)
    np.random.shuffle(indices)
    np.random.set_state(state)
    train, val = train_and_val(_posts(count))
    assert len(val) == held_out
    assert val.tolist() == sorted(indices[:held_out].tolist())
    assert train.tolist() == sorted(indices[held_out:].tolist())


def test_the_split_draws_from_no_generator_but_its_own() -> None:
    np.random.seed(1)
    expected = np.random.random()
    np.random.seed(1)
    train_and_val(_posts(50))
    assert np.random.random() == expected


def test_a_split_in_the_data_is_kept() -> None:
    train, val = train_and_val(_posts(5, split=["val", "train", "train", "val", "train"]))
    assert (train.tolist(), val.tolist()) == ([1, 2, 4], [0, 3])


def test_unreadable_photos_are_in_neither_and_move_no_other() -> None:
    everything, held_out = train_and_val(_posts(40))
    broken = (int(everything[0]), int(held_out[0]))
    train, val = train_and_val(_posts(40, unreadable=broken))
    assert train.tolist() == everything[1:].tolist()
    assert val.tolist() == held_out[1:].tolist()


def test_a_group_on_both_sides_is_refused() -> None:
    split = ["train", "val", "train", "val", "train"]
    with pytest.raises(DataError, match=r"2 groups of near-duplicates have photos in train and in val \(first: 3\)"):
        train_and_val(_posts(5, split=split, groups=[3, 3, 9, 9, 5]))


def test_the_split_is_named_by_its_val_photos() -> None:
    posts = _posts(4, split=["train", "val", "train", "val"])
    assert split_sha256(posts) == hashlib.sha256(b"photos/1.jpg\nphotos/3.jpg").hexdigest()
    assert split_sha256(posts) != split_sha256(_posts(4, split=["train", "val", "val", "train"]))


def test_figures_are_reported_apart_for_wild_and_gap_sources() -> None:
    sources = ["pp_clothing", "coco128", "gap_life", "gap_beauty", "flickr8k", "coco128"]
    sets = val_sets(_posts(6, split=["val"] * 5 + ["train"], sources=sources))
    assert {name: rows.tolist() for name, rows in sets.items()} == {
        "main": [0, 1, 4],
        "wild": [1, 4],
        "gap": [2, 3],
        "all": [0, 1, 2, 3, 4],
    }


def test_data_without_gap_sources_has_one_set() -> None:
    sets = val_sets(_posts(3, split=["val", "train", "val"]))
    assert {name: rows.tolist() for name, rows in sets.items()} == {"all": [0, 2]}
