"""A smaller folder that training reads as it reads the whole one."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hashstagram.errors import DataError
from training.dataset import Posts, open_data, read_posts
from training.split import split_sha256, train_and_val
from training.subset import chosen_rows, main, shares, write


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_shares_worked_by_hand() -> None:
    # 10 of 100: 4.6, 3.3 and 2.1 are 4, 3 and 2, and the largest rest gets the last one.
    assert shares({("train", "a"): 46, ("train", "b"): 33, ("val", "a"): 21}, 10) == {
        ("train", "a"): 5,
        ("train", "b"): 3,
        ("val", "a"): 2,
    }


def test_every_split_and_source_keeps_its_share(photos_folder: Path, tmp_path: Path) -> None:
    assert main(["--data", str(photos_folder), "--photos", "48", "--out", str(tmp_path / "small")]) == 0
    whole, small = read_posts(photos_folder), read_posts(tmp_path / "small")
    assert len(small) == 48

    def parts(posts: Posts) -> Counter[tuple[str, str]]:
        return Counter(zip(posts.split.tolist(), posts.sources.tolist(), strict=True))

    assert all(abs(parts(small)[part] - count / 2) <= 2 for part, count in parts(whole).items())
    # Each photo keeps its content, tags, source, group and split.
    place = {photo: row for row, photo in enumerate(whole.photos)}
    rows = [place[photo] for photo in small.photos]
    assert rows == sorted(rows)
    assert np.array_equal(small.tags, whole.tags[rows])
    assert small.sources.tolist() == whole.sources[rows].tolist()
    assert small.groups.tolist() == whole.groups[rows].tolist()
    assert small.split.tolist() == whole.split[rows].tolist()
    assert small.vocabulary.sha256 == whole.vocabulary.sha256
    assert all((small.root / p).read_bytes() == (whole.root / p).read_bytes() for p in small.photos)


def test_groups_are_taken_whole_or_left_out(photos_folder: Path) -> None:
    posts = read_posts(photos_folder)
    for photos in (7, 20, 41):
        rows = chosen_rows(posts, photos)
        assert photos - 1 <= len(rows) <= photos
        assert set(Counter(posts.groups[rows].tolist()).values()) == {2}


def test_the_seed_chooses(photos_folder: Path) -> None:
    posts = read_posts(photos_folder)
    assert np.array_equal(chosen_rows(posts, 30), chosen_rows(posts, 30))
    assert not np.array_equal(chosen_rows(posts, 30), chosen_rows(posts, 30, seed=1))


def test_the_original_is_left_as_it_was(photos_copy: Path, tmp_path: Path) -> None:
    before = _contents(photos_copy)
    for layout in ("own", "harrison"):
        out = tmp_path / layout
        assert main(["--data", str(photos_copy), "--photos", "20", "--out", str(out), "--layout", layout]) == 0
        for path in out.rglob("*.*"):
            path.write_bytes(b"")
    assert _contents(photos_copy) == before


def test_the_stand_in_has_harrisons_exact_layout(photos_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "stand_in"
    arguments = ["--data", str(photos_folder), "--photos", "40", "--out", str(out), "--layout", "harrison"]
    assert main(arguments) == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "data_list.txt",
        "instagram_dataset",
        "tag_list.txt",
        "vocab_index.txt",
    ]
    names = (out / "data_list.txt").read_text().splitlines()
    lines = (out / "tag_list.txt").read_text().splitlines()
    assert len(names) == len(lines) == len(set(names)) == 40
    files = [path for path in (out / "instagram_dataset").rglob("*") if path.is_file()]
    assert sorted(str(path.relative_to(out)) for path in files) == sorted(names)
    for name, line in zip(names, lines, strict=True):
        root, word, file = name.split("/")
        assert root == "instagram_dataset"
        assert word in line.split()
        assert file.startswith("image_")
        assert file.endswith(".jpg")
        assert line.endswith(" ")
        assert not line.startswith(" ")
        with Image.open(out / name) as photo:
            assert photo.format == "JPEG"
    # As in the original, the first lines are love 0 and friend 1 in columns.
    assert (out / "vocab_index.txt").read_text().startswith("love                  0\nfriend                1\n")
    posts, _ = open_data(out, tmp_path / "cache")
    assert posts.readable.all()
    assert len(posts.vocabulary) == 997
    train, val = train_and_val(posts)
    assert (len(train), len(val)) == (32, 8)


def test_the_stand_in_shows_the_photos_under_their_own_tags(photos_folder: Path, tmp_path: Path) -> None:
    write(read_posts(photos_folder), 40, tmp_path / "stand_in", "harrison")
    posts, pixels = open_data(tmp_path / "stand_in", tmp_path / "cache")
    tag = {name: posts.tags[:, posts.vocabulary.index(name)] for name in ("red", "blue", "green")}
    # The corners show the ground, whose colour is a tag.
    corners = np.array([pixels.pixels(row)[:5, :5].mean(axis=(0, 1)) for row in range(len(posts))])
    assert (corners[tag["red"]].argmax(axis=1) == 0).all()
    assert (corners[tag["green"]].argmax(axis=1) == 1).all()
    assert (corners[tag["blue"]].argmax(axis=1) == 2).all()


def test_the_stand_in_has_one_photo_of_a_group(photos_folder: Path) -> None:
    posts = read_posts(photos_folder)
    rows = chosen_rows(posts, 48, one_a_group=True)
    assert sorted(posts.groups[rows].tolist()) == list(range(48))


def test_the_stand_in_says_which_photo_it_could_not_read(
    harrison_download: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = write(read_posts(harrison_download), 40, tmp_path / "stand_in", "harrison")
    assert len(names) == 39
    assert "left out: instagram_dataset/sun/image_3.jpg" in capsys.readouterr().out
    assert len(read_posts(tmp_path / "stand_in")) == 39


def test_data_without_an_index_stays_without(harrison_download: Path, tmp_path: Path) -> None:
    write(read_posts(harrison_download), 20, tmp_path / "small", "own")
    assert not (tmp_path / "small" / "index.csv").exists()
    assert len(read_posts(tmp_path / "small")) == 20


@pytest.mark.parametrize("photos", [0, -1, 97])
def test_more_photos_than_there_are(photos_folder: Path, tmp_path: Path, photos: int) -> None:
    with pytest.raises(DataError, match=rf"--photos {photos} cannot be had: .* has 96 photos with a tag\. Give a .*96"):
        write(read_posts(photos_folder), photos, tmp_path / "small", "own")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_refused_and_kept(
    photos_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear all")
    assert main(["--data", str(photos_folder), "--photos", "20", "--out", str(tmp_path / "mine")]) == 2
    assert "exists already and is not an empty folder" in capsys.readouterr().err
    assert _contents(tmp_path / "mine") == {"letter.txt": b"dear all"}
    (tmp_path / "empty").mkdir()
    assert main(["--data", str(photos_folder), "--photos", "20", "--out", str(tmp_path / "empty")]) == 0
    assert len(read_posts(tmp_path / "empty")) == 20


def test_never_into_the_photos_own_folder(photos_copy: Path) -> None:
    with pytest.raises(DataError, match="lies in the folder that the photos come from"):
        write(read_posts(photos_copy), 20, photos_copy / "small", "own")
    assert not (photos_copy / "small").exists()


def test_what_fails_halfway_leaves_nothing(photos_copy: Path, tmp_path: Path) -> None:
    posts = read_posts(photos_copy)
    missing = posts.photos[chosen_rows(posts, 20)[15]]
    (photos_copy / missing).unlink()
    out = tmp_path / "new" / "small"
    with pytest.raises(DataError, match=f"{missing} is listed in data_list.txt and cannot be copied"):
        write(posts, 20, out, "own")
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize("name", ["../outside.jpg", "/outside.jpg", "photos/../../outside.jpg"])
def test_a_name_that_leads_out_is_refused(photos_copy: Path, tmp_path: Path, name: str) -> None:
    names = (photos_copy / "data_list.txt").read_text().splitlines()
    (photos_copy / "index.csv").unlink()
    (photos_copy / "data_list.txt").write_text("\n".join([name, *names[1:]]) + "\n")
    (tmp_path / "outside.jpg").write_bytes((photos_copy / names[0]).read_bytes())
    for layout in ("own", "harrison"):
        with pytest.raises(DataError, match="leads out of the photos' folder"):
            write(read_posts(photos_copy), 96, tmp_path / "out" / "small", layout)
    assert not (tmp_path / "out" / "outside.jpg").exists()


def test_the_small_folders_split_is_a_part_of_the_large_ones(photos_folder: Path, tmp_path: Path) -> None:
    write(read_posts(photos_folder), 48, tmp_path / "small", "own")
    with (photos_folder / "index.csv").open() as file:
        val = {row["file"] for row in csv.DictReader(file) if row["split"] == "val"}
    small = read_posts(tmp_path / "small")
    _, rows = train_and_val(small)
    assert {small.photos[row] for row in rows} <= val
    assert split_sha256(small) != split_sha256(read_posts(photos_folder))
