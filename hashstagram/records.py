"""The records of a manifest: what it says of each weight of a folder, and of the vocabulary that they were trained for.

They are data, read and written whole; where the files are and whether they are right is the business of
`hashstagram.weights`.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PureWindowsPath
from typing import Any, TypeVar

from hashstagram.errors import WeightsError
from hashstagram.photos import Preprocessing

_Read = TypeVar("_Read")


@dataclass(frozen=True)
class StoredFile:
    """A file of the weight folder, and what its content must be. Raises WeightsError for a name that leaves it."""

    file: str
    bytes: int
    sha256: str

    def __post_init__(self) -> None:
        _check_file_name(self.file)


class _Calibrated:
    """What has a `calibration`: a tag's probability is sigmoid(scale · logit + bias), Platt's (1999)."""

    calibration: Mapping[str, Any]

    @property
    def scale(self) -> float:
        """What a logit is multiplied by before the sigmoid."""
        return float(self.calibration["scale"])

    @property
    def bias(self) -> float:
        """What is added to the scaled logit before the sigmoid."""
        return float(self.calibration["bias"])

    def _check_calibration(self, owner: str) -> None:
        numbers = [self.calibration.get(key) for key in ("scale", "bias")]
        if self.calibration.get("method") != "platt" or not all(_is_number(number) for number in numbers):
            raise WeightsError(
                f"{owner} is calibrated by {dict(self.calibration)!r}. "
                'Expected were {"method": "platt"} and the numbers "scale" and "bias"; calibrate the weight again.'
            )


@dataclass(frozen=True)
class Quantised(_Calibrated):
    """A network's int8 form: an OpenVINO graph and the numbers that it names.

    A head over the trunks of other models has neither: it stays exact, over its trunks' int8 features. `default` says
    whether the form stays so close to the exact one that it may answer in its place unasked; `metrics` say how close,
    `training` how it was made.

    Raises WeightsError for a calibration that is not Platt's.
    """

    graph: StoredFile | None
    numbers: StoredFile | None
    default: bool
    calibration: Mapping[str, Any]
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.graph is None) != (self.numbers is None):
            raise WeightsError("An int8 form has a graph and its numbers, or neither. Quantise the model again.")
        self._check_calibration("An int8 form")


@dataclass(frozen=True)
class Record(_Calibrated):
    """One network's weight: where it is, what its photos must look like, and what its answers are worth.

    `parts` are the ids of the records that it shares trunks with, `taught` the tags that it may recommend, `int8` its
    quantised form, if it has one. `training`, `metrics` and `licence` are kept as they are.

    Raises WeightsError for a file name that leaves the folder and for a calibration that is not Platt's.
    """

    name: str
    tag: str
    network: str
    options: Mapping[str, Any]
    parts: tuple[str, ...]
    file: str
    bytes: int
    sha256: str
    vocabulary_sha256: str
    description: str
    input: Preprocessing
    taught: tuple[str, ...]
    calibration: Mapping[str, Any]
    int8: Quantised | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    licence: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_file_name(self.file)
        self._check_calibration(self.id)

    @property
    def id(self) -> str:
        """Name and tag: which network, trained how."""
        return f"{self.name}.{self.tag}"


@dataclass(frozen=True)
class CompanionsRecord:
    """The weight of the layer from visible tags (`inputs`) to the tags written with them (`outputs`)."""

    name: str
    tag: str
    file: str
    bytes: int
    sha256: str
    vocabulary_sha256: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    licence: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_file_name(self.file)

    @property
    def id(self) -> str:
        """Name and tag of this weight."""
        return f"{self.name}.{self.tag}"


@dataclass(frozen=True)
class SynonymsRecord:
    """The list of near-synonyms: its file and the hash of its lines, how it was learned, and what heeding it costs."""

    file: str
    sha256: str
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_file_name(self.file)


@dataclass(frozen=True)
class VocabularyRecord:
    """The folder's tag list: its file, the hash of its tags, and their number.

    `platform_tags` is the file of those, None where there is none, with the hash of its lines, None where nobody wrote
    it down; `synonyms` is the list of near-synonyms, if there is one.
    """

    file: str
    platform_tags: str | None
    sha256: str
    tags: int
    platform_tags_sha256: str | None = None
    synonyms: SynonymsRecord | None = None

    def __post_init__(self) -> None:
        _check_file_name(self.file)
        if self.platform_tags is not None:
            _check_file_name(self.platform_tags)


def _check_file_name(file: str) -> None:
    # Windows' rules refuse both kinds of slashes, and drives.
    if file in ("", "..") or file != PureWindowsPath(file).name:
        raise WeightsError(
            f"The manifest names the file {file!r}. Only a plain name of a file in the folder is allowed."
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a text was expected")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError("a list of texts was expected")
    return tuple(_text(entry) for entry in value)


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError("a whole number was expected")
    return value


def _mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("an object was expected")
    return value


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("true or false was expected")
    return value


def _or_none(reader: Callable[[Any], _Read]) -> Callable[[Any], _Read | None]:
    return lambda content: None if content is None else reader(content)


def _optional(kind: type[_Read], key: str) -> Callable[[Any], _Read | None]:
    return _or_none(lambda content: read_record(kind, content, key))


_STORED: dict[str, Callable[[Any], Any]] = {"file": _text, "bytes": _count, "sha256": _text}
_LEARNED: dict[str, Callable[[Any], Any]] = {"training": _mapping, "metrics": _mapping, "licence": _mapping}
_FILE: dict[str, Callable[[Any], Any]] = {
    "name": _text,
    "tag": _text,
    **_STORED,
    "vocabulary_sha256": _text,
}
_KINDS: dict[type, dict[str, Callable[[Any], Any]]] = {
    SynonymsRecord: {"file": _text, "sha256": _text, "training": _mapping, "metrics": _mapping},
    VocabularyRecord: {
        "file": _text,
        "platform_tags": _or_none(_text),
        "sha256": _text,
        "tags": _count,
        "platform_tags_sha256": _or_none(_text),
        "synonyms": _optional(SynonymsRecord, "synonyms"),
    },
    StoredFile: _STORED,
    Quantised: {
        "graph": _optional(StoredFile, "graph"),
        "numbers": _optional(StoredFile, "numbers"),
        "default": _truth,
        "calibration": _mapping,
        "training": _mapping,
        "metrics": _mapping,
    },
    Record: {
        **_FILE,
        **_LEARNED,
        "network": _text,
        "options": _mapping,
        "parts": _texts,
        "description": _text,
        "input": Preprocessing.from_json,
        "taught": _texts,
        "calibration": _mapping,
        "int8": _optional(Quantised, "int8"),
    },
    CompanionsRecord: {**_FILE, **_LEARNED, "inputs": _texts, "outputs": _texts},
}
# What a manifest may leave out: those of other lists and of earlier versions do.
_MAY_LACK: dict[type, set[str]] = {VocabularyRecord: {"platform_tags", "platform_tags_sha256", "synonyms"}}


def read_record(kind: type[_Read], content: object, where: str) -> _Read:
    """One of the records from its JSON. Raises WeightsError that names the first key which is not as it should be."""
    readers = _KINDS[kind]
    may_lack = _MAY_LACK.get(kind, set())
    if isinstance(content, dict):
        content = dict.fromkeys(may_lack) | content
    if not isinstance(content, dict) or content.keys() != readers.keys():
        keys = set(content) if isinstance(content, dict) else set()
        missing = ", ".join(sorted(readers.keys() - may_lack - keys)) or "nothing"
        unknown = ", ".join(sorted(map(str, keys - readers.keys()))) or "nothing"
        raise WeightsError(f"{where} of the manifest lacks {missing} and has {unknown} that is not known. Restore it.")
    values = {}
    for key, reader in readers.items():
        try:
            values[key] = reader(content[key])
        except (TypeError, WeightsError) as error:
            raise WeightsError(f"{where}.{key} of the manifest is {content[key]!r}: {error}. Restore it.") from error
    return kind(**values)
