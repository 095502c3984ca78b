"""Views: the same crops for teacher and student, and what serving sees among them."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from hashstagram.photos import to_tensor
from training.dataset import open_data
from training.students import SERVED
from training.trunks import IMAGENET_MEAN, IMAGENET_STD
from training.views import View, centre_box, nearby_box, random_box, view

SIZES = [(300, 200), (200, 300), (256, 256), (97, 411), (1000, 90)]


def _smooth(width: int, height: int, seed: int = 0) -> Image.Image:
    """A photo without sharp edges, where half a pixel makes no difference of many grey levels."""
    field = np.random.default_rng(seed).integers(0, 256, size=(5, 5, 3)).astype(np.uint8)
    return Image.fromarray(field).resize((width, height), Image.Resampling.BICUBIC)


def _as_served(photo: Image.Image) -> NDArray[np.float64]:
    """The grey levels (224, 224, 3) in the tensor that the library gives a published network."""
    tensor = to_tensor(photo, SERVED["vgg16"]).transpose(1, 2, 0).astype(np.float64)
    levels: NDArray[np.float64] = 255 * (tensor * np.array(IMAGENET_STD) + np.array(IMAGENET_MEAN))
    return levels


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_view_0_is_what_serving_sees(width: int, height: int) -> None:
    photo = _smooth(width, height)
    difference = np.abs(view(2018, 5, 0, width, height).cut(photo, 224) - _as_served(photo))
    assert difference.mean() < 1
    assert difference.max() < 6


def test_view_0_of_cached_pixels_is_what_serving_sees_of_the_file(tmp_path: Path, photos_folder: Path) -> None:
    posts, pixels = open_data(photos_folder, tmp_path)
    for row in (0, 7, 50):
        with Image.open(photos_folder / posts.photos[row]) as photo:
            served = _as_served(photo.convert("RGB"))
        cached = pixels.photo(row)
        # Edges of the drawn shapes may lie a pixel apart.
        assert np.abs(view(2018, row, 0, *cached.size).cut(cached, 224) - served).mean() < 1.5


def test_a_view_depends_on_seed_photo_and_number_only() -> None:
    first = view(1, 2, 3, 300, 200)
    assert view(1, 2, 3, 300, 200) == first
    others = [view(2, 2, 3, 300, 200), view(1, 3, 3, 300, 200), view(1, 2, 4, 300, 200)]
    assert len({first, *others}) == 4
    # View 0 is the same whatever the seed and the photo.
    assert view(1, 2, 0, 300, 200) == view(9, 8, 0, 300, 200)


def test_odd_views_are_mirrored() -> None:
    assert [view(1, 2, number, 300, 200).mirrored for number in range(6)] == [False, True, False, True, False, True]
    photo = _smooth(60, 40)
    box = centre_box(60, 40, 0.8)
    assert np.array_equal(View(box, True).cut(photo, 32), View(box, False).cut(photo, 32)[:, ::-1])


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_random_boxes_lie_in_the_photo_and_keep_most_of_it(width: int, height: int) -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        left, upper, right, lower = random_box(rng, width, height, 0.35)
        assert 0 <= left < right <= width
        assert 0 <= upper < lower <= height
        if max(width, height) < 3 * min(width, height):
            assert (right - left) * (lower - upper) >= 0.35 * width * height - 1e-6
            assert 0.74 < (right - left) / (lower - upper) < 1.34


def test_a_photo_too_narrow_for_such_a_box_is_cut_in_its_centre() -> None:
    assert random_box(np.random.default_rng(0), 1000, 90, 0.9) == centre_box(1000, 90, 1.0) == (455, 0, 545, 90)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_nearby_box_is_much_like_its_box_and_in_the_photo(width: int, height: int) -> None:
    rng = np.random.default_rng(1)
    for number in range(50):
        box = view(1, 1, number, width, height).box
        near = nearby_box(rng, box, width, height)
        left, upper, right, lower = near
        assert 0 <= left < right <= width
        assert 0 <= upper < lower <= height
        across, down = box[2] - box[0], box[3] - box[1]
        for place, side in enumerate((across, down, across, down)):
            assert abs(near[place] - box[place]) <= side / 6 + 1e-9
    assert nearby_box(rng, box, width, height) != near
