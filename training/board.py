"""What TensorBoard shows of a run: its curves, and a few val photos with predicted beside true tags."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.tensorboard import SummaryWriter


@dataclass(frozen=True)
class Showcase:
    """A few val photos to look at: their rows among the val photos, pixels (k, H, W, 3), true and possible tags."""

    rows: Sequence[int]
    photos: NDArray[np.uint8]
    true: Sequence[Sequence[str]]
    tags: Sequence[str]


class Board:
    """Writes a run's TensorBoard folder; `quiet` writes nothing (all processes but the first)."""

    def __init__(self, out: Path, step: int, showcase: Showcase | None, *, quiet: bool) -> None:
        self._showcase = showcase
        # The last finished epoch's figures stand at this very step: only what comes after them is done anew.
        self._writer = None if quiet else SummaryWriter(str(out / "tensorboard"), purge_step=step + 1)
        if self._writer is not None and showcase is not None and not step:
            self._writer.add_images("val/photos", showcase.photos, 0, dataformats="NHWC")

    def __enter__(self) -> "Board":
        return self

    def __exit__(self, *_: Any) -> None:
        if self._writer is not None:
            self._writer.close()

    def epoch(self, step: int, train: Mapping[str, float], val: Mapping[str, float]) -> None:
        """An epoch's curves."""
        if self._writer is None:
            return
        for name, value in train.items():
            self._writer.add_scalar(name, value, step)
        for name, value in val.items():
            self._writer.add_scalar(f"val/{name}", value, step)

    def show(self, step: int, scores: NDArray[np.float32] | None) -> None:
        """The showcase's photos with the five tags of `scores` (all val photos, visible tags), right ones in bold."""
        if self._writer is None or self._showcase is None or scores is None:
            return
        lines = ["| photo | true tags | predicted |", "|---|---|---|"]
        for place, row in enumerate(self._showcase.rows):
            true = self._showcase.true[place]
            names = [self._showcase.tags[index] for index in np.argsort(-scores[row], kind="stable")[:5]]
            marked = [f"**{name}**" if name in true else name for name in names]
            lines.append(f"| {place} | {' '.join(true)} | {' '.join(marked)} |")
        self._writer.add_text("val/predicted", "\n".join(lines), step)
