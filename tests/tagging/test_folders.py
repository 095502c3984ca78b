"""Which photos a run is about."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hashstagram.tagging.folders import Listed, find, listed

PhotosOf = Callable[[Path], list[str]]


def names(*named: object, recursive: bool = False) -> list[str]:
    return [photo.name for photo in find(map(str, named), recursive=recursive).photos]


def test_a_folder_stands_for_its_photos_by_name(album: Path, photos_of: PhotosOf) -> None:
    assert names(album) == photos_of(album)[:3]


def test_recursive_looks_into_all_folders_but_hidden_ones(album: Path, photos_of: PhotosOf) -> None:
    assert names(album, recursive=True) == photos_of(album)


def test_what_is_named_comes_in_the_order_given_and_as_it_was_written(
    album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(album)
    given = ["./b.jpg", "notes.txt", "day 2", "missing.jpg", "https://example.org/a.jpg", ""]

    assert names(*given) == ["./b.jpg", "notes.txt", "day 2/zwölf.png", *given[3:]]


def test_links_to_folders_are_not_followed_and_links_to_photos_are(album: Path, photos_of: PhotosOf) -> None:
    (album / "day 2" / "again").symlink_to(album)
    (album / "link.jpg").symlink_to("b.jpg")
    (album / "nowhere.jpg").symlink_to("gone.jpg")

    found = names(album, recursive=True)
    assert sorted(found) == sorted([*photos_of(album), str(album / "link.jpg"), str(album / "nowhere.jpg")])
    assert names(album / "day 2" / "again") != []


def test_a_folder_without_photos_is_said(album: Path) -> None:
    (album / "empty" / "deep").mkdir(parents=True)

    (problem,) = find([str(album / "empty")]).problems
    assert problem.sentence == "There are no photos in this folder. Folders in it count with --recursive."
    (problem,) = find([str(album / "empty")], recursive=True).problems
    assert problem.sentence == "There are no photos in this folder."


def test_a_folder_that_cannot_be_looked_into_is_said(album: Path, close_folder: Callable[[str], None]) -> None:
    close_folder("evening")
    found = find([str(album)], recursive=True)

    assert len(found.photos) == 4
    assert [(problem.name, problem.sentence) for problem in found.problems] == [
        (
            str(album / "day 2" / "evening"),
            "This folder cannot be looked into (Permission denied). Give this account the right to read it.",
        )
    ]


def test_the_root_holds_all_that_is_named(album: Path) -> None:
    assert find([str(album)]).root == album
    assert find([str(album / "day 2"), str(album / "b.jpg")]).root == album
    assert find([str(album / "day 2" / "evening"), str(album / "day 2" / "zwölf.png")]).root == album / "day 2"


def test_a_photo_that_was_replaced_has_another_version(album: Path) -> None:
    photo = str(album / "b.jpg")
    before = listed(photo)
    assert listed(photo) == before
    os.utime(photo, ns=(1, 1))

    assert listed(photo) != before
    assert listed(str(album / "gone.jpg")) == Listed(str(album / "gone.jpg"), "")
    assert listed("nul\0.jpg").version == ""
