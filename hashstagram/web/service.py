"""The loaded models behind one bounded line: page and APIs ask here, and nowhere else.

Decoding and computing happen in a few worker threads. What does not fit into the line is refused at once, and who goes
away leaves it.
"""

import asyncio
import io
import math
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from PIL import Image

from hashstagram import (
    Choice,
    HashStagramError,
    Hashtag,
    HeatMap,
    Recommender,
    SettingError,
    WeightsError,
    available_models,
    compare,
    explain,
    load_model,
)
from hashstagram.engines import cores
from hashstagram.photos import Photo, open_photo
from hashstagram.records import Record
from hashstagram.stages import measured
from hashstagram.web import texts
from hashstagram.web.draining import Draining
from hashstagram.web.metrics import WAIT, Metrics

# How often a photo in the line is checked for whether anybody still waits for it, in seconds.
_LOOK = 0.1
# Where much else is going on, importing PyTorch may take half a minute, once.
_LONGEST_EXPLANATION = 60.0
_QUALITY = 85

_Result = TypeVar("_Result")


class Busy(HashStagramError):  # noqa: N818 - says what is so, as its siblings do
    """All workers are at work and the line is full. `retry_after` is a good time to come back, in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(texts.BUSY)
        self.retry_after = retry_after


class Gone(Exception):  # noqa: N818 - nothing went wrong
    """Nobody waits for this answer any more."""


@dataclass(frozen=True)
class Model:
    """A model as visitors choose it, by its name; `bytes` is the size of all files that it answers from."""

    name: str
    record: Record
    bytes: int

    @property
    def id(self) -> str:
        """The record's id."""
        return self.record.id

    @property
    def description(self) -> str:
        """The line that describes it."""
        return self.record.description


@dataclass(frozen=True)
class Answer:
    """The hashtags for one photo, the name of the model that they come from, and how long it looked at the photo."""

    model: str
    hashtags: tuple[Hashtag, ...]
    seconds: float


@dataclass(frozen=True)
class Explanation:
    """Which parts of a photo speak for a tag, and the JPEG that shows it."""

    heat: HeatMap
    picture: bytes


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
            raise self._busy()

    def _busy(self) -> Busy:
        return Busy(max(1, math.ceil(self._taken * self._seconds / self._count)))

    def model(self, name: str | None) -> Model:
        """The model of that name, capitals aside; None or "" is the default. Raises SettingError for an unknown one."""
        if not name:
            return self.models[0]
        for model in self.models:
            if isinstance(name, str) and name.casefold() in (model.name.casefold(), model.id.casefold()):
                return model
        names = ", ".join(model.name for model in self.models)
        raise SettingError("{name!r} is not a model. Choose one of: {names}.", name=name, names=names)

    def check(self, model: str | None, choice: Choice) -> None:
        """Raise SettingError for a choice that the model would refuse whatever the photo shows."""
        choice.places(self._recommenders[self.model(model).name].vocabulary)

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
        answer = await self.in_line(lambda waited: self._look(chosen.name, photo, choice or Choice(), waited), gone)
        self.metrics.answered(chosen.name)
        return answer

    async def compare(
        self, photo: bytes | str, choice: Choice | None = None, *, gone: Callable[[], Awaitable[bool]] | None = None
    ) -> tuple[Answer, ...]:
        """What every model recommends for a photo, in their order; `seconds` are those of all together.

        It takes one place in the line. Raises as `recommend` does.
        """
        answers = await self.in_line(lambda waited: self._look_with_all(photo, choice or Choice()), gone)
        for answer in answers:
            self.metrics.answered(answer.model)
        return answers

    async def explain(
        self, photo: bytes | str, model: str | None, tag: str, *, gone: Callable[[], Awaitable[bool]] | None = None
    ) -> Explanation:
        """Which parts of a photo speak for a tag of a model.

        The first time in a process, PyTorch is imported for it. Raises as `recommend` does, SettingError for a tag
        that this model cannot recommend, and Busy when there is no answer within a minute.
        """
        chosen = self.model(model)
        try:
            async with asyncio.timeout(_LONGEST_EXPLANATION):
                return await self.in_line(lambda waited: self._explained(chosen.name, photo, tag), gone)
        except TimeoutError:
            raise self._busy() from None

    async def in_line(
        self, work: Callable[[float], _Result], gone: Callable[[], Awaitable[bool]] | None = None
    ) -> _Result:
        """What `work` gives in a worker's thread, once it is its turn; it is told how many seconds it has waited.

        Raises Busy when the line is full, Gone, and what `work` raises.
        """
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
        working = asyncio.get_running_loop().run_in_executor(self._threads, work, started - came)
        working.add_done_callback(lambda _: self._done(started))
        # A computation cannot be stopped: its worker is free when it ends, whoever has gone by then.
        return await asyncio.shield(working)

    def _look(self, model: str, photo: Photo, choice: Choice, waited: float) -> Answer:
        started = time.monotonic()
        with measured() as seconds:
            try:
                hashtags = self._recommenders[model].recommend(photo, choice)
            finally:
                self.metrics.looked_at(model, {WAIT: waited, **seconds})
        return Answer(model, tuple(hashtags), time.monotonic() - started)

    def _explained(self, model: str, photo: Photo, tag: str) -> Explanation:
        image = open_photo(photo)
        heat = explain(self._recommenders[model], image, tag)
        picture = io.BytesIO()
        heat.over(image).save(picture, "JPEG", quality=_QUALITY)
        return Explanation(heat, picture.getvalue())

    def _look_with_all(self, photo: Photo, choice: Choice) -> tuple[Answer, ...]:
        started = time.monotonic()
        answers = compare([self._recommenders[model.name] for model in self.models], photo, choice)
        seconds = time.monotonic() - started
        return tuple(
            Answer(model.name, tuple(hashtags), seconds) for model, hashtags in zip(self.models, answers, strict=True)
        )

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
        parts = [other for other in records if other.id in record.parts]
        models.append(Model(name, record, sum(part.bytes for part in (record, *parts))))
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
