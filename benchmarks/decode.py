"""How long a photo of 12 megapixels takes from its file's bytes to the network's input, by kind of file.

The stack of 2018 has Pillow decode all of it, makes it RGB, and has torchvision resize, crop and normalise it. It knew
neither AVIF nor HEIC; here it reads them by the same plug-in as we do.
"""

from benchmarks.driving import Worker
from benchmarks.pictures import KINDS, twelve_megapixels
from benchmarks.rounds import compare
from benchmarks.rows import Row
from benchmarks.session import Session

WORK = "12-MP photo to tensor"


def measure(session: Session) -> list[Row]:
    """A row for each kind of file; in a quick run only for JPEG."""
    rows = []
    model = session.default
    with Worker("2018") as baseline, Worker("auto") as ours:
        for worker in (baseline, ours):
            worker.ask("load", model=model)
        for kind in ("JPEG",) if session.quick else KINDS:
            session.say(f"decoding of {kind}")
            photo = str(twelve_megapixels(session.folder, kind))
            times = compare(
                baseline.turn("decode", model=model, photo=photo),
                {"ours": ours.turn("decode", model=model, photo=photo)},
                session.rounds(7),
            )["ours"]
            engine = session.engines[model].label
            rows.append(Row("decode", WORK, "", kind, engine, True, "ms", times.baseline, times.ours, times.ratios))
    return rows
