"""Crops of photos, and what jitter does to them."""

import numpy as np
import torch
from PIL import Image

from training.augment import crops, jittered
from training.views import View

CPU = torch.device("cpu")
PLAIN = ((0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255))


def _rngs(count: int, seed: int = 1) -> list[np.random.Generator]:
    return [np.random.default_rng((seed, place)) for place in range(count)]


def test_a_crop_is_what_pillow_cuts() -> None:
    small = np.random.default_rng(0).integers(0, 256, size=(9, 12, 3)).astype(np.uint8)
    photo = Image.fromarray(small).resize((120, 90), Image.Resampling.BICUBIC)
    for view in (View((10, 20, 90, 80), mirrored=False), View((0, 0, 120, 90), mirrored=True)):
        crop = crops([np.asarray(photo)], [view], 32, CPU)
        assert crop.shape == (1, 3, 32, 32)
        assert crop.is_contiguous(memory_format=torch.channels_last)
        expected = view.cut(photo, 32).astype(int)
        off = np.abs(crop[0].permute(1, 2, 0).numpy().astype(int) - expected)
        assert off.max() <= 4
        assert off.mean() < 0.8


def test_the_smallest_box_is_a_pixel() -> None:
    photo = np.full((40, 40, 3), 90, dtype=np.uint8)
    assert (crops([photo], [View((3.2, 5.1, 3.4, 5.3), mirrored=False)], 8, CPU) == 90).all()


def test_jitter_shifts_each_photo_by_itself_and_stays_in_range() -> None:
    levels = torch.randint(0, 256, (1, 3, 8, 8), generator=torch.Generator().manual_seed(0)).repeat(6, 1, 1, 1)
    shifted = jittered(levels, _rngs(6), *PLAIN)
    assert len({photo.numpy().tobytes() for photo in shifted}) == 6
    assert (shifted >= 0).all()
    assert (shifted <= 255).all()
    assert (jittered(levels, _rngs(6), *PLAIN, strength=0) - levels).abs().max() < 1e-3
    # Lighter or darker by an eighth of the range at most, beside what contrast and colour do.
    white = torch.full((50, 3, 4, 4), 250)
    assert jittered(white, _rngs(50), *PLAIN).min() > 200


def test_a_photos_jitter_does_not_depend_on_its_neighbours() -> None:
    levels = torch.randint(0, 256, (4, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    together = jittered(levels, _rngs(4), *PLAIN)
    alone = jittered(levels[2:3], _rngs(4)[2:3], *PLAIN)
    assert torch.allclose(together[2:3], alone, atol=1e-3)


def test_what_comes_out_is_normalised() -> None:
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.25, 0.5)
    levels = torch.randint(0, 256, (2, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    found = jittered(levels, _rngs(2), mean, std, strength=0)
    expected = (levels / 255 - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(std).view(1, 3, 1, 1)
    assert torch.allclose(found, expected, atol=1e-4)
