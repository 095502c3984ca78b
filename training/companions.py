"""Companions: which tags people write with what is seen, learned from HARRISON's posts. No photo is involved.

`python -m training.companions --harrison … --data … --weights weights`. Inputs are the tags that the photos of --data
can teach (what a network sees), outputs all others. The network is small: inputs → 512 → outputs, ReLU between, each
output an independent probability. Scored on the posts of the seed-42 split that have both kinds of tags.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from hashstagram.errors import DataError, HashStagramError
from hashstagram.weights import CompanionsRecord, load_vocabulary
from training import metrics
from training.calibrate import reliability
from training.dataset import Posts, read_posts
from training.split import split_sha256, train_and_val
from training.weight_folder import manifest_of, write_weight

WIDTH = 512
EPOCHS = 12
BATCH = 256
SEED = 2018
# A network is never sure of all that a post's author would have tagged: inputs are left out at random.
INPUT_DROPOUT = 0.1


def noisy_or(seen: NDArray[np.bool_], written: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Smoothed P(b | a) (inputs, outputs) and P(b) (outputs,) counted on posts: the baseline without training."""
    together = seen.astype(np.float64).T @ written.astype(np.float64)
    base = written.mean(axis=0)
    return (together + 10 * base) / (seen.sum(axis=0)[:, None] + 10), base


def noisy_or_scores(seen: NDArray[np.bool_], given: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 - Π (1 - P(b | a)) over the seen tags a: (n, outputs)."""
    scores: NDArray[np.float64] = 1 - np.exp(seen.astype(np.float64) @ np.log1p(-given))
    return scores


def fit(seen: Tensor, written: Tensor, seed: int = SEED) -> nn.Sequential:
    """Train the layer on posts: seen (n, inputs) and written (n, outputs), float32 of 0 and 1."""
    torch.manual_seed(seed)
    layer = nn.Sequential(
        nn.Dropout(INPUT_DROPOUT),
        nn.Linear(seen.shape[1], WIDTH),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(WIDTH, written.shape[1]),
    )
    last: Any = layer[-1]
    # A post has two or three of hundreds of tags: start where most are unlikely.
    nn.init.constant_(last.bias, -6.0)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=3e-3, weight_decay=0.02)
    steps = EPOCHS * (-(-len(seen) // BATCH))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, steps)
    for _ in tqdm(range(EPOCHS), desc="companions", unit="epoch"):
        for batch in torch.split(torch.randperm(len(seen)), BATCH):
            logits = layer(seen[batch])
            loss = F.binary_cross_entropy_with_logits(logits, written[batch], reduction="sum") / len(batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return layer.eval()


def tensors_of(layer: nn.Sequential) -> dict[str, NDArray[np.float32]]:
    """The layer as it is published: hidden and output weights and biases."""
    hidden: Any = layer[1]
    output: Any = layer[-1]
    return {
        f"{name}.{kind}": getattr(module, kind).detach().numpy()
        for name, module in (("hidden", hidden), ("output", output))
        for kind in ("weight", "bias")
    }


def _plain(values: dict[str, NDArray[np.float64]]) -> dict[str, Any]:
    return metrics.plain({name: metrics.bootstrap(value) for name, value in values.items() if name != "precision_at_5"})


def train_and_score(harrison: Posts, visible: NDArray[np.int64]) -> tuple[nn.Sequential, dict[str, Any]]:
    """Train on the 80 % and score on the held-out posts that have a visible and another tag, beside both baselines."""
    others = np.setdiff1d(np.arange(len(harrison.vocabulary)), visible)
    seen, written = harrison.tags[:, visible], harrison.tags[:, others]
    train, val = train_and_val(harrison)
    val = val[seen[val].any(axis=1) & written[val].any(axis=1)]
    learned = train[seen[train].any(axis=1)]
    inputs, outputs = torch.from_numpy(seen.astype(np.float32)), torch.from_numpy(written.astype(np.float32))
    layer = fit(inputs[learned], outputs[learned])
    with torch.inference_mode():
        probabilities = torch.sigmoid(layer(inputs[val])).numpy()
    given, base = noisy_or(seen[train], written[train])
    quality = reliability(probabilities, written[val])
    results = {
        "posts": len(val),
        "train_posts": len(learned),
        "layer": _plain(metrics.per_photo(probabilities, written[val])),
        "noisy_or": _plain(metrics.per_photo(noisy_or_scores(seen[val], given), written[val])),
        "popularity": _plain(metrics.per_photo(np.tile(base, (len(val), 1)), written[val])),
        "ece": round(quality.error, 4),
        "split_sha256": split_sha256(harrison),
    }
    return layer, results


def publish(layer: nn.Sequential, results: dict[str, Any], visible: NDArray[np.int64], weights: Path, tag: str) -> None:
    """Write the layer and its record into a weight folder."""
    manifest = manifest_of(weights)
    vocabulary = load_vocabulary(weights, manifest)
    file = f"companions.{tag}.safetensors"
    size, sha256 = write_weight(weights, file, tensors_of(layer))
    others = np.setdiff1d(np.arange(len(vocabulary)), visible)
    record = CompanionsRecord(
        name="companions",
        tag=tag,
        file=file,
        bytes=size,
        sha256=sha256,
        vocabulary_sha256=vocabulary.sha256,
        inputs=tuple(vocabulary.tags[index] for index in visible),
        outputs=tuple(vocabulary.tags[index] for index in others),
        training={
            "command": "python -m training.companions --harrison HARRISON --data DATA --tag " + tag,
            "epochs": EPOCHS,
            "seed": SEED,
        },
        metrics=results,
        licence={"weights": "learned by the HashStagram authors from HARRISON's annotations: research use"},
    )
    manifest.with_companions(record).save(weights)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m training.companions", description=__doc__)
    parser.add_argument("--harrison", type=Path, required=True, help="folder with HARRISON's annotations")
    parser.add_argument("--data", type=Path, required=True, help="the photos' folder: its tags are the visible ones")
    parser.add_argument("--weights", type=Path, default=Path("weights"), help="weight folder with a manifest")
    parser.add_argument("--tag", default="harrison_v1", help="how it was trained, in a word")
    arguments = parser.parse_args(argv)
    try:
        harrison, photos = read_posts(arguments.harrison), read_posts(arguments.data)
        if harrison.vocabulary.sha256 != photos.vocabulary.sha256:
            raise DataError(f"{arguments.harrison} and {arguments.data} have different vocabularies.")
        layer, results = train_and_score(harrison, photos.visible)
        publish(layer, results, photos.visible, arguments.weights, arguments.tag)
    except HashStagramError as error:
        print(error, file=sys.stderr)
        return 2
    for name in ("popularity", "noisy_or", "layer"):
        print(name, {key: value["value"] for key, value in results[name].items()})
    print(f"{results['posts']} posts, ECE {results['ece']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
