"""Photos leave the disk in time, and nothing else does."""

import asyncio
import os
import shutil
import time
from pathlib import Path

import pytest

from hashstagram import SettingError
from hashstagram.web.janitor import Janitor


def entries(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")} - {".hashstagram"}


def photo(folder: Path, name: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"a photo")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "uploads"


def test_a_sweep_deletes_what_is_old_with_its_folders(folder: Path) -> None:
    janitor = Janitor(folder, seconds=0.4)
    for name in ("0123/old.jpg", "tmpcut0ff", "4567/nested/deep/old.png"):
        photo(folder, name)
    time.sleep(0.35)
    photo(folder, "89ab/new.jpg")

    janitor.sweep()
    assert entries(folder) >= {"89ab", "89ab/new.jpg"}
    assert not {path for path in entries(folder) if path.endswith(("old.jpg", "old.png", "ff"))}

    time.sleep(0.35)
    for _ in range(4):
        janitor.sweep()
        time.sleep(0.35)
    assert entries(folder) == set()


def test_a_photo_that_has_just_missed_a_sweep_goes_in_time_nevertheless(folder: Path) -> None:
    janitor = Janitor(folder, seconds=900)

    assert janitor.age + janitor.interval <= 900


def test_the_date_that_a_photo_brings_along_does_not_count(folder: Path, tmp_path: Path) -> None:
    janitor = Janitor(folder, seconds=60)
    holiday = photo(tmp_path, "holiday.jpg")
    os.utime(holiday, (0, 0))
    shutil.copy2(holiday, folder)

    janitor.sweep()

    assert entries(folder) == {"holiday.jpg"}


def test_examples_stay(folder: Path, tmp_path: Path) -> None:
    example = photo(tmp_path, "cat.jpg")
    janitor = Janitor(folder, seconds=0.1, examples=[example])
    time.sleep(0.2)

    janitor.sweep()

    assert (folder / "examples" / "cat.jpg").read_bytes() == b"a photo"


def test_leftovers_go_at_start_and_at_the_end(folder: Path) -> None:
    Janitor(folder)
    photo(folder, "0123/left.jpg")
    (folder / "link").symlink_to(folder.parent)

    janitor = Janitor(folder)
    assert entries(folder) == set()

    async def serve() -> None:
        async with janitor.at_work():
            photo(folder, "4567/photo.jpg")

    asyncio.run(serve())
    assert entries(folder) == set()
    assert folder.parent.is_dir()


def test_sweeps_by_itself_and_survives_a_failure(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sweeps = []
    janitor = Janitor(folder, seconds=0.2, swept=lambda: sweeps.append(1))
    real = janitor.sweep

    def failing() -> None:
        monkeypatch.setattr(janitor, "sweep", real)
        raise PermissionError(13, "Permission denied")

    async def serve() -> None:
        async with janitor.at_work():
            photo(folder, "photo.jpg")
            await asyncio.sleep(1)
            assert entries(folder) == set()

    monkeypatch.setattr(janitor, "sweep", failing)
    asyncio.run(serve())
    assert len(sweeps) >= 2
    assert "could not be swept" in caplog.text


def test_is_full_until_photos_have_gone(folder: Path) -> None:
    janitor = Janitor(folder, seconds=0.4, most_bytes=10)
    photo(folder, "0123/one.jpg")
    janitor.arrived(7)
    assert not janitor.full

    photo(folder, "4567/two.jpg")
    janitor.arrived(7)
    assert janitor.full
    janitor.sweep()
    assert janitor.full

    time.sleep(0.5)
    janitor.sweep()
    assert not janitor.full


def test_a_folder_with_other_files_is_left_alone(folder: Path) -> None:
    photo(folder, "thesis.odt")

    with pytest.raises(SettingError, match=r"holds files that are not HashStagram's.*GRADIO_TEMP_DIR"):
        Janitor(folder)

    assert entries(folder) == {"thesis.odt"}


def test_a_folder_that_only_gradio_has_touched_is_taken_and_closed_to_others(folder: Path) -> None:
    (folder / "vibe_edit_history").mkdir(parents=True)

    Janitor(folder)

    assert entries(folder) == set()
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_link_or_a_file_is_not_taken_for_a_folder(folder: Path, tmp_path: Path) -> None:
    folder.symlink_to(tmp_path)
    with pytest.raises(SettingError, match="is not a folder of this user"):
        Janitor(folder)

    with pytest.raises(SettingError, match="cannot be made"):
        Janitor(photo(tmp_path, "file"))
