"""What variety costs: P@5 and R@5 of five visible tags with near-synonyms held back, and without, on val photos."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hashstagram.choice import Choice
from hashstagram.manifest import Manifest
from hashstagram.recommender import Recommender, load_model
from training import metrics
from training.compare import paired_bootstrap
from training.dataset import Posts
from training.split import train_and_val

COSTS = ("precision_at_5", "recall_at_5")


def _per_photo(
    recommender: Recommender, probabilities: NDArray[np.float32], labels: NDArray[np.bool_], choice: Choice
) -> tuple[dict[str, NDArray[np.float64]], list[list[str]]]:
    """P@5 and R@5 of each photo (n,) from probabilities and labels (n, tags), and the tags that it was given."""
    vocabulary = recommender.vocabulary
    given = [[hashtag.tag for hashtag in recommender.rank(row, choice)] for row in probabilities]
    places = [[vocabulary.index(tag) for tag in tags] for tags in given]
    hits = np.array([labels[row, tags].sum() for row, tags in enumerate(places)], dtype=np.float64)
    return {"precision_at_5": hits / 5, "recall_at_5": hits / labels.sum(axis=1)}, given


def cost(weights: Path, models: Sequence[str], posts: Posts) -> dict[str, Any]:
    """By model: the metrics without variety and with it, their paired differences, and how many answers change.

    The models answer with visible tags alone, in the form that they have by default on a CPU that is made for int8, be
    this one or not. Raises WeightsError and SettingError as `load_model` does.
    """
    manifest = Manifest.load(weights)
    _, val = train_and_val(posts)
    labels = posts.tags[val]
    measured: dict[str, Any] = {}
    for name in models:
        form = manifest.record(name).int8
        engine = "int8" if form is not None and form.default else "exact"
        recommender = load_model(name, weights=weights, device="cpu", engine=engine, renames="")
        probabilities = recommender.probabilities([posts.root / posts.photos[row] for row in val])
        plain, few = _per_photo(recommender, probabilities, labels, Choice(companions=0, variety=False))
        varied, many = _per_photo(recommender, probabilities, labels, Choice(companions=0, variety=True))
        measured[recommender.record.id] = {
            "precision": recommender.engine.precision,
            "photos": len(val),
            "changed": round(float(np.mean([first != second for first, second in zip(few, many, strict=True)])), 4),
            "without": metrics.plain({metric: metrics.bootstrap(plain[metric]) for metric in COSTS}),
            "with": metrics.plain({metric: metrics.bootstrap(varied[metric]) for metric in COSTS}),
            "difference": metrics.plain({metric: paired_bootstrap(varied[metric], plain[metric]) for metric in COSTS}),
        }
    return measured
