"""How long a folder of 200 photos takes from the command to its end, start included.

Ours is `python -m hashstagram tag FOLDER --format jsonl --out FILE`, as anybody gives it. The stack of 2018 is a loop
over the same files, one photo at a time, that prints five tags for each.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.driving import ROOT, BenchmarkError, environment
from benchmarks.pictures import album
from benchmarks.reach import value
from benchmarks.rounds import ratios
from benchmarks.rows import Figures, Row
from benchmarks.session import Session

WORK = "folder of 12-MP JPEGs to hashtags"
PHOTOS = 200
_FEW = 20


def measure(session: Session) -> list[Row]:
    """One row, in seconds, for the default model."""
    count = _FEW if session.quick else PHOTOS
    session.say(f"making {count} photos")
    photos = album(session.folder, count)
    theirs, own = [], []
    for number in range(1, 1 + session.rounds(3)):
        session.say(f"a folder of {count} photos, {number}")
        out = session.folder / "hashtags.jsonl"
        out.unlink(missing_ok=True)
        theirs.append(_seconds("benchmarks.stack2018.folder", session.default, str(photos)))
        options = ["--format", "jsonl", "--out", str(out), "--model", session.default]
        own.append(_seconds("hashstagram", "tag", str(photos), *options))
        if (found := len(out.read_bytes().splitlines())) != count:
            raise BenchmarkError(f"Of {count} photos, {found} were tagged; what was said of the others is above.")
    return [
        Row(
            part="folder",
            work=WORK,
            model=session.default,
            setting=f"{count} photos",
            engine=session.engines[session.default].label,
            default=True,
            unit="s",
            baseline=Figures(median(theirs)),
            ours=Figures(median(own)),
            ratios=ratios(theirs, own),
            notes={"photos/s": count / median(own), "slowest": max(own)},
        )
    ]


def cells(row: Row, where: str = "") -> tuple[str, str, str, str]:
    """A measured row as the README's table has it; `where` says on which other machine."""
    return (
        f"folder of {row.setting}, 12-MP JPEG, by the command line, start included{where}",
        value(row.baseline.value, row.unit),
        f"{value(row.ours.value, row.unit)}, {value(row.notes['photos/s'], 'photos/s')}",
        f"{row.ratio:.1f}×",
    )


def _seconds(module: str, *arguments: str) -> float:
    """How long a command takes. Raises BenchmarkError where it fails."""
    command: Sequence[str | Path] = [sys.executable, "-m", module, *arguments]
    started = time.perf_counter()
    code = subprocess.run(command, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, check=False).returncode
    seconds = time.perf_counter() - started
    if code:
        raise BenchmarkError(f"python -m {module} ended with {code}; what it said is above.")
    return seconds
