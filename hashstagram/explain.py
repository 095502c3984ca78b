"""Why this tag: which parts of a photo speak for it, as a map and as a picture for people.

The map comes from the exact network, whichever engine answers. PyTorch is imported when somebody first asks: that takes
two seconds of computing and 0.7 GB, half of it pages of its files. The network stays in memory until one of another
model is asked for; the largest of ours has 150 MB.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image, ImageFilter

from hashstagram.companions import sigmoid
from hashstagram.engines import Floats
from hashstagram.errors import SettingError
from hashstagram.manifest import Manifest
from hashstagram.photos import Photo, Preprocessing, open_photo, seen_part, to_tensor
from hashstagram.recommender import Recommender

if TYPE_CHECKING:
    from hashstagram.engines.heat import Look

__all__ = ["HeatMap", "explain"]

Kind = Literal["visible", "companion"]
Box = tuple[int, int, int, int]

# The longer side of maps and pictures. The networks look at 224 pixels.
_LONGEST = 1024
# So many visible tags are named as the reason for a companion.
_REASONS = 3

# Inferno, by N. Smith and S. van der Walt for Matplotlib (CC0): hotter is lighter, whatever colours one tells apart.
_COLOURS = ((0, 0, 4), (51, 10, 94), (120, 28, 109), (188, 55, 84), (237, 105, 37), (251, 180, 26), (252, 255, 164))
_TINT = 0.45
# How bright the rest of the photo stays.
_COLD, _UNSEEN = 0.5, 0.25
# Of the width that is seen; half a cell of what the networks look at last.
_BLUR = 0.03


@dataclass(frozen=True, eq=False)
class HeatMap:
    """How much each part of a photo speaks for a tag: `values` (h, w), float32, from 0 to 1 at the hottest part.

    The map has the form of the photo, upright; its longer side has 1024 pixels at most. A network sees the square in
    the middle, `seen`: left, top, right and bottom in the map. Beyond it all is 0.

    A `companion` is not seen in the photo. Its map shows what speaks for the visible tags that it is written with, and
    `because` names those that count most, three or fewer. Where nothing speaks for a tag, the whole map is 0.
    """

    tag: str
    kind: Kind
    because: tuple[str, ...]
    values: Floats
    seen: Box

    def over(self, photo: Photo) -> Image.Image:
        """The photo in the map's size with the heat over it, RGB: grey and dim where it is cold, light and warm where
        it is hot, darkest where it is not seen.

        For the eye, the heat is blurred a little and its root is shown, so that the parts beside the hottest are not
        lost. Raises PhotoError as `open_photo` does.
        """
        height, width = self.values.shape
        left, top, right, bottom = self.seen
        picture = open_photo(photo).resize((width, height), Image.Resampling.BICUBIC)
        colour = np.asarray(picture, dtype=np.float32)
        grey = np.asarray(picture.convert("L"), dtype=np.float32)[..., np.newaxis]
        heat = np.sqrt(_blurred(self.values, _BLUR * (right - left)))
        places = np.linspace(0, 1, len(_COLOURS))
        channels = [np.interp(heat, places, channel) for channel in zip(*_COLOURS, strict=True)]
        hot = (1 - _TINT) * colour + _TINT * np.stack(channels, axis=-1)
        share = heat[..., np.newaxis]
        shown = np.repeat(_UNSEEN * grey, 3, axis=-1)
        inside = np.s_[top:bottom, left:right]
        shown[inside] = ((1 - share) * _COLD * grey + share * hot)[inside]
        return Image.fromarray(shown.round().astype(np.uint8))


def explain(recommender: Recommender, photo: Photo, tag: str) -> HeatMap:
    """Which parts of a photo speak for a tag, be it among those that are recommended or not.

    Raises SettingError for a tag that this model cannot recommend, PhotoError as `open_photo` does, and WeightsError
    for a weight that is missing or damaged.
    """
    kind, indices = _recommendable(recommender, tag)
    image = open_photo(photo)
    look = _look(recommender, to_tensor(image, recommender.record.input))
    name = recommender.vocabulary.name
    because: tuple[str, ...] = ()
    if kind == "visible":
        # Of several tags that bear one name, the surest stands for it.
        index = max(indices, key=lambda each: float(look.logits[each]))
        weights = np.zeros_like(look.logits)
        weights[index] = 1
    else:
        index, weights = _written_with(recommender, look.logits, indices)
        because = tuple(name(int(each)) for each in np.argsort(-weights)[:_REASONS] if weights[each] > 0)
    values, seen = _spread(look.heat(weights), image.size, recommender.record.input)
    return HeatMap(name(index), kind, because, values, seen)


def _recommendable(recommender: Recommender, tag: str) -> tuple[Kind, list[int]]:
    """The places in the vocabulary that a tag may stand for, and which kind of tag these are."""
    vocabulary, companions = recommender.vocabulary, recommender.companions
    named = vocabulary.named(tag)
    taught = {vocabulary.index(each) for each in recommender.record.taught}
    if visible := [index for index in named if index in taught]:
        return "visible", visible
    if companions is not None and (written_with := [index for index in named if index in companions.outputs]):
        return "companion", written_with
    raise SettingError(
        "{model} never recommends {tag!r}. Choose a tag that it recommended.", model=recommender.name, tag=tag
    )


def _look(recommender: Recommender, tensor: Floats) -> "Look":
    from hashstagram.engines.heat import Look, open_exact

    folder, engine = recommender.folder, recommender.engine
    if folder is None:
        raise ValueError("This recommender does not know its weight folder. Make it with load_model.")
    device = engine.device if engine.name == "torch" else "cpu"
    manifest = Manifest.load(folder)
    return Look(open_exact(folder, manifest, recommender.record, recommender.vocabulary, device), tensor)


def _written_with(recommender: Recommender, logits: Floats, indices: list[int]) -> tuple[int, Floats]:
    """The surest of several companions, and how much each visible tag (tags,) speaks for it."""
    record, companions = recommender.record, recommender.companions
    if companions is None:
        raise ValueError(f"{record.id} has no companions.")
    taught = [recommender.vocabulary.index(tag) for tag in record.taught]
    visible = np.zeros_like(logits)
    visible[taught] = sigmoid(record.scale * logits[taught] + record.bias)
    probabilities = companions.probabilities(visible)
    index = max(indices, key=lambda each: float(probabilities[each]))
    return index, np.maximum(companions.spoken_for(visible, index), 0)


def _spread(heat: Floats, size: tuple[int, int], preprocessing: Preprocessing) -> tuple[Floats, Box]:
    """The heat of what a network sees, from 0 to 1, in its place on the whole photo of this size; and that place."""
    scale = min(1, _LONGEST / max(size))
    width, height = (max(1, round(side * scale)) for side in size)
    across, down = width / size[0], height / size[1]
    left, top, right, bottom = seen_part(size, preprocessing)
    # Outwards, so that something is left of the narrowest photo.
    seen = math.floor(left * across), math.floor(top * down), math.ceil(right * across), math.ceil(bottom * down)
    place = np.s_[seen[1] : seen[3], seen[0] : seen[2]]
    values = np.zeros((height, width), dtype=np.float32)
    there = seen[2] - seen[0], seen[3] - seen[1]
    values[place] = np.asarray(Image.fromarray(heat).resize(there, Image.Resampling.BILINEAR))
    if hottest := values.max():
        values /= hottest
    return values, seen


def _blurred(values: Floats, radius: float) -> Floats:
    """A map from 0 to 1 after a Gaussian blur, from 0 to 1 again."""
    picture = Image.fromarray((255 * values).round().astype(np.uint8)).filter(ImageFilter.GaussianBlur(radius))
    blurred: Floats = np.asarray(picture, dtype=np.float32).copy()
    blurred /= max(1, blurred.max())
    return blurred
