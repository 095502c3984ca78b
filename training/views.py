"""Views of a photo: the crops that training looks at, the same ones for teacher and student.

Distillation works best when the student is asked about the very crop that its teacher saw (Beyer et al. 2022,
arXiv 2106.05237, "consistent teaching"). So a view is a function of (seed, photo, number) alone, and both sides cut
it from the same pixels. View 0 is the one that evaluation and serving use: the centre.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class View:
    """A crop box (left, upper, right, lower) in pixels, and whether it is mirrored."""

    box: Box
    mirrored: bool

    def cut(self, photo: Image.Image, size: int) -> NDArray[np.uint8]:
        """The view as uint8 RGB (size, size, 3)."""
        cut = photo.resize((size, size), Image.Resampling.BICUBIC, box=self.box, reducing_gap=None)
        pixels = np.asarray(cut)
        return pixels[:, ::-1] if self.mirrored else pixels


def centre_box(width: int, height: int, share: float) -> Box:
    """The centred square whose side is `share` of the shorter side: 224 of 246 is what serving sees."""
    side = min(width, height) * share
    left, upper = (width - side) / 2, (height - side) / 2
    return left, upper, left + side, upper + side


def random_box(rng: np.random.Generator, width: int, height: int, smallest: float) -> Box:
    """A box of `smallest` to all of the photo's area, sides 3:4 to 4:3 (Szegedy et al. 2015, arXiv 1409.4842, §6)."""
    for _ in range(10):
        area = width * height * rng.uniform(smallest, 1.0)
        ratio = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
        crop_width, crop_height = np.sqrt(area * ratio), np.sqrt(area / ratio)
        if crop_width <= width and crop_height <= height:
            left, upper = rng.uniform(0, width - crop_width), rng.uniform(0, height - crop_height)
            return left, upper, left + crop_width, upper + crop_height
    return centre_box(width, height, 1.0)


def nearby_box(rng: np.random.Generator, box: Box, width: int, height: int) -> Box:
    """A box much like `box`, sides up to a sixth longer or shorter: the teacher's answer to `box` still holds."""
    left, upper, right, lower = box
    scale_x, scale_y = rng.uniform(5 / 6, 7 / 6, size=2)
    shift_x, shift_y = rng.uniform(-1 / 12, 1 / 12, size=2)
    half_width, half_height = (right - left) / 2 * scale_x, (lower - upper) / 2 * scale_y
    middle_x = (left + right) / 2 + shift_x * (right - left)
    middle_y = (upper + lower) / 2 + shift_y * (lower - upper)
    return (
        max(0.0, middle_x - half_width),
        max(0.0, middle_y - half_height),
        min(float(width), middle_x + half_width),
        min(float(height), middle_y + half_height),
    )


def view(seed: int, row: int, number: int, width: int, height: int, *, smallest: float = 0.35) -> View:
    """View `number` of photo `row`: 0 is the centre as served, odd ones are mirrored, all but 0 are random crops."""
    if number == 0:
        return View(centre_box(width, height, 224 / 246), mirrored=False)
    rng = np.random.default_rng((seed, row, number))
    return View(random_box(rng, width, height, smallest), mirrored=number % 2 == 1)
