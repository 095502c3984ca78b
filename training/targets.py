"""What a student is to answer: a photo's tags, softened by what a teacher sees on the same crop.

A caption names the main things only, so a missing tag is not a sure negative. The teacher fills the gaps: a small
network from EfficientNet features to tags, trained in folds so that no photo's soft tags come from a teacher that saw
its labels. `python -m training.targets --data …` computes them for every view whose teacher features are there.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from hashstagram.errors import DataError, HashStagramError
from training import metrics, mixup
from training.dataset import Posts, fingerprint, open_data
from training.features import available_views, read_features
from training.split import PROTOCOLS, drawn_by_group, split_sha256, train_and_val, with_protocol

FOLDS = 4
_WIDTH = 1024
_EPOCHS = 14


@dataclass(frozen=True)
class SoftTags:
    """The teacher's tag probabilities: views (v,), and float16 (v, n, visible tags) in the order of Posts.visible."""

    views: tuple[int, ...]
    probabilities: NDArray[np.float16]


def tag_teacher(inputs: int, outputs: int) -> nn.Module:
    """Features (B, inputs) to tag logits (B, outputs)."""
    return nn.Sequential(
        nn.Dropout(0.3), nn.Linear(inputs, _WIDTH), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(_WIDTH, outputs)
    )


def _fit(views: Sequence[Tensor], tags: Tensor, rows: NDArray[np.int64], seed: int) -> nn.Module:
    torch.manual_seed(seed)
    generator, rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    network = tag_teacher(views[0].shape[1], tags.shape[1])
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-3)
    steps = _EPOCHS * (len(rows) // 256 + 1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=2e-3, total_steps=steps)
    train = torch.from_numpy(rows)
    network.train()
    for epoch in range(_EPOCHS):
        features = views[epoch % len(views)]
        for batch in torch.split(train[torch.randperm(len(train), generator=generator)], 256):
            share, partner = mixup.draw(rng, len(batch), 0.4)
            inputs = mixup.mix(features[batch].float(), share, partner)
            targets = mixup.mix(tags[batch], share, partner)
            loss = F.binary_cross_entropy_with_logits(network(inputs), targets, reduction="sum") / len(batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return network.eval()


@torch.inference_mode()
def _answer(network: nn.Module, features: Tensor) -> Tensor:
    return torch.cat([torch.sigmoid(network(chunk.float())) for chunk in torch.split(features, 4096)])


def soft_tags_path(cache: Path, posts: Posts) -> Path:
    """Where the soft tags of these posts are kept: their teachers saw no val photo of this very split."""
    return cache / f"soft-tags-{fingerprint(posts.photos)}-{split_sha256(posts)[:8]}.npz"


def read_soft_tags(cache: Path, posts: Posts) -> SoftTags:
    """Load what `compute` saved. Raises DataError where it was not run."""
    path = soft_tags_path(cache, posts)
    if not path.is_file():
        raise DataError(f"{path} is not there. Compute it: python -m training.targets --data … --cache …")
    with np.load(path) as archive:
        return SoftTags(tuple(int(number) for number in archive["views"]), archive["probabilities"])


def compute(posts: Posts, cache: Path, seed: int = 2018) -> SoftTags:
    """Fit the teacher in folds by group and save its answers to every photo; print what it reaches on val.

    A training photo is answered by the fold's teacher that did not see it (nor a near-duplicate); a val photo, which
    no teacher saw, by the mean of all. Raises DataError where the teacher's features were not computed yet.
    """
    numbers = available_views(cache, "teacher", posts) or [0]
    views = [torch.from_numpy(np.array(read_features(cache, "teacher", posts, number))) for number in numbers]
    visible = posts.visible
    labels = posts.tags[:, visible]
    tags = torch.from_numpy(labels.astype(np.float32))
    train, val = train_and_val(posts)
    folds = drawn_by_group(posts.groups, FOLDS, seed)
    answers = np.zeros((len(views), *labels.shape), dtype=np.float32)
    for fold in tqdm(range(FOLDS), desc="teacher", unit="fold"):
        network = _fit(views, tags, train[folds[train] != fold], seed + fold)
        held_out = train[folds[train] == fold]
        for place, features in enumerate(views):
            answers[place, held_out] = _answer(network, features[held_out])
            answers[place, val] += _answer(network, features[val]).numpy() / FOLDS
    scores = metrics.summary(answers[0, val], labels[val])
    print("teacher on val, view 0:", {name: str(value) for name, value in scores.items()})
    held_out_scores = metrics.per_photo(answers[0, train], labels[train])
    print("teacher, held-out folds:", {name: round(float(v.mean()), 3) for name, v in held_out_scores.items()})
    path = soft_tags_path(cache, posts)
    np.savez(path.with_suffix(".part.npz"), views=np.array(numbers), probabilities=answers.astype(np.float16))
    path.with_suffix(".part.npz").replace(path)
    return SoftTags(tuple(numbers), answers.astype(np.float16))


def main(argv: Sequence[str] | None = None) -> int:
    """Command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m training.targets", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder in HARRISON's layout")
    parser.add_argument("--protocol", choices=PROTOCOLS, help="what is held out (default: the data's own split)")
    parser.add_argument("--cache", type=Path, default=Path("cache"), help="where the teacher's features are")
    arguments = parser.parse_args(argv)
    try:
        posts = with_protocol(open_data(arguments.data, arguments.cache)[0], arguments.protocol)
        compute(posts, arguments.cache)
    except HashStagramError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
