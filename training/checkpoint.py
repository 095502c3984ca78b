"""Checkpoints: written whole or not at all, and never mixed up with another recipe's."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from hashstagram.errors import DataError

_FILE = "checkpoint.pt"
_RECIPE = "recipe.json"


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one run folder: the latest state to go on from, and the best on val to export."""

    folder: Path

    def begin(self, recipe: dict[str, Any]) -> None:
        """Note the recipe of this run, or see that a run to go on with has the same one.

        Raises DataError where the folder holds a run with another recipe: nothing of it is overwritten.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / _RECIPE
        text = json.dumps(recipe, indent=1, sort_keys=True)
        if path.is_file():
            before = json.loads(path.read_text(encoding="utf-8"))
            after = json.loads(text)
            differing = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
            if differing:
                raise DataError(
                    f"{self.folder} holds a run with another recipe ({', '.join(differing)} differ). "
                    "Choose another --out, or repeat its options to go on with it."
                )
        else:
            _write(path, text.encode())

    def recipe(self) -> dict[str, Any]:
        """The recipe that `begin` noted. Raises DataError where no run was begun here."""
        path = self.folder / _RECIPE
        if not path.is_file():
            raise DataError(
                f"{self.folder} holds no run ({_RECIPE} is missing). Train first: python -m training.train …"
            )
        recipe: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return recipe

    def save(self, state: dict[str, Any], *, best: bool) -> None:
        """Replace the latest checkpoint, and with `best` the best one too."""
        # The best first: who dies in between does the epoch once more, and none is left that says it is the best.
        for name in (f"best-{_FILE}", _FILE) if best else (_FILE,):
            part = self.folder / f"{name}.part"
            torch.save(state, part)
            with part.open("rb+") as file:
                os.fsync(file.fileno())
            part.replace(self.folder / name)

    def latest(self) -> dict[str, Any] | None:
        """The state to go on from, or None at the start."""
        return self._load(_FILE) if (self.folder / _FILE).is_file() else None

    def best(self) -> dict[str, Any]:
        """The state that scored best on val. Raises DataError where no epoch was finished yet."""
        if not (self.folder / f"best-{_FILE}").is_file():
            raise DataError(f"{self.folder} holds no finished epoch yet: let the training run on.")
        return self._load(f"best-{_FILE}")

    def _load(self, name: str) -> dict[str, Any]:
        state: dict[str, Any] = torch.load(self.folder / name, map_location="cpu", weights_only=True)
        return state


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    part.replace(path)
