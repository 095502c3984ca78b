"""The tags that can be recommended: their order, their hash, platform tags, near-synonyms, and names of your own.

A network's output i is the vocabulary's tag i, so a vocabulary's sha256 tells whether a weight fits it.
"""

import difflib
import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from hashstagram.errors import SettingError, WeightsError


@dataclass(frozen=True)
class Vocabulary:
    """Tags in the order of the networks' outputs.

    `platform` are the tags about the platform or begging for attention (`instagood`, `followme`): they are
    recommended only to who asks for them. `synonyms` are groups of two or more tags that say nearly the same.
    `names` are what some tags are called instead (`renamed`); two tags may bear one name.

    Raises WeightsError when a tag is empty, holds a space or `#`, or occurs twice, when a platform tag or a synonym is
    not among the tags, and when a tag is in two groups or alone in one.
    """

    tags: tuple[str, ...]
    platform: frozenset[str] = field(default=frozenset())
    synonyms: tuple[tuple[str, ...], ...] = ()
    names: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not self.tags:
            raise WeightsError("The vocabulary has no tags. Give at least one tag.")
        for index, tag in enumerate(self.tags):
            if not _is_tag(tag):
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
        if alone := [group for group in self.synonyms if len(group) < 2]:
            raise WeightsError(f"{' '.join(alone[0])!r} stands alone as a near-synonym. Write two or more tags a line.")
        grouped = [tag for group in self.synonyms for tag in group]
        if strangers := sorted(set(grouped).difference(self.tags)):
            raise WeightsError(
                f"The near-synonyms {', '.join(strangers)} are not in the vocabulary. Remove them from the list."
            )
        if twice := sorted({tag for tag in grouped if grouped.count(tag) > 1}):
            raise WeightsError(
                f"The near-synonyms {', '.join(twice)} stand twice in the list. Write each tag into one group, once."
            )

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        platform_tags: str | os.PathLike[str] | None = None,
        synonyms: str | os.PathLike[str] | None = None,
    ) -> "Vocabulary":
        """Read one tag a line, or HARRISON's `vocab_index.txt` with its lines of a tag and its index.

        `platform_tags` is a file with one tag a line, `synonyms` one with a group of tags a line; in both, everything
        after a `#` is a comment.

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
        platform = frozenset() if platform_tags is None else frozenset(_uncommented(Path(platform_tags)))
        groups = [] if synonyms is None else [tuple(line.split()) for line in _uncommented(Path(synonyms))]
        return cls(tuple(tags), platform, tuple(groups))

    def renamed(self, names: Mapping[str, str]) -> "Vocabulary":
        """This vocabulary with other names for some of its tags, by tag: `{"dog": "hund"}`.

        Tags, order and hash stay; whoever is recommended a tag, or asks for one, does so by its name. Raises
        SettingError for a tag that is not in the vocabulary, and for a name that is not one word without the #.
        """
        found = {self.tags[self.index(tag)]: normalised(name) for tag, name in names.items()}
        for tag, name in found.items():
            if not _is_tag(name):
                raise SettingError(f"{tag!r} cannot be called {name!r}. A name is one word, without the #.")
        return replace(self, names=found)

    @cached_property
    def _indices(self) -> dict[str, int]:
        return {tag: index for index, tag in enumerate(self.tags)}

    @cached_property
    def _named(self) -> dict[str, tuple[int, ...]]:
        """The indices of the tags that bear a name, by the name."""
        named: dict[str, tuple[int, ...]] = {}
        for index in range(len(self)):
            named[self.name(index)] = (*named.get(self.name(index), ()), index)
        return named

    @cached_property
    def _groups(self) -> dict[str, int]:
        return {tag: number for number, group in enumerate(self.synonyms) for tag in group}

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
            raise self._unknown(tag)
        return index

    def name(self, index: int) -> str:
        """What the tag at a place is called: itself, where nobody renamed it."""
        return self.names.get(self.tags[index], self.tags[index])

    def named(self, name: str) -> tuple[int, ...]:
        """The places of all tags that bear a name, one or more. `#` and capitals do not matter.

        A renamed tag is found by its old name too, unless another tag bears that one now. Raises SettingError where
        there is none.
        """
        wanted = normalised(name)
        if wanted not in self._named and wanted in self._indices:
            wanted = self.names[wanted]
        if wanted not in self._named:
            raise self._unknown(name)
        return self._named[wanted]

    def group(self, index: int) -> int | None:
        """The number of the group of near-synonyms that the tag at a place is in, None where it is in none."""
        return self._groups.get(self.tags[index])

    def _unknown(self, tag: str) -> SettingError:
        close = close_matches(normalised(tag), dict.fromkeys([*self._named, *self.tags]))
        if not close:
            return SettingError("{tag!r} is not one of the {count} tags.", tag=tag, count=len(self))
        return SettingError(
            "{tag!r} is not one of the {count} tags. Did you mean {close}?",
            tag=tag,
            count=len(self),
            close=", ".join(close),
        )


# People write tags one after another, with or without #, commas and spaces, in the letters of any language.
_BETWEEN_TAGS = re.compile(r"[\s,;#\uff03\uff0c\u3001]+")


def split_tags(text: str) -> list[str]:
    """Tags as people type them, without the #: `love,selfie`, `#love #selfie` and `#love#selfie` are the same two."""
    return [tag for tag in _BETWEEN_TAGS.split(text) if tag]


def normalised(tag: str) -> str:
    """A tag as the vocabulary writes it: `" #Sunset"` becomes `"sunset"`."""
    return unicodedata.normalize("NFC", tag.strip().lstrip("#\uff03").lower())


def close_matches(name: str, known: Iterable[str]) -> list[str]:
    """Up to three of the known names that look like this one, the closest first."""
    return difflib.get_close_matches(name, list(known), n=3, cutoff=0.7)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence, with a space before it, that lists the close matches of a name; empty when there are none."""
    close = close_matches(name, known)
    return f" Did you mean {' or '.join(close)}?" if close else ""


def list_sha256(path: str | os.PathLike[str]) -> str:
    """What a manifest knows a tag list by: the hash of its lines joined by newlines, whatever ends them in the file.

    Raises WeightsError as `Vocabulary.load` does.
    """
    return hashlib.sha256("\n".join(_lines(Path(path))).encode()).hexdigest()


def _is_tag(tag: str) -> bool:
    return split_tags(tag) == [tag] and tag == normalised(tag)


def _uncommented(path: Path) -> list[str]:
    """The lines that are not empty, without comments."""
    return [content for line in _lines(path) if (content := line.partition("#")[0].strip())]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise WeightsError(
            f"The tag list {path} cannot be read ({error.strerror}). Restore it, or name the folder that has it."
        ) from error
    except UnicodeDecodeError as error:
        raise WeightsError(f"The tag list {path} is not text in UTF-8. Save it as UTF-8.") from error
