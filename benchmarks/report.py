"""The results as README shows them: `python -m benchmarks.report` draws docs/benchmarks.png and prints the table.

Both come from the result files of the last whole run on a CPU. With `--write README.md`, the table replaces whatever
stands there between `<!-- speed -->` and `<!-- /speed -->`.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import reach, results
from benchmarks.chart import draw
from benchmarks.driving import ROOT, BenchmarkError
from benchmarks.results import Run
from hashstagram import HashStagramError

CHART = ROOT / "docs" / "benchmarks.png"
_PLACE = re.compile(r"(<!-- speed -->\n).*?(<!-- /speed -->)", re.DOTALL)


def last_run(folder: Path = results.FOLDER) -> Run:
    """The last whole run on a CPU. Raises BenchmarkError where there is none."""
    return results.read(sorted(folder.glob("*-cpu.json")))


def markdown(run: Run) -> str:
    """The goals' works as a table, under a line that says where they were measured."""
    lines = [
        f"On {run.machine}:",
        "",
        "| work | stack of 2018 | HashStagram | ratio |",
        "|---|---|---|---|",
        *[f"| {' | '.join(cells[:4])} |" for cells in reach.table(run.rows)],
    ]
    return "\n".join(lines) + "\n"


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
        print(markdown(run), end="")
        if arguments.write is not None:
            _replace(arguments.write, markdown(run))
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
