"""What a published model is worth: `python -m training.evaluate --weights weights --model vgg16 --data …`.

The model is asked as everybody asks it (`hashstagram.load_model`), photo file by photo file, without companions.
Ranked and scored are the tags that its photos could teach. Beside it stand who never looks (popularity: the most
frequent training tags) and who knows (the label ceiling); `--baseline popularity` gives these two and needs no photo.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from hashstagram import load_model
from hashstagram.engines import ENGINES
from hashstagram.errors import DataError, HashStagramError, PhotoError, SettingError
from hashstagram.photos import open_photo
from training import compare, legacy, metrics, per_tag
from training.dataset import Posts, open_data, read_posts
from training.split import PROTOCOLS, default_protocol, split_sha256, train_and_val, val_sets, with_protocol
from training.tables import SET_LABELS, Sets, legacy_table, source_table, table

Scores = NDArray[np.floating]
PerPhoto = dict[str, NDArray[np.float64]]


def _scored(scores: Scores, posts: Posts) -> dict[str, tuple[Scores, NDArray[np.bool_]]]:
    """Scores and labels of each val set's photos that have a visible tag; a set without such a photo is left out.

    `scores` is (val photos, visible tags), rows in the order of `train_and_val`.
    """
    _, val = train_and_val(posts)
    labels = posts.tags[:, posts.visible]
    found = {}
    for name, rows in val_sets(posts).items():
        tagged = rows[labels[rows].any(axis=1)]
        if len(tagged):
            # Val's rows rise, so a row's place among them is found by bisection.
            found[name] = scores[np.searchsorted(val, tagged)], labels[tagged]
    return found


def score_sets(scores: Scores, posts: Posts) -> Sets:
    """Metrics of each val set from scores (val photos, visible tags), rows in the order of `train_and_val`.

    A set without a photo is left out.
    """
    return {name: metrics.summary(*pair) for name, pair in _scored(scores, posts).items()}


def per_photo_sets(
    scores: Scores, posts: Posts, formulas: Callable[[Scores, NDArray[np.bool_]], PerPhoto] = metrics.per_photo
) -> dict[str, PerPhoto]:
    """Each photo's metrics (n,) by val set, from scores as in `score_sets`; by the paper's formulas or others."""
    return {name: formulas(*pair) for name, pair in _scored(scores, posts).items()}


def legacy_sets(scores: Scores, posts: Posts) -> Sets:
    """The 2018 notebook's metrics of each val set, from scores as in `score_sets`."""
    return {
        name: {
            "photos": len(found[legacy.NAMES[0]]),
            **{metric: metrics.bootstrap(values) for metric, values in found.items()},
        }
        for name, found in per_photo_sets(scores, posts, legacy.per_photo).items()
    }


def score_sources(scores: Scores, posts: Posts) -> dict[str, dict[str, float | int]]:
    """P@1, R@5 and the number of val photos of each source, from scores as in `score_sets`.

    A source without a photo that has a visible tag is left out.
    """
    _, val = train_and_val(posts)
    labels = posts.tags[val][:, posts.visible]
    results = {}
    for source in sorted(set(posts.sources[val].tolist())):
        rows = np.flatnonzero((posts.sources[val] == source) & labels.any(axis=1))
        if not len(rows):
            continue
        found = metrics.per_photo(scores[rows], labels[rows])
        results[source] = {
            "photos": len(rows),
            "precision_at_1": round(float(found["precision_at_1"].mean()), 3),
            "recall_at_5": round(float(found["recall_at_5"].mean()), 3),
        }
    return results


def score_tags(scores: Scores, posts: Posts) -> list[per_tag.TagFigures]:
    """Figures of each visible tag over all val photos that have one, from scores as in `score_sets`."""
    _, val = train_and_val(posts)
    labels = posts.tags[val][:, posts.visible]
    tagged = labels.any(axis=1)
    tags = [posts.vocabulary.tags[index] for index in posts.visible]
    return per_tag.tag_figures(scores[tagged], labels[tagged], posts.groups[val][tagged], tags)


def popularity_scores(posts: Posts) -> NDArray[np.float64]:
    """The same scores for every val photo: how frequent each visible tag is in training."""
    train, val = train_and_val(posts)
    return np.tile(metrics.popularity(posts.tags[train][:, posts.visible]), (len(val), 1))


def ceiling_scores(posts: Posts) -> NDArray[np.float64]:
    """The scores (val photos, visible tags) of who knows every val photo's tags."""
    _, val = train_and_val(posts)
    return metrics.ceiling(posts.tags[val][:, posts.visible])


def model_scores(
    model: str | None, weights: Path | None, posts: Posts, *, engine: str = "exact", batch: int = 16
) -> NDArray[np.float32]:
    """A published model's probabilities (val photos, visible tags), one file after the other through the library.

    `engine` is one of `hashstagram.engines.ENGINES`; the records' figures are those of the exact one.

    Raises DataError where a val photo cannot be read (the others are not scored then: the figures would be of another
    set), and what `load_model` raises.
    """
    recommender = load_model(model, weights=weights, engine=engine)
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


def report(results: Mapping[str, Sets]) -> dict[str, Any]:
    """Results as JSON."""
    return {model: {name: metrics.plain(entry) for name, entry in sets.items()} for model, sets in results.items()}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder in HARRISON's layout")
    parser.add_argument(
        "--protocol",
        choices=PROTOCOLS,
        help="val is that of the data's index.csv (own), 80/20 by seed 42 (notebook) or HARRISON's 5,000 (paper); "
        "default: own where the data names a split, else notebook",
    )
    parser.add_argument("--cache", type=Path, help="training's decoded pixels: leaves out the photos that training did")
    parser.add_argument("--weights", type=Path, help="weight folder (default: the repository's)")
    parser.add_argument("--model", action="append", help="model to evaluate; may be repeated (default: the best)")
    parser.add_argument("--engine", choices=ENGINES, default="exact", help="what computes (default: %(default)s)")
    parser.add_argument("--baseline", choices=["popularity"], help="score this and the ceiling instead of a model")
    also = parser.add_argument_group("also")
    also.add_argument(
        "--compare", action="store_true", help="paired differences between the models, two --model or more"
    )
    also.add_argument("--legacy-metrics", action="store_true", help="the 2018 notebook's own formulas")
    also.add_argument("--per-tag", type=Path, metavar="CSV", help="write each tag's precision, recall and support here")
    also.add_argument("--json", type=Path, help="write the figures here")
    return parser


def _evaluate(arguments: argparse.Namespace) -> None:
    """What the command does. Raises HashStagramError for what the caller can change."""
    models = list(dict.fromkeys(arguments.model or [None])) if arguments.baseline is None else []
    if arguments.compare and len(models) < 2:
        raise SettingError("--compare takes two models or more: --model alexnet --model vgg16 --compare.")
    posts = read_posts(arguments.data) if arguments.cache is None else open_data(arguments.data, arguments.cache)[0]
    protocol = arguments.protocol or default_protocol(posts)
    posts = with_protocol(posts, protocol)
    train, val = train_and_val(posts)
    print(f"protocol {protocol}: {len(train)} training and {len(val)} val photos, split {split_sha256(posts)[:16]}\n")
    scores: dict[str, Scores] = {"popularity": popularity_scores(posts), "label ceiling": ceiling_scores(posts)}
    for model in models:
        scores[model or "default"] = model_scores(model, arguments.weights, posts, engine=arguments.engine)
    sets = {name: score_sets(given, posts) for name, given in scores.items()}
    sources = {name: score_sources(given, posts) for name, given in scores.items()}
    figures = {
        "protocol": protocol,
        "split_sha256": split_sha256(posts),
        "sets": report(sets),
        "sources": sources,
    }
    print(table(sets))
    if len(sources["popularity"]) > 1:
        print(f"\n{source_table(sources)}")
    if arguments.legacy_metrics:
        by_2018 = {name: legacy_sets(given, posts) for name, given in scores.items()}
        figures["legacy"] = report(by_2018)
        print(f"\n{legacy_table(by_2018)}")
    if arguments.compare:
        found = compare.differences({str(model): per_photo_sets(scores[str(model)], posts) for model in models})
        figures["differences"] = compare.plain(found)
        print(f"\n{compare.table(found, SET_LABELS)}")
    if arguments.per_tag is not None:
        described = [str(model or "default") for model in models] or ["popularity"]
        tagged = {name: score_tags(scores[name], posts) for name in described}
        per_tag.write_csv(tagged, arguments.per_tag)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    """Command line of this module."""
    arguments = _parser().parse_args(argv)
    try:
        _evaluate(arguments)
    except HashStagramError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
