"""How fast HashStagram is here, beside the stack of 2018: `python -m benchmarks`.

A whole run takes about 15 minutes on two cores. It prints the goals and every measured line, writes a CSV and a JSON
file for each engine into benchmarks/results, and draws docs/benchmarks.png. A quick run, or one of some parts, only
prints, unless a folder is named. benchmarks/README.md says what the parts measure and how to read them.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import (
    chart,
    decode,
    folder,
    gpu,
    in_process,
    latency,
    machine,
    memory,
    report,
    results,
    session,
    start,
    table,
    throughput,
)
from benchmarks.rows import Row
from hashstagram import HashStagramError

# In the order in which they are measured.
PARTS: dict[str, Callable[[session.Session], list[Row]]] = {
    "latency": latency.measure,
    "decode": decode.measure,
    "in-process": in_process.measure,
    "throughput": throughput.measure,
    "memory": memory.measure,
    "start": start.measure,
    "gpu": gpu.measure,
    "folder": folder.measure,
}
# It writes a gigabyte of photos, and has a result of its own.
WHOLE = tuple(name for name in PARTS if name != "folder")
QUICK = ("latency", "decode", "in-process")


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    options.add_argument("--quick", action="store_true", help=f"{', '.join(QUICK)} with few rounds, in two minutes")
    options.add_argument(
        "--only", type=_parts, metavar="PARTS", help=f"some parts, with commas between: {', '.join(PARTS)}"
    )
    options.add_argument("--results", type=Path, metavar="FOLDER", help="write the result files into this folder")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and keep the results of a whole run."""
    arguments = parser().parse_args(argv)
    whole = not arguments.quick and arguments.only is None
    parts = arguments.only or (QUICK if arguments.quick else WHOLE)
    place = arguments.results or (results.FOLDER if whole else None)
    started = time.monotonic()
    busyness = machine.how_busy()
    try:
        if busyness.disturbs:
            print(
                f"Others use {busyness.cores:g} of {os.cpu_count()} cores (load {busyness.load:g}), so the figures "
                "will mean little. Better wait until the machine is quiet.",
                file=sys.stderr,
            )
        with session.opened(quick=arguments.quick) as opened:
            rows = [row for part in parts for row in PARTS[part](opened)]
        run = results.Run(opened.machine, busyness, tuple(rows))
        print(f"{run.machine}, {run.machine.date}, commit {run.machine.commit}\n")
        print(f"{table.goals(rows)}\n\n{table.lines(rows)}\n")
        if place is not None:
            written = results.write(run, place)
            print(f"Written: {', '.join(path.name for path in written)} in {place}")
        if place == results.FOLDER and whole:
            chart.draw(run, report.CHART)
            print(f"Drawn: {report.CHART}")
    except HashStagramError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"This took {(time.monotonic() - started) / 60:.1f} minutes.")
    return 0


def _parts(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if strangers := [name for name in names if name not in PARTS]:
        raise argparse.ArgumentTypeError(f"{strangers[0]!r} is not a part. Choose from: {', '.join(PARTS)}.")
    return names


if __name__ == "__main__":
    sys.exit(main())
