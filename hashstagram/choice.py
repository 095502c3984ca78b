"""What the person asked for, and the hashtags that follow from it: the one place where settings are applied."""

import math
import operator
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from hashstagram.errors import SettingError
from hashstagram.vocabulary import Vocabulary, normalised

MAX_TOP_K = 30

Probabilities = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def _check_count(name: str, value: object, least: int) -> None:
    try:
        count = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        count = -1
    if isinstance(value, bool) or not least <= count <= MAX_TOP_K:
        raise SettingError(f"{name} is {value!r}. Give a whole number from {least} to {MAX_TOP_K}.")


@dataclass(frozen=True)
class Hashtag:
    """A recommended tag, without the `#`.

    `confidence` is a calibrated probability in 0..1. A `visible` tag was seen in the photo, a `companion` is written
    with the visible ones.
    """

    tag: str
    confidence: float
    kind: Literal["visible", "companion"]


@dataclass(frozen=True)
class Choice:
    """How many hashtags, and which.

    `top_k` (1 to 30) is the number of hashtags, `min_confidence` (0 to 1) leaves out what is less sure. Tags in
    `exclude` never come; tags in `always` come first, whatever the photo shows, and count among the `top_k`.
    `platform_tags` lets tags such as `instagood` in. Up to `companions` places (0 to 30), and never more than half of
    those that `always` leaves, go to tags that are written with what the photo shows; 0 gives visible tags only.

    `#` and capitals in tags do not matter. Raises SettingError for a value out of range.
    """

    top_k: int = 5
    min_confidence: float = 0.0
    exclude: Collection[str] = ()
    always: Collection[str] = ()
    platform_tags: bool = False
    companions: int = 2

    def __post_init__(self) -> None:
        _check_count("top_k", self.top_k, 1)
        _check_count("companions", self.companions, 0)
        confidence = self.min_confidence
        if isinstance(confidence, bool) or not isinstance(confidence, int | float | np.floating):
            raise SettingError(f"min_confidence is {confidence!r}. Give a number from 0 to 1.")
        if math.isnan(confidence) or not 0 <= confidence <= 1:
            raise SettingError(f"min_confidence is {confidence:g}. Give a number from 0 to 1.")
        for name in ("exclude", "always"):
            tags = getattr(self, name)
            if isinstance(tags, str) or not all(isinstance(tag, str) for tag in tags):
                raise SettingError(f"{name} is {tags!r}. Give a list of tags.")
        object.__setattr__(self, "exclude", frozenset(map(normalised, self.exclude)))
        object.__setattr__(self, "always", tuple(dict.fromkeys(map(normalised, self.always))))
        if both := [tag for tag in self.always if tag in self.exclude]:
            raise SettingError(f"{', '.join(both)} is in always and in exclude. Take it out of one of them.")
        if len(self.always) > self.top_k:
            raise SettingError(
                f"{len(self.always)} tags are always to come, but top_k is {self.top_k}. "
                f"Raise top_k (up to {MAX_TOP_K}) or take tags out of always."
            )


DEFAULT = Choice()

# Fewer than one in twenty would write it: then one more tag that is seen is the better suggestion.
LEAST_COMPANION = 0.05


def hashtags(
    choice: Choice,
    vocabulary: Vocabulary,
    *,
    visible: Probabilities,
    taught: Mask,
    companions: Probabilities,
    companion: Mask,
) -> list[Hashtag]:
    """The hashtags of one photo: `always` first, then visible tags, then companions, each by falling confidence.

    All arrays have the vocabulary's shape (tags,): the probabilities of the visible tags with the mask of those that
    the network was taught, and the companions' with the mask of those that can be one. Equal confidences keep the
    vocabulary's order, no tag comes twice, and visible tags take the places for which there is no companion of at
    least 5 %.

    Raises SettingError for a tag in `exclude` or `always` that is not in the vocabulary.
    """
    allowed = np.ones(len(vocabulary), dtype=bool)
    if not choice.platform_tags:
        allowed[[vocabulary.index(tag) for tag in vocabulary.platform]] = False
    allowed[[vocabulary.index(tag) for tag in choice.exclude]] = False

    always = []
    for index in [vocabulary.index(tag) for tag in choice.always]:
        allowed[index] = False
        if taught[index]:
            always.append(_hashtag(vocabulary, index, visible, "visible"))
        else:
            always.append(_hashtag(vocabulary, index, companions, "companion"))

    places = choice.top_k - len(always)
    reserved = min(choice.companions, places // 2)
    seen = _ranked(visible, taught & allowed, choice.min_confidence)
    sure = seen[: places - reserved]
    written_with = _ranked(companions, companion & allowed, max(choice.min_confidence, LEAST_COMPANION))
    written_with = [index for index in written_with if index not in sure][:reserved]
    rest = [index for index in seen[len(sure) :] if index not in written_with]
    sure = [*sure, *rest][: places - len(written_with)]
    return [
        *always,
        *(_hashtag(vocabulary, index, visible, "visible") for index in sure),
        *(_hashtag(vocabulary, index, companions, "companion") for index in written_with),
    ]


def _ranked(probabilities: Probabilities, candidates: Mask, min_confidence: float) -> list[int]:
    """Indices of the candidates that are sure enough, by falling probability, equal ones in order."""
    indices = np.flatnonzero(candidates & (probabilities >= min_confidence))
    order = np.argsort(-probabilities[indices], kind="stable")
    return [int(index) for index in indices[order]]


def _hashtag(
    vocabulary: Vocabulary, index: int, probabilities: Probabilities, kind: Literal["visible", "companion"]
) -> Hashtag:
    return Hashtag(vocabulary.tags[index], float(probabilities[index]), kind)
