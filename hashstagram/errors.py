"""Everything that can go wrong on a caller's side, as one tree.

    HashStagramError
    ├── PhotoError             a photo that cannot be used, whatever the reason
    │   ├── PhotoTooLarge      more bytes or more pixels than the limits allow
    │   ├── PhotoUnsupported   not a photo of a kind that we read
    │   └── PhotoBroken        empty, truncated or damaged
    ├── WeightsError           a weight file that is missing, damaged, or made for something else
    ├── SettingError           a value that the caller chose and that cannot be used
    └── DataError              a training folder that is not in HARRISON's layout

Every message is a sentence or two for the person who reads it: what was wrong, with which value, and what to do.
Page, API and command line show the same one, and page and API in the visitor's language. For that, what a visitor may
get is raised as a template and its values:

    raise PhotoTooLarge("This photo has {pixels:,} pixels; at most {most:,} are accepted.", pixels=size, most=limit)
"""

import string
from typing import Any


class HashStagramError(Exception):
    """Base of all errors that HashStagram raises on purpose.

    `sentence` is what was wrong, in English, with a place for each of the `values` as `str.format` has them; without
    values it is taken as it stands. `str(error)` is the whole sentence. What it quotes (`!r`) somebody gave, and
    the beginning of that will do.
    """

    def __init__(self, sentence: str, /, **values: object) -> None:
        self.sentence = sentence
        self.values = _shortened(sentence, values)
        super().__init__(sentence.format(**self.values) if values else sentence)


class PhotoError(HashStagramError):
    """A photo cannot be used. The message speaks to a visitor: it holds no path and no exception text."""


# These three say what is wrong with the photo, and their base says that it is an error.
class PhotoTooLarge(PhotoError):  # noqa: N818
    """The photo has more bytes or more pixels than the limits allow."""


class PhotoUnsupported(PhotoError):  # noqa: N818
    """What was given is not a photo of a kind that we read."""


class PhotoBroken(PhotoError):  # noqa: N818
    """The photo is empty, truncated or damaged."""


class WeightsError(HashStagramError):
    """A weight is missing, fails its checksum, or was trained for another vocabulary or shape."""


class SettingError(HashStagramError):
    """A setting is out of range, or names a model or a tag that does not exist."""


class DataError(HashStagramError):
    """A training folder is not in HARRISON's layout."""


class _Cut(str):
    """The beginning of something that was no text, which is shown without quotes."""

    __repr__ = str.__str__


def shortened(value: object) -> Any:
    """A value for a sentence that repeats what a stranger sent: at most the first 60 letters."""
    text = value if isinstance(value, str) else repr(value)
    if len(text) <= 60:
        return value
    return f"{text[:50]}…" if isinstance(value, str) else _Cut(f"{text[:50]}…")


def _shortened(sentence: str, values: dict[str, object]) -> dict[str, object]:
    quoted = {field for _, field, _, conversion in string.Formatter().parse(sentence) if conversion == "r"}
    return {name: shortened(value) if name in quoted else value for name, value in values.items()}
