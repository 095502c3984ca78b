"""The photos that are measured with, made from the page's examples: always the same, and as large as photos are.

An enlarged picture has no fine detail and would compress and decode too easily, so grain is added, as a sensor adds it.
"""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from benchmarks.driving import ROOT
from hashstagram.photos import open_photo

TWELVE = (4000, 3000)
TWO = (1632, 1224)
EXAMPLES = tuple(sorted((ROOT / "examples").glob("*.jpg")))

# Kind of file: its ending, and how Pillow writes it. Qualities are those that cameras and programs take unasked.
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "JPEG": ("jpg", {"format": "JPEG", "quality": 90}),
    "progressive JPEG": ("progressive.jpg", {"format": "JPEG", "quality": 90, "progressive": True}),
    "PNG": ("png", {"format": "PNG", "compress_level": 3}),
    "WebP": ("webp", {"format": "WEBP", "quality": 85, "method": 2}),
    "AVIF": ("avif", {"format": "AVIF", "quality": 80, "speed": 9}),
    "HEIC": ("heic", {"format": "HEIF", "quality": 50, "enc_params": {"preset": "ultrafast"}}),
}


def twelve_megapixels(folder: Path, kind: str) -> Path:
    """The file of the one photo of 4000 × 3000 pixels in a kind of KINDS; it is made where it is not there yet."""
    ending, options = KINDS[kind]
    path = folder / f"twelve.{ending}"
    if not path.exists():
        _grainy(EXAMPLES[0], TWELVE).save(path, **options)
    return path


def two_megapixels(folder: Path) -> list[Path]:
    """JPEG files of 1632 × 1224 pixels, one of each example photo."""
    paths = []
    for example in EXAMPLES:
        path = folder / f"two-{example.stem}.jpg"
        if not path.exists():
            _grainy(example, TWO).save(path, "JPEG", quality=90)
        paths.append(path)
    return paths


def album(folder: Path, count: int) -> Path:
    """A folder of so many JPEG files of 4000 × 3000 pixels, all different: the examples, turned round and lighter."""
    photos = folder / "album"
    photos.mkdir(exist_ok=True)
    for number, example in enumerate(EXAMPLES):
        # One at a time: each has 36 MB.
        photo = _grainy(example, TWELVE)
        for step, place in enumerate(range(number, count, len(EXAMPLES))):
            turned = ImageOps.mirror(photo) if step % 2 else photo
            lighter = turned.point(lambda value, step=step: value * (256 + step) // 256)
            lighter.save(photos / f"{place:03}.jpg", "JPEG", quality=90)
    return photos


def _grainy(example: Path, size: tuple[int, int]) -> Image.Image:
    photo = np.asarray(open_photo(example).resize(size, Image.Resampling.BICUBIC), dtype=np.float32)
    grain = np.random.default_rng(2018).normal(scale=5, size=(size[1], size[0], 1)).astype(np.float32)
    return Image.fromarray((photo + grain).clip(0, 255).astype(np.uint8))
