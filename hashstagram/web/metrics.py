"""What the server counts and measures, in Prometheus' format.

Every label comes from a list of ours, so a stranger can make no new ones.
"""

from collections.abc import Callable, Mapping

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from hashstagram import __version__
from hashstagram.stages import STAGES

CONTENT_TYPE = CONTENT_TYPE_LATEST
# Before the others: between coming and being looked at.
WAIT = "wait"

_STAGE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

# Each counter would else bring a second series with the time of its birth.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """The metrics of one server, apart from those of any other in the same process.

    `models_ready`, `waiting` and `at_work` are asked whenever somebody looks.
    """

    def __init__(
        self, *, models_ready: Callable[[], float], waiting: Callable[[], float], at_work: Callable[[], float]
    ) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = self._counter("requests", "Requests answered", "route", "method", "status")
        self._request_seconds = self._histogram("request_seconds", "Time of requests", _REQUEST_SECONDS, "route")
        self._answered = self._counter("photos_answered", "Photos that got their hashtags", "model")
        self._refused = self._counter("photos_refused", "Photos that got none", "reason")
        self._stage_seconds = self._histogram("stage_seconds", "Time of photos", _STAGE_SECONDS, "model", "stage")
        self._gauge("models_ready", "Models that answer", models_ready)
        self._gauge("photos_waiting", "Photos in the line", waiting)
        self._gauge("photos_at_work", "Photos that are looked at", at_work)
        Info("hashstagram_build", "What runs", registry=self._registry).info({"version": __version__})
        self._model = Gauge(
            "hashstagram_model_info",
            "What computes each model",
            ("model", "weight", "engine", "precision", "device"),
            registry=self._registry,
        )

    def loaded(self, model: str, weight: str, engine: str, precision: str, device: str) -> None:
        """A model answers from now on. All its series are there at once, so that rates are right from the first."""
        self._model.labels(model, weight, engine, precision, device).set(1)
        self._answered.labels(model)
        for stage in (WAIT, *STAGES):
            self._stage_seconds.labels(model, stage)

    def requested(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._requests.labels(route, method, status).inc()
        self._request_seconds.labels(route).observe(seconds)

    def looked_at(self, model: str, seconds: Mapping[str, float]) -> None:
        """A photo was looked at for `seconds` by stage, successfully or not."""
        for stage, duration in seconds.items():
            self._stage_seconds.labels(model, stage).observe(duration)

    def answered(self, model: str) -> None:
        """A photo got its hashtags."""
        self._answered.labels(model).inc()

    def refused(self, reason: str) -> None:
        """A photo got none, for a `reason` such as `photo_too_large`."""
        self._refused.labels(reason).inc()

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"hashstagram_{name}", f"{meaning}.", labels, registry=self._registry)

    def _histogram(self, name: str, meaning: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        meaning = f"{meaning}, in seconds."
        return Histogram(f"hashstagram_{name}", meaning, labels, buckets=buckets, registry=self._registry)

    def _gauge(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        Gauge(f"hashstagram_{name}", f"{meaning}.", registry=self._registry).set_function(value)
