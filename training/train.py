"""Train a network: `python -m training.train --model alexnet --data … --out runs/alexnet`.

On many GPUs: `torchrun --standalone --nproc-per-node=gpu -m training.train …`, with the same options and curve.

A network learns from photos (`--sizes`), or behind a frozen trunk from its maps on disk (`--features`); always from
tags and from a teacher that saw the same crops. `hashnet` learns a head over two finished runs, which it is given.
A run that was stopped goes on when the same command is given again.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from hashstagram.errors import DataError, HashStagramError
from hashstagram.networks import VGG16, AlexNet
from training.board import Showcase
from training.checkpoint import Checkpoints
from training.dataset import PixelCache, Posts, open_data
from training.device import Device
from training.distributed import processes
from training.features import available_views, cut_views, read_features
from training.guards import check_control, shuffled_tags
from training.initial import initialise
from training.loop import Task, fit
from training.recipes import RECIPES, Recipe
from training.split import PROTOCOLS, train_and_val, with_protocol
from training.students import SERVED, Student, student, trained_network
from training.targets import SoftTags, read_soft_tags
from training.tasks import Answers, FeatureTask, PhotoTask
from training.trunks import normalised


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


def _student(recipe: Recipe, posts: Posts, wheels: Path | None) -> Student:
    network = student(
        recipe.model,
        posts.visible,
        len(posts.vocabulary),
        dense=recipe.dense,
        features=recipe.features,
        pretrained=recipe.pretrained,
    )
    for source in recipe.init:
        if source != "scratch":
            fitting = initialise(network, recipe.model, source, wheels)
            tqdm.write(f"{recipe.model}: {fitting} of {len(network.state_dict())} tensors from {source}")
    return network


@dataclass(frozen=True)
class Sources:
    """What a task is made of: posts, their pixels, what was computed from them, and where other networks lie."""

    posts: Posts
    pixels: PixelCache
    cache: Path
    wheels: Path | None = None
    vgg16: Path | None = None
    alexnet: Path | None = None
    shuffled: bool = False

    def answers(self, soft: SoftTags) -> Answers:
        """What is to be learned; for the control with shuffled tags, those alone."""
        teacher = [read_features(self.cache, "teacher", self.posts, number) for number in soft.views]
        return Answers(self.posts, soft, teacher, share=0.0 if self.shuffled else 0.5)

    def views(self, trunk: str, soft: SoftTags) -> list[int]:
        """The views that a trunk and the teacher saw. Raises DataError where there is none."""
        views = [number for number in available_views(self.cache, trunk, self.posts) if number in soft.views]
        if not views:
            raise DataError(
                f"The trunk {trunk} saw none of the teacher's views ({', '.join(map(str, soft.views))}). "
                f"Compute them: python -m training.features --trunk {trunk} --views 0 --data …"
            )
        return views


def task_of(recipe: Recipe, sources: Sources) -> Task:
    """What a recipe trains on what.

    Raises DataError for features that were not computed and for runs that hashnet stands on and that are not given.
    """
    posts, soft = sources.posts, read_soft_tags(sources.cache, sources.posts)
    network = _student(recipe, posts, sources.wheels)
    if recipe.sizes:
        return PhotoTask(network, sources.answers(soft), sources.pixels, recipe, SERVED[recipe.model])
    if recipe.model == "hashnet":
        behind = _behind(_trunks(sources)[0])
        views = sources.views(behind, soft) if behind else list(soft.views)
        features: list[NDArray[np.float16]] = [trunk_features(sources, number) for number in views]
    else:
        views = sources.views(recipe.features, soft)
        features = [read_features(sources.cache, recipe.features, posts, number) for number in views]
    return FeatureTask(network, sources.answers(soft), features, views, recipe)


def _trunks(sources: Sources) -> tuple[Path, Path]:
    """The runs of vgg16 and alexnet that hashnet stands on. Raises DataError where they are not given."""
    if sources.vgg16 is None or sources.alexnet is None:
        raise DataError("hashnet stands on two trained trunks: name their runs with --vgg16 and --alexnet.")
    return sources.vgg16, sources.alexnet


def _behind(run: Path) -> str:
    """Which trunk's maps a run's network takes, without its frozen layers; "" where it learned from photos."""
    features: str = Checkpoints(run).recipe()["features"]
    return features


@torch.inference_mode()
def trunk_features(sources: Sources, number: int) -> NDArray[np.float16]:
    """Both single models' penultimate features side by side (n, 8192), for one view of every photo."""
    posts, device, runs = sources.posts, Device.best(), _trunks(sources)
    vgg16, alexnet = (trained_network(run, posts) for run in runs)
    if not isinstance(vgg16, VGG16) or not isinstance(alexnet, AlexNet):
        raise DataError(f"--vgg16 {runs[0]} and --alexnet {runs[1]} must be runs of those two models.")
    behind = _behind(runs[0])
    maps = read_features(sources.cache, behind, posts, number) if behind else None
    joined = np.empty((len(posts), vgg16.penultimate_width + alexnet.penultimate_width), dtype=np.float16)
    for network in (vgg16, alexnet):
        network.to(device.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    mean, std = SERVED["alexnet"].mean, SERVED["alexnet"].std
    for begin in tqdm(range(0, len(posts), 64), desc=f"trunks, view {number}", mininterval=5):
        rows = range(begin, min(begin + 64, len(posts)))
        photos = device.put(normalised(cut_views(sources.pixels, rows, number, 224), mean, std))
        seen = photos if maps is None else device.put(torch.from_numpy(np.array(maps[begin : rows.stop])).float())
        with device.autocast():
            both = torch.cat([vgg16.penultimate(seen), alexnet.penultimate(photos)], dim=1)
        joined[begin : rows.stop] = both.float().cpu().numpy()
    return joined


def showcase(posts: Posts, pixels: PixelCache, count: int = 8) -> Showcase:
    """A few val photos, the same ones in every run, for TensorBoard."""
    _, val = train_and_val(posts)
    places = np.sort(np.random.default_rng(0).choice(len(val), size=min(count, len(val)), replace=False))
    tags = [posts.vocabulary.tags[index] for index in posts.visible]
    true = [[tag for tag, there in zip(tags, posts.tags[val[place]][posts.visible], strict=True) if there]
            for place in places]  # fmt: skip
    return Showcase(places.tolist(), cut_views(pixels, val[places].tolist(), 0, 224), true, tags)


def parser(prog: str = "python -m training.train", description: str | None = __doc__) -> argparse.ArgumentParser:
    """The options that say what is trained, on what and how."""
    result = argparse.ArgumentParser(prog=prog, description=description)
    result.add_argument("--model", choices=sorted(RECIPES), required=True)
    where = result.add_argument_group("where")
    where.add_argument("--data", type=Path, required=True, help="folder in HARRISON's layout")
    where.add_argument("--protocol", choices=PROTOCOLS, help="what is held out (default: the data's own split)")
    where.add_argument("--cache", type=Path, default=Path("cache"), help="decoded pixels, features and soft tags")
    where.add_argument("--wheels", type=Path, help="folder with the packages that training.trunks names")
    where.add_argument("--vgg16", type=Path, help="finished run of vgg16 (hashnet only)")
    where.add_argument("--alexnet", type=Path, help="finished run of alexnet (hashnet only)")
    how = result.add_argument_group("how (left out: the recipe of the published weights)")
    how.add_argument("--features", metavar="TRUNK", help="learn behind this frozen trunk of training.features")
    how.add_argument("--sizes", help="learn from photos: crop sizes and their epochs, such as 128x13,176x3,224x2")
    how.add_argument("--init", action="append", help="scratch, imagenet, a file or a run's folder; may be repeated")
    how.add_argument("--epochs", type=int, help="passes over the training photos, where features are learned from")
    how.add_argument("--learning-rate", type=float, help="peak of the one-cycle schedule, 1e-4 to 3e-3")
    how.add_argument("--mixup", type=float, help="of the beta distribution that mixes pairs of photos; 0: none")
    how.add_argument("--dense", action="store_true", help="whole linear layers, factorised when exported (slow)")
    how.add_argument("--batch", type=int, help="photos a step, of all processes together")
    how.add_argument("--seed", type=int, help="of initial weights, order and crops")
    how.add_argument("--accumulate", type=int, default=1, help="parts that a batch is computed in, to save memory")
    how.add_argument("--shuffled-tags", action="store_true", help="the control: must end where popularity stands")
    return result


def recipe_of(arguments: argparse.Namespace) -> Recipe:
    """The model's recipe with what the command line changes. Raises DataError where options contradict each other."""
    recipe = RECIPES[arguments.model]
    if arguments.features is not None and arguments.sizes is not None:
        raise DataError("--features learns from maps on disk and --sizes from photos: give one of the two.")
    if arguments.features is not None:
        recipe = replace(recipe, features=arguments.features, sizes=())
    if arguments.sizes is not None:
        if arguments.model == "hashnet":
            raise DataError("hashnet learns from its trunks' features and has no --sizes. Give --epochs.")
        sizes = sizes_of(arguments.sizes)
        recipe = replace(recipe, features="", sizes=sizes, epochs=len(sizes))
    if recipe.sizes and arguments.epochs is not None:
        raise DataError("Epochs on photos are given with their sizes: --sizes 128x14,224x2, not --epochs.")
    names = ("epochs", "learning_rate", "mixup", "batch", "seed")
    changes = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    if arguments.init is not None:
        changes["init"] = tuple(arguments.init)
    if arguments.shuffled_tags:
        # The teacher knows nothing of our tags, but a control stands on the shuffled ones alone.
        changes["distillation"] = 0.0
    return replace(recipe, **changes, dense=arguments.dense)


def sources_of(arguments: argparse.Namespace, posts: Posts, pixels: PixelCache) -> Sources:
    """What the command line names, divided by its protocol and, for the control, with shuffled tags."""
    posts = with_protocol(posts, arguments.protocol)
    if arguments.shuffled_tags:
        posts = shuffled_tags(posts, arguments.seed or RECIPES[arguments.model].seed)
    return Sources(
        posts,
        pixels,
        arguments.cache,
        arguments.wheels,
        arguments.vgg16,
        arguments.alexnet,
        arguments.shuffled_tags,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Command line of this module."""
    options = parser()
    options.add_argument("--out", type=Path, required=True, help="folder of this run: checkpoints, TensorBoard")
    arguments = options.parse_args(argv)
    try:
        recipe = recipe_of(arguments)
        torch.manual_seed(recipe.seed)
        with processes() as together:
            # Decoded by the first process, then read by the others.
            if not together.first:
                together.wait()
            posts, pixels = open_data(arguments.data, arguments.cache)
            if together.first:
                together.wait()
            sources = sources_of(arguments, posts, pixels)
            best = fit(
                task_of(recipe, sources),
                recipe,
                arguments.out,
                processes=together,
                accumulate=arguments.accumulate,
                showcase=showcase(sources.posts, sources.pixels),
            )
            if arguments.shuffled_tags:
                check_control(best, sources.posts)
    except HashStagramError as error:
        print(error, file=sys.stderr)
        return 2
    if together.first:
        print("best on val:", {name: round(value, 4) for name, value in best.items()})
    return 0


if __name__ == "__main__":
    sys.exit(main())
