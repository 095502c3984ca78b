"""The loaded models behind one bounded line: page and APIs ask here, and nowhere else.

Decoding and computing happen in a few worker threads. What does not fit into the line is refused at once, and who goes
away leaves it.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from PIL import Image

from hashstagram import (
    Choice,
    HashStagramError,
    Hashtag,
    Recommender,
    SettingError,
    WeightsError,
    available_models,
    load_model,
)
from hashstagram.engines import cores
from hashstagram.photos import Photo
from hashstagram.stages import measured
from hashstagram.web import texts
from hashstagram.web.draining import Draining
from hashstagram.web.metrics import WAIT, Metrics

# How often a photo in the line is checked for whether anybody still waits for it, in seconds.
_LOOK = 0.1


class Busy(HashStagramError):  # noqa: N818 - says what is so, as its siblings do
    """All workers are at work and the line is full. `retry_after` is a good time to come back, in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(texts.BUSY)
        self.retry_after = retry_after


class Gone(Exception):  # noqa: N818 - nothing went wrong
    """Nobody waits for this answer any more."""


@dataclass(frozen=True)
class Model:
    """A model as visitors choose it: the value, the line that describes it, and the record's id."""

    name: str
    description: str
    id: str
    taught: frozenset[str]


@dataclass(frozen=True)
class Answer:
    """The hashtags for one photo, and the name of the model that they come from."""

    model: str
    hashtags: tuple[Hashtag, ...]


class Service:
    """The models of the weight folder, or those of them that `models` names; the first is the default.

    `engine` computes them. `workers` photos are looked at at once (None: as many as there are cores) and `queue` more
    may wait. The list of models is there from the start, `load` makes them answer; `at_work` photos are looked at now.

    Raises SettingError for an unknown model, and WeightsError when there are no weights.
    """

    def __init__(
        self, models: tuple[str, ...] = (), *, engine: str = "auto", workers: int | None = None, queue: int = 16
    ) -> None:
        self.models = _choose(models)
        self._engine = engine
        self._recommenders: dict[str, Recommender] = {}
        self._count = workers or cores.count()
        self._workers = asyncio.Semaphore(self._count)
        self._places = self._count + queue
        self._taken = 0
        self.at_work = 0
        self._threads = ThreadPoolExecutor(self._count, thread_name_prefix="photo")
        self._seconds = 0.1
        self.draining = Draining()
        self.metrics = Metrics(
            models_ready=lambda: len(self._recommenders),
            waiting=lambda: self._taken - self.at_work,
            at_work=lambda: self.at_work,
        )

    def load(self) -> None:
        """Load all models and let each look at some pictures, so that the first visitor waits no longer than others.

        Raises WeightsError for weights that are missing or damaged, and SettingError for an engine that there is not.
        """
        for model in self.models:
            recommender = load_model(model.id, engine=self._engine)
            picture = Image.new("RGB", (640, 480), "grey")
            recommender.recommend(picture)
            started = time.monotonic()
            # Engines may have other ways for photos beside each other.
            recommender.recommend_batch([picture] * self._count)
            self._seconds = (time.monotonic() - started) / self._count
            self._recommenders[model.name] = recommender
            engine = recommender.engine
            self.metrics.loaded(model.name, model.id, engine.name, engine.precision, engine.device)

    @property
    def ready(self) -> bool:
        """Whether every model is loaded and new photos are welcome."""
        return not self.draining.begun and len(self._recommenders) == len(self.models)

    def check_room(self) -> None:
        """Raise Busy when the line is full."""
        if self._taken >= self._places:
            raise Busy(math.ceil(self._taken * self._seconds / self._count))

    def model(self, name: str | None) -> Model:
        """The model of that name, capitals aside; None or "" is the default. Raises SettingError for an unknown one."""
        if not name:
            return self.models[0]
        for model in self.models:
            if isinstance(name, str) and name.casefold() in (model.name.casefold(), model.id.casefold()):
                return model
        raise SettingError(f"{name!r} is not a model. Choose one of: {', '.join(model.name for model in self.models)}.")

    async def recommend(
        self,
        photo: bytes | str,
        model: str | None = None,
        choice: Choice | None = None,
        *,
        gone: Callable[[], Awaitable[bool]] | None = None,
    ) -> Answer:
        """The hashtags for a photo, given as a file's bytes or its path.

        `gone` tells whether nobody waits any more; a photo that is still in the line then leaves it.

        Raises PhotoError, SettingError for an unknown model, Busy when the line is full, and Gone.
        """
        chosen = self.model(model)
        self.check_room()
        self._taken += 1
        came = time.monotonic()
        try:
            await self._worker(gone)
        except BaseException:
            self._taken -= 1
            raise
        self.at_work += 1
        started = time.monotonic()
        work = asyncio.get_running_loop().run_in_executor(
            self._threads, self._look, chosen.name, photo, choice or Choice(), started - came
        )
        work.add_done_callback(lambda _: self._done(started))
        # A computation cannot be stopped: its worker is free when it ends, whoever has gone by then.
        hashtags = await asyncio.shield(work)
        self.metrics.answered(chosen.name)
        return Answer(chosen.name, tuple(hashtags))

    def _look(self, model: str, photo: Photo, choice: Choice, waited: float) -> list[Hashtag]:
        with measured() as seconds:
            try:
                return self._recommenders[model].recommend(photo, choice)
            finally:
                self.metrics.looked_at(model, {WAIT: waited, **seconds})

    async def _worker(self, gone: Callable[[], Awaitable[bool]] | None) -> None:
        """Wait for a free worker, first come, first served, and take it."""
        if not self._workers.locked():
            await self._workers.acquire()
            return
        worker = asyncio.ensure_future(self._workers.acquire())
        try:
            while not (await asyncio.wait({worker}, timeout=_LOOK))[0]:
                if gone is not None and await gone():
                    raise Gone
        except BaseException:
            if not worker.cancel():
                self._workers.release()
            raise

    def _done(self, started: float) -> None:
        self._workers.release()
        self.at_work -= 1
        self._taken -= 1
        self._seconds += (time.monotonic() - started - self._seconds) / 8


def _choose(names: tuple[str, ...]) -> tuple[Model, ...]:
    records = available_models()
    models: list[Model] = []
    for record in records:
        name = record.id if any(record.name == model.name for model in models) else record.name
        models.append(Model(name, record.description, record.id, frozenset(record.taught)))
    if not models:
        raise WeightsError("The weight folder lists no model. Export one into it first.")
    if not names:
        return tuple(models)
    chosen = []
    for name in names:
        found = [model for model in models if name in (model.name, model.id)]
        if not found:
            raise SettingError(
                f"HASHSTAGRAM_MODELS names {name!r}, which is not a model. "
                f"Choose from: {', '.join(model.name for model in models)}."
            )
        chosen += [model for model in found if model not in chosen]
    return tuple(chosen)
