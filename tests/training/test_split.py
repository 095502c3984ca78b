"""Which photos train and which are held out."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_posts import made_posts

from hashstagram.errors import DataError, SettingError
from training import split as splits
from training.dataset import Posts, read_posts
from training.split import (
    default_protocol,
    drawn_by_group,
    list_sha256,
    split_sha256,
    train_and_val,
    val_sets,
    with_protocol,
)


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
    return made_posts(
        np.ones((count, 1), dtype=np.bool_),
        photos=tuple(f"photos/{number}.jpg" for number in range(count)),
        sources=np.array(sources or ["harrison"] * count),
        groups=np.array(groups or range(count), dtype=np.int64),
        split=np.array(split or [""] * count),
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


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (["train", "test", "val", "test", "train"], r"for 2 photos \(first: photos/1.jpg, 'test'\)"),
        (["train", "val", "", "val", "train"], r"for 1 photos \(first: photos/2.jpg, ''\)"),
    ],
)
def test_a_split_that_is_neither_train_nor_val_is_refused(split: list[str], message: str) -> None:
    with pytest.raises(DataError, match=f"neither train nor val {message}.* Write train or val"):
        train_and_val(_posts(5, split=split))


def test_a_split_in_index_csv_reaches_the_check(photos_copy: Path) -> None:
    path = photos_copy / "index.csv"
    path.write_text(path.read_text().replace(",val", ",test"))
    with pytest.raises(DataError, match="for 24 photos"):
        train_and_val(read_posts(photos_copy))


def test_the_datas_own_split_is_the_default_and_the_notebooks_where_it_has_none() -> None:
    own = _posts(5, split=["val", "train", "train", "val", "train"])
    assert default_protocol(own) == "own"
    assert with_protocol(own, "own").split.tolist() == own.split.tolist()
    plain = _posts(40)
    assert default_protocol(plain) == "notebook"
    for left, right in zip(train_and_val(plain), train_and_val(with_protocol(plain, "notebook")), strict=True):
        assert left.tolist() == right.tolist()


def test_a_protocol_overrules_the_datas_split() -> None:
    own = _posts(40, split=["val"] * 20 + ["train"] * 20)
    _, val = train_and_val(with_protocol(own, "notebook"))
    assert val.tolist() == train_and_val(_posts(40))[1].tolist()
    # Who was given the posts before still has theirs.
    assert train_and_val(own)[1].tolist() == list(range(20))


def test_the_published_test_photos_are_those_that_the_seed_draws() -> None:
    lines = [line for line in splits.PAPER_FILE.read_text().splitlines() if not line.startswith("#")]
    drawn = np.random.RandomState(splits.PAPER_SEED).permutation(57_383)[:5_000] + 1
    assert [int(line) for line in lines] == sorted(drawn.tolist())


def test_the_papers_test_photos_are_read_from_the_published_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    posts = _posts(6)
    (tmp_path / "five.txt").write_text(
        f"# photos: 6\n# data_list.txt sha256: {list_sha256(posts.photos)}\n# note: by hand\n1\n4\n"
    )
    monkeypatch.setattr(splits, "PAPER_FILE", tmp_path / "five.txt")
    train, val = train_and_val(with_protocol(posts, "paper"))
    # Lines are counted from 1.
    assert (train.tolist(), val.tolist()) == ([1, 2, 4, 5], [0, 3])
    turned = replace(posts, photos=posts.photos[::-1])
    with pytest.raises(DataError, match="6 photos; nowhere has another list, of 6 photos"):
        with_protocol(turned, "paper")


def test_a_lists_name_is_what_sha256sum_says_of_the_file(tmp_path: Path) -> None:
    content = b"instagram_dataset/sea/image_50.jpg\ninstagram_dataset/sky/image_1.jpg\n"
    assert list_sha256(content.decode().splitlines()) == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("protocol", "error", "message"),
    [
        ("own", DataError, "nowhere names no split of its own.*Choose the protocol notebook"),
        ("paper", DataError, "with 57,383 photos; nowhere has another list, of 5 photos. Choose the protocol notebook"),
        ("harrison", SettingError, "'harrison' is not a protocol. Choose one of: own, notebook, paper"),
    ],
)
def test_a_protocol_that_cannot_be_had_is_explained(protocol: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        with_protocol(_posts(5), protocol)


def test_a_group_is_drawn_for_once_whatever_its_number() -> None:
    groups = np.repeat(np.random.default_rng(0).permutation(500), 2)
    drawn = drawn_by_group(groups, 2, seed=7)
    assert drawn[::2].tolist() == drawn[1::2].tolist()
    assert 200 < drawn[::2].sum() < 300
    # What published calibrations were drawn with.
    assert drawn.tolist() == np.random.default_rng(7).integers(0, 2, 500)[groups].tolist()
    for far in (groups + 10**12, groups - 10**12, groups * 10**9 - 5):
        other = drawn_by_group(far, 5, seed=7)
        assert other[::2].tolist() == other[1::2].tolist()
        assert set(other.tolist()) == {0, 1, 2, 3, 4}


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
