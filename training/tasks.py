"""The tasks: which network learns from which inputs.

`PhotoTask` trains a whole network on crops of photos; `FeatureTask` trains a head on what a frozen trunk saw, which
takes minutes on two cores where the trunk itself would take days.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.dataset import PixelCache, Posts
from training.features import VIEW_SEED
from training.loop import Batch
from training.split import GAP_PREFIX, train_and_val
from training.targets import SoftTags
from training.trunks import normalised
from training.views import View, nearby_box, view


@dataclass(frozen=True)
class Answers:
    """What is to be learned: tags and the teacher's view of them, for every photo of the data.

    `share` is the soft tags' share of a target; `repeats` how often an epoch shows the photos of the gap sources.
    """

    posts: Posts
    soft: SoftTags
    teacher: Sequence[NDArray[np.float16]]
    share: float = 0.5
    repeats: int = 2

    def rows(self, epoch: int, seed: int) -> NDArray[np.int64]:
        """The training rows of an epoch, shuffled."""
        train, _ = train_and_val(self.posts)
        gap = train[np.char.startswith(self.posts.sources[train], GAP_PREFIX)]
        rows = np.concatenate([train, *[gap] * (self.repeats - 1)])
        np.random.default_rng((seed, epoch)).shuffle(rows)
        return rows

    def of(self, rows: NDArray[np.int64], places: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Targets (B, visible) and the teacher's features (B, 1280) for rows, each in its view's place in `soft`."""
        tags = self.posts.tags[rows][:, self.posts.visible].astype(np.float32)
        soft = self.soft.probabilities[places, rows].astype(np.float32)
        # The teacher adds what a caption left out, and doubts what a source's label got wrong.
        targets = (1 - self.share) * tags + self.share * soft
        teacher = np.stack([self.teacher[place][row] for place, row in zip(places, rows, strict=True)])
        return torch.from_numpy(targets), torch.from_numpy(teacher.astype(np.float32))

    def val_labels(self) -> NDArray[np.bool_]:
        """Tags (val photos, visible)."""
        _, val = train_and_val(self.posts)
        return self.posts.tags[val][:, self.posts.visible]


class PhotoTask:
    """Train a network on crops near the views that its teacher saw, mirrored at random, in the recipe's sizes."""

    def __init__(
        self, network: nn.Module, answers: Answers, pixels: PixelCache, sizes: Sequence[int], batch: int, seed: int
    ) -> None:
        self.network = network
        self.val_labels = answers.val_labels()
        self._answers, self._pixels, self._sizes, self._batch, self._seed = answers, pixels, sizes, batch, seed
        self._val: NDArray[np.uint8] | None = None

    def steps(self, epoch: int) -> int:
        return len(self._answers.rows(0, self._seed)) // self._batch

    def batches(self, epoch: int) -> Iterator[Batch]:
        rows = self._answers.rows(epoch, self._seed)
        chunks = [rows[start : start + self._batch] for start in range(0, self.steps(epoch) * self._batch, self._batch)]

        def prepare(step: int) -> Batch:
            return self._prepare(chunks[step], epoch, step)

        return ahead(prepare, len(chunks))

    def _prepare(self, rows: NDArray[np.int64], epoch: int, step: int) -> Batch:
        rng = np.random.default_rng((self._seed, epoch, step))
        size = self._sizes[epoch]
        places = rng.integers(0, len(self._answers.soft.views), len(rows))
        crops = np.zeros((len(rows), size, size, 3), dtype=np.uint8)
        for place, row in enumerate(rows):
            photo = self._pixels.photo(row)
            number = self._answers.soft.views[places[place]]
            crop = view(VIEW_SEED, int(row), number, *photo.size)
            box = nearby_box(rng, crop.box, *photo.size)
            crops[place] = View(box, mirrored=bool(rng.integers(2))).cut(photo, size)
        targets, teacher = self._answers.of(rows, places)
        inputs = normalised(jittered(crops, rng)).contiguous(memory_format=torch.channels_last)
        return Batch(inputs, targets, teacher)

    def val_inputs(self) -> Iterator[Tensor]:
        if self._val is None:
            _, val = train_and_val(self._answers.posts)
            self._val = np.zeros((len(val), 224, 224, 3), dtype=np.uint8)
            for place, row in enumerate(val):
                photo = self._pixels.photo(row)
                self._val[place] = view(VIEW_SEED, int(row), 0, *photo.size).cut(photo, 224)
        for start in range(0, len(self._val), 64):
            yield normalised(self._val[start : start + 64]).contiguous(memory_format=torch.channels_last)


def jittered(crops: NDArray[np.uint8], rng: np.random.Generator, strength: float = 0.25) -> NDArray[np.uint8]:
    """Crops (B, H, W, 3) with brightness, contrast and the colours' balance shifted at random, each photo by itself."""
    gain = rng.uniform(1 - strength, 1 + strength, (len(crops), 1, 1, 1)) * rng.uniform(
        1 - strength / 4, 1 + strength / 4, (len(crops), 1, 1, 3)
    )
    shift = 255 * rng.uniform(-strength / 2, strength / 2, (len(crops), 1, 1, 1))
    middle = crops.mean(axis=(1, 2, 3), keepdims=True)
    levels = crops.astype(np.float32)
    levels -= middle.astype(np.float32)
    levels *= gain.astype(np.float32)
    levels += (middle + shift).astype(np.float32)
    return np.clip(levels, 0, 255, out=levels).astype(np.uint8)


class FeatureTask:
    """Train a head on stored features: `features[i]` belongs to the i-th view of `answers.soft` that is in `views`."""

    def __init__(
        self,
        network: nn.Module,
        answers: Answers,
        features: Sequence[NDArray[np.float16]],
        views: Sequence[int],
        batch: int,
        seed: int,
    ) -> None:
        self.network = network
        self.val_labels = answers.val_labels()
        self._answers, self._features, self._batch, self._seed = answers, features, batch, seed
        self._places = np.array([answers.soft.views.index(number) for number in views])

    def steps(self, epoch: int) -> int:
        return len(self._answers.rows(0, self._seed)) // self._batch

    def batches(self, epoch: int) -> Iterator[Batch]:
        rows = self._answers.rows(epoch, self._seed)
        rng = np.random.default_rng((self._seed, epoch))
        chosen = rng.integers(0, len(self._features), len(rows))

        def prepare(step: int) -> Batch:
            part = slice(step * self._batch, (step + 1) * self._batch)
            inputs = np.stack([self._features[k][row] for k, row in zip(chosen[part], rows[part], strict=True)])
            targets, teacher = self._answers.of(rows[part], self._places[chosen[part]])
            return Batch(torch.from_numpy(inputs).float(), targets, teacher)

        return ahead(prepare, self.steps(epoch))

    def val_inputs(self) -> Iterator[Tensor]:
        _, val = train_and_val(self._answers.posts)
        for start in range(0, len(val), 256):
            yield torch.from_numpy(np.array(self._features[0][val[start : start + 256]])).float()


def ahead(prepare: Callable[[int], Batch], steps: int, depth: int = 3) -> Iterator[Batch]:
    """The batches 0 … steps-1 in order, the next ones being prepared in threads while one is used."""
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(prepare, step) for step in range(min(depth, steps))]
        for step in range(steps):
            batch = waiting.pop(0).result()
            if step + depth < steps:
                waiting.append(pool.submit(prepare, step + depth))
            yield batch
