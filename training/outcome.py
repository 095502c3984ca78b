"""What a training run came to, read from its folder: recipe, curves, and its best epoch's metrics on val."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from hashstagram.errors import DataError
from training import metrics
from training.checkpoint import Checkpoints
from training.dataset import Posts
from training.evaluate import popularity_scores, score_sets
from training.export import val_logits
from training.machine import Machine, noted
from training.tables import Sets

EPOCH_CURVE = "val/precision_at_1"


@dataclass(frozen=True)
class Outcome:
    """A run as it stands.

    `curves` has a value an epoch for each of TensorBoard's scalars (train/loss, val/precision_at_1, …); `scores` are
    the best epoch's logits (val photos, visible tags); `sets` and `popularity` the metrics of both by val set.
    """

    recipe: Mapping[str, Any]
    epochs: int
    best_epoch: int
    minutes: float
    ended: date
    curves: Mapping[str, list[float]]
    machines: tuple[Machine, ...]
    posts: Posts
    scores: NDArray[np.float32]
    sets: Sets
    popularity: Sets

    @property
    def main(self) -> str:
        """The set that figures are quoted on: main, or all where the data has no gap sources."""
        return "main" if "main" in self.sets else "all"


def curves_of(run: Path) -> tuple[dict[str, list[float]], date]:
    """A run's curves by name, a value an epoch, and the day (UTC) of its last epoch, from its TensorBoard folder.

    Raises DataError where it has none.
    """
    folder = run / "tensorboard"
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 1, "tensors": 1})
    names: list[str] = []
    if folder.is_dir():
        events.Reload()
        names = events.Tags()["scalars"]
    if EPOCH_CURVE not in names:
        raise DataError(f"{folder} has no curve {EPOCH_CURVE}: no epoch was finished, or the folder was removed.")
    # A step that was done twice, after a restart, counts as it was done last.
    curves = {name: [value for _, value in sorted({e.step: e.value for e in events.Scalars(name)}.items())]
              for name in names}  # fmt: skip
    return curves, datetime.fromtimestamp(events.Scalars(EPOCH_CURVE)[-1].wall_time, UTC).date()


def outcome_of(run: Path, posts: Posts) -> Outcome:
    """What the run came to on the val photos of `posts`.

    Raises DataError where it has not finished an epoch and where it was trained on other data or another protocol.
    """
    checkpoints = Checkpoints(run)
    recipe, state = checkpoints.recipe(), checkpoints.latest()
    if state is None:
        raise DataError(f"{run} holds no finished epoch yet: let the training run on.")
    scores = val_logits(run, posts)
    curves, ended = curves_of(run)
    return Outcome(
        recipe=recipe,
        epochs=state["epoch"] + 1,
        best_epoch=int(state["best"]["epoch"]),
        minutes=float(state["minutes"]),
        ended=ended,
        curves=curves,
        machines=tuple(noted(run)),
        posts=posts,
        scores=scores,
        sets=score_sets(scores, posts),
        popularity=score_sets(popularity_scores(posts), posts),
    )


def percent(value: metrics.Estimate | float) -> str:
    """A metric in percent, an estimate with its 95 % interval: `88.0 [86.7, 89.4]`; a dash for what is not a number."""
    if isinstance(value, metrics.Estimate):
        return f"{100 * value.value:.1f} [{100 * value.low:.1f}, {100 * value.high:.1f}]"
    return f"{100 * value:.1f}" if np.isfinite(value) else "–"


def sizes_in_words(sizes: list[int]) -> str:
    """Crop sizes by epoch in short: `13 × 128, 3 × 176`."""
    parts: list[list[int]] = []
    for size in sizes:
        if parts and parts[-1][1] == size:
            parts[-1][0] += 1
        else:
            parts.append([1, size])
    return ", ".join(f"{count} × {size}" for count, size in parts)


def init_in_words(recipe: Mapping[str, Any]) -> str:
    """Where the first weights came from, without the folders of the machine: `imagenet, vgg16_head`."""
    return ", ".join(Path(source).name for source in recipe.get("init", ["scratch"]))
