"""What `manifest.json` says: a record for each weight of a folder, and the vocabulary that they were trained for.

The records are data, read and written whole; where the files are and whether they are right is the business of
`hashstagram.weights`.
"""

import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path, PureWindowsPath
from typing import Any, TypeVar

from hashstagram.errors import SettingError, WeightsError
from hashstagram.photos import Preprocessing
from hashstagram.vocabulary import Vocabulary, did_you_mean

FORMAT = 1
MANIFEST = "manifest.json"

_Read = TypeVar("_Read")


@dataclass(frozen=True)
class Record:
    """One network's weight: where it is, what its photos must look like, and what its answers are worth.

    `parts` are the ids of the records that it shares trunks with, `taught` the tags that it may recommend, and a tag's
    probability is sigmoid(calibration["scale"] · logit + calibration["bias"]). `training`, `metrics` and `licence` are
    kept as they are.

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
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    licence: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_file_name(self.file, self.id)
        numbers = [self.calibration.get(key) for key in ("scale", "bias")]
        if self.calibration.get("method") != "platt" or not all(_is_number(number) for number in numbers):
            raise WeightsError(
                f"{self.id} is calibrated by {dict(self.calibration)!r}. "
                'Expected were {"method": "platt"} and the numbers "scale" and "bias"; calibrate the weight again.'
            )

    @property
    def id(self) -> str:
        """Name and tag: which network, trained how."""
        return f"{self.name}.{self.tag}"

    @property
    def scale(self) -> float:
        """What a logit is multiplied by before the sigmoid."""
        return float(self.calibration["scale"])

    @property
    def bias(self) -> float:
        """What is added to the scaled logit before the sigmoid."""
        return float(self.calibration["bias"])


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
        _check_file_name(self.file, self.id)

    @property
    def id(self) -> str:
        """Name and tag of this weight."""
        return f"{self.name}.{self.tag}"


@dataclass(frozen=True)
class VocabularyRecord:
    """The folder's tag list: its two files, the hash of its tags, and their number."""

    file: str
    platform_tags: str
    sha256: str
    tags: int

    def __post_init__(self) -> None:
        _check_file_name(self.file, "the vocabulary")
        _check_file_name(self.platform_tags, "the vocabulary")


@dataclass(frozen=True)
class Manifest:
    """All records of a weight folder. The first model is the default."""

    vocabulary: VocabularyRecord
    models: tuple[Record, ...] = ()
    companions: CompanionsRecord | None = None

    def __post_init__(self) -> None:
        ids = [record.id for record in self.models]
        for record in self.models:
            if ids.count(record.id) > 1:
                raise WeightsError(f"The manifest has two models {record.id}. Give one of them another tag.")
            for part in record.parts:
                if part not in ids:
                    raise WeightsError(f"{record.id} needs {part}, which the manifest does not list. Add it first.")
                if self.record(part).parts:
                    raise WeightsError(f"{record.id} is built on {part}, which has parts itself. Name single models.")

    @classmethod
    def start(cls, vocabulary: str | os.PathLike[str], platform_tags: str | os.PathLike[str]) -> "Manifest":
        """A manifest without models, for the two tag lists of a weight folder."""
        known = Vocabulary.load(vocabulary, platform_tags)
        return cls(VocabularyRecord(Path(vocabulary).name, Path(platform_tags).name, known.sha256, len(known)))

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> "Manifest":
        """Read a folder's `manifest.json`. Raises WeightsError for one that is missing or not in the form of ours."""
        path = Path(folder) / MANIFEST
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise WeightsError(
                f"There are no weights in {folder}: {MANIFEST} cannot be read ({error.strerror}). "
                "Name a weight folder, or restore the one that came with HashStagram."
            ) from error
        except ValueError as error:
            raise WeightsError(f"{path} is not JSON ({error}). Restore it.") from error
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise WeightsError(f"{path} is not a manifest of format {FORMAT}. Use weights of this HashStagram version.")
        models = content.get("models")
        if not isinstance(models, list):
            raise WeightsError(f"{path} has no list of models. Restore it.")
        companions = content.get("companions")
        return cls(
            vocabulary=_read(VocabularyRecord, content.get("vocabulary"), "vocabulary"),
            models=tuple(_read(Record, model, f"models[{index}]") for index, model in enumerate(models)),
            companions=None if companions is None else _read(CompanionsRecord, companions, "companions"),
        )

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write `manifest.json`, at once or not at all."""
        content: dict[str, Any] = {"format": FORMAT, "vocabulary": asdict(self.vocabulary)}
        content["models"] = [
            {key.name: getattr(record, key.name) for key in fields(record)} | {"input": record.input.to_json()}
            for record in self.models
        ]
        if self.companions is not None:
            content["companions"] = {key.name: getattr(self.companions, key.name) for key in fields(self.companions)}
        path = Path(folder) / MANIFEST
        unfinished = path.with_name(f"{MANIFEST}.{os.getpid()}.tmp")
        try:
            unfinished.write_text(
                json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
            )
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)

    def record(self, name: str | None = None) -> Record:
        """The record of a model by name (`vgg16`, the first so named) or id (`vgg16.photos_v1`); None is the default.

        Raises SettingError for a model that is not listed, with close matches, and WeightsError when none is.
        """
        if not self.models:
            raise WeightsError("The manifest lists no model. Export one into the folder first.")
        for record in self.models:
            if name is None or name in (record.name, record.id):
                return record
        names = [record.name for record in self.models]
        known = list(dict.fromkeys(names))
        close = did_you_mean(str(name), [*known, *(record.id for record in self.models)])
        raise SettingError(f"{name!r} is not a model.{close} Choose one of: {', '.join(known)}.")

    def with_record(self, record: Record, *, default: bool = False) -> "Manifest":
        """This manifest with a model added, or replaced where its id is listed; `default` puts it first."""
        others = tuple(other for other in self.models if other.id != record.id)
        if default:
            return replace(self, models=(record, *others))
        if len(others) == len(self.models):
            return replace(self, models=(*others, record))
        return replace(self, models=tuple(record if other.id == record.id else other for other in self.models))

    def with_companions(self, companions: CompanionsRecord | None) -> "Manifest":
        """This manifest with another companion layer, or with none."""
        return replace(self, companions=companions)


def _check_file_name(file: str, owner: str) -> None:
    # Windows' rules refuse both kinds of slashes, and drives.
    if file in ("", "..") or file != PureWindowsPath(file).name:
        raise WeightsError(
            f"The manifest names the file {file!r} for {owner}. Only a plain name of a file in the folder is allowed."
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


_LEARNED: dict[str, Callable[[Any], Any]] = {"training": _mapping, "metrics": _mapping, "licence": _mapping}
_FILE: dict[str, Callable[[Any], Any]] = {
    "name": _text,
    "tag": _text,
    "file": _text,
    "bytes": _count,
    "sha256": _text,
    "vocabulary_sha256": _text,
}
_KINDS: dict[type, dict[str, Callable[[Any], Any]]] = {
    VocabularyRecord: {"file": _text, "platform_tags": _text, "sha256": _text, "tags": _count},
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
    },
    CompanionsRecord: {**_FILE, **_LEARNED, "inputs": _texts, "outputs": _texts},
}


def _read(kind: type[_Read], content: object, where: str) -> _Read:
    """One of the records from its JSON. Raises WeightsError that names the first key which is not as it should be."""
    readers = _KINDS[kind]
    if not isinstance(content, dict) or content.keys() != readers.keys():
        keys = content.keys() if isinstance(content, dict) else ()
        missing = ", ".join(sorted(readers.keys() - keys)) or "nothing"
        unknown = ", ".join(sorted(map(str, keys - readers.keys()))) or "nothing"
        raise WeightsError(f"{where} in {MANIFEST} lacks {missing} and has {unknown} that is not known. Restore it.")
    values = {}
    for key, reader in readers.items():
        try:
            values[key] = reader(content[key])
        except (TypeError, WeightsError) as error:
            raise WeightsError(f"{where}.{key} in {MANIFEST} is {content[key]!r}: {error}. Restore it.") from error
    return kind(**values)
