"""The steps, in Beam's terms: list, group by shard, tag each shard, and write it as soon as it is done.

A shard is what is computed, tried again and written as one, so that a run that was stopped goes on where it was. That
is also why photos are batched inside a shard: batches across shards would let no shard be done before all are.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics, MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions

from deploy.batch.order import Order
from deploy.batch.places import Listed, place
from deploy.batch.shards import HASHTAGS, REASONS, REFUSED, shard_file, shard_of, tag_shard, text_of

_NAMESPACE = "hashstagram"
COUNTED, KEPT = "photos", "kept"

# A listed photo on its way: its name as bytes, because file names need not be text.
_Sent = tuple[bytes, str, int]


@dataclass(frozen=True)
class Job:
    """All that a run needs: the addresses of photos and output, how many shards, and the order."""

    source: str
    output: str
    shards: int
    order: Order


def run(job: Job, options: list[str]) -> dict[str, int]:
    """Run a job with Beam's own options and return its counters: `photos`, `kept`, and refusals by reason."""
    pipeline = beam.Pipeline(options=PipelineOptions(options))
    build(pipeline, job)
    result = pipeline.run()
    result.wait_until_finish()
    counters = result.metrics().query(MetricsFilter().with_namespace(_NAMESPACE))["counters"]
    counted = dict.fromkeys((COUNTED, KEPT, *REASONS), 0)
    for counter in counters:
        name = counter.key.metric.name
        counted[name] += counter.committed if counter.committed is not None else counter.attempted
    return counted


def build(pipeline: beam.Pipeline, job: Job) -> None:
    """Put the steps of a job into a pipeline."""
    listed = pipeline | "Source" >> beam.Create([job.source]) | "List" >> beam.ParDo(_List(job.shards))
    # A shard whose last photo is gone must be written too, or its old rows would stay.
    every = pipeline | "Shards" >> beam.Create([(number, None) for number in range(job.shards)])
    tagged = (
        (listed, every)
        | beam.Flatten()
        | beam.GroupByKey()
        | "Tag" >> beam.ParDo(_Tag(job)).with_outputs(REFUSED, main=HASHTAGS)
    )
    for kind in (HASHTAGS, REFUSED):
        tagged[kind] | f"Write {kind}" >> beam.ParDo(_Write(kind, job))


class _List(beam.DoFn):  # type: ignore[misc]
    def __init__(self, shards: int) -> None:
        self._shards = shards

    def process(self, source: str) -> Iterator[tuple[int, _Sent]]:
        for photo in place(source).photos():
            yield shard_of(photo.name, self._shards), (os.fsencode(photo.name), photo.version, photo.size)


class _Tag(beam.DoFn):  # type: ignore[misc]
    def __init__(self, job: Job) -> None:
        self._job = job
        self._counters = {name: Metrics.counter(_NAMESPACE, name) for name in (COUNTED, KEPT, *REASONS)}

    def setup(self) -> None:
        self._job.order.recommender()

    def process(self, group: tuple[int, Iterable[_Sent | None]]) -> Iterator[Any]:
        number, sent = group
        photos = [Listed(os.fsdecode(each[0]), each[1], each[2]) for each in sent if each is not None]
        earlier = place(self._job.output).read(shard_file(HASHTAGS, number, self._job.shards))
        shard = tag_shard(photos, place(self._job.source), self._job.order, earlier)
        self._counters[COUNTED].inc(len(photos))
        self._counters[KEPT].inc(shard.kept)
        for refusal in shard.refusals:
            self._counters[refusal["code"]].inc()
        # Refusals first: where a run ends between the two, the photos of the shard are still to be done.
        # As text, which is ASCII whatever the photos are called.
        yield beam.pvalue.TaggedOutput(REFUSED, (number, text_of(shard.refusals)))
        yield number, text_of(shard.rows)


class _Write(beam.DoFn):  # type: ignore[misc]
    def __init__(self, kind: str, job: Job) -> None:
        self._kind, self._job = kind, job

    def process(self, shard: tuple[int, str]) -> None:
        number, text = shard
        place(self._job.output).write(shard_file(self._kind, number, self._job.shards), text)
