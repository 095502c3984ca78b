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

from hashstagram.photos import Preprocessing, to_tensor
from training import augment
from training.dataset import PixelCache, Posts
from training.device import Device
from training.features import VIEW_SEED
from training.loop import Batch
from training.recipes import Recipe
from training.split import GAP_PREFIX, train_and_val
from training.targets import SoftTags
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
    """Train a network on crops near the views that its teacher saw, mirrored at random, in the recipe's sizes.

    Crops are made on the device that trains. Val photos are seen as they are served: prepared as `served` says.
    """

    def __init__(
        self, network: nn.Module, answers: Answers, pixels: PixelCache, recipe: Recipe, served: Preprocessing
    ) -> None:
        self.network = network
        self.val_labels = answers.val_labels()
        self._answers, self._pixels, self._recipe, self._served = answers, pixels, recipe, served

    def steps(self, epoch: int) -> int:
        return len(self._answers.rows(0, self._recipe.seed)) // self._recipe.batch

    def batches(self, epoch: int, share: slice) -> Iterator[Batch]:
        rows = self._answers.rows(epoch, self._recipe.seed)
        device, size = Device.best().device, self._recipe.sizes[epoch]

        def prepare(step: int) -> Batch:
            places = range(step * self._recipe.batch + share.start, step * self._recipe.batch + share.stop)
            return self._prepare(rows, places, epoch, size, device)

        return ahead(prepare, self.steps(epoch))

    def _prepare(self, rows: NDArray[np.int64], places: range, epoch: int, size: int, device: torch.device) -> Batch:
        # One generator a photo: what it draws does not depend on who else is in the batch.
        rngs = [np.random.default_rng((self._recipe.seed, epoch, place)) for place in places]
        part, numbers = rows[places.start : places.stop], self._answers.soft.views
        chosen = np.array([rng.integers(0, len(numbers)) for rng in rngs])
        photos = [self._pixels.pixels(row) for row in part]
        views = []
        for row, photo, rng, which in zip(part, photos, rngs, chosen, strict=True):
            width, height = photo.shape[1], photo.shape[0]
            seen = view(VIEW_SEED, int(row), numbers[which], width, height)
            views.append(View(nearby_box(rng, seen.box, width, height), mirrored=bool(rng.integers(2))))
        targets, teacher = self._answers.of(part, chosen)
        crops = augment.crops(photos, views, size, device)
        return Batch(augment.jittered(crops, rngs, self._served.mean, self._served.std), targets, teacher)

    def val_inputs(self, turns: slice) -> Iterator[Tensor]:
        _, val = train_and_val(self._answers.posts)
        rows = val[turns]
        for start in range(0, len(rows), 64):
            tensors = [to_tensor(self._pixels.photo(row), self._served) for row in rows[start : start + 64]]
            yield torch.from_numpy(np.stack(tensors))


class FeatureTask:
    """Train a head on stored features: `features[i]` belongs to the i-th view of `answers.soft` that is in `views`."""

    def __init__(
        self,
        network: nn.Module,
        answers: Answers,
        features: Sequence[NDArray[np.float16]],
        views: Sequence[int],
        recipe: Recipe,
    ) -> None:
        self.network = network
        self.val_labels = answers.val_labels()
        self._answers, self._features, self._recipe = answers, features, recipe
        self._places = np.array([answers.soft.views.index(number) for number in views])

    def steps(self, epoch: int) -> int:
        return len(self._answers.rows(0, self._recipe.seed)) // self._recipe.batch

    def batches(self, epoch: int, share: slice) -> Iterator[Batch]:
        rows = self._answers.rows(epoch, self._recipe.seed)
        rng = np.random.default_rng((self._recipe.seed, epoch))
        chosen = rng.integers(0, len(self._features), len(rows))

        def prepare(step: int) -> Batch:
            part = slice(step * self._recipe.batch + share.start, step * self._recipe.batch + share.stop)
            inputs = np.stack([self._features[k][row] for k, row in zip(chosen[part], rows[part], strict=True)])
            targets, teacher = self._answers.of(rows[part], self._places[chosen[part]])
            return Batch(torch.from_numpy(inputs).float(), targets, teacher)

        return ahead(prepare, self.steps(epoch))

    def val_inputs(self, turns: slice) -> Iterator[Tensor]:
        _, val = train_and_val(self._answers.posts)
        rows = val[turns]
        for start in range(0, len(rows), 256):
            yield torch.from_numpy(np.array(self._features[0][rows[start : start + 256]])).float()


def ahead(prepare: Callable[[int], Batch], steps: int, depth: int = 3) -> Iterator[Batch]:
    """The batches 0 … steps-1 in order, the next ones being prepared in threads while one is used."""
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(prepare, step) for step in range(min(depth, steps))]
        for step in range(steps):
            batch = waiting.pop(0).result()
            if step + depth < steps:
                waiting.append(pool.submit(prepare, step + depth))
            yield batch
