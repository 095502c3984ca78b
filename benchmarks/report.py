"""The results as README shows them: `python -m benchmarks.report` draws docs/benchmarks.png and prints the table.

Both come from the result files of the last whole run on a CPU. With `--write README.md`, the table replaces whatever
stands there between `<!-- speed -->` and `<!-- /speed -->`, and a paragraph on what the part `folder` has measured what
stands between `<!-- folder -->` and `<!-- /folder -->`.
"""

import argparse
import re
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from benchmarks import folder, reach, results
from benchmarks.chart import draw
from benchmarks.driving import ROOT, BenchmarkError
from benchmarks.results import Run
from hashstagram import HashStagramError

CHART = ROOT / "docs" / "benchmarks.png"


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


def folder_sentence(results_folder: Path = results.FOLDER) -> str:
    """What the part `folder` has measured, and where; "" where it has not been."""
    paths = sorted((results_folder / results.OF_FOLDER).glob("*.json"))
    if not paths:
        return ""
    # Of several engines, the one that was measured last.
    run = max((results.read([path]) for path in paths), key=lambda run: run.machine.date)
    return textwrap.fill(f"{folder.sentence(run.rows[0])} On {run.machine}.", 120)


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
        tagged = folder_sentence(arguments.results)
        if tagged:
            print(f"\n{tagged}")
        if arguments.write is not None:
            _replace(arguments.write, "speed", markdown(run))
            if tagged:
                _replace(arguments.write, "folder", f"{tagged}\n")
    except HashStagramError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _replace(document: Path, name: str, content: str) -> None:
    place = re.compile(rf"(<!-- {name} -->).*?(<!-- /{name} -->)", re.DOTALL)
    text, found = place.subn(lambda found: f"{found[1]}\n{content}{found[2]}", document.read_text(encoding="utf-8"))
    if not found:
        raise BenchmarkError(
            f"{document} has no place for the {name}. Write <!-- {name} --> and <!-- /{name} --> there."
        )
    document.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
