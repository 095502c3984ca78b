"""A photo in, hashtags out: the facade over photos, engines, companions and choice.

What computes is imported when a model is loaded, so that looking at the list of models stays quick.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from hashstagram.choice import DEFAULT, Choice, Hashtag, Mask, Probabilities, hashtags
from hashstagram.companions import Companions, load_companions, sigmoid
from hashstagram.engines import Engine, Floats, Known, cores, open_engine
from hashstagram.errors import PhotoError, WeightsError
from hashstagram.manifest import Manifest
from hashstagram.photos import Photo, Preprocessing, open_photo, to_tensor
from hashstagram.records import Record
from hashstagram.renames import renamed
from hashstagram.stages import COMPUTE, DECODE, RANK, stage
from hashstagram.vocabulary import Vocabulary
from hashstagram.weights import load_vocabulary, resolve

__all__ = ["Hashtag", "Recommender", "available_models", "compare", "load_model"]


@dataclass(frozen=True, eq=False)
class Recommender:
    """A loaded model. Nothing in it changes, and any number of threads may ask it at once.

    Make one with `load_model`. `folder` is the weight folder that it was loaded from.
    """

    record: Record
    vocabulary: Vocabulary
    engine: Engine
    companions: Companions | None = None
    folder: Path | None = None
    _taught: Mask = field(init=False, repr=False)
    _companion: Mask = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if strangers := [tag for tag in self.record.taught if tag not in self.vocabulary]:
            raise WeightsError(
                f"{self.record.id} was taught tags that are not in the vocabulary: {', '.join(strangers[:5])}. "
                "Export it again."
            )
        taught = [self.vocabulary.index(tag) for tag in self.record.taught]
        companion: Iterable[int] = [] if self.companions is None else self.companions.outputs
        object.__setattr__(self, "_taught", _mask(taught, len(self.vocabulary)))
        object.__setattr__(self, "_companion", _mask(companion, len(self.vocabulary)))

    @property
    def name(self) -> str:
        """The model's name, such as `hashnet`."""
        return self.record.name

    @property
    def device(self) -> str:
        """Where it computes: `cpu` or `cuda:0`."""
        return self.engine.device

    def recommend(self, photo: Photo, choice: Choice = DEFAULT) -> list[Hashtag]:
        """The hashtags for one photo: a path, a file's bytes, or a PIL image.

        Visible tags come by falling confidence, then companions by falling confidence; there are fewer than
        `choice.top_k` when `choice.min_confidence` leaves no more.

        Raises PhotoError for a photo that cannot be used, and SettingError for a tag in the choice that is not in the
        vocabulary.
        """
        probabilities = self.probabilities([photo])[0]
        with stage(RANK):
            return self.rank(probabilities, choice)

    def recommend_batch(
        self, photos: Sequence[Photo], choice: Choice = DEFAULT, *, batch_size: int = 16
    ) -> list[list[Hashtag]]:
        """What `recommend` gives for each photo, computed `batch_size` photos at a time.

        Raises as `recommend` does; a note on the PhotoError says which photo it was.
        """
        rows = self.probabilities(photos, batch_size=batch_size)
        return [self.rank(row, choice) for row in rows]

    def rank(self, probabilities: Probabilities, choice: Choice = DEFAULT) -> list[Hashtag]:
        """The hashtags that follow from one photo's `probabilities` of shape (tags,).

        Raises SettingError as `recommend` does, and ValueError for another shape.
        """
        if probabilities.shape != (len(self.vocabulary),):
            raise ValueError(
                f"The probabilities have shape {probabilities.shape}; ({len(self.vocabulary)},) was expected."
            )
        visible = np.where(self._taught, probabilities, np.float32(0))
        nothing = np.zeros_like(visible)
        return hashtags(
            choice,
            self.vocabulary,
            visible=visible,
            taught=self._taught,
            companions=nothing if self.companions is None else self.companions.probabilities(visible),
            companion=self._companion,
        )

    def probabilities(self, photos: Iterable[Photo], *, batch_size: int = 16) -> Probabilities:
        """Calibrated probabilities of the visible tags, shape (photos, tags); 0 for tags that were not taught.

        Raises PhotoError as `recommend_batch` does, and ValueError for a batch size below 1.
        """
        if isinstance(photos, str | bytes | os.PathLike | Image.Image):
            raise TypeError("One photo was given where several are expected. Put it in a list, or call recommend.")
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; 1 or more was expected.")
        photos = list(photos)
        probabilities = np.zeros((len(photos), len(self.vocabulary)), dtype=np.float32)
        for start in range(0, len(photos), batch_size):
            with cores.photo_at_work():
                with stage(DECODE):
                    batch = np.stack(
                        [
                            self._tensor(photo, number)
                            for number, photo in enumerate(photos[start : start + batch_size], start + 1)
                        ]
                    )
                with stage(COMPUTE):
                    probabilities[start : start + batch_size] = self._calibrated(self.engine.run(batch))
        return probabilities

    def _calibrated(self, logits: Floats) -> Probabilities:
        scores = self.engine.scale * logits + self.engine.bias
        return np.where(self._taught, sigmoid(scores), np.float32(0))

    def _tensor(self, photo: Photo, number: int) -> Floats:
        try:
            return to_tensor(open_photo(photo), self.record.input)
        except PhotoError as error:
            error.add_note(f"This was photo {number} of those given.")
            raise


def load_model(
    name: str | None = None,
    *,
    weights: str | os.PathLike[str] | None = None,
    device: str = "auto",
    engine: str = "auto",
    renames: str | os.PathLike[str] | None = None,
) -> Recommender:
    """Load a model by name (`vgg16`) or id (`vgg16.photos_v1`); None is the manifest's default, the best on val.

    `weights` is a weight folder or `gs://bucket/prefix` (None: what HASHSTAGRAM_WEIGHTS names, else the bundled one),
    `device` is `auto` (CUDA when there, else CPU), `cpu` or `cuda`. `engine` is `auto` (on a CPU the quantised form,
    where the CPU is made for it and the form answers as well as the exact one), `int8` (that form), `exact` (fp32) or
    `torch` (fp32 by PyTorch, the reference). `Recommender.engine` says which it became. `renames` is a file with names
    of your own for tags (None: the one that HASHSTAGRAM_RENAMES names, if any); `hashstagram.renames` describes it.
    Models share what they have in common, so loading a second one costs only what is new in it.

    Raises SettingError for an unknown model, device or engine and for names that cannot be used, WeightsError for
    weights that are missing, damaged, or made for another vocabulary.
    """
    folder = resolve(weights)
    manifest = Manifest.load(folder)
    record = manifest.record(name)
    vocabulary = renamed(load_vocabulary(folder, manifest), renames)
    companions = None
    if manifest.companions is not None:
        companions = load_companions(folder, manifest.companions, vocabulary)
    return Recommender(
        record, vocabulary, open_engine(folder, manifest, record, vocabulary, device, engine), companions, folder
    )


def compare(recommenders: Sequence[Recommender], photo: Photo, choice: Choice = DEFAULT) -> list[list[Hashtag]]:
    """What each of several models recommends for one photo, in their order.

    The photo is decoded once, and a trunk that several of them stand on looks at it once. Raises as `recommend` does.
    """
    answers = []
    inputs: dict[Preprocessing, tuple[Floats, Known]] = {}
    with cores.photo_at_work():
        image = open_photo(photo)
        for recommender in recommenders:
            preprocessing = recommender.record.input
            if preprocessing not in inputs:
                inputs[preprocessing] = to_tensor(image, preprocessing)[np.newaxis], {}
            probabilities = recommender._calibrated(recommender.engine.run(*inputs[preprocessing]))
            answers.append(recommender.rank(probabilities[0], choice))
    return answers


def available_models(*, weights: str | os.PathLike[str] | None = None) -> tuple[Record, ...]:
    """The records of a weight folder's models, the default first. No weight is loaded. Raises WeightsError."""
    return Manifest.load(resolve(weights)).models


def _mask(indices: Iterable[int], size: int) -> Mask:
    mask = np.zeros(size, dtype=np.bool_)
    mask[list(indices)] = True
    mask.setflags(write=False)
    return mask
