"""The photos that are measured with are as large as they say, and always the same."""

from pathlib import Path

from PIL import Image

from benchmarks.pictures import EXAMPLES, album, twelve_megapixels, two_megapixels
from hashstagram import Limits


def test_photos_are_as_large_as_photos_are(tmp_path: Path) -> None:
    small, large = two_megapixels(tmp_path), twelve_megapixels(tmp_path, "JPEG")

    assert len(small) == len(EXAMPLES) == 5
    for path, megapixels, least, most in [(path, 2, 0.3, 1) for path in small] + [(large, 12, 2, 6)]:
        with Image.open(path) as photo:
            assert photo.format == "JPEG"
            assert round(photo.width * photo.height / 1e6) == megapixels
        assert least < path.stat().st_size / 1e6 < most
    assert large.stat().st_size < Limits().max_bytes


def test_a_photo_is_made_once_and_would_be_the_same_again(tmp_path: Path) -> None:
    first = [path.read_bytes() for path in two_megapixels(tmp_path)]
    (tmp_path / "two-cat.jpg").unlink()
    (tmp_path / "two-tower.jpg").write_bytes(b"kept")

    again = [path.read_bytes() for path in two_megapixels(tmp_path)]

    assert again[0] == first[0]
    assert again[-1] == b"kept"


def test_an_album_has_different_photos_of_twelve_megapixels(tmp_path: Path) -> None:
    photos = sorted(album(tmp_path, 11).iterdir())

    assert [path.name for path in photos] == [f"{number:03}.jpg" for number in range(11)]
    assert len({path.read_bytes() for path in photos}) == 11
    for path in photos:
        assert path.stat().st_size < Limits().max_bytes
        with Image.open(path) as photo:
            assert photo.size == (4000, 3000)


def test_kinds_are_what_they_are_called(tmp_path: Path) -> None:
    with Image.open(twelve_megapixels(tmp_path, "progressive JPEG")) as photo:
        assert photo.info.get("progressive")
