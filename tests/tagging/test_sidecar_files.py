"""Sidecars on the disk: which of several counts, what is left alone, and what cannot be written."""

import io
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from hashstagram.tagging.sidecars import keywords, origin

SAMPLES = Path(__file__).parent / "sidecars"
LIGHTROOM = (SAMPLES / "lightroom.xmp").read_bytes()

Tag = Callable[..., tuple[int, str, str]]


@pytest.fixture
def photo(album: Path) -> Path:
    """One photo of the album."""
    return album / "b.jpg"


def beside(photo: Path) -> Path:
    return photo.with_name(f"{photo.name}.xmp")


def ours(photo: Path) -> list[str]:
    content = beside(photo).read_bytes()
    return [keyword for keyword in keywords(content) if keyword not in ("Anna", "Dog")]


def test_a_sidecar_that_is_there_is_merged(photo: Path, tag: Tag) -> None:
    beside(photo).write_bytes(LIGHTROOM)
    assert tag(photo, "--format", "xmp")[0] == 0
    content = beside(photo).read_bytes()

    assert keywords(content)[:2] == ["Anna", "Dog"]
    assert len(ours(photo)) == 5
    assert b"second &gt; line" in content


def test_lightrooms_photo_xmp_is_read_and_never_written(photo: Path, tag: Tag) -> None:
    lightrooms = photo.with_suffix(".xmp")
    lightrooms.write_bytes(LIGHTROOM)
    before = lightrooms.stat()
    tag(photo, "--format", "xmp")

    assert keywords(beside(photo).read_bytes())[:2] == ["Anna", "Dog"]
    assert b'xmp:Rating="4"' in beside(photo).read_bytes()
    assert (lightrooms.read_bytes(), lightrooms.stat().st_mtime_ns) == (LIGHTROOM, before.st_mtime_ns)


def test_photo_xmp_of_a_raw_photo_is_not_this_photos(photo: Path, tag: Tag) -> None:
    photo.with_suffix(".xmp").write_bytes(LIGHTROOM)
    photo.with_suffix(".CR2").write_bytes(b"a raw photo")
    tag(photo, "--format", "xmp")

    assert "Anna" not in keywords(beside(photo).read_bytes())


def test_digikams_capitals_are_found(photo: Path, tag: Tag) -> None:
    capitals = photo.with_name(f"{photo.name}.XMP")
    capitals.write_bytes(LIGHTROOM)
    tag(photo, "--format", "xmp")

    assert len(keywords(capitals.read_bytes())) == 7
    assert not beside(photo).exists()


def test_in_a_folder_of_their_own_sidecars_begin_with_what_lies_beside_the_photo(
    photo: Path, tag: Tag, tmp_path: Path
) -> None:
    beside(photo).write_bytes(LIGHTROOM)
    tag(photo, "--format", "xmp", "--out", tmp_path / "out")
    content = (tmp_path / "out" / "b.jpg.xmp").read_bytes()

    assert keywords(content)[:2] == ["Anna", "Dog"]
    assert beside(photo).read_bytes() == LIGHTROOM
    # From then on, it is the one in the folder that counts.
    (tmp_path / "out" / "b.jpg.xmp").write_bytes(content.replace(b"Anna", b"Anne"))
    tag(photo, "--format", "xmp", "--out", tmp_path / "out", "--again")
    assert keywords((tmp_path / "out" / "b.jpg.xmp").read_bytes())[:2] == ["Anne", "Dog"]


def test_a_person_who_reviews_is_not_overruled(photo: Path, tag: Tag) -> None:
    tag(photo, "--format", "xmp")
    first, second, *_ = ours(photo)
    reviewed = beside(photo).read_bytes().replace(f"<rdf:li>{first}</rdf:li>".encode(), b"<rdf:li>Anna</rdf:li>", 1)
    beside(photo).write_bytes(reviewed)
    assert tag(photo, "--format", "xmp")[2].endswith("1 photo done before\n")
    assert beside(photo).read_bytes() == reviewed
    for more in (["--again"], ["--top-k", "8"], ["--exclude", second]):
        tag(photo, "--format", "xmp", *more)
        assert "Anna" in keywords(beside(photo).read_bytes())
        assert first not in ours(photo)

    assert second not in ours(photo)


def test_a_damaged_sidecar_is_named_and_left_as_it_is(album: Path, photo: Path, tag: Tag) -> None:
    beside(photo).write_bytes(LIGHTROOM[:400])
    code, _, said = tag(album, "--format", "xmp")

    assert code == 1
    assert f"{photo}: The sidecar is damaged or not XMP" in said
    assert beside(photo).read_bytes() == LIGHTROOM[:400]
    assert beside(album / "a.JPG").exists()


def test_a_place_that_cannot_be_written_is_named(album: Path, tag: Tag, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "day 2").write_text("a file where a folder should be")
    code, _, said = tag(album, "-r", "--format", "xmp", "--out", out)

    assert code == 1
    assert said.startswith("3 photos tagged")
    assert said.count("cannot be read or written (") == 3
    assert "Traceback" not in said


def test_a_link_stays_a_link_and_rights_stay(photo: Path, tag: Tag, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.xmp"
    elsewhere.write_bytes(LIGHTROOM)
    elsewhere.chmod(0o640)
    beside(photo).symlink_to(elsewhere)
    tag(photo, "--format", "xmp")

    assert beside(photo).is_symlink()
    assert len(keywords(elsewhere.read_bytes())) == 7
    assert elsewhere.stat().st_mode & 0o777 == 0o640


def test_a_sidecar_is_whole_or_as_it_was(photo: Path, tag: Tag, monkeypatch: pytest.MonkeyPatch) -> None:
    beside(photo).write_bytes(LIGHTROOM)

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fails)
    code, _, said = tag(photo, "--format", "xmp")

    assert code == 1
    assert "cannot be read or written (No space left on device)" in said
    assert beside(photo).read_bytes() == LIGHTROOM
    assert sorted(path.name for path in photo.parent.glob("*b.jpg*")) == ["b.jpg", "b.jpg.xmp"]


def test_sidecars_say_who_made_them_and_of_what(photo: Path, tag: Tag) -> None:
    tag(photo, "--format", "xmp")
    made = origin(beside(photo).read_bytes())

    assert made is not None
    assert made.model == "alexnet.small_v1"
    assert made.photo == f"{photo.stat().st_size}-{photo.stat().st_mtime_ns}"
    assert len(made.order) == 12


@pytest.mark.parametrize("name", ["c.heic", "b.jpg", "day 2/zwölf.png", "day 2/evening/=1.webp"])
def test_keywords_in_the_photo_itself_are_kept(album: Path, tag: Tag, name: str) -> None:
    """In XMP, written by exiftool as photo programs write it."""
    photo = album / name
    _exiftool("-XMP-dc:Subject=Anna", "-XMP-dc:Subject=Berlin", "-overwrite_original", str(photo))
    tag(photo, "--format", "xmp")

    assert keywords(beside(photo).read_bytes())[:2] == ["Anna", "Berlin"]
    assert len(keywords(beside(photo).read_bytes())) == 7


def test_keywords_in_iptc_are_kept(photo: Path, tag: Tag) -> None:
    _exiftool("-IPTC:Keywords=Anna", "-IPTC:Keywords=Zwölf", "-overwrite_original", str(photo))
    tag(photo, "--format", "xmp")
    assert keywords(beside(photo).read_bytes())[:2] == ["Anna", "Zwölf"]

    beside(photo).unlink()
    _exiftool("-IPTC:CodedCharacterSet=UTF8", "-IPTC:Keywords=바다", "-overwrite_original", str(photo))
    tag(photo, "--format", "xmp")
    assert keywords(beside(photo).read_bytes())[0] == "바다"


def test_damaged_keywords_do_not_cost_a_photo_its_hashtags(photo: Path, tag: Tag) -> None:
    image = Image.open(io.BytesIO(photo.read_bytes()))
    image.save(photo, xmp=b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><broken></x:xmpmeta>")
    assert tag(photo, "--format", "xmp")[0] == 0
    assert len(keywords(beside(photo).read_bytes())) == 5


def test_exiftool_finds_them_beside_the_photos(album: Path, tag: Tag) -> None:
    tag(album, "-r", "--format", "xmp")
    found = json.loads(_exiftool("-json", "-r", "-ext", "xmp", "-Subject", str(album)))

    assert len(found) == 6
    for each in found:
        assert each["Subject"] == keywords(Path(each["SourceFile"]).read_bytes())


def _exiftool(*arguments: str) -> str:
    exiftool = shutil.which("exiftool")
    if exiftool is None:
        pytest.skip("exiftool is not installed (Debian: libimage-exiftool-perl)")
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    run = subprocess.run(
        [exiftool, "-charset", "iptc=utf8", *arguments], capture_output=True, text=True, check=True, env=environment
    )
    return run.stdout
