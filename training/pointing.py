"""Does the heat of a tag lie on what it names? `python -m training.pointing --weights …` writes each model's rates.

The example photos are laid on plain grounds, in several places, sizes and colours, each explained by tags that it is
right to give. A model points rightly where its hottest pixel is on the photo (the pointing game of Zhang et al. 2016,
arXiv 1608.00507, §5.1). Because any edge on a plain ground would do for that, a second photo of something else is laid
beside the first, and then the hottest pixel must be on the right one of the two.

Layers and method were chosen on such composites, so the rates are a check, not a forecast. Nothing is weighed by what a
model thinks of the tag: one that does not recognise a photo that small has to find it all the same.
"""

import argparse
import itertools
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from hashstagram import HashStagramError, HeatMap, Recommender, explain, load_model
from hashstagram.manifest import Manifest
from hashstagram.photos import open_photo

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

# What each photo may rightly be called.
RIGHT = {
    "cat": ("cat", "pet", "animal"),
    "coffee": ("coffee", "drink", "food"),
    "flower": ("flower", "plant", "nature"),
    "rocket": ("sky", "blue"),
    "tower": ("architecture", "travel", "building"),
}
# Of these none is right for another, so two can stand beside each other.
APART = ("cat", "coffee", "flower", "tower")
GROUNDS = ("white", "black", "grey", "olive", "tan", "steelblue")
# Width of the photo, and left and top, in a square of 448 pixels: what the networks see of it, less a little.
SIDE = 448
SEED = 2018
PLACES = ((210, 30, 150), (210, 208, 60), (240, 104, 28), (240, 90, 258), (180, 40, 290), (270, 148, 230))
PAIRS = (((240, 40, 36), (240, 160, 246)), ((240, 160, 40), (240, 32, 250)))

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Composite:
    """A made picture, a tag for it, and the box (left, top, right, bottom) of the photo that the tag is right for."""

    picture: Image.Image
    tag: str
    right: Box


def alone() -> Iterator[Composite]:
    """Each photo by itself, for each of its tags, twice at each place, on grounds drawn by lot."""
    random = np.random.default_rng(SEED)
    for name, tags in RIGHT.items():
        for tag, place, _ in itertools.product(tags, PLACES, range(2)):
            picture = _ground(random)
            yield Composite(picture, tag, _lay(picture, name, place))


def beside() -> Iterator[Composite]:
    """Each two photos of different things, for each tag of the first, at each place of it, on grounds drawn by lot."""
    random = np.random.default_rng(SEED)
    for name, other in itertools.permutations(APART, 2):
        for tag, places in itertools.product(RIGHT[name], PAIRS):
            for mine, others in (places, places[::-1]):
                picture = _ground(random)
                _lay(picture, other, others)
                yield Composite(picture, tag, _lay(picture, name, mine))


def points_rightly(heat: HeatMap, box: Box) -> bool:
    """Whether the hottest pixel is in a box. A map without heat points nowhere."""
    left, top, right, bottom = box
    return bool(heat.values.any() and heat.values[top:bottom, left:right].max() == heat.values.max())


def share(heat: HeatMap, box: Box) -> float:
    """How much of all heat is in a box, 0 to 1."""
    left, top, right, bottom = box
    return float(heat.values[top:bottom, left:right].sum() / max(heat.values.sum(), 1e-9))


def measure(recommender: Recommender, composites: Sequence[Composite]) -> dict[str, Any]:
    """The pointing rate, the mean share of heat in the right box, and that of the area: what chance would give."""
    found = []
    for composite in tqdm(composites, desc=recommender.name, unit="picture", mininterval=5):
        heat = explain(recommender, composite.picture, composite.tag)
        seen = np.zeros(heat.values.shape, dtype=np.float32)
        left, top, right, bottom = heat.seen
        seen[top:bottom, left:right] = 1
        box = composite.right
        found.append((points_rightly(heat, box), share(heat, box), share(replace(heat, values=seen), box)))
    rate, heat_share, area = np.mean(np.array(found, dtype=np.float64), axis=0).round(4).tolist()
    return {"pictures": len(composites), "rate": rate, "share": heat_share, "area": area}


def _ground(random: np.random.Generator) -> Image.Image:
    return Image.new("RGB", (SIDE, SIDE), GROUNDS[random.integers(len(GROUNDS))])


def _lay(picture: Image.Image, name: str, place: tuple[int, int, int]) -> Box:
    width, left, top = place
    photo = open_photo(EXAMPLES / f"{name}.jpg")
    height = round(width * photo.height / photo.width)
    picture.paste(photo.resize((width, height), Image.Resampling.LANCZOS), (left, top))
    return left, top, left + width, top + height


def main(argv: Sequence[str] | None = None) -> int:
    """Command line of this module."""
    parser = argparse.ArgumentParser(
        prog="python -m training.pointing", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, default=Path("weights"), help="weight folder with the manifest")
    parser.add_argument("--every", type=int, default=1, help="take only each so many of the pictures, for a quick look")
    parser.add_argument("--dry-run", action="store_true", help="only print the rates")
    arguments = parser.parse_args(argv)
    pictures = {"alone": list(alone())[:: arguments.every], "beside": list(beside())[:: arguments.every]}
    rates = {}
    try:
        for record in Manifest.load(arguments.weights).models:
            model = load_model(record.id, weights=arguments.weights, device="cpu")
            rates[record.id] = {name: measure(model, composites) for name, composites in pictures.items()}
            for name, rate in rates[record.id].items():
                print(f"{record.name}, {name}: {rate}", flush=True)
        if not arguments.dry_run:
            # Read again: that took minutes.
            manifest = Manifest.load(arguments.weights)
            for model_id, measured in rates.items():
                record = manifest.record(model_id)
                manifest = manifest.with_record(replace(record, metrics={**record.metrics, "pointing": measured}))
            manifest.save(arguments.weights)
    except HashStagramError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
