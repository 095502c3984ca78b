"""Small weights for all tests of the command line, and a folder of photos as people keep them."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from hashstagram.tagging.command_line import main


@pytest.fixture(autouse=True)
def _weights(small_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HASHSTAGRAM_WEIGHTS", str(small_weights))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.fixture
def album(tmp_path: Path, drawn_photos: list[Image.Image]) -> Path:
    """Six photos in three folders, one of them HEIC and one with an odd name, and what else lies in such a folder."""
    folder = tmp_path / "album"
    names = ("b.jpg", "a.JPG", "c.heic", "day 2/zwölf.png", "day 2/evening/=1.webp", "day 2/evening/last.jpeg")
    for name, image in zip(names, drawn_photos, strict=False):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)
    (folder / "notes.txt").write_text("no photo")
    (folder / ".hidden.jpg").write_text("no photo either")
    (folder / ".trash").mkdir()
    shutil.copy(folder / "b.jpg", folder / ".trash")
    return folder


PHOTOS = ("a.JPG", "b.jpg", "c.heic", "day 2/zwölf.png", "day 2/evening/=1.webp", "day 2/evening/last.jpeg")


@pytest.fixture
def photos_of() -> Callable[[Path], list[str]]:
    """The names of the album's photos, in the order of a run."""
    return lambda folder: [str(folder / name) for name in PHOTOS]


@pytest.fixture
def tag(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run `tag` with the quickest network; gives the exit code, and what was printed and said."""

    def tag(*arguments: object) -> tuple[int, str, str]:
        code = main(["tag", "--model", "alexnet", *map(str, arguments)])
        return (code, *capsys.readouterr())

    return tag
