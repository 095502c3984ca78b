"""What a published model is worth: `python -m training.evaluate --weights weights --model vgg16 --data …`.

The model is asked as everybody asks it (`hashstagram.load_model`), photo file by photo file, without companions.
Ranked and scored are the tags that its photos could teach. `--baseline popularity` scores the most frequent training
tags instead, and needs no photo.
"""

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from hashstagram import load_model
from hashstagram.errors import DataError, HashStagramError, PhotoError
from hashstagram.photos import open_photo
from training import metrics
from training.dataset import Posts, open_data, read_posts
from training.split import train_and_val, val_sets

Sets = dict[str, dict[str, metrics.Estimate | float | int]]

_LABELS = {
    "main": "val without the gap sources",
    "wild": "of these, in the wild",
    "gap": "val of the gap sources",
    "all": "all val",
}


def score_sets(scores: NDArray[np.floating], posts: Posts) -> Sets:
    """Metrics of each val set from scores (val photos, visible tags), rows in the order of `train_and_val`.

    A set without a photo is left out.
    """
    _, val = train_and_val(posts)
    place = {int(row): index for index, row in enumerate(val)}
    labels = posts.tags[:, posts.visible]
    results: Sets = {}
    for name, rows in val_sets(posts).items():
        scored = rows[labels[rows].any(axis=1)]
        if not len(scored):
            continue
        results[name] = metrics.summary(scores[[place[int(row)] for row in scored]], labels[scored])
    return results


def score_sources(scores: NDArray[np.floating], posts: Posts) -> dict[str, dict[str, float | int]]:
    """P@1, R@5 and the number of val photos of each source, from scores as in `score_sets`."""
    _, val = train_and_val(posts)
    labels = posts.tags[val][:, posts.visible]
    results = {}
    for source in sorted(set(posts.sources[val])):
        rows = np.flatnonzero((posts.sources[val] == source) & labels.any(axis=1))
        found = metrics.per_photo(scores[rows], labels[rows])
        results[source] = {
            "photos": len(rows),
            "precision_at_1": round(float(found["precision_at_1"].mean()), 3),
            "recall_at_5": round(float(found["recall_at_5"].mean()), 3),
        }
    return results


def popularity_scores(posts: Posts) -> NDArray[np.float64]:
    """The same scores for every val photo: how frequent each visible tag is in training."""
    train, val = train_and_val(posts)
    return np.tile(metrics.popularity(posts.tags[train][:, posts.visible]), (len(val), 1))


def model_scores(model: str | None, weights: Path | None, posts: Posts, batch: int = 16) -> NDArray[np.float32]:
    """A published model's probabilities (val photos, visible tags), one file after the other through the library.

    Raises DataError where a val photo cannot be read (the others are not scored then: the figures would be of another
    set), and what `load_model` raises.
    """
    recommender = load_model(model, weights=weights)
    if recommender.vocabulary.sha256 != posts.vocabulary.sha256:
        raise DataError("The data's vocabulary is not that of the weights. Evaluate on data with the same tags.")
    _, val = train_and_val(posts)
    chunks = []
    with tqdm(total=len(val), desc=recommender.record.id, unit="photo", mininterval=5) as bar:
        for start in range(0, len(val), batch):
            paths = [posts.root / posts.photos[row] for row in val[start : start + batch]]
            try:
                chunks.append(recommender.probabilities(paths)[:, posts.visible])
            except PhotoError as error:
                raise DataError(_broken(paths) or str(error)) from error
            bar.update(len(paths))
    return np.concatenate(chunks)


def _broken(paths: Sequence[Path]) -> str:
    """A sentence about the first photo of several that cannot be read; empty where all can."""
    for path in paths:
        try:
            open_photo(path)
        except PhotoError as error:
            return f"{path}: {error} To leave such photos out as training does, name its cache with --cache."
    return ""


def table(results: Mapping[str, Sets]) -> str:
    """Results by model and set as a Markdown table, each value with its 95 % interval in percent."""
    head = "| photos | n | model | P@1 | P@5 | R@5 | A@5 | mAP (tags) |\n|---|---|---|---|---|---|---|---|"
    lines = [head]
    sets = list(dict.fromkeys(name for sets in results.values() for name in sets))
    for name in sets:
        for model, scored in results.items():
            entry = scored[name]
            cells = []
            for key in ("precision_at_1", "precision_at_5", "recall_at_5", "accuracy_at_5"):
                value = entry[key]
                if not isinstance(value, metrics.Estimate):
                    raise TypeError(f"{key} has no interval.")
                cells.append(f"{100 * value.value:.1f} [{100 * value.low:.1f}, {100 * value.high:.1f}]")
            mean = float(str(entry["mean_average_precision"]))
            precision = "–" if math.isnan(mean) else f"{100 * mean:.1f} ({entry['tags_in_map']})"
            lines.append(f"| {_LABELS[name]} | {entry['photos']} | {model} | {' | '.join(cells)} | {precision} |")
    return "\n".join(lines)


def report(results: Mapping[str, Sets]) -> dict[str, Any]:
    """Results as JSON."""
    return {model: {name: metrics.plain(entry) for name, entry in sets.items()} for model, sets in results.items()}


def main(argv: Sequence[str] | None = None) -> int:
    """Command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder in HARRISON's layout")
    parser.add_argument("--cache", type=Path, help="training's decoded pixels: leaves out the photos that training did")
    parser.add_argument("--weights", type=Path, help="weight folder (default: the repository's)")
    parser.add_argument("--model", action="append", help="model to evaluate; may be repeated (default: the best)")
    parser.add_argument("--baseline", choices=["popularity"], help="score this instead of a model")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args(argv)
    try:
        posts = read_posts(arguments.data) if arguments.cache is None else open_data(arguments.data, arguments.cache)[0]
        results = {"popularity": score_sets(popularity_scores(posts), posts)}
        if arguments.baseline is None:
            for model in arguments.model or [None]:
                scores = model_scores(model, arguments.weights, posts)
                results[model or "default"] = score_sets(scores, posts)
    except HashStagramError as error:
        print(error, file=sys.stderr)
        return 2
    print(table(results))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report(results), indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
