"""What all parts of a run share: how thorough it is, the photos' folder, the models, and what computes them unasked."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.driving import Worker
from benchmarks.floors import Work
from benchmarks.machine import Machine
from benchmarks.rows import Engine
from hashstagram import available_models

# The models whose photos are counted over HTTP and timed in process, beside the default one.
MODELS_OF_2018 = ("alexnet", "vgg16")


@dataclass(frozen=True)
class Session:
    """One run. `models` are all of the weight folder, `default` the one that answers unasked.

    `engines` are what each model is computed by where nobody chooses, `work` is what each has to do for a photo, in its
    `dense` and its `published` form.
    """

    quick: bool
    folder: Path
    machine: Machine
    models: tuple[str, ...]
    engines: dict[str, Engine]
    work: dict[str, dict[str, Work]]

    @property
    def default(self) -> str:
        """The default model."""
        return self.models[0]

    @property
    def few_models(self) -> tuple[str, ...]:
        """Those that the long parts look at."""
        return tuple(name for name in (*MODELS_OF_2018, self.default) if name in self.models)

    def rounds(self, usual: int) -> int:
        """How many rounds to take where `usual` ones are right for a whole run."""
        return 3 if self.quick else usual

    def say(self, what: str) -> None:
        """Tell whoever waits what is being measured."""
        print(f"… {what}", file=sys.stderr, flush=True)


@contextmanager
def opened(*, quick: bool) -> Iterator[Session]:
    """A session with a folder of its own, which is gone at the end. Raises BenchmarkError where a side cannot start."""
    models = tuple(record.name for record in available_models())
    with TemporaryDirectory(prefix="hashstagram-benchmarks-") as folder:
        with Worker("2018") as worker, Worker("auto") as ours:
            engines = {model: Engine(**ours.ask("load", model=model)) for model in models}
            machine = Machine.from_json(worker.ask("machine"))
            work = {
                model: {form: Work(**numbers) for form, numbers in forms.items()}
                for model, forms in worker.ask("work").items()
            }
        yield Session(quick, Path(folder), machine, models, engines, work)
