"""What `manifest.json` says: a record for each weight of a folder, and the vocabulary that they were trained for."""

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hashstagram.errors import SettingError, WeightsError
from hashstagram.records import CompanionsRecord, Record, SynonymsRecord, VocabularyRecord, read_record
from hashstagram.vocabulary import Vocabulary, did_you_mean, list_sha256

FORMAT = 2
MANIFEST = "manifest.json"


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
    def start(
        cls,
        vocabulary: str | os.PathLike[str],
        platform_tags: str | os.PathLike[str] | None = None,
        synonyms: str | os.PathLike[str] | None = None,
    ) -> "Manifest":
        """A manifest without models, for the tag lists of a weight folder; it needs no more than its vocabulary."""
        known = Vocabulary.load(vocabulary, platform_tags, synonyms)
        record = VocabularyRecord(Path(vocabulary).name, None, known.sha256, len(known))
        if platform_tags is not None:
            record = replace(
                record, platform_tags=Path(platform_tags).name, platform_tags_sha256=list_sha256(platform_tags)
            )
        if synonyms is not None:
            record = replace(record, synonyms=SynonymsRecord(Path(synonyms).name, list_sha256(synonyms)))
        return cls(record)

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
            vocabulary=read_record(VocabularyRecord, content.get("vocabulary"), "vocabulary"),
            models=tuple(read_record(Record, model, f"models[{index}]") for index, model in enumerate(models)),
            companions=None if companions is None else read_record(CompanionsRecord, companions, "companions"),
        )

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write `manifest.json`, at once or not at all."""
        content: dict[str, Any] = {"format": FORMAT, "vocabulary": asdict(self.vocabulary)}
        content["models"] = [asdict(record) | {"input": record.input.to_json()} for record in self.models]
        if self.companions is not None:
            content["companions"] = asdict(self.companions)
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

    def with_synonyms(self, synonyms: SynonymsRecord | None) -> "Manifest":
        """This manifest with another list of near-synonyms, or with none."""
        return replace(self, vocabulary=replace(self.vocabulary, synonyms=synonyms))
