"""How long a network takes for one photo that is ready as a tensor: each model and engine, on all cores and on one.

The stack of 2018 is dense fp32 in PyTorch eager. Ours also says how far its logits are from that.
"""

from contextlib import ExitStack

from benchmarks.driving import BenchmarkError, Worker
from benchmarks.floors import Peaks, floor_ms
from benchmarks.pictures import EXAMPLES
from benchmarks.rounds import compare
from benchmarks.rows import Engine, Row
from benchmarks.session import Session

WORK = "network alone, 1 photo"
ENGINES = ("int8", "exact", "torch")


def measure(session: Session) -> list[Row]:
    """Rows for every model and engine; an engine that a model does not come for is left out, and that is said."""
    cores = session.machine.cores
    rows = []
    for threads in (cores,) if session.quick or cores == 1 else (cores, 1):
        with ExitStack() as stack:
            baseline, *ours = (stack.enter_context(Worker(side, threads=threads)) for side in ("2018", *ENGINES))
            peaks = Peaks(**baseline.ask("peaks", device="cpu"))
            session.say(f"latency with {threads_of(threads)}; at most {peaks}")
            for model in session.few_models if session.quick else session.models:
                rows += _rows(session, baseline, ours, model, threads, peaks)
    return rows


def threads_of(count: int) -> str:
    """`1 thread`, `2 threads`: the setting of these rows."""
    return f"{count} thread{'s' if count > 1 else ''}"


def _rows(session: Session, baseline: Worker, ours: list[Worker], model: str, threads: int, peaks: Peaks) -> list[Row]:
    baseline.ask("load", model=model)
    engines: dict[str, Engine] = {}
    differences: dict[str, float] = {}
    reference = baseline.ask("logits", model=model, photo=str(EXAMPLES[0]))
    for worker in ours:
        try:
            engines[worker.side] = Engine(**worker.ask("load", model=model))
        except BenchmarkError as error:
            session.say(f"{model} without {worker.side}: {error}")
            continue
        logits = worker.ask("logits", model=model, photo=str(EXAMPLES[0]))
        differences[worker.side] = max(abs(own - other) for own, other in zip(logits, reference, strict=True))
    alone = {"model": model, "photo": str(EXAMPLES[0])}
    turns = {worker.side: worker.turn("network", **alone) for worker in ours if worker.side in engines}
    times = compare(baseline.turn("network", **alone), turns, session.rounds(7))
    return [
        Row(
            part="latency",
            work=WORK,
            model=model,
            setting=threads_of(threads),
            engine=engine.label,
            default=engine == session.engines[model],
            unit="ms",
            baseline=times[side].baseline,
            ours=times[side].ours,
            ratios=times[side].ratios,
            floor=floor_ms(session.work[model]["published"], peaks, engine.precision),
            notes={
                "largest logit difference": differences[side],
                "baseline floor": floor_ms(session.work[model]["dense"], peaks, "fp32"),
            },
        )
        for side, engine in engines.items()
    ]
