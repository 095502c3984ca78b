"""The results as README shows them: `python -m benchmarks.report` draws docs/benchmarks.png and prints the table.

Both come from the result files of the last whole run on a CPU. With `--write README.md`, the table replaces whatever
stands there between `<!-- speed -->` and `<!-- /speed -->`. What the part `folder` has measured is its last row.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import folder, reach, results
from benchmarks.chart import draw
from benchmarks.driving import ROOT, BenchmarkError
from benchmarks.results import Run
from hashstagram import HashStagramError

CHART = ROOT / "docs" / "benchmarks.png"
_PLACE = re.compile(r"(<!-- speed -->\n).*?(<!-- /speed -->)", re.DOTALL)


def last_run(folder: Path = results.FOLDER) -> Run:
    """The last whole run on a CPU. Raises BenchmarkError where there is none."""
    return results.read(sorted(folder.glob("*-cpu.json")))


def markdown(run: Run, tagged: Run | None = None) -> str:
    """The goals' works as a table, under a line that says where they were measured.

    `tagged` is a run of the part `folder`, which gets a row; it may be of another machine, which is said.
    """
    lines = [
        f"On {run.machine}:",
        "",
        "| work | stack of 2018 | HashStagram | ratio |",
        "|---|---|---|---|",
        *[f"| {' | '.join(cells[:4])} |" for cells in reach.table(run.rows)],
    ]
    if tagged is not None:
        where = "" if str(tagged.machine) == str(run.machine) else f", on {tagged.machine}"
        lines.append(f"| {' | '.join(folder.cells(tagged.rows[0], where))} |")
    return "\n".join(lines) + "\n"


def last_folder(results_folder: Path = results.FOLDER) -> Run | None:
    """The last run of the part `folder`; None where there is none."""
    runs = [results.read([path]) for path in (results_folder / results.OF_FOLDER).glob("*.json")]
    return max(runs, key=lambda run: run.machine.date, default=None)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("--results", type=Path, default=results.FOLDER, help="folder of the result files")
    parser.add_argument("--chart", type=Path, default=CHART, help="the PNG to draw")
    parser.add_argument("--write", type=Path, metavar="DOCUMENT", help="the document to put the table into")
    arguments = parser.parse_args(argv)
    try:
        run = last_run(arguments.results)
        draw(run, arguments.chart)
        table = markdown(run, last_folder(arguments.results))
        print(table, end="")
        if arguments.write is not None:
            _replace(arguments.write, table)
    except HashStagramError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _replace(document: Path, table: str) -> None:
    text, found = _PLACE.subn(lambda place: f"{place[1]}{table}{place[2]}", document.read_text(encoding="utf-8"))
    if not found:
        raise BenchmarkError(f"{document} has no place for the table. Write <!-- speed --> and <!-- /speed --> there.")
    document.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
