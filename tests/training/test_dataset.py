"""Folders in HARRISON's layout, and their decoded pixels."""

import lzma
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hashstagram.errors import DataError
from hashstagram.photos import open_photo
from training.dataset import CACHED_SIDE, open_data, read_posts
from training.split import train_and_val

_LISTS = ("data_list.txt", "tag_list.txt")
BROKEN = "instagram_dataset/sun/image_3.jpg"


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_photos_tags_sources_groups_and_split_are_read(photos_folder: Path) -> None:
    posts = read_posts(photos_folder)
    assert len(posts) == 96
    assert posts.photos[1] == "photos/coco128/00001.avif"
    assert [posts.vocabulary.tags[index] for index in np.flatnonzero(posts.tags[4])] == sorted(
        ["red", "nature", "snow", "travel", "mountain", "landscape"], key=posts.vocabulary.index
    )
    assert set(posts.sources) == {"coco128", "flickr8k", "gap_life", "pp_clothing"}
    assert posts.groups[:6].tolist() == [0, 0, 1, 1, 2, 2]
    assert sorted(set(posts.split)) == ["train", "val"]
    assert len(posts.vocabulary) == 997


def test_visible_tags_are_those_that_occur_in_vocabulary_order(photos_folder: Path) -> None:
    posts = read_posts(photos_folder)
    tags = {tag for line in _lines(photos_folder / "tag_list.txt") for tag in line.split()}
    assert [posts.vocabulary.tags[index] for index in posts.visible] == sorted(tags, key=posts.vocabulary.index)


def test_a_download_of_harrison_is_read_as_it_comes(harrison_download: Path) -> None:
    posts = read_posts(harrison_download)
    assert posts.photos[0] == "instagram_dataset/sun/image_0.jpg"
    assert [posts.vocabulary.tags[index] for index in np.flatnonzero(posts.tags[0])] == ["sun", "red"]
    assert set(posts.sources) == {"harrison"}
    assert len(set(posts.groups)) == len(posts)
    assert set(posts.split) == {""}


def test_lists_may_be_compressed(harrison_download: Path, tmp_path: Path) -> None:
    for name in ("data_list.txt", "tag_list.txt", "vocab_index.txt"):
        (tmp_path / f"{name}.xz").write_bytes(lzma.compress((harrison_download / name).read_bytes()))
    plain, packed = read_posts(harrison_download), read_posts(tmp_path)
    assert packed.photos == plain.photos
    assert np.array_equal(packed.tags, plain.tags)
    assert packed.vocabulary.sha256 == plain.vocabulary.sha256


def test_the_vocabulary_goes_by_its_indices(photos_copy: Path) -> None:
    before = read_posts(photos_copy).vocabulary
    path = photos_copy / "vocab_index.txt"
    path.write_text("".join(f"{line}\n" for line in reversed(_lines(path))))
    assert read_posts(photos_copy).vocabulary.tags == before.tags


def _change(name: str, change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    def act(root: Path) -> None:
        (root / name).write_text("".join(f"{line}\n" for line in change(_lines(root / name))), encoding="utf-8")

    return act


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: (root / "tag_list.txt").unlink(), r"has no tag_list\.txt \(nor tag_list\.txt\.xz\)"),
        (_change("tag_list.txt", lambda lines: lines[:-1]), "data_list.txt has 96 lines and tag_list.txt 95"),
        (
            _change("tag_list.txt", lambda lines: [*lines[:41], "sun mooon ", *lines[42:]]),
            "tag_list.txt, line 42: 'mooon' is not one of the vocabulary's tags",
        ),
        (lambda root: [(root / name).write_text("") for name in _LISTS], "data_list.txt is empty"),
        (
            _change("vocab_index.txt", lambda lines: ["love", *lines[1:]]),
            "vocab_index.txt, line 1: 'love' is not a tag and its index",
        ),
        (_change("index.csv", lambda lines: lines[:-2]), r"index\.csv has no row for .*/00094\.jpg and 1 other"),
        (
            _change("index.csv", lambda lines: ["file,source,cluster,split", *lines[1:]]),
            "must have the columns file, source, group",
        ),
        (_change("index.csv", lambda lines: ["name,source,group,split", *lines[1:]]), "has no row for photos/coco128"),
        (
            _change("index.csv", lambda lines: [lines[0], lines[1].replace(",0,", ",a,"), *lines[2:]]),
            "must have the columns file, source, group",
        ),
    ],
)
def test_what_is_not_in_the_layout_is_refused(photos_copy: Path, spoil: Callable[[Path], object], message: str) -> None:
    spoil(photos_copy)
    with pytest.raises(DataError, match=message):
        read_posts(photos_copy)


def test_a_broken_photo_is_named_and_left_out(
    harrison_download: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    posts, pixels = open_data(harrison_download, tmp_path)
    row = posts.photos.index(BROKEN)
    assert list(pixels.unreadable) == [BROKEN]
    assert f"left out: {BROKEN}: " in capsys.readouterr().out
    assert np.flatnonzero(~posts.readable).tolist() == [row]
    train, val = train_and_val(posts)
    assert sorted([*train, *val]) == [other for other in range(40) if other != row]
    # It is named whenever the data are opened, not only when they are decoded.
    open_data(harrison_download, tmp_path)
    assert BROKEN in capsys.readouterr().out


def test_a_folder_without_a_single_photo_is_refused(photos_copy: Path, tmp_path: Path) -> None:
    for photo in (photos_copy / "photos").rglob("*.*"):
        photo.write_bytes(b"")
    with pytest.raises(
        DataError, match=r"None of the 96 photos .* First, photos/coco128/00000\.jpg: This file is empty"
    ):
        open_data(photos_copy, tmp_path / "cache")


def test_cached_pixels_are_the_photos_and_no_larger_than_needed(photos_folder: Path, tmp_path: Path) -> None:
    posts, pixels = open_data(photos_folder, tmp_path)
    assert len(pixels) == len(posts)
    for row in (0, 1, 7, 95):
        photo, cached = open_photo(photos_folder / posts.photos[row]), pixels.photo(row)
        if row == 7:
            assert min(photo.size) > CACHED_SIDE
            assert min(cached.size) == CACHED_SIDE
            assert cached.width / cached.height == pytest.approx(photo.width / photo.height, rel=0.01)
            cached = cached.resize(photo.size, Image.Resampling.BICUBIC)
            assert np.abs(np.asarray(cached).astype(int) - np.asarray(photo)).mean() < 3
        else:
            assert np.array_equal(np.asarray(cached), np.asarray(photo))


def test_photos_are_decoded_once(photos_copy: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    _, pixels = open_data(photos_copy, cache)
    before = np.asarray(pixels.photo(5))
    for photo in (photos_copy / "photos").rglob("*.*"):
        photo.unlink()
    posts, pixels = open_data(photos_copy, cache)
    assert posts.readable.all()
    assert np.array_equal(np.asarray(pixels.photo(5)), before)


def test_an_interrupted_decoding_is_not_taken_for_a_cache(
    photos_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(path: Path) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("training.dataset._decode", stop)
        with pytest.raises(KeyboardInterrupt):
            open_data(photos_folder, tmp_path)
    posts, _ = open_data(photos_folder, tmp_path)
    assert posts.readable.all()


def test_a_cache_is_not_used_for_another_list(photos_copy: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    _, pixels = open_data(photos_copy, cache)
    for name in _LISTS:
        _change(name, lambda lines: lines[::-1])(photos_copy)
    posts, reversed_pixels = open_data(photos_copy, cache)
    assert posts.photos[0] == "photos/gap_life/00095.avif"
    for row in (0, 40, 95):
        assert np.array_equal(np.asarray(reversed_pixels.photo(row)), np.asarray(pixels.photo(95 - row)))
