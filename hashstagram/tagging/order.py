"""What is asked of every photo of a run, and a mark by which a later run knows whether it asks the same."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import hashstagram
from hashstagram.choice import Choice
from hashstagram.records import Record
from hashstagram.renames import renamed
from hashstagram.weights import Manifest, load_vocabulary, resolve


@dataclass(frozen=True)
class Order:
    """A model's record, what computes it, and the choice.

    `mark` is short and another one whenever the same photo could get other hashtags: by another version of HashStagram,
    other weights, another engine or another choice.
    """

    record: Record
    engine: str
    choice: Choice
    mark: str

    @classmethod
    def given(cls, model: str | None, engine: str, choice: Choice) -> "Order":
        """An order checked against the weights that there are; none of them is loaded.

        Raises SettingError for a model or a tag that does not exist, WeightsError as `resolve` does.
        """
        folder = resolve()
        manifest = Manifest.load(folder)
        record, vocabulary = manifest.record(model), renamed(load_vocabulary(folder, manifest))
        choice.places(vocabulary)
        asked = {
            "version": hashstagram.__version__,
            "weights": [*map(_content, (record, *map(manifest.record, record.parts)))],
            "companions": None if manifest.companions is None else manifest.companions.sha256,
            "tags": [vocabulary.sha256, sorted(vocabulary.platform), vocabulary.synonyms, dict(vocabulary.names)],
            "model": record.id,
            "engine": engine,
            "choice": {**vars(choice), "exclude": sorted(choice.exclude)},
        }
        mark = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:12]
        return cls(record, engine, choice, mark)


def _content(record: Record) -> list[Any]:
    """What a model's answers follow from: its files, in both forms, and how its scores become confidences."""
    content: list[Any] = [record.sha256, dict(record.calibration)]
    if (int8 := record.int8) is not None:
        files = [file.sha256 for file in (int8.graph, int8.numbers) if file is not None]
        content += [files, dict(int8.calibration), int8.default]
    return content
