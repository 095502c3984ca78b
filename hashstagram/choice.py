"""What the person asked for, and the hashtags that follow from it: the one place where settings are applied."""

import math
import operator
from collections import Counter
from collections.abc import Collection, Iterable
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
        raise SettingError(
            "{name} is {value!r}. Give a whole number from {least} to {most}.",
            name=name,
            value=value,
            least=least,
            most=MAX_TOP_K,
        )


def _check_share(name: str, value: object) -> None:
    is_number = isinstance(value, int | float | np.floating) and not isinstance(value, bool)
    if not is_number or math.isnan(value) or not 0 <= value <= 1:  # type: ignore[arg-type, operator]
        shown = float(value) if is_number else value  # type: ignore[arg-type]
        raise SettingError("{name} is {value!r}. Give a number from 0 to 1.", name=name, value=shown)


def _check_switch(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise SettingError("{name} is {value!r}. Give true or false.", name=name, value=value)


def _check_tags(name: str, value: object) -> None:
    if isinstance(value, str) or not isinstance(value, Collection) or not all(isinstance(tag, str) for tag in value):
        raise SettingError("{name} is {value!r}. Give a list of tags.", name=name, value=value)


def _both(tags: list[str]) -> SettingError:
    return SettingError("{tags} is in always and in exclude. Take it out of one of them.", tags=", ".join(tags))


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
    `variety` lets near-synonyms such as `sea` and `ocean` take two of five places at most, and of other numbers of
    places as many, rounded down, but one; those in `always` count, but always come.

    `#` and capitals in tags do not matter. Raises SettingError for a value out of range.
    """

    top_k: int = 5
    min_confidence: float = 0.0
    exclude: Collection[str] = ()
    always: Collection[str] = ()
    platform_tags: bool = False
    companions: int = 2
    variety: bool = True

    def __post_init__(self) -> None:
        _check_count("top_k", self.top_k, 1)
        _check_count("companions", self.companions, 0)
        _check_share("min_confidence", self.min_confidence)
        _check_switch("platform_tags", self.platform_tags)
        _check_switch("variety", self.variety)
        _check_tags("exclude", self.exclude)
        _check_tags("always", self.always)
        object.__setattr__(self, "exclude", frozenset(map(normalised, self.exclude)))
        object.__setattr__(self, "always", tuple(dict.fromkeys(map(normalised, self.always))))
        if both := [tag for tag in self.always if tag in self.exclude]:
            raise _both(both)
        if len(self.always) > self.top_k:
            raise SettingError(
                "{count} tags are always to come, but top_k is {top_k}. "
                "Raise top_k (up to {most}) or take tags out of always.",
                count=len(self.always),
                top_k=self.top_k,
                most=MAX_TOP_K,
            )

    def places(self, vocabulary: Vocabulary) -> tuple[list[tuple[int, ...]], set[int]]:
        """Where the tags of `always` are in a vocabulary, those of one name together, and where those of `exclude` are.

        Raises SettingError for a tag that is not there, and for one that is in both under two names.
        """
        always = list(dict.fromkeys(map(vocabulary.named, self.always)))
        exclude = {index for tag in self.exclude for index in vocabulary.named(tag)}
        if both := [vocabulary.name(indices[0]) for indices in always if not exclude.isdisjoint(indices)]:
            raise _both(both)
        return always, exclude


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

    Raises SettingError as `Choice.places` does.
    """
    allowed = np.ones(len(vocabulary), dtype=bool)
    if not choice.platform_tags:
        allowed[[vocabulary.index(tag) for tag in vocabulary.platform]] = False
    always_named, excluded = choice.places(vocabulary)
    allowed[list(excluded)] = False

    either = np.where(taught, visible, companions)
    # Of several tags that bear one name, the surest stands for it.
    always = [max(indices, key=lambda index: either[index]) for indices in always_named]
    places = _Places(vocabulary, max(1, 2 * choice.top_k // 5) if choice.variety else choice.top_k)
    places.take(always)

    free = choice.top_k - len(always)
    reserved = min(choice.companions, free // 2)
    seen = _ranked(visible, taught & allowed, choice.min_confidence)
    sure = places.fill(seen, free - reserved)
    written_with = places.fill(
        _ranked(companions, companion & allowed, max(choice.min_confidence, LEAST_COMPANION)), reserved
    )
    sure += places.fill(seen, free - len(sure) - len(written_with))
    return [
        *(_hashtag(vocabulary, index, either, "visible" if taught[index] else "companion") for index in always),
        *(_hashtag(vocabulary, index, visible, "visible") for index in sure),
        *(_hashtag(vocabulary, index, companions, "companion") for index in written_with),
    ]


class _Places:
    """The places of one answer: no name comes twice, and no group of near-synonyms takes more than `most` of them."""

    def __init__(self, vocabulary: Vocabulary, most: int) -> None:
        self._vocabulary = vocabulary
        self._most = most
        self._names: set[str] = set()
        self._groups: Counter[int | None] = Counter()

    def take(self, indices: Iterable[int]) -> None:
        """Give these tags a place, whatever speaks against it."""
        for index in indices:
            self._names.add(self._vocabulary.name(index))
            self._groups[self._vocabulary.group(index)] += 1

    def fill(self, candidates: Iterable[int], count: int) -> list[int]:
        """Give up to `count` places to the first candidates that may have one."""
        taken: list[int] = []
        for index in candidates:
            if len(taken) == count:
                break
            group = self._vocabulary.group(index)
            if self._vocabulary.name(index) in self._names or (group is not None and self._groups[group] >= self._most):
                continue
            self.take([index])
            taken.append(index)
        return taken


def _ranked(probabilities: Probabilities, candidates: Mask, min_confidence: float) -> list[int]:
    """Indices of the candidates that are sure enough, by falling probability, equal ones in order."""
    indices = np.flatnonzero(candidates & (probabilities >= min_confidence))
    order = np.argsort(-probabilities[indices], kind="stable")
    return [int(index) for index in indices[order]]


def _hashtag(
    vocabulary: Vocabulary, index: int, probabilities: Probabilities, kind: Literal["visible", "companion"]
) -> Hashtag:
    return Hashtag(vocabulary.name(index), float(probabilities[index]), kind)
