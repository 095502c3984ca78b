"""Train a network: `python -m training.train --model alexnet --data … --out runs/alexnet`.

`alexnet` learns from scratch, from tags and from a teacher that sees the same crops. `vgg16` learns its linear layers
on the frozen ImageNet trunk's features. `hashnet` learns its head on the penultimate features of the other two, whose
runs it is given. A run that was stopped goes on when the same command is given again.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from hashstagram.errors import DataError, HashStagramError
from hashstagram.networks import VGG16, AlexNet
from training.dataset import PixelCache, Posts, open_data
from training.features import available_views, cut_views, read_features
from training.loop import Recipe, Task, device_and_precision, fit
from training.students import student, trained_network
from training.targets import SoftTags, read_soft_tags
from training.tasks import Answers, FeatureTask, PhotoTask
from training.trunks import normalised

RECIPES = {
    # Small crops first, which cost a third, and the size that is served in the end.
    "alexnet": Recipe(
        "alexnet", epochs=18, learning_rate=1.5e-3, weight_decay=0.05, sizes=(128,) * 13 + (176,) * 3 + (224,) * 2
    ),
    "vgg16": Recipe("vgg16", epochs=16, learning_rate=1e-3, weight_decay=0.05, mixup=0.4),
    "hashnet": Recipe("hashnet", epochs=12, learning_rate=1e-3, weight_decay=0.05, mixup=1.0),
}


def sizes_of(text: str) -> tuple[int, ...]:
    """`128x14,224x2` as a size for each epoch. Raises DataError where it is not of that form."""
    try:
        parts = [part.split("x") for part in text.split(",")]
        sizes = tuple(int(size) for size, epochs in parts for _ in range(int(epochs)))
    except ValueError:
        sizes = ()
    # AlexNet's convolutions and pools leave nothing of less than 63 pixels.
    if not sizes or min(sizes) < 63:
        raise DataError(
            f"--sizes {text!r} is not of the form SIZExEPOCHS, … with sizes from 63 on; for example 128x14,224x2."
        )
    return sizes


def _answers(posts: Posts, cache: Path, soft: SoftTags) -> Answers:
    return Answers(posts, soft, [read_features(cache, "teacher", posts, number) for number in soft.views])


def photo_task(recipe: Recipe, posts: Posts, pixels: PixelCache, cache: Path) -> Task:
    """A network that is trained whole, on crops of photos."""
    network = student(recipe.model, posts.visible, len(posts.vocabulary), dense=recipe.dense)
    answers = _answers(posts, cache, read_soft_tags(cache, posts))
    return PhotoTask(network, answers, pixels, recipe.sizes, recipe.batch, recipe.seed)


def _views_of_both(cache: Path, posts: Posts, soft: SoftTags) -> list[int]:
    """The views that VGG16's trunk and the teacher saw. Raises DataError where there is none."""
    views = [number for number in available_views(cache, "vgg16", posts) if number in soft.views]
    if not views:
        raise DataError(
            f"The trunk of vgg16 saw none of the teacher's views ({', '.join(map(str, soft.views))}). "
            "Compute them: python -m training.features --trunk vgg16 --views 0 --data …"
        )
    return views


def vgg16_task(recipe: Recipe, posts: Posts, cache: Path) -> Task:
    """VGG16's linear layers on the frozen trunk's pool5 maps, in all views that were computed."""
    soft = read_soft_tags(cache, posts)
    views = _views_of_both(cache, posts, soft)
    features = [read_features(cache, "vgg16", posts, number) for number in views]
    network = student("vgg16", posts.visible, len(posts.vocabulary), dense=recipe.dense)
    return FeatureTask(network, _answers(posts, cache, soft), features, views, recipe.batch, recipe.seed)


@torch.inference_mode()
def trunk_features(
    posts: Posts, pixels: PixelCache, cache: Path, vgg16_run: Path, alexnet_run: Path, number: int
) -> NDArray[np.float16]:
    """Both single models' penultimate features side by side (n, 8192), for one view of every photo."""
    device, precision, _ = device_and_precision()
    vgg16 = trained_network(vgg16_run, posts)
    alexnet = trained_network(alexnet_run, posts).to(
        device,
        memory_format=torch.channels_last,  # type: ignore[call-overload]
    )
    if not isinstance(vgg16, VGG16) or not isinstance(alexnet, AlexNet):
        raise DataError(f"--vgg16 {vgg16_run} and --alexnet {alexnet_run} must be runs of those two models.")
    pool5 = read_features(cache, "vgg16", posts, number)
    joined = np.empty((len(posts), vgg16.penultimate_width + alexnet.penultimate_width), dtype=np.float16)
    for begin in tqdm(range(0, len(posts), 64), desc=f"trunks, view {number}", mininterval=5):
        rows = range(begin, min(begin + 64, len(posts)))
        maps = torch.from_numpy(np.array(pool5[begin : rows.stop])).float()
        joined[begin : rows.stop, : vgg16.penultimate_width] = vgg16.penultimate_of_pool5(maps).numpy()
        photos = normalised(cut_views(pixels, rows, number, 224)).to(device, memory_format=torch.channels_last)
        with torch.autocast(device.type, dtype=precision, enabled=precision is not None):
            seen = alexnet.penultimate(photos)
        joined[begin : rows.stop, vgg16.penultimate_width :] = seen.float().cpu().numpy()
    return joined


def hashnet_task(
    recipe: Recipe, posts: Posts, pixels: PixelCache, cache: Path, vgg16_run: Path, alexnet_run: Path
) -> Task:
    """HashNet's head on what its two trained trunks see."""
    soft = read_soft_tags(cache, posts)
    views = _views_of_both(cache, posts, soft)
    features = [trunk_features(posts, pixels, cache, vgg16_run, alexnet_run, number) for number in views]
    network = student("hashnet", posts.visible, len(posts.vocabulary), dense=recipe.dense)
    return FeatureTask(network, _answers(posts, cache, soft), features, views, recipe.batch, recipe.seed)


def parser() -> argparse.ArgumentParser:
    """The options of this command."""
    result = argparse.ArgumentParser(prog="python -m training.train", description=__doc__)
    result.add_argument("--model", choices=sorted(RECIPES), required=True)
    where = result.add_argument_group("where")
    where.add_argument("--data", type=Path, required=True, help="folder in HARRISON's layout")
    where.add_argument("--cache", type=Path, default=Path("cache"), help="decoded pixels, features and soft tags")
    where.add_argument("--out", type=Path, required=True, help="folder of this run: checkpoints, TensorBoard")
    where.add_argument("--vgg16", type=Path, help="finished run of vgg16 (hashnet only)")
    where.add_argument("--alexnet", type=Path, help="finished run of alexnet (hashnet only)")
    how = result.add_argument_group("how (left out: the recipe of the published weights)")
    how.add_argument("--epochs", type=int, help="passes over the training photos (vgg16, hashnet)")
    how.add_argument("--sizes", help="alexnet: crop sizes and their epochs, such as 128x13,176x3,224x2")
    how.add_argument("--learning-rate", type=float, help="peak of the one-cycle schedule, 1e-4 to 3e-3")
    how.add_argument("--dense", action="store_true", help="whole linear layers, factorised when exported (slow)")
    how.add_argument("--batch", type=int, help="photos a step; fewer when memory runs out")
    how.add_argument("--seed", type=int, help="of initial weights, order and crops")
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Command line of this module."""
    arguments = parser().parse_args(argv)
    changes = {name: getattr(arguments, name) for name in ("epochs", "learning_rate", "batch", "seed")}
    recipe = replace(RECIPES[arguments.model], **{name: value for name, value in changes.items() if value is not None})
    recipe = replace(recipe, dense=arguments.dense)
    torch.manual_seed(recipe.seed)
    try:
        if recipe.sizes and arguments.epochs is not None:
            raise DataError("alexnet's epochs are given with their sizes: --sizes 128x14,224x2, not --epochs.")
        if not recipe.sizes and arguments.sizes is not None:
            raise DataError(f"{recipe.model} learns from features on disk and has no --sizes. Give --epochs.")
        posts, pixels = open_data(arguments.data, arguments.cache)
        if arguments.model == "vgg16":
            task = vgg16_task(recipe, posts, arguments.cache)
        elif arguments.model == "hashnet":
            if arguments.vgg16 is None or arguments.alexnet is None:
                raise DataError("hashnet stands on two trained trunks: name their runs with --vgg16 and --alexnet.")
            task = hashnet_task(recipe, posts, pixels, arguments.cache, arguments.vgg16, arguments.alexnet)
        else:
            if arguments.sizes is not None:
                sizes = sizes_of(arguments.sizes)
                recipe = replace(recipe, epochs=len(sizes), sizes=sizes)
            task = photo_task(recipe, posts, pixels, arguments.cache)
        best = fit(task, recipe, arguments.out)
    except HashStagramError as error:
        print(error, file=sys.stderr)
        return 2
    print("best on val:", {name: round(value, 4) for name, value in best.items()})
    return 0


if __name__ == "__main__":
    sys.exit(main())
