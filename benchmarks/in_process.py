"""How long a 12-megapixel JPEG takes to become hashtags in one process: the library without a server."""

from benchmarks.driving import Worker
from benchmarks.pictures import twelve_megapixels
from benchmarks.rounds import compare
from benchmarks.rows import Row
from benchmarks.session import Session

WORK = "12-MP JPEG to hashtags, in process"


def measure(session: Session) -> list[Row]:
    """A row for each model of 2018, for HashNet and for the default one; in a quick run without HashNet."""
    rows = []
    photo = str(twelve_megapixels(session.folder, "JPEG"))
    models = [*session.few_models, *(["hashnet"] if "hashnet" in session.models and not session.quick else [])]
    with Worker("2018") as baseline, Worker("auto") as ours:
        for model in models:
            session.say(f"in process, {model}")
            for worker in (baseline, ours):
                worker.ask("load", model=model)
            agree = [worker.ask("hashtags", model=model, photo=photo) for worker in (baseline, ours)]
            times = compare(
                baseline.turn("answer", model=model, photo=photo),
                {"ours": ours.turn("answer", model=model, photo=photo)},
                session.rounds(7),
            )["ours"]
            engine, notes = session.engines[model].label, {"of five hashtags the same": len({*agree[0]} & {*agree[1]})}
            rows.append(
                Row(
                    "in_process",
                    WORK,
                    model,
                    "",
                    engine,
                    True,
                    "ms",
                    times.baseline,
                    times.ours,
                    times.ratios,
                    notes=notes,
                )
            )
    return rows
