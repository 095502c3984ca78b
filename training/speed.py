"""How fast a network trains, and how much of that its input costs: `python -m training.speed --model alexnet --data …`.

The same steps are taken twice: with batches made as in training, and with the first batch over and over, which is what
the network alone could do. Takes the options of `training.train`; nothing is written.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from itertools import islice

import torch
from tqdm import tqdm

from hashstagram.errors import DataError, HashStagramError
from training.dataset import open_data
from training.distributed import Processes
from training.loop import Batch, Task, Trainer
from training.recipes import Recipe
from training.train import parser, recipe_of, sources_of, task_of

WARM_UP = 3
STEPS = 20


def _photos_per_second(trainer: Trainer, batches: Iterator[Batch], recipe: Recipe, steps: int) -> float:
    for batch in islice(batches, WARM_UP):
        trainer.step(batch, recipe.learning_rate, recipe.averaging)
    started, done = time.perf_counter(), 0
    for batch in islice(batches, steps):
        # float() waits for a GPU to finish.
        float(trainer.step(batch, recipe.learning_rate, recipe.averaging))
        done += len(batch.inputs)
    return done / (time.perf_counter() - started)


def measure(task: Task, recipe: Recipe, accumulate: int = 1, steps: int = STEPS) -> tuple[float, float]:
    """Photos per second with the input pipeline and without, in the first epoch's crop size.

    Raises DataError where the data does not fill the batches that this takes.
    """
    if task.steps(0) < WARM_UP + steps:
        raise DataError(
            f"An epoch has {task.steps(0)} batches of {recipe.batch} photos, and measuring takes {WARM_UP + steps}. "
            "Give a smaller --batch, or more photos."
        )
    trainer = Trainer(task.network, recipe, Processes(), accumulate)
    trainer.network.train()
    share = slice(0, recipe.batch)
    batches = task.batches(0, share)
    first = next(batches)
    fed = _photos_per_second(trainer, batches, recipe, steps - 1)
    alone = _photos_per_second(trainer, iter([first] * (WARM_UP + steps)), recipe, steps)
    return fed, alone


def main(argv: Sequence[str] | None = None) -> int:
    """Command line of this module."""
    options = parser("python -m training.speed", __doc__ or "")
    arguments = options.parse_args(argv)
    try:
        recipe = recipe_of(arguments)
        torch.manual_seed(recipe.seed)
        posts, pixels = open_data(arguments.data, arguments.cache)
        task = task_of(recipe, sources_of(arguments, posts, pixels))
        fed, alone = measure(task, recipe, arguments.accumulate)
    except HashStagramError as error:
        print(error, file=sys.stderr)
        return 2
    size = f"{recipe.sizes[0]} pixels" if recipe.sizes else f"{recipe.features or 'trunk'} features"
    tqdm.write(f"{recipe.model}, {size}, batch {recipe.batch}: {fed:.0f} photos/s; {alone:.0f} without their input "
               f"({100 * fed / alone:.0f} %)")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
