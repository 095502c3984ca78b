"""The int8 form of published weights: `python -m training.quantise vgg16.photos_v1 --data … --weights weights`.

NNCF's post-training quantisation (symmetric weights, asymmetric activations where that helps: its preset MIXED) of the
OpenVINO graph, with ranges from training photos; HashNet's head stays exact, over the int8 forms of its trunks. The
result is a weight like any other: files with their sha256 in the manifest, and measured on all of val through the
engine that serves it, beside PyTorch's fp32. It may answer in place of the exact form while it passes the gate below.
`training.export` makes it for whatever it publishes.
"""

import argparse
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hashstagram.engines.graphs import build_graph
from hashstagram.engines.openvino_engine import load_openvino
from hashstagram.engines.silent_openvino import openvino as ov
from hashstagram.errors import DataError, HashStagramError
from hashstagram.manifest import Manifest
from hashstagram.photos import Preprocessing, open_photo, to_tensor
from hashstagram.records import Quantised, Record, StoredFile
from hashstagram.vocabulary import Vocabulary
from hashstagram.weights import load_tensors, load_vocabulary
from training import calibrate, compare, metrics
from training.dataset import Posts, open_data
from training.evaluate import per_photo_sets, score_sets
from training.published import published_logits, val_tensors
from training.split import PROTOCOLS, split_sha256, train_and_val, with_protocol

# The gate: how far P@1 and R@5 on all of val may be from the exact form's (point estimates), and how much of its five
# tags a form must give, on average over the photos.
MOST_LOST = 0.003
LEAST_OVERLAP = 0.95

PHOTOS, SEED = 300, 2018

Floats = NDArray[np.float32]


def quantised(
    record: Record,
    weights: Path,
    manifest: Manifest,
    vocabulary: Vocabulary,
    posts: Posts,
    cache: Path,
    *,
    photos: int = PHOTOS,
    seed: int = SEED,
) -> Record:
    """Write a record's int8 form into the folder, measure it, and return the record with it.

    `manifest` lists the record; the int8 forms of its parts come first.
    Raises DataError where a part has none.
    """
    parts = [manifest.record(part) for part in record.parts]
    for part in parts:
        if part.int8 is None:
            raise DataError(f"{record.id} stands on {part.id}, which has no int8 form. Quantise {part.id} first.")
    train, val = train_and_val(posts)
    rows = np.random.default_rng(seed).permutation(train)[:photos]
    graph, numbers = (None, None) if parts else _write_graph(weights, record, _inputs(posts, rows, record.input))
    form = Quantised(
        graph=graph,
        numbers=numbers,
        default=False,
        calibration={"method": "platt", "scale": record.scale, "bias": record.bias},
        training={
            "command": f"python -m training.quantise {record.id}",
            "photos": 0 if parts else len(rows),
            "seed": seed,
            "split_sha256": split_sha256(posts),
            "libraries": f"nncf {_nncf().__version__}, openvino {ov.__version__}",
        },
    )
    draft = replace(record, int8=form)
    engine = load_openvino(weights, manifest.with_record(draft), draft, vocabulary, "int8")
    logits = [engine.run(tensors) for tensors in val_tensors(posts, record.input, label="int8 val")]
    found = np.concatenate(logits)[:, posts.visible]
    exact = published_logits(weights, manifest, record, vocabulary, posts, cache)[:, posts.visible]
    calibration, _, _ = calibrate.calibration(found, posts.tags[val][:, posts.visible], posts.groups[val], seed)
    measured = measure(found, exact, posts)
    return replace(record, int8=replace(form, default=passes(measured), calibration=calibration, metrics=measured))


def measure(found: Floats, exact: Floats, posts: Posts) -> dict[str, Any]:
    """What a form's logits (val photos, visible tags) are worth beside the exact ones, as a record keeps it.

    By val set: the form's metrics, and the paired difference of P@1 and R@5 (form minus exact). Over all of val: the
    share of the exact form's five tags that are among the form's five.
    """
    forms = {"int8": per_photo_sets(found, posts), "exact": per_photo_sets(exact, posts)}
    lost: dict[str, dict[str, Any]] = {}
    for each in compare.differences(forms):
        lost.setdefault(each.photos, {})[each.metric] = metrics.plain({"": each.estimate})[""]
    first, second = metrics.top_k(found, 5), metrics.top_k(exact, 5)
    shared = [len(set(ours) & set(theirs)) / 5 for ours, theirs in zip(first.tolist(), second.tolist(), strict=True)]
    return {
        "val": {name: metrics.plain(entry) for name, entry in score_sets(found, posts).items()},
        "difference": lost,
        "top5_overlap": round(float(np.mean(shared)), 4),
    }


def passes(measured: dict[str, Any]) -> bool:
    """Whether a form may answer in place of the exact one."""
    moved = [abs(estimate["value"]) for estimate in measured["difference"]["all"].values()]
    return bool(max(moved) <= MOST_LOST and measured["top5_overlap"] >= LEAST_OVERLAP)


def _nncf() -> Any:
    import nncf  # seconds to import, and not for who only measures

    return nncf


def _inputs(posts: Posts, rows: NDArray[np.int64], served: Preprocessing) -> list[Floats]:
    return [to_tensor(open_photo(posts.root / posts.photos[row]), served)[np.newaxis] for row in rows]


def _write_graph(weights: Path, record: Record, inputs: list[Floats]) -> tuple[StoredFile, StoredFile]:
    nncf = _nncf()
    graph = nncf.quantize(
        build_graph(record, load_tensors(weights, record)),
        nncf.Dataset(inputs),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(inputs),
    )
    part = weights / f"{record.id}.int8.part.xml"
    ov.save_model(graph, part, compress_to_fp16=False)
    stored = []
    for suffix in (".xml", ".bin"):
        written, final = part.with_suffix(suffix), weights / f"{record.id}.int8{suffix}"
        content = written.read_bytes()
        written.replace(final)
        stored.append(StoredFile(final.name, len(content), hashlib.sha256(content).hexdigest()))
    return stored[0], stored[1]


def described(record: Record) -> str:
    """A sentence about a record's int8 form, for who made it."""
    form = record.int8
    if form is None:
        return f"{record.id} has no int8 form."
    moved = {name: 100 * entry["value"] for name, entry in form.metrics["difference"]["all"].items()}
    verdict = "passes the gate" if form.default else "does not pass the gate: the exact form stays the default"
    size = sum(stored.bytes for stored in (form.graph, form.numbers) if stored is not None)
    return (
        f"{record.id} in int8, {size / 1e6:.1f} MB: P@1 "
        f"{moved['precision_at_1']:+.2f} and R@5 {moved['recall_at_5']:+.2f} points, "
        f"top-5 overlap {form.metrics['top5_overlap']:.3f}; {verdict}"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m training.quantise", description=__doc__)
    parser.add_argument("models", nargs="+", metavar="MODEL", help="names or ids; a model's parts come before it")
    parser.add_argument("--data", type=Path, required=True, help="folder in HARRISON's layout")
    parser.add_argument("--protocol", choices=PROTOCOLS, help="what is held out, that of the weights")
    parser.add_argument(
        "--cache", type=Path, default=Path("cache"), help="decoded pixels and the exact forms' features"
    )
    parser.add_argument("--weights", type=Path, default=Path("weights"), help="weight folder with a manifest")
    parser.add_argument("--photos", type=int, default=PHOTOS, help="training photos to take ranges from")
    parser.add_argument("--seed", type=int, default=SEED, help="which these are")
    arguments = parser.parse_args(argv)
    try:
        posts = with_protocol(open_data(arguments.data, arguments.cache)[0], arguments.protocol)
        manifest = Manifest.load(arguments.weights)
        vocabulary = load_vocabulary(arguments.weights, manifest)
        for name in arguments.models:
            record = quantised(
                manifest.record(name),
                arguments.weights,
                manifest,
                vocabulary,
                posts,
                arguments.cache,
                photos=arguments.photos,
                seed=arguments.seed,
            )
            manifest = manifest.with_record(record)
            manifest.save(arguments.weights)
            print(described(record))
    except HashStagramError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
