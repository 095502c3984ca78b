"""What is asked of every photo of a run, and the one model that a worker process has for it."""

import functools
import os
from dataclasses import dataclass

from hashstagram import Choice, Recommender, load_model
from hashstagram.engines import cores
from hashstagram.tagging import order


@dataclass(frozen=True)
class Order:
    """A model (None: the default), what computes it, and the choice.

    `environment` holds the HASHSTAGRAM_ variables of who gave the order: workers elsewhere do not have them.
    `mark` is short and another one whenever the same photo could get other hashtags.
    """

    model: str | None
    engine: str
    choice: Choice
    environment: tuple[tuple[str, str], ...]
    mark: str

    @classmethod
    def given(cls, model: str | None, engine: str, choice: Choice) -> "Order":
        """An order with this process's variables, checked against its weights, of which none is loaded.

        Each photo is computed by one core unless HASHSTAGRAM_THREADS says otherwise: there are photos enough for all
        the others. Raises SettingError for a model or a tag that does not exist, WeightsError as `resolve` does.
        """
        mark = order.Order.given(model, engine, choice).mark
        ours = {name: value for name, value in os.environ.items() if name.startswith("HASHSTAGRAM_")}
        environment = {cores.VARIABLE: "1"} | ours
        return cls(model, engine, choice, tuple(sorted(environment.items())), mark)

    def recommender(self) -> Recommender:
        """The model, loaded when a process asks for it the first time and kept until it ends.

        Raises WeightsError and SettingError as `load_model` does.
        """
        return _loaded(self.model, self.engine, self.environment)


@functools.cache
def _loaded(model: str | None, engine: str, environment: tuple[tuple[str, str], ...]) -> Recommender:
    os.environ.update(environment)
    cores.limit_from_environment()
    return load_model(model, engine=engine)
