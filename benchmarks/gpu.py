"""On a CUDA GPU: photos a second by batch size, and a single photo's time beside the roofline.

Both sides compute on the GPU, with photos and logits in the CPU's memory, as an application has them. We stay in full
fp32; the stack of 2018 keeps PyTorch's habit of convolving in TF32, which is quicker. The roofline is the floor of
`floors`, with the peaks measured on this GPU: for one photo it is mostly reading the weights.
"""

from benchmarks.driving import Worker
from benchmarks.floors import Peaks, floor_ms
from benchmarks.pictures import EXAMPLES
from benchmarks.rounds import Times, compare
from benchmarks.rows import Engine, Figures, Row
from benchmarks.session import Session

WORK = "network on the GPU"
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


def measure(session: Session) -> list[Row]:
    """Rows for the long parts' models and each batch size; none where there is no GPU, and that is said."""
    if not session.machine.gpu:
        session.say("no CUDA GPU here: nothing of it is measured")
        return []
    rows = []
    with Worker("2018", device="cuda") as baseline, Worker("auto", device="cuda") as ours:
        peaks = Peaks(**baseline.ask("peaks", device="cuda"))
        session.say(f"{session.machine.gpu}; at most {peaks}")
        for model in session.few_models:
            baseline.ask("load", model=model)
            engine = Engine(**ours.ask("load", model=model))
            for batch in BATCHES:
                photos = {"model": model, "photo": str(EXAMPLES[0]), "batch": batch}
                times = compare(
                    baseline.turn("network", **photos), {"ours": ours.turn("network", **photos)}, session.rounds(5)
                )["ours"]
                floor = floor_ms(session.work[model]["published"], peaks, engine.precision, batch)
                rows.append(row(model, engine, batch, times, floor))
    return rows


def row(model: str, engine: Engine, batch: int, times: Times, floor: float) -> Row:
    """Times of a whole batch as photos a second; the floor stays that of the batch, in ms."""
    return Row(
        part="gpu",
        work=WORK,
        model=model,
        setting=f"batch {batch}",
        engine=engine.label,
        default=True,
        unit="photos/s",
        baseline=_rate(times.baseline, batch),
        ours=_rate(times.ours, batch),
        ratios=times.ratios,
        floor=floor,
    )


def _rate(times: Figures, batch: int) -> Figures:
    return Figures(1000 * batch / times.value, times.value, times.p95)
