"""Companions: which tags people write with what is seen, learned from HARRISON's posts. No photo is involved.

`python -m training.companions --harrison … --data … --weights weights`. Inputs are the tags that the photos of --data
can teach (what a network sees), outputs all others. The network is small: inputs → 512 → outputs, ReLU between, each
output an independent probability. Scored on the posts of the seed-42 split that have both kinds of tags.

A post says `dog` where a network also sees `animal` and `pet`, and who writes `drink` means another one than the coffee
that is one too. So a tag that another one implies in the photos' tags counts only as far as it is likelier than that.
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

from hashstagram.companions import beyond_implied
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
# A tag is implied by another one when this share of the other one's photos have it.
IMPLIED = 0.9
LEAST_PHOTOS = 12
# A network is never sure of all that a post's author would have tagged: inputs are left out at random.
INPUT_DROPOUT = 0.1


def implications(photo_tags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which tags imply which: (inputs, inputs), row a column b, from the photos' tags (photos, inputs).

    Of two tags that imply each other (`sea`, `ocean`) neither counts as implied: people write both.
    """
    counts = photo_tags.sum(axis=0)
    together = photo_tags.astype(np.float32).T @ photo_tags.astype(np.float32)
    implied = (together >= IMPLIED * np.maximum(counts, 1)[:, None]) & (counts >= LEAST_PHOTOS)[:, None]
    one_way: NDArray[np.bool_] = implied & ~implied.T
    return one_way


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


def train_and_score(harrison: Posts, photos: Posts) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Train on the 80 % and score on the held-out posts that have a visible and another tag, beside both baselines."""
    visible = photos.visible
    others = np.setdiff1d(np.arange(len(harrison.vocabulary)), visible)
    seen, written = harrison.tags[:, visible], harrison.tags[:, others]
    train, val = train_and_val(harrison)
    val = val[seen[val].any(axis=1) & written[val].any(axis=1)]
    learned = train[seen[train].any(axis=1)]
    photo_train, _ = train_and_val(photos)
    implied = implications(photos.tags[photo_train][:, visible])
    inputs = torch.from_numpy(beyond_implied(seen.astype(np.float32), implied))
    outputs = torch.from_numpy(written.astype(np.float32))
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
    return {**tensors_of(layer), "implied": implied.astype(np.float32)}, results


def publish(
    tensors: dict[str, NDArray[Any]], results: dict[str, Any], visible: NDArray[np.int64], weights: Path, tag: str
) -> None:
    """Write the layer and its record into a weight folder."""
    manifest = manifest_of(weights)
    vocabulary = load_vocabulary(weights, manifest)
    file = f"companions.{tag}.safetensors"
    size, sha256 = write_weight(weights, file, tensors)
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
        tensors, results = train_and_score(harrison, photos)
        publish(tensors, results, photos.visible, arguments.weights, arguments.tag)
    except HashStagramError as error:
        print(error, file=sys.stderr)
        return 2
    for name in ("popularity", "noisy_or", "layer"):
        print(name, {key: value["value"] for key, value in results[name].items()})
    print(f"{results['posts']} posts, ECE {results['ece']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
