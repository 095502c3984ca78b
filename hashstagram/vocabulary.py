"""The tags that can be recommended: their order, their hash, and which of them are platform tags.

A network's output i is the vocabulary's tag i, so a vocabulary's sha256 tells whether a weight fits it.
"""

import difflib
import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from hashstagram.errors import SettingError, WeightsError


@dataclass(frozen=True)
class Vocabulary:
    """Tags in the order of the networks' outputs.

    `platform` are the tags about the platform or begging for attention (`instagood`, `followme`): they are
    recommended only to who asks for them.

    Raises WeightsError when a tag is empty, holds a space or `#`, or occurs twice, and when a platform tag is not
    among the tags.
    """

    tags: tuple[str, ...]
    platform: frozenset[str] = field(default=frozenset())

    def __post_init__(self) -> None:
        if not self.tags:
            raise WeightsError("The vocabulary has no tags. Give at least one tag.")
        for index, tag in enumerate(self.tags):
            if tag != normalised(tag) or not tag or any(character.isspace() for character in tag):
                raise WeightsError(
                    f"{tag!r}, tag {index} of the vocabulary, is not a tag: "
                    "a tag is one word in small letters, without the #."
                )
            if self._indices[tag] != index:
                raise WeightsError(
                    f"The vocabulary has {tag!r} twice, as tags {index} and {self._indices[tag]}. Remove one of them."
                )
        if strangers := sorted(self.platform.difference(self.tags)):
            raise WeightsError(
                f"The platform tags {', '.join(strangers)} are not in the vocabulary. Remove them from the list."
            )

    @classmethod
    def load(cls, path: str | os.PathLike[str], platform_tags: str | os.PathLike[str] | None = None) -> "Vocabulary":
        """Read one tag a line, or HARRISON's `vocab_index.txt` with its lines of a tag and its index.

        `platform_tags` is a file with one tag a line; there, everything after a `#` is a comment.

        Raises WeightsError for a file that is missing or not in this form.
        """
        tags: list[str] = []
        for number, line in enumerate(_lines(Path(path)), start=1):
            words = line.split()
            if not words:
                continue
            if words[1:] not in ([], [str(len(tags))]):
                raise WeightsError(
                    f"Line {number} of {path} is {line!r}. "
                    f"A tag alone was expected, or a tag and its index {len(tags)}."
                )
            tags.append(words[0])
        platform: frozenset[str] = frozenset()
        if platform_tags is not None:
            commented = _lines(Path(platform_tags))
            platform = frozenset(tag for line in commented if (tag := line.partition("#")[0].strip()))
        return cls(tuple(tags), platform)

    @cached_property
    def _indices(self) -> dict[str, int]:
        return {tag: index for index, tag in enumerate(self.tags)}

    @cached_property
    def sha256(self) -> str:
        """Hash of the tags joined by newlines, in their order: what a weight's record names its vocabulary by."""
        return hashlib.sha256("\n".join(self.tags).encode()).hexdigest()

    def __len__(self) -> int:
        return len(self.tags)

    def __iter__(self) -> Iterator[str]:
        return iter(self.tags)

    def __contains__(self, tag: object) -> bool:
        return tag in self._indices

    def index(self, tag: str) -> int:
        """The place of a tag, 0 to len - 1. `#` and capitals do not matter. Raises SettingError for no tag of ours."""
        index = self._indices.get(normalised(tag))
        if index is None:
            raise SettingError(f"{tag!r} is not one of the {len(self)} tags.{did_you_mean(normalised(tag), self.tags)}")
        return index


def normalised(tag: str) -> str:
    """A tag as the vocabulary writes it: `" #Sunset"` becomes `"sunset"`."""
    return tag.strip().removeprefix("#").lower()


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence, with a space before it, that lists the close matches of a name; empty when there are none."""
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.7)
    return f" Did you mean {' or '.join(close)}?" if close else ""


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise WeightsError(
            f"The tag list {path} cannot be read ({error.strerror}). Restore it, or name the folder that has it."
        ) from error
    except UnicodeDecodeError as error:
        raise WeightsError(f"The tag list {path} is not text in UTF-8. Save it as UTF-8.") from error
