"""What HashStagram withstands, on this machine: `python -m reliability`.

Starts the real program, the real nginx and clients, and prints what was measured. A whole run takes about 35 minutes on
two quiet cores. The exit code is 1 when something does not hold that must, and 2 when it cannot be tried.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import machine as measured
from hashstagram import HashStagramError
from reliability import lines, mixed, overload, restarts

PARTS: dict[str, Callable[[float], list[lines.Line]]] = {
    "nginx": restarts.show,
    "overload": overload.show,
    "mixed": mixed.show,
}
# How long each part's load lasts, in seconds: in a whole run, and in a quick one.
SECONDS = {"nginx": (60.0, 12.0), "overload": (20.0, 5.0), "mixed": (1800.0, 20.0)}


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(prog="python -m reliability", description=__doc__)
    options.add_argument(
        "--only",
        type=_parts,
        default=tuple(PARTS),
        metavar="PARTS",
        help=f"some of the parts, with commas: {','.join(PARTS)}",
    )
    options.add_argument("--quick", action="store_true", help="everything for a short time, in three minutes")
    for part, (whole, quick) in SECONDS.items():
        options.add_argument(
            f"--{part}-seconds",
            type=float,
            metavar="S",
            help=f"how long that part's load lasts (default: {whole:g}, quick {quick:g})",
        )
    options.add_argument("--report", type=Path, metavar="FILE", help="write what was measured into this file, as JSON")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Show what was asked for, and return the exit code."""
    arguments = parser().parse_args(argv)
    started = time.monotonic()
    busyness = measured.how_busy()
    shown: list[lines.Line] = []
    durations: dict[str, float] = {}
    try:
        for part in arguments.only:
            seconds = getattr(arguments, f"{part}_seconds") or SECONDS[part][arguments.quick]
            durations[part] = seconds
            print(f"{part}: {seconds:g} s of load …", file=sys.stderr, flush=True)
            shown += PARTS[part](seconds)
    except HashStagramError as error:
        print(error, file=sys.stderr)
        return 2
    here = measured.describe()
    about = {
        "machine": str(here),
        "date": here.date,
        "commit": here.commit,
        "busy": f"others used {busyness.cores:g} of {os.cpu_count()} cores at the start",
        "seconds": durations,
    }
    print(f"{here}, {here.date}, commit {here.commit}; {about['busy']}\n\n{lines.table(shown)}")
    if arguments.report is not None:
        lines.write(arguments.report, shown, about)
    print(f"\nThis took {(time.monotonic() - started) / 60:.1f} minutes.")
    return 0 if all(line.holds for line in shown) else 1


def _parts(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if strangers := [name for name in names if name not in PARTS]:
        raise argparse.ArgumentTypeError(f"{strangers[0]!r} is not a part. Choose from: {', '.join(PARTS)}.")
    return names


if __name__ == "__main__":
    sys.exit(main())
