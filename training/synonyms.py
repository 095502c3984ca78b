"""Near-synonyms: tags that say nearly the same, learned from HARRISON's posts and the photos' tags. No word is picked.

`python -m training.synonyms --harrison … --data … --weights weights` writes `synonyms.txt`, a group a line, and states
what heeding it costs (`training.variety`). Two tags are near-synonyms where both hold:

- They mean the same posts. A tag's profile is the positive log lift of every other tag beside it (Church and Hanks
  1990, with counts smoothed). The profile of one tag in the training posts is compared, by cosine, with that of the
  other in the held-out posts, as a share of how well the other one's own training profile does; the worse of both ways
  counts. How much a pair must reach is read off tags cut in two at random, which are perfect near-synonyms.
- One hardly comes without the other. Where photos can teach both, photos decide: at least 95 % of those with one have
  the other, both ways; whatever two things are, a photo shows them apart. Of other tags posts decide: at least 25 % of
  those with one have the other, both ways, and the profiles must agree as well as half of the tags cut in two do.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import AgglomerativeClustering

from hashstagram.errors import DataError, HashStagramError
from hashstagram.records import SynonymsRecord
from hashstagram.vocabulary import Vocabulary, list_sha256
from hashstagram.weights import load_vocabulary
from training.dataset import Posts, read_posts
from training.split import split_sha256, train_and_val
from training.variety import cost
from training.weight_folder import SYNONYMS, manifest_of

Tags = NDArray[np.bool_]
Floats = NDArray[np.float64]

# Both ways: the share of the photos, or of the posts, with one tag that have the other.
PHOTOS_TOGETHER = 0.95
POSTS_TOGETHER = 0.25
# Of tags cut in two, this share agrees with itself at least as well as a pair must, where photos or posts decide.
SELVES_PHOTOS = 0.99
SELVES_POSTS = 0.5
# Fewer posts or photos than this say nothing about a tag.
LEAST_TRAIN, LEAST_HELD_OUT, LEAST_PHOTOS = 60, 10, 12
# What is added to each count of two tags together, and to what chance would give: in training, and held out.
SMOOTH_TRAIN, SMOOTH_HELD_OUT = 2.0, 0.5
# How often each tag is cut in two.
CUTS = 20
SEED = 2018


def profiles(together: Floats, counts: Floats, base: Floats, smooth: float) -> Floats:
    """Positive log lift (rows, tags): counts of each tag (tags) beside what is in a row, which `counts` (rows,) posts
    are about, `base` (tags,) being each tag's share of all posts."""
    lift: Floats = np.log((together + smooth) / (counts[:, None] * base + smooth))
    return np.maximum(lift, 0)


def _cosines(first: Floats, second: Floats) -> Floats:
    """Cosine of row a of `first` and row b of `second`, both (tags, tags), but for columns a and b: (tags, tags)."""
    first, second = first - np.diag(np.diag(first)), second - np.diag(np.diag(second))
    of_first = (first**2).sum(axis=1)[:, None] - first**2
    of_second = ((second**2).sum(axis=1)[:, None] - second**2).T
    # A tag's own column is empty, so of a product column a or b is nothing.
    cosines: Floats = first @ second.T / np.sqrt(np.maximum(of_first * of_second, 1e-12))
    return cosines


def agreement(train: Tags, held_out: Tags) -> tuple[Floats, Floats]:
    """How well each pair's profiles agree, (tags, tags), and how well those of a tag and half of it do: (cuts,).

    1 is as well as a tag with itself. `train` and `held_out` are posts' tags, (posts, tags). Tags with too few posts
    agree with none.
    """
    seen, held = train.astype(np.float64), held_out.astype(np.float64)
    counts, held_counts = seen.sum(axis=0), held.sum(axis=0)
    base = np.maximum(seen.mean(axis=0), 1e-9)
    learned = profiles(seen.T @ seen, counts, base, SMOOTH_TRAIN)
    found = profiles(held.T @ held, held_counts, np.maximum(held.mean(axis=0), 1e-9), SMOOTH_HELD_OUT)
    enough = (counts >= LEAST_TRAIN) & (held_counts >= LEAST_HELD_OUT)

    cosines = _cosines(learned, found)
    np.fill_diagonal(learned, 0)
    np.fill_diagonal(found, 0)
    # What tag b's own training profile reaches without column a: row a, column b.
    products = learned * found
    lengths = np.sqrt(
        np.maximum(
            ((learned**2).sum(axis=1)[:, None] - learned**2) * ((found**2).sum(axis=1)[:, None] - found**2), 1e-12
        )
    )
    own = ((products.sum(axis=1)[:, None] - products) / lengths).T
    share = np.where(enough[:, None] & enough & (own > 0), cosines / np.maximum(own, 1e-9), 0)
    pairs: Floats = np.minimum(share, share.T)
    np.fill_diagonal(pairs, 1)

    random = np.random.default_rng(SEED)
    selves = []
    for tag in np.flatnonzero(enough).tolist():
        rows = np.flatnonzero(train[:, tag])
        size = len(rows) // 2
        halves = np.stack([seen[random.permutation(rows)[:size]].sum(axis=0) for _ in range(CUTS)])
        cut = profiles(halves, np.full(CUTS, float(size)), base, SMOOTH_TRAIN)
        cut[:, tag] = 0
        whole = learned[tag] @ found[tag] / np.linalg.norm(learned[tag])
        if whole > 0:
            selves.append(cut @ found[tag] / np.linalg.norm(cut, axis=1) / whole)
    return pairs, np.concatenate(selves) if selves else np.empty(0)


def together(tags: Tags, least: int) -> Floats:
    """The share of the posts (n, tags) with one tag that have the other, the lesser of both ways: (tags, tags).

    0 for tags that fewer than `least` posts have.
    """
    seen = tags.astype(np.float64)
    counts = seen.sum(axis=0)
    share = seen.T @ seen / np.maximum(counts, 1)[:, None]
    enough = counts >= least
    lesser: Floats = np.where(enough[:, None] & enough, np.minimum(share, share.T), 0)
    return lesser


def groups(similarity: Floats, least: float) -> list[list[int]]:
    """Indices in groups of two or more whose mean similarity is at least `least` (average linkage), in order."""
    clustering = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="average", distance_threshold=1 - least
    )
    numbers = clustering.fit(1 - np.clip(similarity, 0, 1)).labels_
    members = [np.flatnonzero(numbers == number).tolist() for number in np.unique(numbers)]
    return sorted(group for group in members if len(group) > 1)


def learn(harrison: Posts, photos: Posts) -> tuple[list[list[int]], dict[str, Any]]:
    """The groups of near-synonyms, as places in the vocabulary, and how they were learned.

    Raises DataError where there are too few posts to cut a tag in two.
    """
    train, held_out = train_and_val(harrison)
    pairs, selves = agreement(harrison.tags[train], harrison.tags[held_out])
    if not len(selves):
        raise DataError(f"No tag has {LEAST_TRAIN} training posts and {LEAST_HELD_OUT} held-out ones. Give more posts.")
    by_photos, by_posts = (float(np.quantile(selves, 1 - share)) for share in (SELVES_PHOTOS, SELVES_POSTS))
    photo_train, _ = train_and_val(photos)
    visible = photos.tags.any(axis=0)
    photos_decide = np.outer(visible, visible)
    by_eye = together(photos.tags[photo_train], LEAST_PHOTOS) >= PHOTOS_TOGETHER
    by_hand = (together(harrison.tags[train], LEAST_TRAIN) >= POSTS_TOGETHER) & (pairs >= by_posts)
    found = groups(np.where(np.where(photos_decide, by_eye, by_hand), pairs, 0), by_photos)
    how = {
        "split_sha256": split_sha256(harrison),
        "train_posts": len(train),
        "held_out_posts": len(held_out),
        "cuts": len(selves),
        "least_agreement": {"photos": round(by_photos, 3), "posts": round(by_posts, 3)},
        "seed": SEED,
    }
    return found, how


def text(found: Sequence[Sequence[int]], vocabulary: Vocabulary, how: dict[str, Any]) -> str:
    """The content of `synonyms.txt`."""
    least = how["least_agreement"]
    head = f"""\
# Near-synonyms: tags that say nearly the same, a group a line. With variety, a group takes two of five places at most.
# Written by python -m training.synonyms, which says how they are learned; no word was picked by hand.
# From {how["train_posts"]} training posts of HARRISON and the photos' tags, judged on {how["held_out_posts"]} held-out
# posts: at least {least["photos"]} of a tag's agreement with itself where photos show both, {least["posts"]} elsewhere.
"""
    return head + "".join(" ".join(vocabulary.tags[tag] for tag in group) + "\n" for group in found)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m training.synonyms", description=__doc__)
    parser.add_argument("--harrison", type=Path, required=True, help="folder with HARRISON's annotations")
    parser.add_argument("--data", type=Path, required=True, help="the photos' folder: its tags are the visible ones")
    parser.add_argument("--weights", type=Path, default=Path("weights"), help="weight folder with a manifest")
    parser.add_argument("--models", nargs="*", default=[], metavar="MODEL", help="whose cost on val to measure")
    arguments = parser.parse_args(argv)
    try:
        harrison, photos = read_posts(arguments.harrison), read_posts(arguments.data)
        manifest = manifest_of(arguments.weights)
        vocabulary = load_vocabulary(arguments.weights, manifest.with_synonyms(None))
        for posts in (harrison, photos):
            if posts.vocabulary.sha256 != vocabulary.sha256:
                raise DataError(f"{posts.root} has another vocabulary than {arguments.weights}.")
        found, how = learn(harrison, photos)
        path = arguments.weights / SYNONYMS
        path.write_text(text(found, vocabulary, how), encoding="utf-8")
        command = "python -m training.synonyms --harrison HARRISON --data DATA --models " + " ".join(arguments.models)
        record = SynonymsRecord(SYNONYMS, list_sha256(path), {"command": command.strip(), **how})
        manifest = manifest.with_synonyms(record)
        manifest.save(arguments.weights)
        print(path.read_text(encoding="utf-8"))
        if arguments.models:
            measured = cost(arguments.weights, arguments.models, photos)
            manifest.with_synonyms(SynonymsRecord(SYNONYMS, record.sha256, record.training, measured)).save(
                arguments.weights
            )
            for name, entry in measured.items():
                print(name, entry)
    except HashStagramError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
